"""Learner steps on the local devices, for the two kinds of learners."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from poet.agents.engine import Engine, EpisodeResult, Finished, Lanes, Levels, LevelTable, Trace
from poet.executors.base import Batch, Map, Train, TrainJob, TrainResult
from poet.executors.queues import DeviceQueues, Share
from poet.learners.base import AskTellLearner, Learner, StepLearner
from poet.types import Key, Params, PyTree


def rows_per_job(learner: Learner, num_devices: int) -> int:
    """Rows that a job takes in the table of agents of a device: the agent itself and its share of the candidates."""
    return 1 + -(-learner.population // num_devices) if isinstance(learner, AskTellLearner) else 1


def trainer(engine: Engine, learner: Learner, queues: DeviceQueues, run_items: Map) -> Train:
    """`Train` of an executor for a learner of either kind."""
    if isinstance(learner, AskTellLearner):
        return _ask_tell_trainer(learner, queues)
    return _step_trainer(engine, learner, queues, run_items)


class _Asked(NamedTuple):
    """A job whose candidates wait for their fitness."""

    job: TrainJob
    params: Params
    state: PyTree
    candidates: Float[Array, "P G"]


def _ask_tell_trainer(learner: AskTellLearner, queues: DeviceQueues) -> Train:
    """`ask` and `tell` run for one learner at a time, since their bits would depend on how many there are."""
    ask, tell = jax.jit(learner.ask), jax.jit(learner.tell)

    def train(jobs: Sequence[TrainJob]) -> list[TrainResult]:
        results: list[TrainResult] = []
        while len(results) < len(jobs):
            results += train_group(_fitting(jobs[len(results) :], learner, queues))
        return results

    def train_group(jobs: Sequence[TrainJob]) -> list[TrainResult]:
        asked = [
            _Asked(job, learner.params(job.learner), *ask(jax.random.fold_in(job.key, 0), job.learner)) for job in jobs
        ]
        episodes = [episode for job in jobs for episode in (*job.score_episodes, *job.episodes)]
        num_scored = sum(len(job.score_episodes) for job in jobs)
        num = num_scored + sum(learner.population * len(job.episodes) for job in jobs)
        shares = [_share(asked, device, len(queues.devices), num_scored) for device in range(len(queues.devices))]
        result = queues.run(shares, episodes, num)

        results = []
        score_start, start = 0, num_scored
        for job, _, state, candidates in asked:
            scored = slice(score_start, score_start + len(job.score_episodes))
            trained = slice(start, start + learner.population * len(job.episodes))
            score = EpisodeResult(*(values[scored] for values in result))
            fitness = _mean(np.asarray(result.fitness[trained]).reshape(len(job.episodes), -1), job.weights)
            state = tell(jax.random.fold_in(job.key, 1), state, candidates, fitness)
            num_steps = int(result.length[trained].sum() + score.length.sum())
            num_episodes = trained.stop - trained.start + len(job.score_episodes)
            results.append(TrainResult(_to_numpy(state), fitness, score, num_steps, num_episodes))
            score_start, start = scored.stop, trained.stop
        return results

    return train


def _share(asked: Sequence[_Asked], device: int, num_devices: int, num_scored: int) -> Share:
    """The episodes of one device: every agent, and each job's candidates in turn with the other devices.

    Scored agents come first: their episodes tend to be the longest, and those that start last should be short.
    """
    scored: list[tuple[int, int, int]] = []  # row of the agent, level, position in the result
    trained: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    blocks, row, level, position = [], 0, 0, num_scored
    for job, params, _, candidates in asked:
        for _ in job.score_episodes:
            scored.append((row, level, len(scored)))
            level += 1
        chosen = np.arange(device, len(candidates), num_devices)
        for _ in job.episodes:
            rows = row + 1 + np.arange(len(chosen))
            trained.append((rows, np.full(len(chosen), level), position + chosen))
            level, position = level + 1, position + len(candidates)
        blocks.append(functools.partial(_block, params, candidates, device, num_devices))
        row += 1 + len(chosen)
    columns = zip(*(np.array(scored, np.int64).reshape(-1, 3).T[:, device::num_devices], *trained))
    return Share(blocks, *(np.concatenate(column) for column in columns))


@functools.partial(jax.jit, static_argnums=(2, 3))
def _block(params: Params, candidates: Float[Array, "P G"], device: int, num_devices: int) -> Float[Array, "_ G"]:
    """An agent and a device's share of its candidates, as rows of a table."""
    return jnp.concatenate([params[None], candidates[device::num_devices]])


