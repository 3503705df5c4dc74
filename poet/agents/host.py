"""The rollout engine for simulators that are not written in JAX: they run in worker processes, the policy runs here.

The policy is evaluated in blocks of one fixed size, so that results do not depend on the number of workers, on the
number of episodes, or on the lane of an episode. An episode that is lost with its worker is run again from its key,
alone in a worker; after three losses its result is NaN, and this is kept for a run that resumes.

Axes: A agents, M levels, Q queued episodes.
"""

import functools
import os
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt32

from poet.agents.config import HostEngineConfig
from poet.agents.engine import Engine, EngineContext, EpisodeResult, Episodes, Levels
from poet.agents.host_lanes import HostLanes
from poet.agents.lane import act, broadcast, where_lanes
from poet.agents.lost import MAX_LOSSES, LostEpisodes, name_of
from poet.agents.policy import Policy
from poet.agents.worker import Act, Acted, Begin
from poet.agents.workers import Workers, begin, seed_of, write
from poet.envs.base import Trajectory
from poet.envs.host import History, HostEnvironment, Snapshot, is_host
from poet.envs.spaces import zero_observation
from poet.errors import ConfigError
from poet.types import Genome, Key, Params, PyTree


class _Episode(NamedTuple):
    """What an episode is run from; the fields after `limit` are of one that continues from a stored state."""

    agent: int
    genome: Genome  # NumPy leaves
    key: UInt32[np.ndarray, "2"]
    number: int  # position in the queue
    limit: int
    length: int = 0
    world: History | Snapshot | None = None
    obs: PyTree | None = None
    memory: PyTree | None = None

    def begin(self, lane: int) -> Begin:
        """The message that starts it."""
        return begin(lane, self.genome, self.world or seed_of(self.key), self.length, self.limit)


def host(
    environment: Any,
    policy: Policy,
    genome: Genome,
    config: HostEngineConfig,
    context: EngineContext | None,
) -> Engine:
    """The engine for an environment of simulators and a policy; `genome` is an example, of which only shapes count.

    Raises `ConfigError` for an environment in JAX.
    """
    if not is_host(environment):
        raise ConfigError(
            f"engine host runs environments of simulators, and {environment.interface.id} is written in JAX: leave out "
            "--engine"
        )
    workers = Workers(environment, min(config.workers or os.cpu_count() or 1, config.lanes), config.deadline_s)
    lost = LostEpisodes(context)
    player = _Player(environment, policy, config.lanes, workers, lost)
    lanes = HostLanes(environment, policy, genome, workers, lost)
    return Engine(
        config.lanes,
        False,
        player.run,
        lanes.build,
        lanes.reset,
        lanes.idle,
        lanes.enter,
        lanes.advance,
        player.replay,
        workers.close,
    )


