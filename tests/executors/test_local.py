"""Results depend on the work alone: not on devices, queue length or other jobs."""

import dataclasses
from typing import Any

import jax
import jax.monitoring
import jax.numpy as jnp
import numpy as np
import pytest

from poet.agents.config import MLPConfig, XLAEngineConfig
from poet.errors import ConfigError, ContractError
from poet.executors.base import Batch, Episode, TrainJob
from poet.executors.config import LocalExecutorConfig
from poet.executors.local import local
from poet.executors.queues import DeviceQueues
from poet.executors.recipe import Recipe
from poet.learners.config import ESConfig
from poet.types import derive_key
from tests.agents.drift import Drift, DriftGenerator

RECIPE = Recipe(DriftGenerator(), MLPConfig(hidden=(8,)), XLAEngineConfig(lanes=8, chunk=7), ESConfig(population=12))
POLICY, _, LEARNER = RECIPE.build()
KEY = jax.random.key(0)


def executor(devices: int = 1, queue: int = 64):  # type: ignore[no-untyped-def]
    return local(RECIPE, LocalExecutorConfig(devices=devices, queue=queue))


def make_episode(niche: int, episode: int = 0) -> Episode:
    return Episode({"wind": np.float32(0.01 * niche)}, derive_key(KEY, niche, episode))


def agent(number: int) -> np.ndarray:
    return np.asarray(10 * POLICY.init(jax.random.fold_in(KEY, number)))


def make_jobs(num: int, episodes: int = 1, score_episodes: int = 1) -> list[TrainJob]:
    return [
        TrainJob(
            jax.tree.map(np.asarray, LEARNER.init(KEY, agent(n))),
            derive_key(KEY, 7, n),
            [make_episode(n, e) for e in range(episodes)],
            [make_episode(n, 100 + e) for e in range(score_episodes)],
        )
        for n in range(num)
    ]


def assert_equal(a, b) -> None:  # type: ignore[no-untyped-def]
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b)):
        np.testing.assert_array_equal(x, y)


PAIRS = [(a, e) for a in range(6) for e in range(5)]


def evaluate_pairs(runner):  # type: ignore[no-untyped-def]
    agents = np.stack([agent(n) for n in range(6)])
    return runner.evaluate(Batch(agents, [make_episode(n) for n in range(5)], np.array(PAIRS)))


@pytest.mark.parametrize(
    ("devices", "queue"),
    [(2, 13), *(pytest.param(*each, marks=pytest.mark.slow) for each in [(3, 64), (4, 64), (1, 8)])],
)
@pytest.mark.ci
def test_devices_and_queue_change_no_bit(devices: int, queue: int) -> None:
    one, other = executor(), executor(devices, queue)
    assert_equal(evaluate_pairs(one), evaluate_pairs(other))
    assert_equal(one.train(make_jobs(3)), other.train(make_jobs(3)))


class DescribedDrift(Drift):
    def descriptor(self, level, world):  # type: ignore[no-untyped-def]
        return jnp.stack([world, jnp.abs(world)])


@pytest.mark.slow
def test_descriptors_are_in_the_order_of_the_pairs() -> None:
    def described(devices: int, queue: int):  # type: ignore[no-untyped-def]
        recipe = dataclasses.replace(RECIPE, generator=DriftGenerator(DescribedDrift()))
        return local(recipe, LocalExecutorConfig(devices=devices, queue=queue))

    plain, result = evaluate_pairs(executor()), evaluate_pairs(described(1, 64))
    assert_equal(result, evaluate_pairs(described(3, 8)))
    assert plain.descriptor.shape == (len(PAIRS), 0)
    assert result.descriptor.shape == (len(PAIRS), 2)
    np.testing.assert_array_equal(result.descriptor[:, 1], np.abs(result.descriptor[:, 0]))
    np.testing.assert_array_equal(result.success, result.descriptor[:, 0] > 1)
    assert 0 < result.success.mean() < 1
    assert_equal(plain[:3], result[:3])
    assert described(1, 64).train(make_jobs(2, score_episodes=3))[1].score.descriptor.shape == (3, 2)


@pytest.mark.ci
def test_the_result_of_a_job_does_not_depend_on_the_other_jobs() -> None:
    runner = executor()
    together = runner.train(make_jobs(4))
    assert_equal([runner.train([job])[0] for job in make_jobs(4)], together)


