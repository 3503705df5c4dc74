"""The fittest entries whatever they are like, as the level buffers of prioritised level replay (Jiang et al. 2021,
arXiv 2010.03934). Entries need no descriptor; one that they have is stored and not used.

A batch costs one sort of all R + B entries. A stored entry keeps its row until a fitter one takes it.

Axes: B batch, R rows, D descriptor.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from poet.archives import store
from poet.archives.base import AddInfo, Archive, Counts, Entries, check_entries, check_extra, with_checked_states
from poet.archives.bounds import check_bounds, validate_batch
from poet.archives.config import OutOfBounds
from poet.archives.layout import layout
from poet.archives.store import Store
from poet.errors import ConfigError
from poet.typed_config import check_value
from poet.types import Key, PyTree

BufferState: TypeAlias = Store


def buffer(
    capacity: int,
    bounds: Sequence[Sequence[float]] = (),
    *,
    out_of_bounds: OutOfBounds = "clip",
    tie_break: Sequence[str] = (),
) -> Archive[BufferState]:
    """The `capacity` fittest entries; of equally fit ones those with the smaller id.

    Args:
      capacity: R, the maximum number of elites.
      bounds: (low, high) of each of the D coordinates of descriptors, which are stored for tables and pictures; without
        bounds D is 0.
      out_of_bounds: move descriptors outside the bounds to the bounds, or reject their entries; counted in both cases.
      tie_break: extra fields that decide between equally fit entries, the smaller value first; then the smaller id.

    Status is 2 while the buffer has free rows, and 1 for an entry that is fitter than the least fit elite of a full
    one. Improvement is measured against that elite, or 0 while there are free rows. An entry with the id and the
    fitness of an elite is that elite, and rejected. `AddInfo.cell` is -1.

    Raises `ConfigError` for a capacity below 1 and for impossible bounds.

    >>> import jax
    >>> from poet.archives import entries
    >>> archive = buffer(2)
    >>> state = archive.init(jnp.zeros(10))
    >>> state, info = jax.jit(archive.add)(state, entries(jnp.zeros((3, 10)), jnp.array([1.0, 3.0, 2.0])))
    >>> info.stored.tolist()
    [False, True, True]
    """
    low, high = check_bounds(bounds, out_of_bounds) if len(bounds) else np.zeros((2, 0), np.float32)
    capacity = check_value("buffer: capacity", int, capacity)
    tie_break = check_value("buffer: tie_break", tuple[str, ...], tie_break)
    check_value("buffer: out_of_bounds", OutOfBounds, out_of_bounds)
    if capacity < 1:
        raise ConfigError(f"archive.capacity expects at least 1, got {capacity}")

    def init(example: PyTree, extra: Mapping[str, Any] = {}, /) -> BufferState:
        return store.empty(example, capacity, len(low), check_extra(extra, tie_break))

    def add(state: BufferState, entries: Entries, /) -> tuple[BufferState, AddInfo]:
        check_entries(entries, state.payload, len(low), extra=state.extra)
        batch, counts = validate_batch(entries, low, high, out_of_bounds, tie_break)
        before = store.as_entries(state)
        row = _rows_of_fittest(before, batch, tie_break)
        stored = row < capacity
        free = ~before.valid[jnp.minimum(row, capacity - 1)]
        full = before.valid.all()
        least = jnp.where(full, before.fitness.min(), 0.0)
        exceeds = batch.valid & (~full | (batch.fitness > least))
        zero, added = jnp.int32(0), stored & free
        info = AddInfo(
            status=jnp.where(exceeds, jnp.where(full, 1, 2), 0),
            improvement=jnp.where(batch.valid, batch.fitness - least, -jnp.inf),
            stored=stored,
            added=added,
            cell=jnp.full(row.shape, -1),
            counts=Counts(
                zero, jnp.sum(added), jnp.sum(stored & ~added), jnp.sum(batch.valid & ~stored), zero, zero, zero
            )._replace(**counts),
        )
        return store.overwrite(state, batch, row), info

    def sample(key: Key, state: BufferState, num: int, /) -> Entries:
        return store.sample(key, state, num)

    def elites(state: BufferState, /) -> Entries:
        return store.as_entries(state)

    def with_extra(state: BufferState, extra: Mapping[str, Array], /) -> BufferState:
        return state._replace(extra=dict(extra))

    spec = {
        "id": "buffer",
        "capacity": capacity,
        "bounds": [[float(l), float(h)] for l, h in zip(low, high)],
        "out_of_bounds": out_of_bounds,
        "tie_break": list(tie_break),
        "layout": layout(capacity, "points"),
    }
    archive = Archive(init, add, sample, elites, spec, with_extra)
    return with_checked_states(archive, lambda state: (state.payload, state.extra))


def _rows_of_fittest(elites: Entries, batch: Entries, tie_break: Sequence[str]) -> Int[Array, "B"]:
    """The row of each entry that is among the R fittest of elites and batch; R for the others."""
    capacity, size = elites.valid.shape[0], batch.valid.shape[0]

    def both(name: str) -> Array:
        return jnp.concatenate([getattr(elites, name), getattr(batch, name)])

    fitness, id, valid = both("fitness"), both("id"), both("valid")
    ties = [jnp.concatenate([elites.extra[name], batch.extra[name]]) for name in reversed(tie_break)]
    order = jnp.lexsort((id[:, 1], id[:, 0], *ties, -fitness, ~valid))
    accepted = valid[order] & ~_repeats(fitness[order], id[order])
    kept = accepted & (jnp.cumsum(accepted) <= capacity)
    is_elite = order < capacity
    stays = jnp.zeros(capacity + size, bool).at[order].set(kept & is_elite, unique_indices=True)[:capacity]
    free = jnp.sort(jnp.where(stays, capacity, jnp.arange(capacity)))
    enters = kept & ~is_elite
    row = jnp.where(enters, free[jnp.clip(jnp.cumsum(enters) - 1, 0, capacity - 1)], capacity)
    return jnp.full(capacity + size, capacity).at[order].set(row, unique_indices=True)[capacity:]


def _repeats(fitness: Float[Array, "N"], id: Array) -> Bool[Array, "N"]:
    """Whether an entry is equal to the one before it."""
    same = (fitness[1:] == fitness[:-1]) & (id[1:] == id[:-1]).all(1)
    return jnp.concatenate([jnp.zeros(1, bool), same])
