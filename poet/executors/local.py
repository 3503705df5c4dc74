"""One process, all its local devices: episodes of all niches and candidates form one queue, cut into equal shares.

Each device runs the same compiled program on its share; nothing is summed across devices. Learners are asked and
told one at a time, for the same reason (facts on XLA's bits: shapes and partitioning change them, places do not).
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from poet.agents.policy import Policy
from poet.agents.rollout import Grounds, Outcome, rollout
from poet.envs.base import Environment
from poet.errors import ConfigError
from poet.executors.base import Executor, Ground, Progress, Result, Task
from poet.executors.config import ExecutionConfig
from poet.learners.base import Learner
from poet.types import PyTree

# Lanes and queue by device kind: a CPU's caches hold 128 lanes, other devices want thousands.
LANES = {"cpu": 128}
QUEUE = {"cpu": 2048}
MANY_LANES, LONG_QUEUE = 8192, 32768


def local(environment: Environment, policy: Policy, learner: Learner, config: ExecutionConfig) -> Executor:
    """An executor on the local devices. Raises `ConfigError` if more devices are asked for than there are."""
    devices = local_devices(config.devices)
    kind = devices[0].platform
    lanes = config.lanes or LANES.get(kind, MANY_LANES)
    queue = config.queue or QUEUE.get(kind, LONG_QUEUE)
    num_levels = lanes * -(-queue // lanes)
    run = rollout(environment, policy, lanes, config.chunk)

    @jax.jit
    def program(params, genome, key_data, ground, num_episodes, num_grounds) -> Outcome:
        return run(params, Grounds(genome, jax.random.wrap_key_data(key_data)), ground, num_episodes, num_grounds)

    pool = ThreadPoolExecutor(len(devices), "device")
    ask, tell = jax.jit(learner.ask), jax.jit(learner.tell)
    spent = {"rollout_s": 0.0, "steps": 0, "lane_steps": 0}

    def wave(params: np.ndarray, grounds: Sequence[Ground], ground: np.ndarray) -> Result:
        """Episodes that fit into the devices' queues at once, dealt out in turn so that shares are alike."""
        start = time.perf_counter()
        shares = [np.arange(d, len(ground), len(devices)) for d in range(len(devices))]
        shares = [share for share in shares if len(share)]

        def launch(device: Any, share: np.ndarray) -> Outcome:
            used, index = np.unique(ground[share], return_inverse=True)
            genome = jax.tree.map(
                lambda *leaves: _pad(np.stack(leaves), num_levels), *(grounds[g].genome for g in used)
            )
            key_data = _pad(np.stack([jax.random.key_data(grounds[g].key) for g in used]), num_levels)
            work = (_pad(params[share], queue), genome, key_data, _pad(index.astype(np.int32), queue))
            return program(*jax.device_put((*work, np.int32(len(share)), np.int32(len(used))), device))

        # Threads, because the first call on each device compiles for it, and compiling is most of a cold start.
        running = list(pool.map(launch, devices, shares))
        fitness, success = np.zeros(len(ground), np.float32), np.zeros(len(ground), np.float32)
        length = np.zeros(len(ground), np.int32)
        descriptor = np.zeros((len(ground), running[0].descriptor.shape[1]), np.float32)
        for share, outcome in zip(shares, running):
            fitness[share] = np.asarray(outcome.fitness)[: len(share)]
            success[share] = np.asarray(outcome.success)[: len(share)]
            length[share] = np.asarray(outcome.length)[: len(share)]
            descriptor[share] = np.asarray(outcome.descriptor)[: len(share)]
            spent["lane_steps"] += int(outcome.lane_steps)
        spent["steps"] += int(length.sum())
        spent["rollout_s"] += time.perf_counter() - start
        return Result(fitness, success, length, descriptor)

    def episodes(params: np.ndarray, grounds: Sequence[Ground], ground: np.ndarray) -> Result:
        size = queue * len(devices)
        cuts = range(0, len(ground), size)
        waves = [wave(params[at : at + size], grounds, ground[at : at + size]) for at in cuts]
        return Result(*(np.concatenate(parts) for parts in zip(*waves)))

    def evaluate(agents: Sequence[np.ndarray], grounds: Sequence[Ground], pairs: Sequence[tuple[int, int]]) -> Result:
        agent, ground = np.asarray(pairs, np.int64).reshape(-1, 2).T
        return episodes(np.stack(agents)[agent], grounds, ground)

    def optimise(tasks: Sequence[Task]) -> list[Progress]:
        progress: list[Progress] = []
        while len(progress) < len(tasks):
            some = _fitting(tasks[len(progress) :], learner.population, queue * len(devices))
            progress += group(some)
        return progress

    def group(tasks: Sequence[Task]) -> list[Progress]:
        """As many tasks as fill the queues, since candidates are large."""
        asked = [ask(jax.random.fold_in(task.key, 0), task.learner) for task in tasks]
        grounds: list[Ground] = []
        params: list[np.ndarray] = []
        ground: list[np.ndarray] = []
        # Scored agents first: they tend to live longest, and what starts last should be short.
        for task in tasks:
            params += [np.asarray(learner.params(task.learner))[None]] * len(task.scored)
            ground += [np.arange(len(grounds), len(grounds) + len(task.scored))]
            grounds += task.scored
        for task, (_, candidates) in zip(tasks, asked):
            for world in task.grounds:
                params.append(np.asarray(candidates))
                ground.append(np.full(learner.population, len(grounds)))
                grounds.append(world)
        result = episodes(np.concatenate(params), grounds, np.concatenate(ground))

        progress = []
        scored_at, at = 0, sum(len(task.scored) for task in tasks)
        for task, (state, candidates) in zip(tasks, asked):
            mine = slice(at, at + learner.population * len(task.grounds))
            score = Result(*(part[scored_at : scored_at + len(task.scored)] for part in result))
            fitness = result.fitness[mine].reshape(len(task.grounds), -1).mean(axis=0, dtype=np.float32)
            state = tell(jax.random.fold_in(task.key, 1), state, candidates, fitness)
            steps = int(result.length[mine].sum() + score.length.sum())
            progress.append(Progress(_numpy(state), fitness, score, steps, mine.stop - mine.start + len(task.scored)))
            at, scored_at = mine.stop, scored_at + len(task.scored)
        return progress

    def wall() -> dict[str, float]:
        told = {"rollout_s": spent["rollout_s"], "busy": spent["steps"] / max(spent["lane_steps"], 1)}
        spent.update(rollout_s=0.0, steps=0, lane_steps=0)
        return told

    return Executor(optimise, evaluate, wall)


def _fitting(tasks: Sequence[Task], population: int, size: int) -> Sequence[Task]:
    """The first tasks whose episodes fit, and at least one; equal groups rather than a full one and a rest."""
    per_task = population * len(tasks[0].grounds) + len(tasks[0].scored)
    groups = -(-len(tasks) * per_task // size)
    return tasks[: max(1, -(-len(tasks) // groups))]


def _pad(array: np.ndarray, size: int) -> np.ndarray:
    padded = np.zeros((size, *array.shape[1:]), array.dtype)
    padded[: len(array)] = array
    return padded


def _numpy(tree: PyTree) -> PyTree:
    return jax.tree.map(np.asarray, tree)


def local_devices(count: int | None) -> list[Any]:
    """The first `count` local devices, by default all. Raises `ConfigError` if there are fewer."""
    devices = jax.local_devices()
    if count is not None and count > len(devices):
        raise ConfigError(
            f"execution.devices asks for {count} devices, found {len(devices)} ({devices[0].platform}); "
            "on CPU set JAX_NUM_CPU_DEVICES before jax starts, or leave it out to use all there are"
        )
    return devices[:count]
