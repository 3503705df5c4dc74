"""One round: choose cells, return to them, explore, and store what was found; all on the device.

Axes: B batch, R rows of the archive, T steps of exploration, G parameters.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, UInt32

from poet.agents.engine import Engine, LevelTable, Start, Transition
from poet.agents.lane import broadcast
from poet.archives.base import Archive, entries
from poet.archives.cells import CellsState
from poet.archives.select import Selection, draw_rows
from poet.search.go_explore.cells import CellFunction
from poet.search.go_explore.config import GoExploreConfig
from poet.search.go_explore.state import Best, Counters, Point
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


class _Rollout(NamedTuple):
    """B rollouts in progress."""

    lanes: Any
    archive: CellsState
    seen: Int[Array, "R"]
    best: Best
    score: Float[Array, "B"]
    running: Bool[Array, "B"]
    rows: Int[Array, "S B"]  # in which a rollout was, S = T + 1; the first is where it began
    found: Bool[Array, "B"]  # whether it changed the archive
    stored: Bool[Array, "R"]  # rows that were written
    counts: RoundCounts


Round = Callable[..., tuple[Memory, UInt32[Array, "B 2"], RoundCounts]]


def segment_key(key: Key, segment: Any) -> Key:
    """The key of the episode that a segment is: of its actions, and of the steps of the environment."""
    return derive_key(key, GoExplorePhase.SEGMENT, episode=segment)


def trace_point(cell: CellFunction | None) -> Callable[[Transition], PyTree]:
    """What is kept of a step: the point that it leads to, its coordinates, the reward, and the action."""

    def trace(step: Transition) -> tuple[Point, PyTree, Array, Array]:
        where = () if cell is None else cell.coordinates(step.level, step.world, step.next_obs)
        return Point(step.world, step.next_obs), where, step.reward, step.action

    return trace


def explore(
    config: GoExploreConfig,
    selection: Selection,
    engine: Engine,
    archive: Archive[CellsState],
    cell: CellFunction,
    horizon: int,
) -> Round:
    """The function of one round.

    (key of the run, weights of the policy, level, iteration, number of the round, first segment, memory)
    -> (memory, ids of the elites that were returned to, counts).
    """
    batch, num_rows = config.batch, archive.spec["capacity"]
    trace = trace_point(cell)

    def choose(key: Key, memory: Memory) -> tuple[Counters, Int[Array, "B"]]:
        """The rows to return to; those chosen first count before the next are drawn."""
        elites = archive.elites(memory.archive)

        def draw(counters: Counters, number: Int[Array, ""]) -> tuple[Counters, Int[Array, "_"]]:
            rows = elites._replace(extra={**elites.extra, **counters._asdict()})
            weights = jnp.ones(num_rows) if selection.weights is None else selection.weights(rows)
            chosen = draw_rows(jax.random.fold_in(key, number), weights, elites.valid, config.draw)
            used = (number * config.draw + jnp.arange(config.draw) < batch).astype(jnp.int32)
            return jax.tree.map(lambda counter: counter.at[chosen].add(used), counters), chosen

        counters, rows = lax.scan(draw, memory.counters, jnp.arange(-(-batch // config.draw)))
        return counters, rows.reshape(-1)[:batch]

    def explore_round(
        key: Key,
        params: Float[Array, "G"],
        level: PyTree,
        iteration: Int[Array, ""],
        number: Int[Array, ""],
        first: UInt32[Array, ""],
        memory: Memory,
    ) -> tuple[Memory, UInt32[Array, "B 2"], RoundCounts]:
        counters, rows = choose(derive_key(key, GoExplorePhase.SELECT, iteration, source=number), memory)
        chosen = jax.tree.map(lambda leaf: leaf[rows], archive.elites(memory.archive))
        segment = first + jnp.arange(batch, dtype=jnp.uint32)
        keys = jax.vmap(lambda each: segment_key(key, each))(segment)
        before = chosen.extra["length"]
        limit = jnp.full(batch, horizon, jnp.int32)
        start = Start(chosen.payload.world, chosen.payload.obs, None, before, limit, keys)
        table = LevelTable(jax.tree.map(lambda leaf: leaf[None], level), jnp.ones(1))
        # Lanes whose rollout has ended take new episodes, which count for nothing.
        lanes = engine.enter(broadcast(level, batch), start, key)

        def step(number: Int[Array, ""], rollout: _Rollout) -> _Rollout:
            lanes, traced, finished = engine.advance(params, table, rollout.lanes, 1, trace)
            point, coordinates, reward, _ = jax.tree.map(lambda leaf: leaf[0], traced)
            running, ended = rollout.running, finished.ended[0]
            score = rollout.score + jnp.where(running, reward, 0)
            length = before + number + 1
            id = jnp.stack([segment, jnp.full(batch, number + 1, jnp.uint32)], axis=1)
            states = entries(point, score, coordinates, valid=running & ~ended, extra={"length": length})
            archive_state, info = archive.add(rollout.archive, states._replace(id=id))
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
            return _Rollout(
                lanes,
                archive_state,
                rollout.seen.at[jnp.where(entered, info.cell, num_rows)].add(1, mode="drop"),
                _better(rollout.best, score, length, id, running & ended),
                score,
                running & ~ended,
                rollout.rows.at[number + 1].set(info.cell),
                rollout.found | info.stored,
                rollout.stored.at[jnp.where(info.stored, info.cell, num_rows)].set(True, mode="drop"),
                jax.tree.map(jnp.add, rollout.counts, counts),
            )

        rollout = _Rollout(
            lanes,
            memory.archive,
            counters.seen,
            memory.best,
            chosen.fitness,
            chosen.valid,
            jnp.full((config.steps + 1, batch), -1, jnp.int32).at[0].set(rows),
            jnp.zeros(batch, bool),
            jnp.zeros(num_rows, bool),
            RoundCounts(*[jnp.int32(0)] * len(RoundCounts._fields)),
        )
        rollout = lax.fori_loop(0, config.steps, step, rollout)
        since_new = counters.chosen_since_new.at[jnp.where(rollout.found, rows, num_rows)].set(0, mode="drop")
        counters = Counters(counters.chosen, since_new, rollout.seen)
        if config.reset_on_update:
            counters = jax.tree.map(lambda counter: jnp.where(rollout.stored, 0, counter), counters)
        return Memory(rollout.archive, counters, rollout.best), chosen.id, rollout.counts

    return explore_round


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