@pytest.mark.ci
def test_a_job_is_ask_evaluate_tell() -> None:
    runner = executor()
    (job,) = make_jobs(1, episodes=3, score_episodes=2)
    (trained,) = runner.train([job])
    state, candidates = LEARNER.ask(jax.random.fold_in(job.key, 0), job.learner)
    pairs = [(c, e) for c in range(12) for e in range(3)]
    result = runner.evaluate(Batch(candidates, job.episodes, np.array(pairs)))
    np.testing.assert_allclose(trained.fitness, result.fitness.reshape(12, 3).mean(axis=1), rtol=1e-6)
    updated = LEARNER.tell(jax.random.fold_in(job.key, 1), state, candidates, jnp.asarray(trained.fitness))
    np.testing.assert_allclose(LEARNER.params(trained.learner), LEARNER.params(updated), atol=1e-6)
    own = runner.evaluate(Batch(LEARNER.params(job.learner)[None], job.score_episodes, np.array([(0, 0), (0, 1)])))
    assert_equal(own, trained.score)
    assert trained.num_episodes == 12 * 3 + 2
    assert trained.num_steps == result.length.sum() + own.length.sum()
    assert not np.array_equal(LEARNER.params(trained.learner), LEARNER.params(job.learner))


def test_no_jobs() -> None:
    assert executor().train([]) == []


def test_an_executor_without_a_learner_can_evaluate_but_not_train() -> None:
    runner = local(dataclasses.replace(RECIPE, learner=None), LocalExecutorConfig(devices=1, queue=64))
    assert_equal(evaluate_pairs(runner), evaluate_pairs(executor()))
    with pytest.raises(ContractError, match="without a learner"):
        runner.train(make_jobs(1))


def test_more_jobs_compile_no_new_program() -> None:
    runner = executor(devices=2)
    compiled: list[str] = []
    runner.train(make_jobs(1))
    evaluate_pairs(runner)
    many = make_jobs(20)

    def count(event: str, seconds: float, **details: Any) -> None:
        if "backend_compile" in event:
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(count)
    try:
        runner.train(many)
        runner.train(many[:7])
        evaluate_pairs(runner)
        assert compiled == []
        jax.jit(lambda x: x + 1)(np.float32(1))
        assert compiled, "the listener must be called for a compilation"
    finally:
        jax.monitoring.unregister_event_duration_listener(count)


def test_the_agents_of_all_devices_are_there_before_a_device_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of one device may come from another: they would wait for its episodes, and devices would take turns."""
    order: list[str] = []

    def recorded(name: str) -> None:
        method = getattr(DeviceQueues, name)

        def call(self: DeviceQueues, *args: Any) -> Any:
            order.append(name)
            return method(self, *args)

        monkeypatch.setattr(DeviceQueues, name, call)

    recorded("_fill_table")
    recorded("_run_share")
    executor(devices=2).train(make_jobs(1))
    assert order == ["_fill_table"] * 2 + ["_run_share"] * 2


def test_timings_are_reported_once() -> None:
    runner = executor()
    evaluate_pairs(runner)
    timings = runner.timings()
    assert 0 < timings["busy"] <= 1
    assert timings["rollout_s"] > 0
    assert runner.timings() == {"rollout_s": 0.0, "busy": 0.0}


def test_more_devices_than_there_are() -> None:
    with pytest.raises(ConfigError, match="executor.devices expects at most 4, the cpu devices here, got 99"):
        executor(devices=99)
    with pytest.raises(ConfigError, match="engine.lanes expects at least 1, got 0"):
        XLAEngineConfig(lanes=0)
    with pytest.raises(ConfigError, match="executor.queue expects at least 1, got 0"):
        LocalExecutorConfig(queue=0)


def test_levels_have_weights_in_the_fitness_of_a_candidate() -> None:
    runner = executor()
    (job,) = make_jobs(1, episodes=3)
    separate = [runner.train([job._replace(episodes=[episode])])[0].fitness for episode in job.episodes]
    (weighted,) = runner.train([job._replace(weights=(1.0, 0.0, 3.0))])
    np.testing.assert_allclose(weighted.fitness, 0.25 * separate[0] + 0.75 * separate[2], rtol=1e-5)
    assert not np.allclose(weighted.fitness, np.mean(separate, axis=0))
