"""Ways to states of an environment as chains of segments, and how they are replayed (Go-Explore, arXiv 2004.12919).

A segment is what one rollout did from a stored state on. It has a number, from which the keys of its actions and of its
steps follow; only where it began is stored.

Axes: T steps, B lanes, G parameters, K segments, N names.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt32

from poet.agents.engine import Engine, Levels, Start, Transition
from poet.agents.lane import broadcast
from poet.agents.policy import Policy
from poet.agents.workers import seed_of
from poet.envs.base import Generator, Trajectory
from poet.envs.episode_keys import step_key
from poet.envs.host import is_host
from poet.errors import RunError
from poet.types import Key, PyTree, derive_key

ROOT = 0  # the segment without actions, from which all others come


class Point(NamedTuple):
    """A state of the environment to return to. Its level is that of the run."""

    world: PyTree
    obs: PyTree


class Phases(NamedTuple):
    """What the keys of a run are derived with: those of its level and root, of segments, and of the policy."""

    start: int
    segment: int
    policy: int


class Replayed(NamedTuple):
    """A way from the root to a state, step by step.

    Attributes:
      trajectory: worlds, actions and rewards; no worlds of simulators.
      point: where it ends.
      score: sum of the rewards, in the order and precision of a search.
      keys: u32[T, 2], data of the key of each step of the environment.
    """

    trajectory: Trajectory
    point: Point
    score: float
    keys: UInt32[np.ndarray, "T 2"]


def trace_point(step: Transition) -> tuple[Point, Array, Array]:
    """What is kept of a step for a replay: the point that it leads to, the reward and the action."""
    return Point(step.world, step.next_obs), step.reward, step.action


class Explorer:
    """What exploring and replaying share: the level of a run, its root, its policy, and segments from a point on.

    Args:
      generator: only its environment and its simplest genome count.
      policy: that explores.
      engine: of this policy in this environment.
      phases: of the run.
      lanes: number of segments that the search makes at once.
      steps: of a segment, at most.
    """

    def __init__(
        self, generator: Generator, policy: Policy, engine: Engine, phases: Phases, *, lanes: int, steps: int
    ) -> None:
        self.environment, self.genome = generator.environment, generator.simplest()
        self.engine, self.phases, self.lanes, self.steps = engine, phases, lanes, steps
        self.horizon = generator.environment.interface.horizon
        self._init_policy = jax.jit(policy.init)
        genome = jax.tree.map(lambda leaf: np.asarray(leaf)[None], self.genome)
        compiled = jax.jit if engine.traceable else lambda function: function
        self._build = compiled(lambda key: _first(engine.build(Levels(genome, key[None]))))
        self._reset = compiled(lambda level, key: engine.reset(jax.tree.map(lambda leaf: leaf[None], level), key[None]))
        self._follow_block = compiled(self._follow_lanes)

    def level(self, key: Key) -> PyTree:
        """The level of a run."""
        return self._build(self.start_key(key))

    def start_key(self, key: Key) -> Key:
        """The key of the level and of the root."""
        return derive_key(key, self.phases.start)

    def segment_key(self, key: Key, segment: Any) -> Key:
        """The key of the episode that a segment is: of its actions, and of the steps of the environment."""
        return derive_key(key, self.phases.segment, episode=segment)

    def root(self, key: Key) -> tuple[PyTree, Point]:
        """The level of a run, and the point from which everything starts."""
        level = self.level(key)
        start = self._reset(level, self.start_key(key))
        return level, _first(Point(start.world, start.obs))

    def params(self, key: Key) -> Float[Array, "G"]:
        """The weights of the policy that explores, if it has any."""
        return jnp.asarray(self._init_policy(derive_key(key, self.phases.policy)))

    def replay(self, key: Key, segments: list[tuple[int, int]]) -> Replayed:
        """The way along a chain of segments, from nothing but their keys."""
        level, point = self.root(key)
        params, length, parts, keys = self.params(key), 0, [], []
        for segment, num in segments:
            starts = jax.tree.map(lambda leaf: np.asarray(leaf)[None], point)
            done = self._follow(key, params, level, [segment], starts, [length])
            parts.append(jax.tree.map(lambda leaf, end=num: np.asarray(leaf)[:end, 0], done))
            own = self.segment_key(key, np.uint32(segment))
            keys.append(np.asarray(_step_keys(own, np.int32(length), self.steps))[:num])
            point, length = jax.tree.map(lambda leaf: leaf[-1], parts[-1][0]), length + num
        if not parts:
            empty = np.zeros(0, np.float32)
            return Replayed(Trajectory(None, empty, empty), point, 0.0, np.zeros((0, 2), np.uint32))
        points, rewards, actions = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
        worlds = points.world
        if is_host(self.environment):
            worlds, rewards = None, self.simulate(key, actions)
        return Replayed(Trajectory(worlds, actions, rewards), point, float(_sums(0, rewards)[-1]), np.concatenate(keys))

    def scores(self, key: Key, parents: Mapping[int, tuple[int, int]], ids: Sequence[tuple[int, int]]) -> list[float]:
        """The scores of many states. Each segment is followed once, together with others.

        Simulators repeat the actions to each state from the start, without a return to any stored state.

        Args:
          key: of the run.
          parents: segment -> the id of the state in which it began; of all segments on the ways to the states.
          ids: of the states.

        Raises `RunError` where a parent is missing.
        """
        level, root = self.root(key)
        params = self.params(key)
        begins = set(parents.values())
        known: dict[int, tuple[int, np.ndarray]] = {ROOT: (0, np.zeros(1, np.float32))}  # length before it, and scores
        points, actions = {(ROOT, 0): jax.tree.map(np.asarray, root)}, {}
        waiting = dict(parents)
        while waiting:
            ready = [segment for segment, (parent, _) in waiting.items() if parent in known]
            if not ready:
                raise RunError(
                    f"expected all segments on the ways to the states; where {min(waiting)} begins is not known"
                )
            for block in (ready[first : first + self.lanes] for first in range(0, len(ready), self.lanes)):
                origins = [waiting.pop(segment) for segment in block]
                lengths = [known[parent][0] + step for parent, step in origins]
                starts = jax.tree.map(lambda *leaves: np.stack(leaves), *(points[origin] for origin in origins))
                done = self._follow(key, params, level, block, starts, lengths)
                points_of_block, rewards, acted = jax.tree.map(np.asarray, done)
                for lane, (segment, (parent, step)) in enumerate(zip(block, origins)):
                    actions[segment] = acted[:, lane]
                    known[segment] = lengths[lane], _sums(known[parent][1][step], rewards[:, lane])
                    for end in (end for end in range(1, self.steps + 1) if (segment, end) in begins):
                        at = end - 1, lane
                        points[segment, end] = jax.tree.map(lambda leaf, at=at: leaf[at], points_of_block)
        if is_host(self.environment):
            ways = [chain(parents.__getitem__, id) for id in ids]
            parts = [[actions[segment][:num] for segment, num in way] for way in ways]
            return [float(_sums(0, self.simulate(key, np.concatenate(part)))[-1]) if part else 0.0 for part in parts]
        return [float(known[segment][1][end]) for segment, end in ids]

    def simulate(self, key: Key, actions: np.ndarray) -> Float[np.ndarray, "T"]:
        """The rewards of actions from the reset of a new simulator on, without a return to any stored state."""
        environment: Any = self.environment
        simulator = environment.make_simulator(jax.tree.map(np.asarray, self.genome))
        simulator.reset(seed_of(np.asarray(jax.random.key_data(self.start_key(key)))))
        rewards = [simulator.step(action).reward for action in actions]
        simulator.close()
        return np.asarray(rewards, np.float32)

    def _follow(
        self, key: Key, params: Any, level: PyTree, segments: list[int], points: Point, lengths: list[int]
    ) -> PyTree:
        """Points, rewards and actions [T, B] of segments, in a block of as many lanes as the search has."""
        lane = np.minimum(np.arange(self.lanes), len(segments) - 1)
        numbers, before = np.array(segments, np.uint32)[lane], np.array(lengths, np.int32)[lane]
        points = jax.tree.map(lambda leaf: leaf[lane], points)
        return self._follow_block(key, params, level, numbers, points, before, np.arange(self.lanes) < len(segments))

    def _follow_lanes(
        self,
        key: Key,
        params: Any,
        level: PyTree,
        segments: UInt32[Array, "B"],
        points: Point,
        lengths: Int[Array, "B"],
        running: Bool[Array, "B"],
    ) -> PyTree:
        keys = jax.vmap(lambda segment: self.segment_key(key, segment))(segments)
        limit = jnp.full(self.lanes, self.horizon, jnp.int32)
        start = Start(points.world, points.obs, None, lengths, limit, keys)
        lanes = self.engine.enter(broadcast(level, self.lanes), start, keys[0])._replace(running=running)
        if self.engine.traceable:
            return self.engine.advance(params, None, lanes, self.steps, trace_point)[1]
        done = []
        while len(done) < self.steps and lanes.running.any():
            lanes, traced, _ = self.engine.advance(params, None, lanes, 1, trace_point)
            done.append(jax.tree.map(lambda leaf: leaf[0], traced))
        return jax.tree.map(lambda *leaves: np.stack(leaves), *done)


def _sums(first: Any, rewards: Float[np.ndarray, "T"]) -> Float[np.ndarray, "_"]:
    """The score before each reward and after the last, added one after the other."""
    return np.add.accumulate(np.concatenate([np.array([first], np.float32), rewards]), dtype=np.float32)


def chain(parent_of: Callable[[int], Any], id: tuple[int, int]) -> list[tuple[int, int]]:
    """The segments of the way to a state, the first one first, each with the number of its actions that count.

    Args:
      parent_of: segment -> the id of the state in which it began; raises `LookupError` for one that is not known.
      id: of the state, (segment, number of actions).

    Raises `RunError` for an id that no segment has.

    >>> chain({1: (0, 0), 7: (1, 30)}.__getitem__, (7, 12))
    [(1, 30), (7, 12)]
    """
    found, at = [], (int(id[0]), int(id[1]))
    while at[0] != ROOT:
        found.append(at)
        try:
            first, second = parent_of(at[0])
        except LookupError as error:
            raise RunError(
                f"expected the id of a state of this run, got segment {at[0]}, which it does not have"
            ) from error
        at = (int(first), int(second))
    return found[::-1]


def parents_of(columns: Mapping[str, np.ndarray]) -> dict[int, tuple[int, int]]:
    """Of each segment of a record the id of the state in which it began."""
    return dict(zip(np.asarray(columns["segment"]).tolist(), map(tuple, np.asarray(columns["parent"]).tolist())))


def reachable(parent: UInt32[np.ndarray, "K 2"], segments: UInt32[np.ndarray, "N"]) -> Int[np.ndarray, "_"]:
    """The segments on the ways to these, themselves included, without the root; sorted.

    >>> reachable(np.array([[0, 0], [0, 0], [1, 5], [0, 0], [2, 9]]), np.array([4, 1])).tolist()
    [1, 2, 4]
    """
    known = np.zeros(len(parent), bool)
    new = np.unique(segments.astype(np.int64))
    while len(new := new[~known[new] & (new != ROOT)]):
        known[new] = True
        new = np.unique(parent[new, 0].astype(np.int64))
    return np.flatnonzero(known)


@functools.partial(jax.jit, static_argnums=2)
def _step_keys(key: Key, first: Int[Array, ""], num: int) -> UInt32[Array, "T 2"]:
    return jax.random.key_data(jax.vmap(lambda number: step_key(key, number))(first + jnp.arange(num)))


def _first(tree: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf: leaf[0], tree)