def _fitting(jobs: Sequence[TrainJob], learner: AskTellLearner, queues: DeviceQueues) -> Sequence[TrainJob]:
    """The first jobs whose episodes and agents fit, at least one. All groups get the same size, so that no small one is
    left.
    """
    num_devices = len(queues.devices)
    per_job = learner.population * len(jobs[0].episodes) + len(jobs[0].score_episodes)
    groups = max(
        -(-len(jobs) * per_job // (queues.queue * num_devices)),
        -(-len(jobs) // (queues.rows // rows_per_job(learner, num_devices))),
    )
    return jobs[: max(1, -(-len(jobs) // groups))]


def _mean(fitness: Float[np.ndarray, "E P"], weights: Sequence[float]) -> Float[np.ndarray, "P"]:
    if not weights:
        return fitness.mean(axis=0, dtype=np.float32)
    share = np.asarray(weights, np.float32)[:, None] / np.float32(sum(weights))
    return (share * fitness).sum(axis=0, dtype=np.float32)


def _step_trainer(engine: Engine, learner: StepLearner, queues: DeviceQueues, run_items: Map) -> Train:
    """Each job is one program on one device."""

    def step(key: Key, state: PyTree, levels: Levels, weight: Float[Array, "M"]) -> tuple[PyTree, Finished]:
        table = LevelTable(engine.build(levels), weight)

        def collect(params: Params, lanes: Lanes, num_steps: int, trace: Trace) -> tuple[Lanes, PyTree, Finished]:
            return engine.advance(jnp.asarray(params), table, lanes, num_steps, trace)

        return learner.step(key, state, collect)

    compiled = jax.jit(step)

    def train(jobs: Sequence[TrainJob]) -> list[TrainResult]:
        items = [(job.key, job.learner, *_level_arguments(job)) for job in jobs]
        # Simulators are shared by all lanes, so that jobs take turns.
        stepped = run_items(compiled, items) if engine.traceable else [step(*item) for item in items]
        results, scored = [], 0
        score = _score(learner, jobs, queues)
        for job, (state, finished) in zip(jobs, stepped):
            own = EpisodeResult(*(values[scored : scored + len(job.score_episodes)] for values in score))
            scored += len(job.score_episodes)
            ended = np.asarray(finished.ended)
            fitness = np.asarray(finished.fitness)[ended]
            num_steps = ended.size + int(own.length.sum())
            num_episodes = len(fitness) + len(job.score_episodes)
            results.append(TrainResult(_to_numpy(state), fitness, own, num_steps, num_episodes))
        return results

    return train


def _level_arguments(job: TrainJob) -> tuple[Levels, Float[Array, "M"]]:
    """The levels of a job with the weight of each."""
    genome = jax.tree.map(lambda *leaves: np.stack(leaves), *(episode.genome for episode in job.episodes))
    weight = jnp.asarray(job.weights or np.ones(len(job.episodes)), jnp.float32)
    return Levels(genome, jnp.stack([episode.key for episode in job.episodes])), weight


def _score(learner: StepLearner, jobs: Sequence[TrainJob], queues: DeviceQueues) -> EpisodeResult:
    """The score episodes of all jobs, by the agents before the step."""
    if not any(job.score_episodes for job in jobs):
        return EpisodeResult(np.zeros(0, np.float32), np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros((0, 0)))
    agents = np.stack([np.asarray(learner.params(job.learner)) for job in jobs])
    episodes = [episode for job in jobs for episode in job.score_episodes]
    agent = np.repeat(np.arange(len(jobs)), [len(job.score_episodes) for job in jobs])
    return queues.evaluate(Batch(agents, episodes, np.stack([agent, np.arange(len(episodes))], axis=1)))


def _to_numpy(tree: PyTree) -> PyTree:
    return jax.tree.map(np.asarray, tree)
