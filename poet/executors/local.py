"""One process, all its local devices: episodes of all niches and candidates form one queue, cut into equal shares.

Each device runs the same compiled program on its share, and nothing is summed across devices. `ask` and `tell` run for
one learner at a time. Both because XLA's bits depend on shapes and partitioning, but not on the device that runs a
block (docs/reproducibility.md).
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int

from poet.agents.policy import Policy
from poet.agents.rollout import EpisodeResult, Episodes, rollout
from poet.envs.base import Environment
from poet.errors import ConfigError, ContractError
from poet.executors.base import Episode, Executor, TrainJob, TrainResult
from poet.executors.config import LocalExecutorConfig
from poet.jax_settings import pinned
from poet.learners.base import Learner
from poet.types import PyTree

# Lanes and queue by device kind: a CPU's caches hold 128 lanes, other devices want thousands.
LANES = {"cpu": 128}
QUEUE = {"cpu": 2048}
MANY_LANES, LONG_QUEUE = 8192, 32768


def local(environment: Environment, policy: Policy, learner: Learner | None, config: LocalExecutorConfig) -> Executor:
    """An executor on the local devices. Without a learner it can evaluate but not train.

    Raises `ConfigError` if more devices are requested than there are.
    """
    devices = local_devices(config.devices)
    run_queue = _QueueRunner(environment, policy, config, devices)
    capacity = run_queue.queue * len(devices)

    def run(params: np.ndarray, episodes: Sequence[Episode], index: np.ndarray) -> EpisodeResult:
        starts = range(0, len(index), capacity)
        return _concatenate([run_queue(params[s : s + capacity], episodes, index[s : s + capacity]) for s in starts])

    def evaluate(
        agents: Sequence[np.ndarray], episodes: Sequence[Episode], pairs: Sequence[tuple[int, int]]
    ) -> EpisodeResult:
        agent, episode = np.asarray(pairs, np.int64).reshape(-1, 2).T
        return run(np.stack(agents)[agent], episodes, episode)

    def refuse(jobs: Sequence[TrainJob]) -> list[TrainResult]:
        raise ContractError("this executor was made without a learner, so it can evaluate but not train")

    train = refuse if learner is None else _trainer(learner, run, capacity)
    return Executor(train, evaluate, run_queue.timings, run_queue.close)


class _QueueRunner:
    """Runs as many episodes as fit into the devices' queues at once."""

    def __init__(
        self, environment: Environment, policy: Policy, config: LocalExecutorConfig, devices: Sequence[Any]
    ) -> None:
        kind = devices[0].platform
        lanes = config.lanes or LANES.get(kind, MANY_LANES)
        self.queue = config.queue or QUEUE.get(kind, LONG_QUEUE)
        self._num_levels = lanes * -(-self.queue // lanes)
        self._devices = devices
        self._pool = ThreadPoolExecutor(len(devices), "device")
        self.close = self._pool.shutdown
        self._spent = {"rollout_s": 0.0, "steps": 0, "lane_steps": 0}
        run = rollout(environment, policy, lanes, config.chunk)

        @jax.jit
        def run_episodes(params, genome, key_data, index, num_queued, num_episodes):
            episodes = Episodes(genome, jax.random.wrap_key_data(key_data))
            return run(params, episodes, index, num_queued, num_episodes)

        self._program = run_episodes

    def __call__(
        self, params: Float[np.ndarray, "Q G"], episodes: Sequence[Episode], index: Int[np.ndarray, "Q"]
    ) -> EpisodeResult:
        start = time.perf_counter()
        # Devices take episodes in turn, so that their shares take about the same time.
        shares = [np.arange(d, len(index), len(self._devices)) for d in range(len(self._devices))]
        shares = [share for share in shares if len(share)]
        # In threads, since the first call on each device compiles, which is most of a cold start.
        running = list(
            self._pool.map(
                lambda device, share: self._launch(device, params[share], episodes, index[share]), self._devices, shares
            )
        )
        result = EpisodeResult(
            np.zeros(len(index), np.float32),
            np.zeros(len(index), np.int32),
            np.zeros(len(index), np.float32),
            np.zeros((len(index), running[0][0].descriptor.shape[1]), np.float32),
        )
        for share, (part, lane_steps) in zip(shares, running):
            for whole, values in zip(result, part):
                whole[share] = np.asarray(values)[: len(share)]  # pyright: ignore[reportIndexIssue]
            self._spent["lane_steps"] += int(lane_steps)
        self._spent["steps"] += int(result.length.sum())
        self._spent["rollout_s"] += time.perf_counter() - start
        return result

    @pinned()  # it runs in a thread
    def _launch(self, device: Any, params: np.ndarray, episodes: Sequence[Episode], index: np.ndarray) -> Any:
        used, index = np.unique(index, return_inverse=True)
        genome = jax.tree.map(
            lambda *leaves: _pad(np.stack(leaves), self._num_levels), *(episodes[e].genome for e in used)
        )
        key_data = _pad(np.stack([jax.random.key_data(episodes[e].key) for e in used]), self._num_levels)
        size = (np.int32(len(params)), np.int32(len(used)))
        work = (_pad(params, self.queue), genome, key_data, _pad(index.astype(np.int32), self.queue), *size)
        return self._program(*jax.device_put(work, device))

    def timings(self) -> dict[str, float]:
        """Seconds in rollouts and the share of lane steps that counted, since the last call."""
        spent = self._spent
        reported = {"rollout_s": spent["rollout_s"], "busy": spent["steps"] / max(spent["lane_steps"], 1)}
        self._spent = {"rollout_s": 0.0, "steps": 0, "lane_steps": 0}
        return reported


def _trainer(learner: Learner, run: Any, capacity: int) -> Any:
    ask, tell = jax.jit(learner.ask), jax.jit(learner.tell)

    def train(jobs: Sequence[TrainJob]) -> list[TrainResult]:
        results: list[TrainResult] = []
        while len(results) < len(jobs):
            results += train_group(_fitting(jobs[len(results) :], learner.population, capacity))
        return results

    def train_group(jobs: Sequence[TrainJob]) -> list[TrainResult]:
        """As many jobs as fill the queues: candidates are large, so not more at once."""
        asked = [ask(jax.random.fold_in(job.key, 0), job.learner) for job in jobs]
        episodes: list[Episode] = []
        params: list[np.ndarray] = []
        index: list[np.ndarray] = []
        # Scored agents first: their episodes tend to be the longest, and those that start last should be short.
        for job in jobs:
            params += [np.asarray(learner.params(job.learner))[None]] * len(job.score_episodes)
            index += [np.arange(len(episodes), len(episodes) + len(job.score_episodes))]
            episodes += job.score_episodes
        for job, (_, candidates) in zip(jobs, asked):
            for episode in job.episodes:
                params.append(np.asarray(candidates))
                index.append(np.full(learner.population, len(episodes)))
                episodes.append(episode)
        result = run(np.concatenate(params), episodes, np.concatenate(index))

        results = []
        score_start, start = 0, sum(len(job.score_episodes) for job in jobs)
        for job, (state, candidates) in zip(jobs, asked):
            scored = slice(score_start, score_start + len(job.score_episodes))
            trained = slice(start, start + learner.population * len(job.episodes))
            score = EpisodeResult(*(values[scored] for values in result))
            fitness = result.fitness[trained].reshape(len(job.episodes), -1).mean(axis=0, dtype=np.float32)
            state = tell(jax.random.fold_in(job.key, 1), state, candidates, fitness)
            num_steps = int(result.length[trained].sum() + score.length.sum())
            num_episodes = trained.stop - trained.start + len(job.score_episodes)
            results.append(TrainResult(_to_numpy(state), fitness, score, num_steps, num_episodes))
            score_start, start = scored.stop, trained.stop
        return results

    return train


def _fitting(jobs: Sequence[TrainJob], population: int, capacity: int) -> Sequence[TrainJob]:
    """The first jobs whose episodes fit, at least one. All groups get the same size, so that no small one is left."""
    per_job = population * len(jobs[0].episodes) + len(jobs[0].score_episodes)
    groups = -(-len(jobs) * per_job // capacity)
    return jobs[: max(1, -(-len(jobs) // groups))]


def _concatenate(results: Sequence[EpisodeResult]) -> EpisodeResult:
    return EpisodeResult(*(np.concatenate(parts) for parts in zip(*results)))


def _pad(array: np.ndarray, size: int) -> np.ndarray:
    padded = np.zeros((size, *array.shape[1:]), array.dtype)
    padded[: len(array)] = array
    return padded


def _to_numpy(tree: PyTree) -> PyTree:
    return jax.tree.map(np.asarray, tree)


def local_devices(count: int | None) -> list[Any]:
    """The first `count` local devices, by default all. Raises `ConfigError` if there are fewer."""
    devices = jax.local_devices()
    if count is not None and count > len(devices):
        raise ConfigError(
            f"executor.devices expects at most {len(devices)}, the {devices[0].platform} devices here, got {count}; "
            "on CPU set JAX_NUM_CPU_DEVICES before jax starts, or leave the option out to use all devices"
        )
    return devices[:count]
