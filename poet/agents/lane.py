"""One lane: how an episode starts, and one step of it. Rollout engines that are traceable share it."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from poet.agents.engine import Start
from poet.agents.policy import Policy
from poet.envs.base import Environment
from poet.envs.episode_keys import action_key, level_key, reset_key, step_key
from poet.types import Genome, Key, Keys, PyTree


class Lane(NamedTuple):
    """An episode in progress, or as it ended."""

    running: Bool[Array, ""]
    world: PyTree
    obs: PyTree
    memory: PyTree
    length: Int[Array, ""]
    fitness: Float[Array, ""]  # sum of the rewards so far


def build_level(environment: Environment, genome: Genome, key: Key) -> PyTree:
    """The level of a genome, from the key of its episodes."""
    return environment.build(level_key(key), genome)


def reset_episode(environment: Environment, level: PyTree, key: Key) -> tuple[PyTree, PyTree]:
    """The first world of an episode and its observation."""
    return environment.reset(reset_key(key), level)


def act(
    policy: Policy, weights: PyTree, memory: PyTree, obs: PyTree, key: Key, length: Int[Array, ""]
) -> tuple[Array, PyTree]:
    """The action after so many steps of the episode that has this key, and the memory after it."""
    return policy.act(weights, memory, obs, action_key(key, length))


def new_starts(environment: Environment, policy: Policy, level: PyTree, key: Keys) -> Start:
    """B new episodes, one in each of B levels."""
    world, obs = jax.vmap(functools.partial(reset_episode, environment))(level, key)
    num = key.shape[0]
    limit = jnp.full(num, environment.interface.horizon, jnp.int32)
    return Start(world, obs, broadcast(policy.init_memory(), num), jnp.zeros(num, jnp.int32), limit, key)


def start_lane(environment: Environment, policy: Policy, level: PyTree, start: Start) -> Lane:
    """B lanes at these starts."""
    num = start.length.shape[0]
    obs = start.obs
    if obs is None:
        obs = jax.vmap(environment.observe)(level, start.world)  # pyright: ignore[reportAttributeAccessIssue]
    memory = broadcast(policy.init_memory(), num) if start.memory is None else start.memory
    return Lane(jnp.ones(num, bool), start.world, obs, memory, start.length, jnp.zeros(num))


def step_lane(
    environment: Environment,
    policy: Policy,
    weights: PyTree,
    level: PyTree,
    key: Key,
    limit: Int[Array, ""] | int,
    lane: Lane,
) -> tuple[Lane, Array, Float[Array, ""]]:
    """One step of a running episode: the lane after it, the action and the reward.

    Keys that neither policy nor environment uses are not computed. `limit` alone truncates: by its contract, an
    environment does so at its horizon and not before.
    """
    action, memory = act(policy, weights, lane.memory, lane.obs, key, lane.length)
    step = environment.step(step_key(key, lane.length), level, lane.world, action)
    length, fitness = lane.length + 1, lane.fitness + step.reward
    # An episode whose fitness is not finite cannot recover, so it ends.
    ended = step.terminated | (length >= limit) | ~jnp.isfinite(fitness)
    return Lane(~ended, step.world, step.obs, memory, length, fitness), action, step.reward


def end_functions(environment: Environment) -> tuple[Callable[..., Array], Callable[..., Array]]:
    """(level, last world) -> success f32[] and -> descriptor f32[D], for environments without them too."""
    return (
        getattr(environment, "success", lambda level, world: jnp.float32(1.0)),
        getattr(environment, "descriptor", lambda level, world: jnp.zeros(0)),
    )


def broadcast(tree: PyTree, num_lanes: int) -> PyTree:
    """The same tree in every lane."""
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (num_lanes, *jnp.shape(leaf))), tree)


def where_lanes(mask: Bool[Array, "*B"], new: PyTree, old: PyTree) -> PyTree:
    """`new` in the lanes of the mask, else `old`, for every leaf [*B, ...]; of one lane, or of a block."""
    return jax.tree.map(lambda a, b: jnp.where(mask.reshape(mask.shape + (1,) * (a.ndim - mask.ndim)), a, b), new, old)
