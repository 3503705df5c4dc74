"""Episodes of many agents in many worlds, on one device, in one compiled program.

A fixed number of lanes runs side by side. Episodes wait in a queue; a lane whose episode has ended takes the next
one, so lanes are not simulated on to the cap. What an episode gives does not depend on its lane, on its neighbours
or on its place in the queue: the block of lanes has one shape, and shape is what XLA's bits depend on.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from poet.agents.policy import Policy
from poet.envs.base import Environment
from poet.types import Genome, Key, Params, PyTree


class Grounds(NamedTuple):
    """Worlds to run in: M genomes (stacked leaves), each with the key of its level and its episode."""

    genome: Genome
    key: Key


class Outcome(NamedTuple):
    """What Q episodes gave."""

    fitness: Float[Array, "Q"]  # sum of rewards; not finite if the world or the agent broke
    length: Int[Array, "Q"]  # steps
    success: Float[Array, "Q"]  # the environment's own word in [0, 1]; 1 where it has none
    lane_steps: Int[Array, ""]  # steps that lanes took, idle ones included: what the episodes cost
    descriptor: Float[Array, "Q D"]  # what the environment says of its end; D is 0 where it says nothing


class Trajectory(NamedTuple):
    """One episode step by step; what follows its end is cut off."""

    worlds: PyTree  # [T, ...], the world after each step
    actions: Array  # [T, ...]
    rewards: Float[Array, "T"]


class _Lanes(NamedTuple):
    episode: Int[Array, "B"]  # place in the queue; its length means idle
    running: Array  # bool[B]
    world: PyTree
    obs: Array
    fitness: Float[Array, "B"]
    length: Int[Array, "B"]


def rollout(
    environment: Environment, policy: Policy, lanes: int, chunk: int
) -> Callable[[Float[Array, "Q G"], Grounds, Int[Array, "Q"], Int[Array, ""], Int[Array, ""]], Outcome]:
    """The program `(params, grounds, ground, num_episodes, num_grounds) -> Outcome` for `lanes` lanes.

    `params` f32[Q, G] are the agents of the queued episodes, `ground` i32[Q] says in which of the M grounds each
    runs; the first `num_episodes` and `num_grounds` count. M must be a multiple of `lanes`. Lanes are refilled
    every `chunk` steps.
    """
    build_block, reset = _beginning(environment)
    success = jax.vmap(getattr(environment, "success", lambda level, world: jnp.float32(1.0)))
    describe = jax.vmap(getattr(environment, "descriptor", lambda level, world: jnp.zeros(0)))

    def program(
        params: Float[Array, "Q G"],
        grounds: Grounds,
        ground: Int[Array, "Q"],
        num_episodes: Int[Array, ""],
        num_grounds: Int[Array, ""],
    ) -> Outcome:
        queue = params.shape[0]
        levels = _build(build_block, grounds, num_grounds, lanes)

        def tick(carry: tuple[_Lanes, Array, Outcome]) -> tuple[_Lanes, Array, Outcome]:
            state, head, outcome = carry
            # Hand the next episodes to the lanes that are free, in order.
            place = head + jnp.cumsum(~state.running) - 1
            fresh = ~state.running & (place < num_episodes)
            episode = jnp.where(state.running, state.episode, jnp.where(fresh, place, queue))
            head = head + jnp.sum(fresh)

            entry = jnp.minimum(episode, queue - 1)
            tree = jax.vmap(policy.unravel)(params[entry])
            level = jax.tree.map(lambda leaf: leaf[ground[entry]], levels)
            key = grounds.key[ground[entry]]
            world, obs = reset(level, key)
            state = _Lanes(
                episode,
                state.running | fresh,
                _where(fresh, world, state.world),
                _where(fresh, obs, state.obs),
                jnp.where(fresh, 0.0, state.fitness),
                jnp.where(fresh, 0, state.length),
            )

            advance = jax.vmap(lambda *lane: _advance(environment, policy, *lane))
            state = lax.fori_loop(0, chunk, lambda _, now: advance(tree, level, key, now), state)

            ended = jnp.where(state.running, queue, state.episode)
            outcome = outcome._replace(
                fitness=outcome.fitness.at[ended].set(state.fitness, mode="drop"),
                length=outcome.length.at[ended].set(state.length, mode="drop"),
                success=outcome.success.at[ended].set(success(level, state.world), mode="drop"),
                lane_steps=outcome.lane_steps + lanes * chunk,
                descriptor=outcome.descriptor.at[ended].set(describe(level, state.world), mode="drop"),
            )
            return state, head, outcome

        # Idle lanes hold a started episode, so that every leaf has a value of its kind.
        first, keys = jax.tree.map(lambda leaf: leaf[:lanes], (levels, grounds.key))
        world, obs = reset(first, keys)
        idle = _Lanes(
            jnp.full(lanes, queue),
            jnp.zeros(lanes, bool),
            world,
            obs,
            jnp.zeros(lanes),
            jnp.zeros(lanes, jnp.int32),
        )
        size = jax.eval_shape(describe, first, world).shape[1]
        nothing = Outcome(
            jnp.zeros(queue),
            jnp.zeros(queue, jnp.int32),
            jnp.zeros(queue),
            jnp.int32(0),
            jnp.zeros((queue, size)),
        )
        return lax.while_loop(
            lambda carry: jnp.any(carry[0].running) | (carry[1] < num_episodes), tick, (idle, jnp.int32(0), nothing)
        )[2]

    return program


def recorder(environment: Environment, policy: Policy, lanes: int = 128) -> Callable[[Params, Key, Genome], Trajectory]:
    """What records one episode with every world on its way, for pictures; key and genome are as in a `Grounds`.

    The episode ends as in a `rollout` of as many lanes, bit for bit: it runs in a block of `lanes` equal lanes, since a
    block of one would have other bits and soon another course, and level and start are made by programs of their own,
    since within one program nothing writes them to memory before the steps.
    """
    build, reset = map(jax.jit, _beginning(environment))

    @jax.jit
    def walk(params: Params, level: PyTree, key: Key, start: _Lanes) -> tuple[PyTree, Array, Array, Array]:
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
        worlds, actions, rewards, length = walk(params, level, key, start)
        num_steps = int(length[-1])
        return Trajectory(*jax.tree.map(lambda leaf: leaf[:num_steps], (worlds, actions, rewards)))

    return record


def _beginning(environment: Environment) -> tuple[Callable, Callable]:
    """(genome, key) -> level and (level, key) -> (world, obs), for blocks; a step takes the numbers from 2."""
    return (
        jax.vmap(lambda genome, key: environment.build(jax.random.fold_in(key, 0), genome)),
        jax.vmap(lambda level, key: environment.reset(jax.random.fold_in(key, 1), level)),
    )


def _advance(environment: Environment, policy: Policy, tree: PyTree, level: PyTree, key: Key, state: _Lanes) -> _Lanes:
    """One step of one lane; a lane whose episode has ended keeps what it ended with."""
    key = jax.random.fold_in(key, 2 + state.length)
    step = environment.step(key, level, state.world, policy.apply(tree, state.obs))
    length = state.length + state.running
    fitness = jnp.where(state.running, state.fitness + step.reward, state.fitness)
    # What broke stays broken, and need not be run to the cap.
    ended = step.terminated | step.truncated | (length >= environment.interface.horizon) | ~jnp.isfinite(fitness)
    return _Lanes(
        state.episode,
        state.running & ~ended,
        _where(state.running, step.world, state.world),
        _where(state.running, step.obs, state.obs),
        fitness,
        length,
    )


def _build(build_block: Callable, grounds: Grounds, num_grounds: Int[Array, ""], lanes: int) -> PyTree:
    """Levels of all grounds, a block of lanes at a time, as many blocks as are needed."""

    def block(index: Int[Array, ""]) -> PyTree:
        part = jax.tree.map(lambda leaf: lax.dynamic_slice_in_dim(leaf, index * lanes, lanes), grounds)
        return build_block(part.genome, part.key)

    def put(index: Int[Array, ""], levels: PyTree) -> PyTree:
        return jax.tree.map(
            lambda whole, part: lax.dynamic_update_slice_in_dim(whole, part, index * lanes, 0), levels, block(index)
        )

    first = block(jnp.int32(0))
    size = grounds.key.shape[0]
    levels = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf[:1], (size, *leaf.shape[1:])), first)
    return lax.fori_loop(0, (num_grounds + lanes - 1) // lanes, put, levels)


def _where(mask: Array, new: PyTree, old: PyTree) -> PyTree:
    """Choose whole leaves by a mask over their leading axes."""
    return jax.tree.map(lambda a, b: jnp.where(mask.reshape(mask.shape + (1,) * (a.ndim - mask.ndim)), a, b), new, old)
