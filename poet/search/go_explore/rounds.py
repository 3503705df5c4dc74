"""All rounds of an iteration: in one compiled program, or step by step on the host.

Axes: N rounds, B batch, G parameters.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, UInt32

from poet.agents.engine import Engine, Lanes
from poet.agents.lane import broadcast
from poet.search.go_explore.cells import CellFunction
from poet.search.go_explore.config import GoExploreConfig
from poet.search.go_explore.explore import Explorers, Memory, Rollout, RoundCounts, trace_cell
from poet.types import Key, PyTree

Rounds = Callable[..., tuple[Memory, tuple[UInt32[Array, "N B 2"], RoundCounts]]]
"""All rounds of an iteration.

(key of the run, weights of the policy, level, iteration, first segment, memory) -> (memory, (ids of the elites that
were returned to, counts)), where N is the number of rounds.
"""


def traced_rounds(config: GoExploreConfig, engine: Engine, cell: CellFunction, parts: Explorers) -> Rounds:
    """Rounds in one compiled program, for an engine that can be traced."""
    trace = trace_cell(cell)

    def explore_round(
        key: Key, params: Float[Array, "G"], level: PyTree, iteration: Any, number: Any, first: Any, memory: Memory
    ) -> tuple[Memory, tuple[UInt32[Array, "B 2"], RoundCounts]]:
        begun, rollout = parts.begin(key, iteration, number, first + number.astype(jnp.uint32) * config.batch, memory)
        lanes = engine.enter(broadcast(level, config.batch), begun.start, key)

        def step(number: Int[Array, ""], carry: tuple[Lanes, Rollout]) -> tuple[Lanes, Rollout]:
            lanes, traced, finished = engine.advance(params, None, carry[0], 1, trace)
            return lanes, parts.absorb(begun, carry[1], number, traced, finished)

        _, rollout = lax.fori_loop(0, config.steps, step, (lanes, rollout))
        return parts.end(begun, rollout), (begun.parents, rollout.counts)

    def iterate(key: Key, params: Float[Array, "G"], level: PyTree, iteration: Any, first: Any, memory: Memory) -> Any:
        def one(memory: Memory, number: Any) -> Any:
            return explore_round(key, params, level, iteration, number, first, memory)

        return lax.scan(one, memory, jnp.arange(config.rounds))

    return jax.jit(iterate, donate_argnums=5)


def stepwise_rounds(config: GoExploreConfig, engine: Engine, cell: CellFunction, parts: Explorers) -> Rounds:
    """Rounds whose steps are made on the host, for any other engine."""
    trace = trace_cell(cell)
    begin, absorb, end = jax.jit(parts.begin), jax.jit(parts.absorb, donate_argnums=1), jax.jit(parts.end)

    def iterate(key: Key, params: Float[Array, "G"], level: PyTree, iteration: Any, first: Any, memory: Memory) -> Any:
        done = []
        for number in range(config.rounds):
            begun, rollout = begin(key, iteration, np.int32(number), np.uint32(first + number * config.batch), memory)
            lanes = engine.enter(broadcast(level, config.batch), begun.start, key)
            for step in range(config.steps):
                if not np.any(lanes.running):
                    break
                lanes, traced, finished = engine.advance(params, None, lanes, 1, trace)
                rollout = absorb(begun, rollout, np.int32(step), traced, finished)
            memory = end(begun, rollout)
            done.append(jax.tree.map(np.asarray, (begun.parents, rollout.counts)))
        return memory, jax.tree.map(lambda *leaves: np.stack(leaves), *done)

    return iterate
