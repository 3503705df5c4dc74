"""Steps of lanes that start a new episode where one has ended, for learners, videos and explorers.

The step of a lane is that of a queue; what is kept of each step is the caller's choice.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, UInt32

from poet.agents.engine import (
    Advance,
    Enter,
    Finished,
    Lanes,
    LevelTable,
    Reset,
    Start,
    Trace,
    Transition,
)
from poet.agents.lane import Lane, end_functions, start_lane, step_lane, where_lanes
from poet.agents.policy import Policy
from poet.envs.base import Environment
from poet.memory import require_memory
from poet.types import Key, PyTree, numbered_keys

# What the key of a lane's n-th episode is derived from: (stream of the lane, n, use).
EPISODE, LEVEL_CHOICE = 0, 1


def enter(environment: Environment, policy: Policy) -> Enter:
    """The lanes of an engine in given episodes."""

    def enter_lanes(level: PyTree, start: Start, key: Key) -> Lanes:
        num = start.length.shape[0]
        lane = start_lane(environment, policy, level, start)
        streams = numbered_keys(key, num)
        return Lanes(
            lane.running,
            jnp.zeros(num, jnp.int32),
            level,
            lane.world,
            lane.obs,
            lane.memory,
            jax.random.key_data(start.key),
            lane.length,
            lane.length,
            start.limit,
            lane.fitness,
            jax.random.key_data(streams),
            jnp.zeros(num, jnp.int32),
        )

    return enter_lanes


def advance(environment: Environment, policy: Policy, reset: Reset) -> Advance:
    """The program that makes steps of lanes; see `Advance`."""
    success, describe = map(jax.vmap, end_functions(environment))

    def finished_in(lanes: Lanes, ended: Bool[Array, "B"]) -> Finished:
        measures = [measure(lanes.level, lanes.world) for measure in (success, describe)]
        finished = Finished(ended, lanes.level_index, lanes.fitness, lanes.length - lanes.before, *measures)
        return where_lanes(ended, finished, jax.tree.map(jnp.zeros_like, finished))

    def restart(table: LevelTable, lanes: Lanes) -> Lanes:
        """New episodes in the lanes that run none."""
        index, key = jax.vmap(lambda stream, number: next_episode(table.weight, stream, number))(
            lanes.stream, lanes.started
        )
        level = jax.tree.map(lambda leaf: leaf[index], table.level)
        started = enter(environment, policy)(level, reset(level, key), key[0])
        started = started._replace(level_index=index, stream=lanes.stream, started=lanes.started + 1)
        return where_lanes(lanes.running, lanes, started)

    def step(trace: Trace, weights: PyTree, lanes: Lanes) -> tuple[Lane, PyTree]:
        """One step of one lane, and what the trace keeps of it."""
        before = _lane(lanes)
        key = jax.random.wrap_key_data(lanes.key)
        after, action, reward = step_lane(environment, policy, weights, lanes.level, key, lanes.limit, before)
        return after, trace(
            Transition(
                lanes.level,
                after.world,
                before.obs,
                before.memory,
                action,
                reward,
                after.obs,
                after.memory,
                after.length,
                lanes.key,
            )
        )

    def advance_lanes(
        params: Float[Array, "G"] | Float[Array, "B G"],
        table: LevelTable | None,
        lanes: Lanes,
        num_steps: int,
        trace: Trace,
    ) -> tuple[Lanes, PyTree, Finished]:
        one_agent = params.ndim == 1
        weights = policy.unravel(params) if one_agent else jax.vmap(policy.unravel)(params)
        step_block = jax.vmap(lambda *lane: step(trace, *lane), in_axes=(None if one_agent else 0, 0))
        require_memory_for_trace(jax.eval_shape(step_block, weights, lanes)[1], num_steps)

        def body(lanes: Lanes, _: None) -> tuple[Lanes, tuple[PyTree, Finished]]:
            if table is not None:
                start_others = functools.partial(restart, table)
                lanes = lax.cond(lanes.running.all(), lambda lanes: lanes, start_others, lanes)
            after, traced = step_block(weights, lanes)
            ended = lanes.running & ~after.running
            if table is None:
                after = where_lanes(lanes.running, after, _lane(lanes))
            lanes = lanes._replace(**after._asdict())
            finished = lax.cond(ended.any(), finished_in, lambda lanes, ended: nothing, lanes, ended)
            return lanes, (traced, finished)

        shapes = jax.eval_shape(finished_in, lanes, lanes.running)
        nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        lanes, (traced, finished) = lax.scan(body, lanes, length=num_steps)
        return lanes, traced, finished

    return advance_lanes


def _lane(lanes: Lanes) -> Lane:
    return Lane(lanes.running, lanes.world, lanes.obs, lanes.memory, lanes.length, lanes.fitness)


def next_episode(
    weight: Float[Array, "M"], stream: UInt32[Array, "2"], number: Int[Array, ""]
) -> tuple[Int[Array, ""], Key]:
    """The level of a lane's next episode, drawn by weight, and the key of the episode."""
    key = jax.random.fold_in(jax.random.wrap_key_data(stream), number)
    total = jnp.cumsum(weight)
    drawn = jax.random.uniform(jax.random.fold_in(key, LEVEL_CHOICE)) * total[-1]
    # The last level of a positive weight where rounding puts the drawn number at the total.
    index = jnp.minimum(jnp.searchsorted(total, drawn, side="right"), jnp.searchsorted(total, total[-1]))
    return index.astype(jnp.int32), jax.random.fold_in(key, EPISODE)


def require_memory_for_trace(step: PyTree, num_steps: int) -> None:
    """Raise `ConfigError` if this machine cannot hold so many steps like this one."""
    size = sum(math.prod(leaf.shape) * jnp.dtype(leaf.dtype).itemsize for leaf in jax.tree.leaves(step))
    require_memory(size * num_steps, f"a trace of {num_steps} steps of {size} bytes")