class _Player:
    """Runs episodes, as many side by side as there are lanes."""

    def __init__(
        self, environment: HostEnvironment, policy: Policy, num_lanes: int, workers: Workers, lost: LostEpisodes
    ) -> None:
        self._environment, self._lanes, self._workers, self._lost = environment, num_lanes, workers, lost
        self._horizon = environment.interface.horizon
        self._num_descriptors = len(getattr(environment, "descriptor_names", ()))
        first_memory = broadcast(policy.init_memory(), num_lanes)

        @jax.jit
        def weights_of(agents: Float[Array, "A G"], agent: Int[Array, "B"]) -> PyTree:
            return jax.vmap(policy.unravel)(agents[agent])

        @jax.jit
        def act_block(
            weights: PyTree,
            memory: PyTree,
            first: PyTree,
            begins: Bool[Array, "B"],
            obs: PyTree,
            key: Array,
            length: Int[Array, "B"],
        ) -> Any:
            memory = where_lanes(begins, first, memory)
            return jax.vmap(functools.partial(act, policy))(weights, memory, obs, jax.random.wrap_key_data(key), length)

        self._weights_of, self._act, self._first_memory = weights_of, act_block, first_memory

    def run(
        self,
        agents: Float[Array, "A G"],
        levels: Levels,
        episodes: Episodes,
        num_levels: Int[Array, ""],
        num_episodes: Int[Array, ""],
    ) -> tuple[EpisodeResult, Int[Array, ""]]:
        """`Run` of the engine."""
        size = episodes.agent.shape[0]
        result = EpisodeResult(
            np.zeros(size, np.float32),
            np.zeros(size, np.int32),
            np.zeros(size, np.float32),
            np.zeros((size, self._num_descriptors), np.float32),
        )
        waiting = self._queue(levels, episodes, int(num_episodes))
        names = [self._name(agents, episode) for episode in waiting] if self._lost.any() else []
        known = {q for q, name in enumerate(names) if self._lost.has(name)}
        lost = self._play(agents, [each for each in waiting if each.number not in known], result)
        lane_steps = int(result.length.sum())
        for episode in lost:
            # Alone from now on: what is lost with it is no loss of another one.
            if all(self._play(agents, [episode], result) for _ in range(MAX_LOSSES - 1)):
                known.add(episode.number)
                self._lost.add(self._name(agents, episode), self._environment.interface.id)
        result.fitness[sorted(known)] = np.nan  # type: ignore[index]
        return result, jnp.int32(max(lane_steps, int(result.length.sum())))

    def _queue(self, levels: Levels, episodes: Episodes, num: int) -> list[_Episode]:
        agent, level = np.asarray(episodes.agent), np.asarray(episodes.level)
        genomes = jax.tree.map(np.asarray, levels.genome)
        start = episodes.start
        keys = np.asarray(jax.random.key_data(levels.key if start is None else start.key))
        queue = []
        for number in range(num):
            at = level[number]
            genome = jax.tree.map(lambda leaf, at=at: leaf[at], genomes)
            episode = _Episode(int(agent[number]), genome, keys[at if start is None else number], number, self._horizon)
            if start is not None:
                own = jax.tree.map(lambda leaf, number=number: np.asarray(leaf[number]), start._replace(key=None))
                limit, length = int(own.limit), int(own.length)
                episode = episode._replace(limit=limit, length=length, world=own.world, obs=own.obs, memory=own.memory)
            queue.append(episode)
        return queue

    def _name(self, agents: Float[Array, "A G"], episode: _Episode) -> str:
        """A digest of what determines an episode."""
        parts = (*jax.tree.leaves(episode.genome), episode.key, np.asarray(agents[episode.agent]))
        if episode.world is not None:
            parts += (np.array([episode.length, episode.limit]), *jax.tree.leaves((episode.world, episode.memory)))
        return name_of(self._environment.interface, parts)

    def _play(self, agents: Float[Array, "A G"], episodes: Sequence[_Episode], result: EpisodeResult) -> list[_Episode]:
        """Run episodes and write their results; returns those that were lost with their worker."""
        lost: list[_Episode] = []
        for episode, acted, length in self._finished(agents, episodes):
            if acted is None:
                lost.append(episode)
                continue
            for values, value in zip(result, (acted.fitness, length, acted.success, acted.descriptor)):
                values[episode.number] = value  # type: ignore[index]
        return lost

    def _finished(
        self, agents: Float[Array, "A G"], episodes: Sequence[_Episode], record: list[tuple[Array, float]] | None = None
    ) -> Iterator[tuple[_Episode, Acted | None, int]]:
        """Each episode as it ends, with what came of its last action and its length; None for one that is lost.

        `record` gets the action and the reward of every step of the first lane.
        """
        waiting, running = iter(episodes), dict[int, _Episode]()
        agent, length = np.zeros((2, self._lanes), np.int32)
        keys, started = np.zeros((self._lanes, 2), np.uint32), np.zeros(self._lanes, bool)
        obs = jax.tree.map(np.array, broadcast(zero_observation(self._environment.interface.obs), self._lanes))
        memory, first_memory, weights = self._first_memory, self._first_memory, None
        while True:
            begins = []
            for lane in range(self._lanes):
                if lane not in running and (episode := next(waiting, None)) is not None:
                    running[lane], agent[lane], keys[lane] = episode, episode.agent, episode.key
                    length[lane], started[lane] = episode.length, True
                    if episode.memory is not None:
                        first_memory = jax.tree.map(np.array, first_memory)
                        write(first_memory, lane, tuple(jax.tree.leaves(episode.memory)))
                    begins.append(episode.begin(lane))
            if not running:
                return
            if begins:
                weights = self._weights_of(agents, agent)
                answers = self._workers.exchange(begins, [])
                for lane, began in answers.began.items():
                    stored = tuple(jax.tree.leaves(running[lane].obs))
                    write(obs, lane, stored if began.obs is None else began.obs)
                yield from self._lost_with(answers.lost, running)
            actions, memory = self._act(weights, memory, first_memory, started, obs, keys, length)
            actions, started = np.asarray(actions), np.zeros(self._lanes, bool)
            answers = self._workers.exchange([], [Act(lane, actions[lane]) for lane in running])
            yield from self._lost_with(answers.lost, running)
            for lane, acted in answers.acted.items():
                length[lane] += 1
                if record is not None and lane == 0:
                    record.append((actions[0], acted.reward))
                if acted.ended:
                    episode = running.pop(lane)
                    yield episode, acted, int(length[lane]) - episode.length
                else:
                    write(obs, lane, acted.obs)

    def _lost_with(self, workers: set[int], running: dict[int, _Episode]) -> Iterator[tuple[_Episode, None, int]]:
        """The running episodes of lost workers, which are removed."""
        for lane in [lane for lane in running if self._workers.of(lane) in workers]:
            yield running.pop(lane), None, 0

    def replay(self, params: Params, key: Key, genome: Genome) -> Trajectory:
        """`Replay` of the engine: without worlds, which stay in the simulator."""
        episode = _Episode(0, jax.tree.map(np.asarray, genome), np.asarray(jax.random.key_data(key)), 0, self._horizon)
        for _ in range(MAX_LOSSES):
            record: list[tuple[Array, float]] = []
            ((_, acted, _),) = self._finished(jnp.asarray(params)[None], [episode], record)
            if acted is not None:
                actions, rewards = zip(*record)
                return Trajectory(None, np.stack(actions), np.array(rewards, np.float32))
        raise ConfigError(f"the episode was lost {MAX_LOSSES} times with the worker process of its simulator")


def simulator_pictures(
    environment: HostEnvironment, genome: Genome, key: Key, actions: np.ndarray, steps: Collection[int]
) -> list[np.ndarray]:
    """Pictures of an episode after some of its steps, by the `render` of its simulator, in this process."""
    simulator: Any = environment.make_simulator(jax.tree.map(np.asarray, genome))
    simulator.reset(seed_of(np.asarray(jax.random.key_data(key))))
    frames = []
    for number, action in enumerate(actions):
        simulator.step(action)
        if number in steps:
            frames.append(simulator.render())
    simulator.close()
    return frames
