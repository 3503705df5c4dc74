"""The episodes in which an environment is checked: one compiled program, and actions up to their bounds."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt32

from poet.envs.base import Box, Discrete, Environment, MultiDiscrete, Space, Trajectory
from poet.envs.spaces import bounds
from poet.envs.testing.common import BATCH, random_key_data
from poet.types import Genome, PyTree

ACTION_KINDS = ("random actions", "random actions at the bounds", "one constant action at the bounds")
MAX_PERIOD = 256  # steps after which the actions of an episode are repeated
FORWARDS, BACKWARDS = slice(None), slice(None, None, -1)


class Lane(NamedTuple):
    """An episode. Its world is stepped on after the end; all other fields keep what the episode ended with."""

    world: PyTree
    last: PyTree
    obs: PyTree
    reward: Float[Array, ""]
    total: Float[Array, ""]
    length: Int[Array, ""]
    running: Bool[Array, ""]
    varied: Bool[Array, ""]  # whether some observation differed from the first one
    first_not_finite: Int[Array, "3"]  # the first step at which obs, reward and info are not finite; -1 for never
    truncated: Bool[Array, ""]  # at the last step
    continued: Bool[Array, ""]  # whether a step from the horizon on was neither terminated nor truncated


class Episodes(NamedTuple):
    """What B episodes gave."""

    level: PyTree
    first_obs: PyTree
    lane: Lane
    observed: tuple[PyTree, PyTree]  # by `observe`, in the first and in the last world
    success: Float[Array, "B"]
    descriptor: Float[Array, "B 2 D"]  # in the first and in the last world


class Player:
    """Plays the same 128 episodes, by one compiled program: of any number of steps, and in any order.

    Attributes:
      kinds: i32[B], the kind of the actions of each episode, a position in `ACTION_KINDS`.
    """

    def __init__(self, environment: Environment, genomes: Sequence[Genome]) -> None:
        interface = environment.interface
        self.kinds = np.random.default_rng(0).permutation(BATCH) % len(ACTION_KINDS)
        self._actions = make_actions(interface.action, self.kinds, min(interface.horizon + 1, MAX_PERIOD))
        self._keys = random_key_data(1, BATCH, 3)
        members = np.arange(BATCH) % len(genomes)
        self._genomes = jax.tree.map(lambda *leaves: np.stack(leaves)[members], *genomes)
        self._program = jax.jit(jax.vmap(_episode(environment), in_axes=(0, 0, 0, None)))

    def play(self, num_steps: int, order: slice = FORWARDS, key_order: slice = FORWARDS) -> Episodes:
        """Results as NumPy arrays; `order` is that of the actions and the genomes."""
        genomes = jax.tree.map(lambda leaf: leaf[order], self._genomes)
        return jax.device_get(self._program(self._keys[key_order], self._actions[order], genomes, np.int32(num_steps)))

    def record(self, length: int) -> tuple[PyTree, Trajectory]:
        """The level of the first episode, and its first, its middle and its last step of `length`."""
        steps = sorted({1, (length + 1) // 2, length})
        played = [jax.tree.map(lambda leaf: leaf[0], self.play(num_steps)) for num_steps in steps]
        worlds = jax.tree.map(lambda *leaves: np.stack(leaves), *(episode.lane.last for episode in played))
        actions = self._actions[0, (np.array(steps) - 1) % self._actions.shape[1]]
        return played[-1].level, Trajectory(worlds, actions, np.stack([episode.lane.reward for episode in played]))


def make_actions(space: Space, kinds: Int[np.ndarray, "B"], length: int) -> np.ndarray:
    """Actions [B, length, ...] of these kinds, positions in `ACTION_KINDS`; all choices of a discrete space are bounds.

    >>> make_actions(Box((1,)), np.array([2, 2]), 3).tolist()
    [[[-1.0], [-1.0], [-1.0]], [[1.0], [1.0], [1.0]]]
    """
    rng, size = np.random.default_rng(0), (len(kinds), length)
    match space:
        case Box(shape, low, high):
            low, high = bounds(Box(shape, low, high))
            random = rng.uniform(low, high, (*size, *shape)).astype(np.float32)
            edges = np.where(rng.random(random.shape) < 0.5, low, high).astype(np.float32)
            for episode, bound in zip(np.flatnonzero(kinds == 2), (low, high)):
                edges[episode, 0] = bound
        case Discrete(num):
            random, edges = rng.integers(num, size=(2, *size), dtype=np.int32)
        case MultiDiscrete(nums):
            random, edges = rng.integers(nums, size=(2, *size, len(nums)), dtype=np.int32)
    constant = np.broadcast_to(edges[:, :1], edges.shape)
    return np.stack([random, edges, constant])[kinds, np.arange(len(kinds))]


def _episode(environment: Environment) -> Callable[[Array, Array, Genome, Array], Episodes]:
    horizon = environment.interface.horizon
    success = getattr(environment, "success", lambda level, world: jnp.float32(1))
    descriptor = getattr(environment, "descriptor", lambda level, world: jnp.zeros(0))

    def episode(key_data: UInt32[Array, "3 2"], actions: Array, genome: Genome, num_steps: Int[Array, ""]) -> Episodes:
        level = environment.build(jax.random.wrap_key_data(key_data[0]), genome)
        first, first_obs = environment.reset(jax.random.wrap_key_data(key_data[1]), level)

        def advance(t: Int[Array, ""], lane: Lane) -> Lane:
            key = jax.random.wrap_key_data(key_data[2] + jnp.array([0, 1], jnp.uint32) * t.astype(jnp.uint32))
            step = environment.step(key, level, lane.world, actions[t % actions.shape[0]])
            ended = step.terminated | step.truncated
            not_finite = ~jnp.stack([_is_finite(step.obs), _is_finite(step.reward), _is_finite(step.info)])
            new = Lane(
                world=step.world,
                last=step.world,
                obs=step.obs,
                reward=step.reward,
                total=lane.total + step.reward,
                length=lane.length + 1,
                running=~ended,
                varied=lane.varied | _differ(step.obs, first_obs),
                first_not_finite=jnp.where(not_finite & (lane.first_not_finite < 0), t, lane.first_not_finite),
                truncated=step.truncated,
                continued=lane.continued,
            )
            new = jax.tree.map(lambda a, b: jnp.where(lane.running, a, b), new, lane)
            return new._replace(world=step.world, continued=lane.continued | (~ended & (t + 1 >= horizon)))

        zero, no = jnp.float32(0), jnp.bool_(False)
        start = Lane(first, first, first_obs, zero, zero, jnp.int32(0), ~no, no, jnp.full(3, -1), no, no)
        lane = jax.lax.fori_loop(0, num_steps, advance, start)
        worlds = jax.tree.map(lambda *leaves: jnp.stack(leaves), first, lane.last)
        observe = getattr(environment, "observe", None)
        observed = (observe(level, first), observe(level, lane.last)) if observe else (first_obs, lane.obs)
        descriptors = jax.vmap(descriptor, (None, 0))(level, worlds)
        return Episodes(level, first_obs, lane, observed, success(level, lane.last), descriptors)

    return episode


def _differ(obs: PyTree, other: PyTree) -> Bool[Array, ""]:
    differ = jax.tree.map(lambda a, b: (a != b).any(), obs, other)
    return jnp.stack(jax.tree.leaves(differ)).any()


def _is_finite(tree: PyTree) -> Bool[Array, ""]:
    floats = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return jnp.all(jnp.array([True, *(jnp.isfinite(leaf).all() for leaf in floats)]))
