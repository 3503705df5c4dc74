"""What comes back depends on the work alone: not on devices, waves, queue length or neighbours."""

import jax
import jax.monitoring
import jax.numpy as jnp
import numpy as np
import pytest

from poet.agents.config import PolicyConfig
from poet.agents.policy import mlp
from poet.errors import ConfigError
from poet.executors.base import Ground, Task
from poet.executors.config import ExecutionConfig
from poet.executors.local import local
from poet.learners.config import ESConfig
from poet.learners.es import es
from poet.types import derive
from tests.agents.drift import Drift

ENV = Drift()
POLICY = mlp(ENV.interface, PolicyConfig(hidden=(8,)))
LEARNER = es(ESConfig(population=12), POLICY.num_params)
KEY = jax.random.key(0)


def executor(devices: int = 1, queue: int = 64):  # type: ignore[no-untyped-def]
    return local(ENV, POLICY, LEARNER, ExecutionConfig(lanes=8, devices=devices, queue=queue, chunk=7))


def ground(niche: int, episode: int = 0) -> Ground:
    return Ground({"wind": np.float32(0.01 * niche)}, derive(KEY, niche, episode))


def agent(number: int) -> np.ndarray:
    return np.asarray(10 * POLICY.init(jax.random.fold_in(KEY, number)))


def tasks(num: int, episodes: int = 1, scored: int = 1) -> list[Task]:
    return [
        Task(
            jax.tree.map(np.asarray, LEARNER.init(KEY, agent(n))),
            derive(KEY, 7, n),
            [ground(n, e) for e in range(episodes)],
            [ground(n, 100 + e) for e in range(scored)],
        )
        for n in range(num)
    ]


def same(a, b) -> None:  # type: ignore[no-untyped-def]
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b)):
        np.testing.assert_array_equal(x, y)


PAIRS = [(a, g) for a in range(6) for g in range(5)]


def evaluated(runner):  # type: ignore[no-untyped-def]
    return runner.evaluate([agent(n) for n in range(6)], [ground(n) for n in range(5)], PAIRS)


@pytest.mark.parametrize(
    ("devices", "queue"),
    [(2, 13), *(pytest.param(*each, marks=pytest.mark.slow) for each in [(3, 64), (4, 64), (1, 8)])],
)
def test_devices_and_queue_change_no_bit(devices: int, queue: int) -> None:
    one, other = executor(), executor(devices, queue)
    same(evaluated(one), evaluated(other))
    same(one.optimise(tasks(3)), other.optimise(tasks(3)))


class Told(Drift):
    def descriptor(self, level, world):  # type: ignore[no-untyped-def]
        return jnp.stack([world, jnp.abs(world)])


@pytest.mark.slow
def test_descriptors_come_back_in_order() -> None:
    def told(devices: int, queue: int):  # type: ignore[no-untyped-def]
        return local(Told(), POLICY, LEARNER, ExecutionConfig(lanes=8, devices=devices, queue=queue, chunk=7))

    silent, result = evaluated(executor()), evaluated(told(1, 64))
    same(result, evaluated(told(3, 8)))
    assert silent.descriptor.shape == (len(PAIRS), 0)
    assert result.descriptor.shape == (len(PAIRS), 2)
    np.testing.assert_array_equal(result.descriptor[:, 1], np.abs(result.descriptor[:, 0]))
    np.testing.assert_array_equal(result.success, result.descriptor[:, 0] > 1)
    assert 0 < result.success.mean() < 1
    same(silent[:3], result[:3])
    assert told(1, 64).optimise(tasks(2, scored=3))[1].score.descriptor.shape == (3, 2)


def test_a_task_is_not_touched_by_its_neighbours() -> None:
    runner = executor()
    together = runner.optimise(tasks(4))
    same([runner.optimise([task])[0] for task in tasks(4)], together)


def test_a_task_is_ask_evaluate_tell() -> None:
    runner = executor()
    (task,) = tasks(1, episodes=3, scored=2)
    (done,) = runner.optimise([task])
    state, candidates = LEARNER.ask(jax.random.fold_in(task.key, 0), task.learner)
    pairs = [(c, e) for c in range(12) for e in range(3)]
    result = runner.evaluate(list(np.asarray(candidates)), task.grounds, pairs)
    np.testing.assert_allclose(done.fitness, result.fitness.reshape(12, 3).mean(axis=1), rtol=1e-6)
    told = LEARNER.tell(jax.random.fold_in(task.key, 1), state, candidates, jnp.asarray(done.fitness))
    np.testing.assert_allclose(LEARNER.params(done.learner), LEARNER.params(told), atol=1e-6)
    own = runner.evaluate([np.asarray(LEARNER.params(task.learner))], task.scored, [(0, 0), (0, 1)])
    same(own, done.score)
    assert done.episodes == 12 * 3 + 2
    assert done.steps == result.length.sum() + own.length.sum()
    assert not np.array_equal(LEARNER.params(done.learner), LEARNER.params(task.learner))


def test_nothing_to_do() -> None:
    assert executor().optimise([]) == []


def test_more_niches_compile_nothing_new() -> None:
    runner = executor(devices=2)
    compiled: list[str] = []
    runner.optimise(tasks(1))
    evaluated(runner)
    many = tasks(20)
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, _, **kwargs: compiled.append(event) if "backend_compile" in event else None
    )
    try:
        runner.optimise(many)
        runner.optimise(many[:7])
        evaluated(runner)
        assert compiled == []
        jax.jit(lambda x: x + 1)(np.float32(1))
        assert compiled, "the listener must hear a compilation"
    finally:
        jax.monitoring.clear_event_listeners()


def test_work_is_told() -> None:
    runner = executor()
    evaluated(runner)
    told = runner.wall()
    assert 0 < told["busy"] <= 1
    assert told["rollout_s"] > 0
    assert runner.wall() == {"rollout_s": 0.0, "busy": 0.0}


def test_more_devices_than_there_are() -> None:
    with pytest.raises(ConfigError, match="execution.devices asks for 99 devices, found 4"):
        executor(devices=99)
    with pytest.raises(ConfigError, match="execution.lanes expects at least 1, got 0"):
        ExecutionConfig(lanes=0)
