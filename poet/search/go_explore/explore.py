"""The parts of a round: choose cells and return to them, store what exploration finds, update counters.

Axes: B batch, R rows of the archive, T steps of exploration, G parameters.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, UInt32

from poet.agents.engine import Finished, Start, Transition
from poet.agents.segments import Explorer, Point
from poet.archives.base import Archive, entries
from poet.archives.cells import CellsState
from poet.archives.select import Selection
from poet.search.go_explore.cells import CellFunction
from poet.search.go_explore.choose import choose
from poet.search.go_explore.config import GoExploreConfig
from poet.search.go_explore.state import Best, Counters
from poet.search.keys import GoExplorePhase
from poet.types import Key, PyTree, derive_key


class Memory(NamedTuple):
    """What rounds change: the parts of the state that live on the device."""

    archive: CellsState
    counters: Counters
    best: Best


class RoundCounts(NamedTuple):
    """What happened in a round, i32[] each; states are those that were met by a step and did not end the episode."""

    steps: Int[Array, ""]
    added: Int[Array, ""]  # cells
    improved: Int[Array, ""]  # cells with a better way to them
    not_finite: Int[Array, ""]  # states whose score or cell is NaN or infinite; such a score ends the episode
    dropped: Int[Array, ""]  # states of cells for which the archive has no row
    ended: Int[Array, ""]  # episodes


class Rollout(NamedTuple):
    """B rollouts in progress."""

    archive: CellsState
    seen: Int[Array, "R"]
    actions: Int[Array, "R"]
    best: Best
    score: Float[Array, "B"]
    running: Bool[Array, "B"]
    rows: Int[Array, "S B"]  # in which a rollout was, S = T + 1; the first is where it began
    found: Bool[Array, "B"]  # whether it changed the archive
    stored: Bool[Array, "R"]  # rows that were written
    counts: RoundCounts


class Begun(NamedTuple):
    """What a round begins with.

    Attributes:
      counters: with the cells that were chosen.
      parents: ids of their elites.
      before: steps from the root to them.
      segment: number of the segment that each rollout becomes.
      start: where the rollouts begin.
    """

    counters: Counters
    parents: UInt32[Array, "B 2"]
    before: Int[Array, "B"]
    segment: UInt32[Array, "B"]
    start: Start


@functools.cache
def trace_cell(cell: CellFunction) -> Callable[[Transition], PyTree]:
    """What is kept of a step: the point that it leads to, its coordinates, and the reward."""

    def trace(step: Transition) -> tuple[Point, Array, Array]:
        return Point(step.world, step.next_obs), cell.coordinates(step.level, step.world, step.next_obs), step.reward

    return trace


class Explorers(NamedTuple):
    """The parts of a round, each a function for `jax.jit`.

    Attributes:
      begin: (key of the run, iteration, number of the round, first segment, memory) -> what it begins with, and
        rollouts.
      absorb: (begun, rollouts, number of the step, its trace and what ended) -> rollouts.
      end: (begun, rollouts) -> memory.
    """

    begin: Callable[..., tuple[Begun, Rollout]]
    absorb: Callable[..., Rollout]
    end: Callable[..., Memory]


def explorers(
    config: GoExploreConfig,
    selection: Selection,
    archive: Archive[CellsState],
    explorer: Explorer,
    names: Sequence[str],
) -> Explorers:
    """The parts of a round with this archive; `names` are those of the coordinates of cells."""
    batch, num_rows = config.batch, archive.spec["capacity"]
    choose_rows = choose(config, selection, archive, names)

    def begin(
        key: Key, iteration: Int[Array, ""], number: Int[Array, ""], first: UInt32[Array, ""], memory: Memory
    ) -> tuple[Begun, Rollout]:
        select = derive_key(key, GoExplorePhase.SELECT, iteration, source=number)
        counters, rows = choose_rows(select, memory.archive, memory.counters)
        chosen = jax.tree.map(lambda leaf: leaf[rows], archive.elites(memory.archive))
        segment = first + jnp.arange(batch, dtype=jnp.uint32)
        keys = jax.vmap(lambda each: explorer.segment_key(key, each))(segment)
        before = chosen.extra["length"]
        point: Point = chosen.payload
        start = Start(point.world, point.obs, None, before, jnp.full(batch, explorer.horizon, jnp.int32), keys)
        rollout = Rollout(
            memory.archive,
            counters.seen,
            counters.actions,
            memory.best,
            chosen.fitness,
            chosen.valid,
            jnp.full((config.steps + 1, batch), -1, jnp.int32).at[0].set(rows),
            jnp.zeros(batch, bool),
            jnp.zeros(num_rows, bool),
            RoundCounts(*[jnp.int32(0)] * len(RoundCounts._fields)),
        )
        return Begun(counters, chosen.id, before, segment, start), rollout

    def absorb(begun: Begun, rollout: Rollout, number: Int[Array, ""], traced: PyTree, finished: Finished) -> Rollout:
        """After a step of all lanes: offer the states that it led to."""
        point, coordinates, reward = jax.tree.map(lambda leaf: leaf[0], traced)
        running, ended = rollout.running, finished.ended[0]
        score = rollout.score + jnp.where(running, reward, 0)
        length = begun.before + number + 1
        id = jnp.stack([begun.segment, jnp.full(batch, number + 1, jnp.uint32)], axis=1)
        states = entries(point, score, coordinates, valid=running & ~ended, extra={"length": length})
        archive_state, info = archive.add(rollout.archive, states._replace(id=id))
        here = rollout.rows[number]
        entered = (info.cell >= 0) & (rollout.rows != info.cell).all(axis=0)
        c = info.counts
        counts = RoundCounts(
            jnp.sum(running),
            c.added,
            c.improved,
            c.not_finite + jnp.sum(running & ~jnp.isfinite(score)),
            c.seen - c.not_finite - c.out_of_bounds - jnp.sum(info.cell >= 0),
            jnp.sum(running & ended),
        )
        return Rollout(
            archive_state,
            rollout.seen.at[jnp.where(entered, info.cell, num_rows)].add(1, mode="drop"),
            rollout.actions.at[jnp.where(running & (here >= 0), here, num_rows)].add(1, mode="drop"),
            _better(rollout.best, score, length, id, running & ended),
            score,
            running & ~ended,
            rollout.rows.at[number + 1].set(info.cell),
            rollout.found | info.stored,
            rollout.stored.at[jnp.where(info.stored, info.cell, num_rows)].set(True, mode="drop"),
            jax.tree.map(jnp.add, rollout.counts, counts),
        )

    def end(begun: Begun, rollout: Rollout) -> Memory:
        counters, rows = begun.counters, rollout.rows[0]
        since_new = counters.chosen_since_new.at[jnp.where(rollout.found, rows, num_rows)].set(0, mode="drop")
        counters = Counters(counters.chosen, since_new, rollout.seen, rollout.actions)
        if config.reset_on_update:
            counters = jax.tree.map(lambda counter: jnp.where(rollout.stored, 0, counter), counters)
        return Memory(rollout.archive, counters, rollout.best)

    return Explorers(begin, absorb, end)


def _better(
    best: Best, score: Float[Array, "B"], length: Int[Array, "B"], id: UInt32[Array, "B 2"], ended: Bool[Array, "B"]
) -> Best:
    """The best of all episodes: by score, then the shorter one, then the first."""
    value = jnp.where(ended & jnp.isfinite(score), score, -jnp.inf)
    shortest = jnp.where((value == value.max()) & (value > -jnp.inf), length, jnp.iinfo(jnp.int32).max)
    lane = jnp.argmin(shortest)
    wins = (value[lane] > best.score) | ((value[lane] == best.score) & (length[lane] < best.length))
    wins &= value[lane] > -jnp.inf
    return jax.tree.map(lambda new, old: jnp.where(wins, new, old), Best(value[lane], length[lane], id[lane]), best)
