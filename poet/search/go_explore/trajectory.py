"""Ways to cells: chains of segments, and how they are replayed.

Axes: B batch, T steps, G parameters.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from poet.agents.engine import Engine, Lanes, Levels, Start
from poet.agents.lane import broadcast
from poet.agents.policy import Policy
from poet.envs.base import Generator
from poet.errors import RunError
from poet.search.go_explore.config import GoExploreConfig
from poet.search.go_explore.explore import segment_key, trace_point
from poet.search.go_explore.state import ROOT, GoExploreState, Point
from poet.search.keys import GoExplorePhase
from poet.types import Key, PyTree, derive_key


class Trajectory(NamedTuple):
    """A way from the root to a cell.

    Attributes:
      actions: [T, ...].
      rewards: f32[T].
      point: where it ends.
      score: sum of the rewards, in the order and precision of the search.
    """

    actions: np.ndarray
    rewards: np.ndarray
    point: Point
    score: float


class Explorer:
    """What exploring and replaying share: the root, and steps from a point."""

    def __init__(self, config: GoExploreConfig, generator: Generator, policy: Policy, engine: Engine) -> None:
        self.config, self.engine = config, engine
        self.horizon = generator.environment.interface.horizon
        self._init_policy = jax.jit(policy.init)
        genome = jax.tree.map(lambda leaf: np.asarray(leaf)[None], generator.simplest())
        compiled = jax.jit if engine.traceable else lambda function: function
        self._build = compiled(lambda key: jax.tree.map(lambda leaf: leaf[0], engine.build(Levels(genome, key[None]))))
        self._reset = compiled(lambda level, key: engine.reset(jax.tree.map(lambda leaf: leaf[None], level), key[None]))
        self._follow = compiled(self._follow_segment)

    def level(self, key: Key) -> PyTree:
        """The level of a run."""
        return self._build(derive_key(key, GoExplorePhase.START))

    def root(self, key: Key) -> tuple[PyTree, Point]:
        """The level of a run, and the point from which everything starts."""
        level = self.level(key)
        start = self._reset(level, derive_key(key, GoExplorePhase.START))
        return level, jax.tree.map(lambda leaf: leaf[0], Point(start.world, start.obs))

    def params(self, key: Key) -> Float[Array, "G"]:
        """The weights of the policy that explores, if it has any."""
        return jnp.asarray(self._init_policy(derive_key(key, GoExplorePhase.POLICY)))

    def replay(self, state: GoExploreState, id: tuple[int, int]) -> Trajectory:
        """The way to an elite, step by step, from nothing but the keys of its segments.

        Raises `RunError` for an id that no segment has.
        """
        level, point = self.root(state.key)
        params = self.params(state.key)
        length, score = 0, np.float32(0)
        actions, rewards = [], []
        for segment, num_actions in chain(state, id):
            key = segment_key(state.key, np.uint32(segment))
            done = self._follow(key, params, level, point, np.int32(length))
            points, reward, action = jax.tree.map(lambda leaf, end=num_actions: np.asarray(leaf)[:end], done)
            point, length = jax.tree.map(lambda leaf: leaf[-1], points), length + num_actions
            actions.append(action)
            rewards.append(reward)
            for each in reward:
                score += each
        if not actions:
            return Trajectory(np.zeros(0), np.zeros(0, np.float32), point, 0.0)
        return Trajectory(np.concatenate(actions), np.concatenate(rewards), point, float(score))

    def _follow_segment(
        self, key: Key, params: Float[Array, "G"], level: PyTree, point: Point, length: Int[Array, ""]
    ) -> PyTree:
        """The points, rewards and actions of a whole segment, in a block of as many lanes as the search has."""
        one = Start(point.world, point.obs, None, length, jnp.int32(self.horizon), key)
        level_of_lanes, start = broadcast((level, one), self.config.batch)
        lanes = self.engine.enter(level_of_lanes, start, key)
        lanes = lanes._replace(running=np.arange(self.config.batch) == 0)

        def step(lanes: Lanes, _: None) -> tuple[Lanes, PyTree]:
            lanes, traced, _ended = self.engine.advance(params, None, lanes, 1, trace_point(None))
            point, _, reward, action = jax.tree.map(lambda leaf: leaf[0, 0], traced)
            return lanes, (point, reward, action)

        if self.engine.traceable:
            return jax.lax.scan(step, lanes, length=self.config.steps)[1]
        done = []
        while len(done) < self.config.steps and lanes.running[0]:
            lanes, one_step = step(lanes, None)
            done.append(one_step)
        return jax.tree.map(lambda *leaves: np.stack(leaves), *done)


def chain(state: GoExploreState, id: tuple[int, int]) -> list[tuple[int, int]]:
    """The segments of a trajectory, the first one first, each with the number of its actions that count."""
    found, at = [], (int(id[0]), int(id[1]))
    while at[0] != ROOT:
        if not ROOT < at[0] < int(state.num_segments):
            raise RunError(f"expected the id of an elite of this run, got segment {at[0]} of {state.num_segments}")
        found.append(at)
        at = tuple(map(int, state.parent[at[0]]))
    return found[::-1]
