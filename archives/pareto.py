"""A grid whose cells hold a Pareto front each, for several objectives (MOME: Pierrot et al. 2022, arXiv 2202.03057).

An entry dominates another if it is at least as good in all objectives and better in one; of two entries that are equal
in all objectives, the one with the smaller id dominates.

Entries that the front of their cell dominates are rejected first. The others are inserted one after another, the
largest sum of objectives first and of equal sums the smaller id first, so that the order of a batch does not matter. An
inserted entry removes the elites that it dominates. If the front then has F + 1 elites, one is removed: never the best
in an objective, nor the one with the largest sum. Of the others it is the one that is closest to another elite, where
the distance is the largest difference in any objective, relative to the extent of the front in that objective; of equal
distances the one with the smaller sum, and of equal sums the one with the larger id. Neither the best value of an
objective nor the best sum ever decreases.

A batch costs a sort, and at most as many rounds as there are entries for one cell that its front does not dominate. In
a round every cell inserts its next entry, with B x F^2 work and memory. Payloads are moved once, at the end.

Axes: B batch, C cells, F rows of a cell, R = C x F rows, M objectives, D descriptor.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, UInt32

from poet.archives.base import (
    AddInfo,
    Archive,
    Counts,
    Entries,
    check_entries,
    check_extra,
    examples_of,
    free_rows,
    with_checked_states,
)
from poet.archives.bounds import check_bounds, validate_batch
from poet.archives.config import OutOfBounds
from poet.archives.grid import MAX_CELLS, equal_cells
from poet.archives.layout import NO_PARENT, grid_layout, total
from poet.errors import ConfigError
from poet.typed_config import check_value
from poet.types import Key, PyTree

ParetoState: TypeAlias = Entries  # all R rows; the occupied rows of a cell come first, the largest sum leading


class _Front(NamedTuple):
    """The elites of a cell without payloads: occupied places first, in descending order of the sum of objectives."""

    fitness: Float[Array, "F M"]  # -inf in a free place
    id: UInt32[Array, "F 2"]
    source: Int[Array, "F"]  # a row of the archive before the batch; R + b for entry b of the batch; R + B if free


def pareto(
    shape: Sequence[int],
    bounds: Sequence[Sequence[float]],
    *,
    front_size: int = 8,
    num_objectives: int = 2,
    out_of_bounds: OutOfBounds = "clip",
) -> Archive[ParetoState]:
    """A grid whose cells hold up to `front_size` elites each, none of which dominates another.

    Args:
      shape: cells along each of the D coordinates; the last coordinate varies fastest.
      bounds: (low, high) of each coordinate.
      front_size: F, the number of rows of a cell.
      num_objectives: M; fitness is f32[B, M], or f32[B] for one objective, where a cell holds one elite.
      out_of_bounds: move descriptors outside the bounds to the bounds, or reject their entries; counted in both cases.

    Status is 2 where the cell was empty, 1 where its front does not dominate the entry, else 0. Improvement is the sum
    of objectives minus the best sum of the cell. The place of an entry is its cell: all entries that are stored in a
    cell that was empty are counted as added, the others that are stored as improved. Sampling draws a filled cell, then
    one of its elites.

    Raises `ConfigError` for impossible options; a front must have room for the best in each objective and in the sum.

    >>> from poet.archives import entries
    >>> archive = pareto((2,), [(0, 1)], front_size=3)
    >>> objectives = jnp.array([[1.0, 3.0], [2.0, 2.0], [1.0, 1.0]])
    >>> batch = entries(jnp.zeros((3, 10)), objectives, jnp.array([[0.1], [0.2], [0.3]]))
    >>> state, info = jax.jit(archive.add)(archive.init(jnp.zeros(10)), batch)
    >>> info.stored.tolist()
    [True, True, False]
    """
    low, high = check_bounds(bounds, out_of_bounds)
    shape = check_value("pareto: shape", tuple[int, ...], shape)
    front_size = check_value("pareto: front_size", int, front_size)
    num_objectives = check_value("pareto: num_objectives", int, num_objectives)
    num_cells, find_cell = equal_cells(shape, low, high)
    if num_objectives < 1:
        raise ConfigError(f"pareto.num_objectives expects at least 1, got {num_objectives}")
    if front_size < num_objectives + 1:
        raise ConfigError(
            f"archive.front_size expects at least {num_objectives + 1}, one more than objectives, got {front_size}: "
            "the best elite in each objective and the one with the best sum are never removed"
        )
    num_rows = num_cells * front_size
    if num_rows > MAX_CELLS:
        raise ConfigError(f"{num_cells} cells of {front_size} have {num_rows} rows, more than the maximum {MAX_CELLS}")

    def init(example: PyTree, extra: Mapping[str, Any] = {}, /) -> ParetoState:
        return _free_rows(example, check_extra(extra), num_rows, len(low), num_objectives)

    def add(state: ParetoState, entries: Entries, /) -> tuple[ParetoState, AddInfo]:
        check_entries(entries, state.payload, len(low), num_objectives, state.extra)
        batch, counts = validate_batch(entries, low, high, out_of_bounds)
        size = batch.valid.shape[0]
        no_source = num_rows + size
        cell = jnp.where(batch.valid, find_cell(batch.descriptor), num_cells)
        rows = front_size * jnp.minimum(cell, num_cells - 1)[:, None] + jnp.arange(front_size)
        fitness, old_fitness = (_as_objectives(each.fitness) for each in (batch, state))
        before = _Front(old_fitness[rows], state.id[rows], jnp.where(state.valid[rows], rows, no_source))

        candidate = batch.valid & ~_dominates(before.fitness, before.id, fitness[:, None], batch.id[:, None]).any(1)
        empty = ~state.valid[rows[:, 0]]
        reference = jnp.where(empty, 0.0, total(before.fitness[:, 0]))

        # `queue` holds the entries in the order of insertion, those of one cell adjacent. Front i below belongs to the
        # cell of queued entry i and is updated only where entry i is the first of its cell.
        order = jnp.lexsort((batch.id[:, 1], batch.id[:, 0], -total(fitness), jnp.where(candidate, cell, num_cells)))
        queue = jax.tree.map(lambda leaf: leaf[order], _Front(fitness, batch.id, num_rows + jnp.arange(size)))
        queue_cell = jnp.where(candidate, cell, num_cells)[order]
        position = jnp.arange(size)
        is_first = (queue_cell != jnp.roll(queue_cell, 1)) | (position == 0)
        number_in_cell = position - lax.cummax(jnp.where(is_first, position, 0))
        is_first &= queue_cell < num_cells

        def insert_next(carry: tuple[Int[Array, ""], _Front]) -> tuple[Int[Array, ""], _Front]:
            number, fronts = carry
            following = jnp.minimum(position + number, size - 1)
            has_next = is_first & (position + number < size) & (queue_cell[following] == queue_cell)
            entry = jax.tree.map(lambda leaf: leaf[following], queue)
            inserted = jax.vmap(_insert, (0, 0, None))(fronts, entry, no_source)
            return number + 1, jax.tree.map(
                lambda new, old: jnp.where(_expand(has_next, old), new, old), inserted, fronts
            )

        num_rounds = jnp.max(jnp.where(queue_cell < num_cells, number_in_cell + 1, 0), initial=0)
        fronts = jax.tree.map(lambda leaf: leaf[order], before)
        _, after = lax.while_loop(lambda carry: carry[0] < num_rounds, insert_next, (jnp.int32(0), fronts))

        source = jnp.where(is_first[:, None], after.source, no_source)
        stored = jnp.zeros(size + 1, bool).at[source - num_rows].set(True, mode="drop", wrap_negative_indices=False)
        stored = stored[:size]
        row = jnp.where(is_first[:, None], rows[order], num_rows)
        free = _free_rows(examples_of(state.payload), examples_of(state.extra), 1, len(low), num_objectives)

        def move(old: Array, new: Array, free: Array) -> Array:
            from_batch = jnp.concatenate([new, free])[jnp.maximum(after.source - num_rows, 0)]
            from_archive = old[jnp.minimum(after.source, num_rows - 1)]
            moved = jnp.where(_expand(after.source < num_rows, from_archive), from_archive, from_batch)
            return old.at[row].set(moved, mode="drop", unique_indices=True)

        zero, added = jnp.int32(0), stored & empty
        info = AddInfo(
            status=jnp.where(candidate, jnp.where(empty, 2, 1), 0),
            improvement=jnp.where(batch.valid, total(fitness) - reference, -jnp.inf),
            stored=stored,
            added=added,
            cell=jnp.where(batch.valid, cell, -1),
            counts=Counts(
                zero, jnp.sum(added), jnp.sum(stored & ~added), jnp.sum(batch.valid & ~stored), zero, zero, zero
            )._replace(**counts),
        )
        return jax.tree.map(move, state, batch, free), info

    def sample(key: Key, state: ParetoState, num: int, /) -> Entries:
        sizes = state.valid.reshape(num_cells, front_size).sum(1)
        cumulative = jnp.cumsum(sizes > 0)

        def draw() -> Int[Array, "num"]:
            nth = jax.random.randint(jax.random.fold_in(key, 0), (num,), 0, cumulative[-1])
            cell = jnp.searchsorted(cumulative, nth, side="right", method="scan_unrolled")
            return front_size * cell + jax.random.randint(jax.random.fold_in(key, 1), (num,), 0, sizes[cell])

        # The branch also keeps XLA from recomputing the draw of a row for every element that is gathered from the row.
        row = lax.cond(cumulative[-1] > 0, draw, lambda: jnp.zeros(num, jnp.int32))
        return jax.tree.map(lambda leaf: leaf[row], state)

    def elites(state: ParetoState, /) -> Entries:
        return state

    spec = {
        "id": "pareto",
        "shape": list(shape),
        "bounds": [[float(l), float(h)] for l, h in zip(low, high)],
        "front_size": front_size,
        "num_objectives": num_objectives,
        "out_of_bounds": out_of_bounds,
        "layout": grid_layout(shape, front_size),
    }

    def with_extra(state: ParetoState, extra: Mapping[str, Array], /) -> ParetoState:
        return state._replace(extra=dict(extra))

    archive = Archive(init, add, sample, elites, spec, with_extra)
    return with_checked_states(archive, lambda state: (state.payload, state.extra))


def _free_rows(
    example: PyTree, extra: Mapping[str, Any], num_rows: int, num_descriptors: int, num_objectives: int
) -> Entries:
    """Free rows for payloads like `example` and extra fields like those in `extra`."""
    objectives = () if num_objectives == 1 else (num_objectives,)
    return Entries(
        free_rows(example, num_rows),
        jnp.full((num_rows, *objectives), -jnp.inf, jnp.float32),
        jnp.zeros((num_rows, num_descriptors)),
        jnp.full((num_rows, 2), NO_PARENT),
        jnp.full((num_rows, 2, 2), NO_PARENT),
        jnp.full(num_rows, -1, jnp.int32),
        jnp.zeros(num_rows, bool),
        free_rows(extra, num_rows),
    )


def _insert(front: _Front, entry: _Front, no_source: int) -> _Front:
    """The front of a cell after `entry` was offered to it; `no_source` marks a free place."""
    num_places = front.source.shape[0]
    accepted = ~_dominates(front.fitness, front.id, entry.fitness, entry.id).any()
    kept = (front.source != no_source) & ~(accepted & _dominates(entry.fitness, entry.id, front.fitness, front.id))
    occupied = jnp.append(kept, accepted)
    combined = jax.tree.map(lambda old, new: jnp.concatenate([old, new[None]]), front, entry)
    order = jnp.lexsort((combined.id[:, 1], combined.id[:, 0], -total(combined.fitness), ~occupied))
    combined = _Front(
        jnp.where(occupied[:, None], combined.fitness, -jnp.inf)[order],
        jnp.where(occupied[:, None], combined.id, NO_PARENT)[order],
        jnp.where(occupied, combined.source, no_source)[order],
    )
    removed = jnp.where(occupied.all(), _most_crowded(combined.fitness), num_places)
    remaining = jnp.arange(num_places) + (jnp.arange(num_places) >= removed)
    return jax.tree.map(lambda leaf: leaf[remaining], combined)


def _most_crowded(fitness: Float[Array, "F M"]) -> Int[Array, ""]:
    """The place of the elite to remove from a front that is too large, given in descending order of sums."""
    extent = fitness.max(0) - fitness.min(0)
    difference = jnp.abs(fitness[:, None] - fitness) / jnp.where(extent > 0, extent, 1.0)
    place = jnp.arange(fitness.shape[0])
    distance = jnp.where(place[:, None] == place, jnp.inf, difference.max(2)).min(1)
    is_best = (place == 0) | (place[:, None] == fitness.argmax(0)).any(1)
    return place[-1] - jnp.argmin(jnp.where(is_best, jnp.inf, distance)[::-1])


def _dominates(
    a: Float[Array, "... M"], a_id: UInt32[Array, "... 2"], b: Float[Array, "... M"], b_id: UInt32[Array, "... 2"]
) -> Bool[Array, "..."]:
    """Whether a dominates b; an entry dominates itself."""
    smaller_id = (a_id[..., 0] < b_id[..., 0]) | ((a_id[..., 0] == b_id[..., 0]) & (a_id[..., 1] <= b_id[..., 1]))
    return (a >= b).all(-1) & ((a > b).any(-1) | smaller_id)


def _as_objectives(fitness: Array) -> Float[Array, "B M"]:
    return fitness[:, None] if fitness.ndim == 1 else fitness


def _expand(mask: Bool[Array, "..."], like: Array) -> Bool[Array, "..."]:
    """A mask of the leading axes with trailing axes of size 1, as many as `like` has more."""
    return mask.reshape(*mask.shape, *(1,) * (like.ndim - mask.ndim))
