"""What every executor must keep. A package adds its own to `cases`, or runs this module where it is installed."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.agents.config import MLPConfig, XLAEngineConfig
from poet.executors.base import Batch, Episode, Executor, TrainJob
from poet.executors.config import ExecutorConfig, LocalExecutorConfig, executors
from poet.executors.recipe import Recipe
from poet.learners.config import ESConfig
from poet.runs.journal import encode
from poet.types import derive_key
from tests.agents.drift import Drift, DriftGenerator
from tests.contracts.carried import check_carried
from tests.contracts.cases import installed, parameters
from tests.search.helpers import assert_equal_trees

POPULATION, NUM_AGENTS, NUM_EPISODES = 4, 3, 4
KEY = jax.random.key(0)
PAIRS = np.array([(a, e) for a in range(NUM_AGENTS) for e in range(NUM_EPISODES)])


class DescribedDrift(Drift):
    """A drifting point whose descriptor is where it ended."""

    def descriptor(self, level, world):  # type: ignore[no-untyped-def]
        return jnp.stack([world, level["wind"]])


ENVIRONMENT = DescribedDrift()
RECIPE = Recipe(
    DriftGenerator(ENVIRONMENT),
    MLPConfig(hidden=()),
    XLAEngineConfig(lanes=4, chunk=7),
    ESConfig(population=POPULATION),
)
POLICY, _, LEARNER = RECIPE.build()
AGENTS = np.stack([np.linspace(-1, number, POLICY.num_params, dtype=np.float32) for number in range(NUM_AGENTS)])


def cases() -> list[ExecutorConfig]:
    """All installed executors; before them ours with a queue that is shorter than a job, which compiles faster."""
    return [LocalExecutorConfig(devices=1, queue=6), *installed(executors)]


@pytest.fixture(scope="module", params=parameters(cases()))
def executor(request: pytest.FixtureRequest):
    made = request.param.make(RECIPE)
    yield made
    made.close()


def episode(genome: int, number: int = 0) -> Episode:
    return Episode({"wind": np.float32(0.01 * genome)}, derive_key(KEY, genome, number))


EPISODES = [episode(genome) for genome in range(NUM_EPISODES)]
LEARNERS = [jax.tree.map(np.asarray, LEARNER.init(KEY, agent)) for agent in AGENTS]


def jobs(num_score_episodes: int = 2) -> list[TrainJob]:
    return [
        TrainJob(
            learner,
            derive_key(KEY, 7, number),
            [episode(number), episode(number, 1)],
            [episode(number, 100 + n) for n in range(num_score_episodes)],
        )
        for number, learner in enumerate(LEARNERS)
    ]


def arrays(tree: Any) -> Any:
    return jax.tree.map(np.asarray, tree)


def take(result: Any, rows: list[int]) -> Any:
    return jax.tree.map(lambda leaf: leaf[rows], result)


def test_evaluate_gives_numpy_arrays_over_the_pairs(executor: Executor) -> None:
    result = executor.evaluate(Batch(AGENTS, EPISODES, PAIRS))
    check_carried(result)
    expected = {
        "fitness": ((len(PAIRS),), np.float32),
        "length": ((len(PAIRS),), np.int32),
        "success": ((len(PAIRS),), np.float32),
        "descriptor": ((len(PAIRS), 2), np.float32),
    }
    assert {field: (value.shape, value.dtype) for field, value in result._asdict().items()} == expected
    assert all(isinstance(value, np.ndarray) for value in result)
    assert ((result.length >= 1) & (result.length <= ENVIRONMENT.interface.horizon)).all()
    np.testing.assert_array_equal(result.success, result.descriptor[:, 0] > 1)
    assert len(set(result.fitness.tolist())) == len(PAIRS), "pairs must differ for this test to mean anything"


def test_the_order_and_number_of_pairs_change_no_bit(executor: Executor) -> None:
    result = executor.evaluate(Batch(AGENTS, EPISODES, PAIRS))
    order = np.random.default_rng(0).permutation(len(PAIRS)).tolist()
    assert_equal_trees(executor.evaluate(Batch(AGENTS, EPISODES, PAIRS[order])), take(result, order))
    assert_equal_trees(executor.evaluate(Batch(AGENTS, EPISODES, PAIRS[5:7])), take(result, [5, 6]))
    (agent, number) = PAIRS[-1]
    alone = executor.evaluate(Batch(AGENTS[agent][None], [EPISODES[number]], np.array([(0, 0)])))
    assert_equal_trees(alone, take(result, [len(PAIRS) - 1]))


def test_nan_weights_change_only_their_own_episodes(executor: Executor) -> None:
    result = executor.evaluate(Batch(AGENTS, EPISODES, PAIRS))
    agents = np.stack([np.full_like(AGENTS[0], np.nan), *AGENTS[1:]])
    broken = executor.evaluate(Batch(agents, EPISODES, PAIRS))
    assert not np.isfinite(broken.fitness[:NUM_EPISODES]).any()
    rest = list(range(NUM_EPISODES, len(PAIRS)))
    assert_equal_trees(take(broken, rest), take(result, rest))


def test_the_order_and_number_of_jobs_change_no_bit(executor: Executor) -> None:
    together = arrays(executor.train(jobs()))
    assert_equal_trees(arrays(executor.train(jobs()[::-1])[::-1]), together)
    assert_equal_trees(arrays([executor.train([job])[0] for job in jobs()]), together)


def test_train_gives_a_step_of_each_learner_and_the_score_before_it(executor: Executor) -> None:
    for job, result in zip(jobs(), executor.train(jobs())):
        check_carried(result)
        assert jax.tree.structure(result.learner) == jax.tree.structure(job.learner)
        for before, after in zip(jax.tree.leaves(job.learner), jax.tree.leaves(result.learner)):
            assert isinstance(after, np.ndarray)
            assert (after.shape, after.dtype) == (before.shape, before.dtype)
        assert not np.array_equal(LEARNER.params(result.learner), LEARNER.params(job.learner))
        assert (result.fitness.shape, result.fitness.dtype) == ((POPULATION,), np.float32)
        own = executor.evaluate(
            Batch(LEARNER.params(job.learner)[None], job.score_episodes, np.array([(0, 0), (0, 1)]))
        )
        assert_equal_trees(result.score, own)
        assert result.num_episodes == POPULATION * 2 + 2
        assert result.num_episodes <= result.num_steps <= result.num_episodes * ENVIRONMENT.interface.horizon


def test_the_score_is_optional_and_changes_no_bit_of_the_step(executor: Executor) -> None:
    for scored, result in zip(executor.train(jobs()), executor.train(jobs(num_score_episodes=0))):
        assert_equal_trees(result.learner, scored.learner)
        assert_equal_trees(result.fitness, scored.fitness)
        assert result.score.fitness.shape == (0,)
        assert result.num_steps == scored.num_steps - scored.score.length.sum()


def test_no_jobs_give_no_results(executor: Executor) -> None:
    assert executor.train([]) == []


def test_arguments_are_not_written_into(executor: Executor) -> None:
    agents, work = AGENTS.copy(), jobs()
    learners = jax.tree.map(np.copy, [job.learner for job in work])
    executor.evaluate(Batch(agents, EPISODES, PAIRS))
    executor.train(work)
    assert_equal_trees(agents, AGENTS)
    assert_equal_trees([job.learner for job in work], learners)


def test_timings_are_numbers_for_the_journal_and_start_again_after_each_call(executor: Executor) -> None:
    executor.evaluate(Batch(AGENTS, EPISODES, PAIRS))
    timings = executor.timings()
    encode(timings)
    assert timings["rollout_s"] > 0
    assert 0 < timings["busy"] <= 1
    assert executor.timings()["rollout_s"] == 0
