"""Episodes of many agents in many environments, on one device, in one compiled program.

A fixed number of lanes runs side by side. Episodes wait in a queue; a lane whose episode has ended takes the next
one, so that no lane idles until the longest episode ends. The result of an episode does not depend on its lane, on the
other lanes or on its position in the queue: the block of lanes has one shape, and XLA's bits depend on shapes.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from poet.agents.policy import Policy
from poet.envs.base import Environment, Trajectory
from poet.types import Genome, Key, Params, PyTree


class Episodes(NamedTuple):
    """M episodes to be run: a genome (leaves [M, ...]) and the key of level and episode for each."""

    genome: Genome
    key: Key


class EpisodeResult(NamedTuple):
    """What Q episodes gave, as arrays of jax or NumPy."""

    fitness: Float[Array, "Q"] | Float[np.ndarray, "Q"]  # sum of rewards; not finite if environment or agent failed
    length: Int[Array, "Q"] | Int[np.ndarray, "Q"]  # steps
    success: Float[Array, "Q"] | Float[np.ndarray, "Q"]  # in [0, 1], by the environment; 1 where it has no `success`
    descriptor: Float[Array, "Q D"] | Float[np.ndarray, "Q D"]  # at the end of the episode; D is 0 without one


class _Lanes(NamedTuple):
    episode: Int[Array, "B"]  # position in the queue; Q means idle
    running: Array  # bool[B]
    world: PyTree
    obs: Array
    fitness: Float[Array, "B"]
    length: Int[Array, "B"]


class Rollout(Protocol):
    """A traceable program that runs a queue of Q episodes."""

    def __call__(
        self,
        params: Float[Array, "Q G"],
        episodes: Episodes,
        index: Int[Array, "Q"],
        num_queued: Int[Array, ""],
        num_episodes: Int[Array, ""],
        /,
    ) -> tuple[EpisodeResult, Int[Array, ""]]:
        """Results, and the steps that lanes took, idle ones included.

        `params` are the agents, `index` says which of the M `episodes` each agent runs. Only the first `num_queued`
        of the queue and the first `num_episodes` of the episodes count; the rest fills up the shape.
        """
        ...


def rollout(environment: Environment, policy: Policy, lanes: int, chunk: int) -> Rollout:
    """The program that runs a queue of episodes in blocks of `lanes` lanes, refilled every `chunk` steps.

    See `Rollout` for its arguments. M must be a multiple of `lanes`.
    """
    build_block, reset = _block_functions(environment)
    success = jax.vmap(getattr(environment, "success", lambda level, world: jnp.float32(1.0)))
    describe = jax.vmap(getattr(environment, "descriptor", lambda level, world: jnp.zeros(0)))

    def run_episodes(
        params: Float[Array, "Q G"],
        episodes: Episodes,
        index: Int[Array, "Q"],
        num_queued: Int[Array, ""],
        num_episodes: Int[Array, ""],
    ) -> tuple[EpisodeResult, Int[Array, ""]]:
        queue = params.shape[0]
        levels = _build_levels(build_block, episodes, num_episodes, lanes)

        def run_chunk(carry: tuple[_Lanes, Array, EpisodeResult, Array]) -> tuple[_Lanes, Array, EpisodeResult, Array]:
            state, head, result, lane_steps = carry
            # Hand the next episodes to the lanes that are free, in order.
            position = head + jnp.cumsum(~state.running) - 1
            starts = ~state.running & (position < num_queued)
            episode = jnp.where(state.running, state.episode, jnp.where(starts, position, queue))
            head = head + jnp.sum(starts)

            entry = jnp.minimum(episode, queue - 1)
            tree = jax.vmap(policy.unravel)(params[entry])
            level = jax.tree.map(lambda leaf: leaf[index[entry]], levels)
            key = episodes.key[index[entry]]
            world, obs = reset(level, key)
            state = _Lanes(
                episode,
                state.running | starts,
                _where(starts, world, state.world),
                _where(starts, obs, state.obs),
                jnp.where(starts, 0.0, state.fitness),
                jnp.where(starts, 0, state.length),
            )

            advance = jax.vmap(lambda *lane: _advance(environment, policy, *lane))
            state = lax.fori_loop(0, chunk, lambda _, current: advance(tree, level, key, current), state)

            ended = jnp.where(state.running, queue, state.episode)
            new = EpisodeResult(state.fitness, state.length, success(level, state.world), describe(level, state.world))
            result = jax.tree.map(lambda queued, lane: queued.at[ended].set(lane, mode="drop"), result, new)
            return state, head, result, lane_steps + lanes * chunk

        # Idle lanes hold a started episode, so that every leaf has a value of its kind.
        first, keys = jax.tree.map(lambda leaf: leaf[:lanes], (levels, episodes.key))
        world, obs = reset(first, keys)
        idle = _Lanes(
            jnp.full(lanes, queue),
            jnp.zeros(lanes, bool),
            world,
            obs,
            jnp.zeros(lanes),
            jnp.zeros(lanes, jnp.int32),
        )
        num_descriptors = jax.eval_shape(describe, first, world).shape[1]
        empty = EpisodeResult(
            jnp.zeros(queue),
            jnp.zeros(queue, jnp.int32),
            jnp.zeros(queue),
            jnp.zeros((queue, num_descriptors)),
        )
        _, _, result, lane_steps = lax.while_loop(
            lambda carry: jnp.any(carry[0].running) | (carry[1] < num_queued),
            run_chunk,
            (idle, jnp.int32(0), empty, jnp.int32(0)),
        )
        return result, lane_steps

    return run_episodes


def recorder(environment: Environment, policy: Policy, lanes: int = 128) -> Callable[[Params, Key, Genome], Trajectory]:
    """A function that records one episode with the world after every step, for pictures.

    The episode ends as in a `rollout` of as many lanes, bit for bit: it runs in a block of `lanes` equal lanes, since a
    block of one lane would give other bits. Level and first world are computed by separate programs: within one
    program XLA may compute them again, with other roundings, at each place that reads them.
    """
    build, reset = map(jax.jit, _block_functions(environment))

    @jax.jit
    def replay_episode(params: Params, level: PyTree, key: Key, start: _Lanes) -> tuple[PyTree, Array, Array, Array]:
        tree = jax.vmap(policy.unravel)(params)

        def step(state: _Lanes, _: None) -> tuple[_Lanes, tuple[PyTree, Array, Array, Array]]:
            action = policy.apply(jax.tree.map(lambda leaf: leaf[0], tree), state.obs[0])
            new = jax.vmap(lambda *lane: _advance(environment, policy, *lane))(tree, level, key, state)
            first = jax.tree.map(lambda leaf: leaf[0], new.world)
            return new, (first, action, new.fitness[0] - state.fitness[0], new.length[0])

        return lax.scan(step, start, length=environment.interface.horizon)[1]

    def record(params: Params, key: Key, genome: Genome) -> Trajectory:
        params, key, genome = jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf, (lanes, *jnp.shape(leaf))), (params, key, genome)
        )
        level = build(genome, key)
        none = jnp.zeros(lanes, jnp.int32)
        world, obs = reset(level, key)
        start = _Lanes(none, jnp.ones(lanes, bool), world, obs, jnp.zeros(lanes), none)
        worlds, actions, rewards, length = replay_episode(params, level, key, start)
        num_steps = int(length[-1])
        return Trajectory(*jax.tree.map(lambda leaf: leaf[:num_steps], (worlds, actions, rewards)))

    return record


def _block_functions(environment: Environment) -> tuple[Callable, Callable]:
    """(genome, key) -> level and (level, key) -> (world, obs), for blocks. Step t uses the key folded with 2 + t."""

    def build(genome: Genome, key: Key) -> PyTree:
        return environment.build(jax.random.fold_in(key, 0), genome)

    def reset(level: PyTree, key: Key) -> tuple[PyTree, PyTree]:
        return environment.reset(jax.random.fold_in(key, 1), level)

    return jax.vmap(build), jax.vmap(reset)


def _advance(environment: Environment, policy: Policy, tree: PyTree, level: PyTree, key: Key, state: _Lanes) -> _Lanes:
    """One step of one lane; a lane whose episode has ended keeps what it ended with."""
    key = jax.random.fold_in(key, 2 + state.length)
    step = environment.step(key, level, state.world, policy.apply(tree, state.obs))
    length = state.length + state.running
    fitness = jnp.where(state.running, state.fitness + step.reward, state.fitness)
    # An episode whose fitness is not finite cannot recover, so it ends.
    ended = step.terminated | step.truncated | (length >= environment.interface.horizon) | ~jnp.isfinite(fitness)
    return _Lanes(
        state.episode,
        state.running & ~ended,
        _where(state.running, step.world, state.world),
        _where(state.running, step.obs, state.obs),
        fitness,
        length,
    )


def _build_levels(build_block: Callable, episodes: Episodes, num_episodes: Int[Array, ""], lanes: int) -> PyTree:
    """Levels of all episodes, a block of lanes at a time, as many blocks as are needed."""

    def block(index: Int[Array, ""]) -> PyTree:
        part = jax.tree.map(lambda leaf: lax.dynamic_slice_in_dim(leaf, index * lanes, lanes), episodes)
        return build_block(part.genome, part.key)

    def put(index: Int[Array, ""], levels: PyTree) -> PyTree:
        return jax.tree.map(
            lambda whole, part: lax.dynamic_update_slice_in_dim(whole, part, index * lanes, 0), levels, block(index)
        )

    first = block(jnp.int32(0))
    size = episodes.key.shape[0]
    levels = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf[:1], (size, *leaf.shape[1:])), first)
    return lax.fori_loop(0, (num_episodes + lanes - 1) // lanes, put, levels)


def _where(mask: Array, new: PyTree, old: PyTree) -> PyTree:
    """`new` where the mask over the leading axes holds, else `old`, for every leaf."""
    return jax.tree.map(lambda a, b: jnp.where(mask.reshape(mask.shape + (1,) * (a.ndim - mask.ndim)), a, b), new, old)
