"""Go-Explore: remember cells, return to one, explore from there (Ecoffet et al. 2021, arXiv 2004.12919).

Returning means restoring: the state of the environment is part of the archive. An iteration is some rounds in one
compiled program; between iterations the archive grows where its rows become few.

Axes: N segments.
"""

import functools
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from poet.agents.engine import Engine
from poet.agents.policy import Policy
from poet.agents.segments import Explorer
from poet.archives.base import Archive, Entries, entries
from poet.archives.cells import CellsState, cells, grow
from poet.archives.layout import NO_PARENT
from poet.envs.base import Generator
from poet.envs.interface import generator_identity
from poet.jax_settings import pinned
from poet.search.base import Info, Search
from poet.search.elites import elites_record
from poet.search.go_explore.cells import CellFunction
from poet.search.go_explore.config import GoExploreConfig
from poet.search.go_explore.explore import Memory, explorers
from poet.search.go_explore.rounds import Rounds, stepwise_rounds, traced_rounds
from poet.search.go_explore.segments import PHASES, segments_record
from poet.search.go_explore.state import Counters, GoExploreState, empty_best, empty_counters
from poet.types import Key

HEADLINE = ("cells", "dropped", "best", "best_ended")
MIN_SEGMENTS = 1024


def go_explore(
    config: GoExploreConfig, generator: Generator, policy: Policy, engine: Engine, cell: CellFunction
) -> Search[GoExploreState]:
    """The search in the simplest environment of a generator.

    Args:
      config: rules.
      generator: only its environment and its simplest genome count.
      policy: explores; it starts with an empty memory wherever it returns to.
      engine: of this policy in this environment.
      cell: in which cell a state is.
    """
    explorer = Explorer(generator, policy, engine, PHASES, lanes=config.batch, steps=config.steps)

    @functools.cache
    def archive_of(capacity: int) -> Archive[CellsState]:
        return cells(cell.shape, cell.bounds, capacity, tie_break=("length",))

    @functools.cache
    def program(capacity: int) -> Rounds:
        parts = explorers(config, config.selection.make(), archive_of(capacity), explorer, cell.names)
        return (traced_rounds if engine.traceable else stepwise_rounds)(config, engine, cell, parts)

    @functools.cache
    def table_of(capacity: int) -> Callable[[CellsState, Counters], Entries]:
        """The elites with their counters, without the states to return to."""

        def table(state: CellsState, counters: Counters) -> Entries:
            rows = archive_of(capacity).elites(state)
            return rows._replace(payload=(), extra={**rows.extra, **counters._asdict()})

        return jax.jit(table)

    @pinned()
    def init(key: Key) -> GoExploreState:
        level, point = explorer.root(key)
        length, archive = {"length": jnp.int32(0)}, archive_of(config.capacity)
        row = (point, jnp.float32(0), cell.coordinates(level, *point), length)
        payload, score, where, extra = jax.tree.map(lambda leaf: leaf[None], row)
        batch = entries(payload, score, where, extra=extra)
        state = archive.init(point, length)
        state, _ = jax.jit(archive.add)(state, batch)
        zero = np.array(0, np.int64)
        parent = np.full((MIN_SEGMENTS, 2), NO_PARENT)
        one = np.array(1, np.int64)  # the root is a segment too
        return GoExploreState(key, zero, zero, state, empty_counters(config.capacity), empty_best(), parent, one)

    @pinned()
    def step(state: GoExploreState) -> tuple[GoExploreState, Info]:
        began, iteration = time.perf_counter(), int(state.iteration)
        state = with_room(state)
        num_segments = int(state.num_segments)
        memory = Memory(state.archive, state.counters, state.best)
        iterate = program(state.counters.seen.shape[0])
        params, level = explorer.params(state.key), explorer.level(state.key)
        number, first = np.int32(iteration), np.uint32(num_segments)
        memory, (parents, counts) = iterate(state.key, params, level, number, first, memory)
        parents = np.asarray(parents).reshape(-1, 2)
        counts = {name: int(values.sum()) for name, values in counts._asdict().items()}
        state = GoExploreState(
            state.key,
            np.array(iteration + 1, np.int64),
            np.array(state.env_steps + counts["steps"], np.int64),
            memory.archive,
            memory.counters,
            memory.best,
            _append(state.parent, num_segments, parents),
            np.array(num_segments + len(parents), np.int64),
        )
        return state, report(state, counts, time.perf_counter() - began)

    def with_room(state: GoExploreState) -> GoExploreState:
        capacity = state.counters.seen.shape[0]
        while 2 * int(state.archive.cells.known) > capacity and 2 * capacity <= config.max_capacity:
            _, archive_state = grow(archive_of(capacity), state.archive, 2 * capacity)
            counters = [jnp.concatenate([counter, jnp.zeros(capacity, jnp.int32)]) for counter in state.counters]
            state, capacity = state._replace(archive=archive_state, counters=Counters(*counters)), 2 * capacity
        return state

    def report(state: GoExploreState, counts: dict[str, int], seconds: float) -> Info:
        # Copied now, since the next step takes the memory of the state.
        rows = jax.tree.map(np.asarray, table_of(state.counters.seen.shape[0])(state.archive, state.counters))
        ended = np.isfinite(state.best.score)
        metrics = {
            "env_steps": int(state.env_steps),
            "cells": int(rows.valid.sum()),
            "best": float(rows.fitness.max()),
            "best_ended": float(state.best.score) if ended else None,
            **{name: number for name, number in counts.items() if name != "steps"},
        }
        snapshot = functools.partial(
            elites_record,
            archive_of(len(rows.fitness)),
            rows,
            iteration=int(state.iteration),
            evaluations=int(state.num_segments) - 1,
            descriptor_names=list(cell.names),
            fitness_bounds=None,
            problem=None,
        )
        best = jax.tree.map(np.asarray, state.best)
        ids, number = rows.id[rows.valid], int(state.iteration)
        segments = functools.partial(segments_record, config, state.key, state.parent, ids, best, number)
        return Info((), metrics, snapshots={"elites": snapshot, "segments": segments}, timings={"step_s": seconds})

    return Search(init, step, engine.close, HEADLINE, generator_identity(generator))


def _append(parent: np.ndarray, num: int, new: np.ndarray) -> np.ndarray:
    """The parents of all segments; the array doubles where it is full."""
    size = len(parent)
    while size < num + len(new):
        size *= 2
    grown = np.full((size, 2), NO_PARENT)
    grown[:num] = parent[:num]
    grown[num : num + len(new)] = new
    return grown
