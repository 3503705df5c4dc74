"""Cells that keep a small front of trade-offs each, for several objectives (MOME: Pierrot et al. 2022, arXiv
2202.03057).

An entry dominates another if it is at least as good in all objectives and better in one; of entries equal in all, that
of smaller id does. What a cell's front dominates is turned away at once. The rest goes in one after the other, the
greater sum of objectives first, of equals the smaller id, so that the order of a batch does not matter. Each throws out
what it dominates. If the front was full, one goes: never the best in an objective, nor that of the greatest sum; of the
rest the one closest to another, by the largest difference in any objective as a share of the front's reach in it; of
several that of the smallest sum, of equals that of the largest id. So the best in an objective never falls, nor does
the best sum.

A batch costs a sort, and as many rounds as there are entries for one cell, at most, that its front does not dominate:
all cells take in their next one side by side, with B x F^2 work and memory. Payloads are moved once, at the end.

Axes: B batch, C cells, F places in a front, R = C x F rows, M objectives, D descriptor.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, UInt32

from poet.archives.base import NOBODY, AddInfo, Archive, Counts, Entries, check_entries
from poet.archives.bounds import OutOfBounds, check_bounds, sift
from poet.archives.grid import MAX_CELLS, equal_cells
from poet.archives.layout import total
from poet.errors import ConfigError
from poet.types import Key, PyTree


class _Front(NamedTuple):
    """What decides about a cell, without payloads: those that are there first, the greatest sum first."""

    fitness: Float[Array, "F M"]  # -inf where a place is free
    id: UInt32[Array, "F 2"]
    source: Int[Array, "F"]  # a row of the archive as it was, or R + its place in the batch, or R + B where free


def pareto(
    shape: Sequence[int],
    bounds: Sequence[Sequence[float]],
    *,
    front: int = 8,
    num_objectives: int = 2,
    out_of_bounds: OutOfBounds = "clip",
) -> Archive:
    """A grid whose cells hold up to `front` elites each, none of which dominates another; its state is its rows.

    Args:
      shape: cells along each of the D coordinates, the last one running fastest.
      bounds: (low, high) of each coordinate.
      front: F, the rows of a cell; those taken come first, that of the greatest sum of objectives leading.
      num_objectives: M; fitness is f32[B, M], or f32[B] for one objective, where a cell then holds one elite.
      out_of_bounds: move descriptors beyond the bounds to them, or reject their entries; counted either way.

    Status is 2 where the cell was empty, 1 where its front does not dominate the entry, else 0. Improvement is the sum
    of objectives against the cell's best sum. A place is a cell here: what is stored counts as added where its cell was
    empty, of several each, and else as improved. Sampling draws a cell that has elites, then one of them.

    Raises `ConfigError` for options that cannot be: a front holds the best of each objective and of the sum, at least.
    """
    low, high = check_bounds(bounds, out_of_bounds)
    num_cells, find = equal_cells(shape, low, high)
    if num_objectives < 1:
        raise ConfigError(f"pareto.num_objectives expects at least 1, got {num_objectives}")
    if front < num_objectives + 1:
        raise ConfigError(
            f"pareto.front expects at least {num_objectives + 1}, one more than objectives, got {front}: "
            "the best of each objective and of their sum always stay"
        )
    num_rows = num_cells * front
    if num_rows > MAX_CELLS:
        raise ConfigError(f"{num_cells} cells of {front} make {num_rows} rows, more than {MAX_CELLS}")

    def init(example: PyTree) -> Entries:
        return _free(example, num_rows, len(low), num_objectives)

    def add(state: Entries, entries: Entries) -> tuple[Entries, AddInfo]:
        check_entries(entries, state.payload, len(low), num_objectives)
        batch, counts = sift(entries, low, high, out_of_bounds)
        size = batch.valid.shape[0]
        nobody = num_rows + size
        cell = jnp.where(batch.valid, find(batch.descriptor), num_cells)
        rows = front * jnp.minimum(cell, num_cells - 1)[:, None] + jnp.arange(front)
        fitness, old = (_objectives(each.fitness) for each in (batch, state))
        before = _Front(old[rows], state.id[rows], jnp.where(state.valid[rows], rows, nobody))

        hopeful = batch.valid & ~_dominates(before.fitness, before.id, fitness[:, None], batch.id[:, None]).any(1)
        empty = ~state.valid[rows[:, 0]]
        bar = jnp.where(empty, 0.0, total(before.fitness[:, 0]))

        # From here on entries stand in the order in which they go in, those of a cell side by side.
        order = jnp.lexsort((batch.id[:, 1], batch.id[:, 0], -total(fitness), jnp.where(hopeful, cell, num_cells)))
        queue = jax.tree.map(lambda leaf: leaf[order], _Front(fitness, batch.id, num_rows + jnp.arange(size)))
        place = jnp.where(hopeful, cell, num_cells)[order]
        here = jnp.arange(size)
        leads = (place != jnp.roll(place, 1)) | (here == 0)
        turn = here - lax.cummax(jnp.where(leads, here, 0))
        leads &= place < num_cells

        def take_next(carry: tuple[Int[Array, ""], _Front]) -> tuple[Int[Array, ""], _Front]:
            number, fronts = carry
            next_one = jnp.minimum(here + number, size - 1)
            mine = leads & (here + number < size) & (place[next_one] == place)
            grown = jax.vmap(_take_in, (0, 0, None))(fronts, jax.tree.map(lambda leaf: leaf[next_one], queue), nobody)
            return number + 1, jax.tree.map(lambda new, old: jnp.where(_along(mine, old), new, old), grown, fronts)

        rounds = jnp.max(jnp.where(place < num_cells, turn + 1, 0), initial=0)
        fronts = jax.tree.map(lambda leaf: leaf[order], before)
        _, after = lax.while_loop(lambda carry: carry[0] < rounds, take_next, (jnp.int32(0), fronts))

        source = jnp.where(leads[:, None], after.source, nobody)
        stored = jnp.zeros(size + 1, bool).at[source - num_rows].set(True, mode="drop", wrap_negative_indices=False)
        stored = stored[:size]
        row = jnp.where(leads[:, None], rows[order], num_rows)
        free = _free(jax.tree.map(lambda leaf: leaf[0], state.payload), 1, len(low), num_objectives)

        def move(old: Array, new: Array, none: Array) -> Array:
            arrived = jnp.concatenate([new, none])[jnp.maximum(after.source - num_rows, 0)]
            stays = old[jnp.minimum(after.source, num_rows - 1)]
            moved = jnp.where(_along(after.source < num_rows, stays), stays, arrived)
            return old.at[row].set(moved, mode="drop", unique_indices=True)

        none, added = jnp.int32(0), stored & empty
        info = AddInfo(
            status=jnp.where(hopeful, jnp.where(empty, 2, 1), 0),
            improvement=jnp.where(batch.valid, total(fitness) - bar, -jnp.inf),
            stored=stored,
            added=added,
            cell=jnp.where(batch.valid, cell, -1),
            counts=Counts(
                none, jnp.sum(added), jnp.sum(stored & ~added), jnp.sum(batch.valid & ~stored), none, none, none
            )._replace(**counts),
        )
        return jax.tree.map(move, state, batch, free), info

    def sample(key: Key, state: Entries, num: int) -> Entries:
        sizes = state.valid.reshape(num_cells, front).sum(1)
        upto = jnp.cumsum(sizes > 0)

        def draw() -> Int[Array, "num"]:
            nth = jax.random.randint(jax.random.fold_in(key, 0), (num,), 0, upto[-1])
            cell = jnp.searchsorted(upto, nth, side="right", method="scan_unrolled")
            return front * cell + jax.random.randint(jax.random.fold_in(key, 1), (num,), 0, sizes[cell])

        # A branch also keeps XLA from drawing a row anew for each of its numbers that is gathered.
        row = lax.cond(upto[-1] > 0, draw, lambda: jnp.zeros(num, jnp.int32))
        return jax.tree.map(lambda leaf: leaf[row], state)

    spec = {
        "kind": "pareto",
        "shape": list(shape),
        "bounds": [[float(l), float(h)] for l, h in zip(low, high)],
        "front": front,
        "num_objectives": num_objectives,
        "out_of_bounds": out_of_bounds,
    }
    return Archive(init, add, sample, lambda state: state, spec)


def _free(example: PyTree, num_rows: int, num_descriptors: int, num_objectives: int) -> Entries:
    """Rows with nothing in them, for payloads like `example`."""
    objectives = () if num_objectives == 1 else (num_objectives,)
    return Entries(
        jax.tree.map(lambda leaf: jnp.zeros((num_rows, *jnp.shape(leaf)), jnp.result_type(leaf)), example),
        jnp.full((num_rows, *objectives), -jnp.inf, jnp.float32),
        jnp.zeros((num_rows, num_descriptors)),
        jnp.full((num_rows, 2), NOBODY),
        jnp.full((num_rows, 2, 2), NOBODY),
        jnp.full(num_rows, -1, jnp.int32),
        jnp.zeros(num_rows, bool),
    )


def _take_in(front: _Front, entry: _Front, nobody: int) -> _Front:
    """A front once `entry` was offered to it; `nobody` is the source of a free place."""
    room = front.source.shape[0]
    welcome = ~_dominates(front.fitness, front.id, entry.fitness, entry.id).any()
    stays = (front.source != nobody) & ~(welcome & _dominates(entry.fitness, entry.id, front.fitness, front.id))
    there = jnp.append(stays, welcome)
    every = jax.tree.map(lambda old, new: jnp.concatenate([old, new[None]]), front, entry)
    order = jnp.lexsort((every.id[:, 1], every.id[:, 0], -total(every.fitness), ~there))
    every = _Front(
        jnp.where(there[:, None], every.fitness, -jnp.inf)[order],
        jnp.where(there[:, None], every.id, NOBODY)[order],
        jnp.where(there, every.source, nobody)[order],
    )
    leaves = jnp.where(there.all(), _most_crowded(every.fitness), room)
    keep = jnp.arange(room) + (jnp.arange(room) >= leaves)
    return jax.tree.map(lambda leaf: leaf[keep], every)


def _most_crowded(fitness: Float[Array, "F M"]) -> Int[Array, ""]:
    """Which of a front in its order has to go, where one has."""
    reach = fitness.max(0) - fitness.min(0)
    apart = jnp.abs(fitness[:, None] - fitness) / jnp.where(reach > 0, reach, 1.0)
    here = jnp.arange(fitness.shape[0])
    closest = jnp.where(here[:, None] == here, jnp.inf, apart.max(2)).min(1)
    best = (here == 0) | (here[:, None] == fitness.argmax(0)).any(1)
    return here[-1] - jnp.argmin(jnp.where(best, jnp.inf, closest)[::-1])


def _dominates(
    a: Float[Array, "... M"], a_id: UInt32[Array, "... 2"], b: Float[Array, "... M"], b_id: UInt32[Array, "... 2"]
) -> Bool[Array, "..."]:
    """Whether a dominates b; of two that are one and the same either does."""
    older = (a_id[..., 0] < b_id[..., 0]) | ((a_id[..., 0] == b_id[..., 0]) & (a_id[..., 1] <= b_id[..., 1]))
    return (a >= b).all(-1) & ((a > b).any(-1) | older)


def _objectives(fitness: Array) -> Float[Array, "B M"]:
    return fitness[:, None] if fitness.ndim == 1 else fitness


def _along(mask: Bool[Array, "..."], like: Array) -> Bool[Array, "..."]:
    """A mask of the leading axes, to be used with an array that has more of them."""
    return mask.reshape(*mask.shape, *(1,) * (like.ndim - mask.ndim))
