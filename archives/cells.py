"""A grid whose cells get a row when they are first met (Go-Explore: Ecoffet et al. 2021, arXiv 2004.12919).

A `grid` has a row for every cell, this archive for those that were met, so cells may be far more than rows. Rows keep
their place: what is known about a row, such as a counter, is an array over rows.

Axes: R rows, D descriptor, B batch.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt32

from poet.archives import store
from poet.archives.base import AddInfo, Archive, Entries, check_entries, check_extra, examples_of, with_checked_states
from poet.archives.bounds import check_bounds, validate_batch
from poet.archives.cell_index import CellIndex, dense_index, hash_index, hash_key, max_batch, number_cells
from poet.archives.config import OutOfBounds
from poet.archives.grid import equal_parts
from poet.archives.layout import layout
from poet.archives.store import Store
from poet.errors import ConfigError
from poet.typed_config import check_value
from poet.types import Key, PyTree

MAX_DENSE = 2**22  # cells that are indexed by an array of all of them
MAX_CAPACITY = 2**28
BLOCK = 2**14  # rows that are indexed at once when an archive grows

_KeyOf = Callable[[Array], Array]


class CellsState(NamedTuple):
    """The state of an archive of R rows.

    Attributes:
      store: the cells that were met first, in the order in which they were met.
      cells: index of all that were met; those from R on have no row.
    """

    store: Store
    cells: CellIndex


def cells(
    shape: Sequence[int],
    bounds: Sequence[Sequence[float]],
    capacity: int,
    *,
    out_of_bounds: OutOfBounds = "clip",
    tie_break: Sequence[str] = (),
) -> Archive[CellsState]:
    """An archive of the first `capacity` cells that are met, of a grid of `shape` equal cells.

    An entry of another cell is rejected once all rows are taken; its `cell` is -1, as `cell` is the row here.

    Args:
      shape: cells along each of the D coordinates.
      bounds: (low, high) of each coordinate.
      capacity: R, the number of rows; a third of a batch or more.
      out_of_bounds: move descriptors outside the bounds to the bounds, or reject their entries; counted in both cases.
      tie_break: extra fields that decide between equally fit entries, the smaller value first; then the smaller id.

    Raises `ConfigError` for impossible bounds, shape or capacity.

    >>> from poet.archives import entries
    >>> archive = cells((1000,) * 6, [(0, 1)] * 6, capacity=100)
    >>> batch = entries(jnp.zeros((3, 10)), jnp.arange(3.0), jnp.full((3, 6), 0.3).at[0, 2].set(0.4))
    >>> state, info = jax.jit(archive.add)(archive.init(jnp.zeros(10)), batch)
    >>> info.cell.tolist(), archive.elites(state).fitness[:2].tolist()
    ([0, 1, 1], [0.0, 2.0])
    """
    low, high = check_bounds(bounds, out_of_bounds)
    shape = check_value("cells: shape", tuple[int, ...], shape)
    capacity = check_value("cells: capacity", int, capacity)
    tie_break = check_value("cells: tie_break", tuple[str, ...], tie_break)
    key_of = _key_function(shape, low, high)
    if not 1 <= capacity <= MAX_CAPACITY:
        raise ConfigError(f"archive.capacity expects 1 to {MAX_CAPACITY}, got {capacity}")

    def init(example: PyTree, extra: Mapping[str, Any] = {}, /) -> CellsState:
        index = dense_index(math.prod(shape)) if math.prod(shape) <= MAX_DENSE else hash_index(capacity)
        return CellsState(store.empty(example, capacity, len(low), check_extra(extra, tie_break)), index)

    def add(state: CellsState, entries: Entries, /) -> tuple[CellsState, AddInfo]:
        check_entries(entries, state.store.payload, len(low), extra=state.store.extra)
        _check_batch(state.cells, entries.fitness.shape[0])
        batch, counts = validate_batch(entries, low, high, out_of_bounds, tie_break)
        order = store.order_by_id(batch.id)
        index, number = number_cells(state.cells, key_of(batch.descriptor), order, batch.valid)
        row = jnp.minimum(number, capacity)
        rows, info = store.insert(state.store, batch, row, tie_break=tie_break)
        counts["rejected"] = info.counts.rejected + jnp.sum(batch.valid & (row == capacity))
        return CellsState(rows, index), info._replace(counts=info.counts._replace(**counts))

    def sample(key: Key, state: CellsState, num: int, /) -> Entries:
        return store.sample(key, state.store, num)

    def elites(state: CellsState, /) -> Entries:
        return store.as_entries(state.store)

    def with_extra(state: CellsState, extra: Mapping[str, Array], /) -> CellsState:
        return state._replace(store=state.store._replace(extra=dict(extra)))

    spec = {
        "id": "cells",
        "shape": list(shape),
        "bounds": [[float(l), float(h)] for l, h in zip(low, high)],
        "capacity": capacity,
        "out_of_bounds": out_of_bounds,
        "tie_break": list(tie_break),
        "layout": layout(capacity, "other"),
    }
    archive = Archive(init, add, sample, elites, spec, with_extra)
    return with_checked_states(archive, lambda state: (state.store.payload, state.store.extra))


def _check_batch(index: CellIndex, size: int) -> None:
    if index.key is not None and size > (largest := max_batch(index)):
        raise ConfigError(
            f"archive cells expects batches of at most {largest} entries with this capacity, got {size}: raise "
            "archive.capacity"
        )


def _key_function(shape: Sequence[int], low: Float[np.ndarray, "D"], high: Float[np.ndarray, "D"]) -> _KeyOf:
    """The keys of the cells of descriptors. Raises `ConfigError` for an impossible shape."""
    find_positions = equal_parts(shape, low, high)
    return lambda descriptor: cell_key(shape, jnp.stack(find_positions(descriptor), axis=1))


def cell_key(shape: Sequence[int], position: Int[Array, "B D"]) -> Int[Array, "B"] | UInt32[Array, "B 2"]:
    """The keys of cells by their positions: the numbers of the cells if these are few, else hashes."""
    if math.prod(shape) > MAX_DENSE:
        return hash_key(position)
    key = jnp.zeros(position.shape[0], jnp.int32)
    for axis, cells in enumerate(shape):
        key = cells * key + position[:, axis]
    return key


def grow(archive: Archive[CellsState], state: CellsState, capacity: int) -> tuple[Archive[CellsState], CellsState]:
    """The archive with more rows, and its state with the same elites in the same rows. On the host.

    Cells that were met without getting a row are forgotten: they get one when they are met again.
    Raises `ConfigError` for fewer rows than before.

    >>> from poet.archives import entries
    >>> archive = cells((1000, 1000, 1000), [(0, 1)] * 3, capacity=1)
    >>> batch = entries(jnp.zeros((2, 10)), jnp.ones(2), jnp.array([[0.1] * 3, [0.9] * 3]))
    >>> state, info = archive.add(archive.init(jnp.zeros(10)), batch)
    >>> larger, state = grow(archive, state, 4)
    >>> state, info = larger.add(state, batch)
    >>> info.cell.tolist(), int(info.counts.added)
    ([0, 1], 1)
    """
    spec, num_rows = archive.spec, archive.spec["capacity"]
    if capacity < num_rows:
        raise ConfigError(f"archive.capacity expects at least the {num_rows} rows of before, got {capacity}")
    options = {name: spec[name] for name in ("out_of_bounds", "tie_break")}
    larger = cells(spec["shape"], spec["bounds"], capacity, **options)
    grown = larger.init(*examples_of((state.store.payload, state.store.extra)))
    rows = jax.tree.map(lambda new, old: new.at[: old.shape[0]].set(old), grown.store, state.store)
    low, high = np.asarray(spec["bounds"], np.float32).T
    key_of, number = _key_function(spec["shape"], low, high), jax.jit(number_cells)
    index, elites, size = grown.cells, archive.elites(state), min(BLOCK, num_rows)
    for begin in range(0, num_rows, size):  # rows are in the order in which their cells were met
        row = np.minimum(np.arange(begin, begin + size), num_rows - 1)
        index, _ = number(index, key_of(elites.descriptor[row]), np.arange(size), elites.valid[row])
    return larger, CellsState(rows, index)
