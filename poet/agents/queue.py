"""A queue of episodes in one compiled program.

A fixed number of lanes runs side by side. Episodes wait in a queue; a lane whose episode has ended takes the next
one, so that no lane idles until the longest episode ends. The result of an episode does not depend on its lane, on the
other lanes or on its position in the queue: the block of lanes has one shape, and XLA's bits depend on shapes.

Axes: A agents, M levels, Q queued episodes.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from poet.agents.engine import EpisodeResult, Episodes, Levels, Run
from poet.agents.lane import Lane, build_level, end_functions, new_starts, start_lane, step_lane, where_lanes
from poet.agents.policy import Policy
from poet.envs.base import Environment
from poet.types import PyTree


class _Carry(NamedTuple):
    """What goes from one refill of the lanes to the next."""

    episode: Int[Array, "B"]  # position in the queue; Q means idle
    lane: Lane  # leaves [B, ...]
    head: Int[Array, ""]  # episodes that have been started
    result: EpisodeResult  # of the whole queue
    lane_steps: Int[Array, ""]


def run_queue(environment: Environment, policy: Policy, lanes: int, chunk: int) -> Run:
    """The program that runs a queue in blocks of `lanes` lanes, refilled every `chunk` steps; see `Run`."""
    build = jax.vmap(functools.partial(build_level, environment))
    success, describe = map(jax.vmap, end_functions(environment))

    def step(weights: PyTree, level: PyTree, key: Array, limit: Array, lane: Lane) -> Lane:
        new, _, _ = step_lane(environment, policy, weights, level, key, limit, lane)
        return where_lanes(lane.running, new, lane)  # a lane whose episode has ended keeps what it ended with

    def run(
        agents: Float[Array, "A G"],
        levels: Levels,
        episodes: Episodes,
        num_levels: Int[Array, ""],
        num_episodes: Int[Array, ""],
    ) -> tuple[EpisodeResult, Int[Array, ""]]:
        size, start = episodes.agent.shape[0], episodes.start
        built = _build_levels(build, levels, num_levels, lanes)

        def run_chunk(carry: _Carry) -> _Carry:
            # Hand the next episodes to the lanes that are free, in order.
            running = carry.lane.running
            position = carry.head + jnp.cumsum(~running) - 1
            begins = ~running & (position < num_episodes)
            episode = jnp.where(running, carry.episode, jnp.where(begins, position, size))
            entry = jnp.minimum(episode, size - 1)
            weights = jax.vmap(policy.unravel)(agents[episodes.agent[entry]])
            level = jax.tree.map(lambda leaf: leaf[episodes.level[entry]], built)
            given = jax.tree.map(lambda leaf: leaf[entry], start)
            if start is None:
                given = new_starts(environment, policy, level, levels.key[episodes.level[entry]])
            first = start_lane(environment, policy, level, given)
            lane = where_lanes(begins, first, carry.lane)
            lane = lax.fori_loop(
                0, chunk, lambda _, lane: jax.vmap(step)(weights, level, given.key, given.limit, lane), lane
            )

            ended = jnp.where(lane.running, size, episode)
            measures = (measure(level, lane.world) for measure in (success, describe))
            new = EpisodeResult(lane.fitness, lane.length - given.length, *measures)
            result = jax.tree.map(lambda queued, lane: queued.at[ended].set(lane, mode="drop"), carry.result, new)
            return _Carry(episode, lane, carry.head + jnp.sum(begins), result, carry.lane_steps + lanes * chunk)

        # Idle lanes hold a started episode, so that every leaf has a value of its kind.
        level, key = jax.tree.map(lambda leaf: leaf[:lanes], (built, levels.key))
        idle = start_lane(environment, policy, level, new_starts(environment, policy, level, key))
        idle = idle._replace(running=jnp.zeros(lanes, bool))
        num_descriptors = jax.eval_shape(describe, level, idle.world).shape[1]
        empty = EpisodeResult(
            jnp.zeros(size), jnp.zeros(size, jnp.int32), jnp.zeros(size), jnp.zeros((size, num_descriptors))
        )
        carry = lax.while_loop(
            lambda carry: jnp.any(carry.lane.running) | (carry.head < num_episodes),
            run_chunk,
            _Carry(jnp.full(lanes, size), idle, jnp.int32(0), empty, jnp.int32(0)),
        )
        return carry.result, carry.lane_steps

    return run


def _build_levels(build: Callable[..., PyTree], levels: Levels, num_levels: Int[Array, ""], lanes: int) -> PyTree:
    """All levels, a block of lanes at a time, as many blocks as are needed."""

    def block(index: Int[Array, ""]) -> PyTree:
        part = jax.tree.map(lambda leaf: lax.dynamic_slice_in_dim(leaf, index * lanes, lanes), levels)
        return build(part.genome, part.key)

    def put(index: Int[Array, ""], built: PyTree) -> PyTree:
        return jax.tree.map(
            lambda whole, part: lax.dynamic_update_slice_in_dim(whole, part, index * lanes, 0), built, block(index)
        )

    first = block(jnp.int32(0))
    size = levels.key.shape[0]
    built = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf[:1], (size, *leaf.shape[1:])), first)
    return lax.fori_loop(0, (num_levels + lanes - 1) // lanes, put, built)
