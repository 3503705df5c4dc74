"""The engine of simulators: equal to a plain loop, whatever the number of workers, and whatever happens to them."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.agents.config import GRUConfig, HostEngineConfig, MLPConfig, XLAEngineConfig
from poet.agents.engine import Engine, EpisodeResult, Episodes, Levels, LevelTable, Start
from poet.agents.host import simulator_pictures
from poet.agents.lost import FILE
from poet.envs.adapters.config import GymnasiumConfig
from poet.envs.episode_keys import action_key, reset_key
from poet.errors import ConfigError, ContractError
from poet.executors.base import Batch, Episode, Executor, TrainJob
from poet.executors.config import LocalExecutorConfig
from poet.executors.recipe import Recipe
from poet.learners.config import ESConfig, REINFORCEConfig
from poet.search.base import RunContext
from poet.types import derive_key
from tests.agents.drift import DriftGenerator
from tests.agents.simulators import HORIZON, CountingEnvironment, CountingGenerator, Limit
from tests.search.helpers import assert_equal_trees

KEY = jax.random.key(0)
ENVIRONMENT = CountingEnvironment()
CONFIG = HostEngineConfig(lanes=4, workers=2)
POLICY = GRUConfig(units=3)
NUM_AGENTS = 3
LIMITS = (4, 9, 30)
PAIRS = np.array([(agent, level) for agent in range(NUM_AGENTS) for level in range(len(LIMITS))])


def make_executor(
    environment: CountingEnvironment = ENVIRONMENT, engine: HostEngineConfig = CONFIG, context: Any = None
) -> Executor:
    recipe = Recipe(CountingGenerator(environment), POLICY, engine, ESConfig(population=4))
    return LocalExecutorConfig(queue=16).make(recipe, context)


def make_engine(environment: CountingEnvironment = ENVIRONMENT) -> Engine:
    return Recipe(CountingGenerator(environment), POLICY, CONFIG).build().engine


def batch(limits: tuple[int, ...] = LIMITS) -> Batch:
    policy = POLICY.make(CountingEnvironment().interface)
    agents = np.stack([np.asarray(5 * policy.init(derive_key(KEY, agent))) for agent in range(NUM_AGENTS)])
    episodes = [Episode(Limit(np.int32(limit)), derive_key(KEY, 7, n)) for n, limit in enumerate(limits)]
    pairs = np.array([(agent, level) for agent in range(NUM_AGENTS) for level in range(len(limits))])
    return Batch(agents, episodes, pairs)


def evaluate(executor: Executor, work: Batch) -> EpisodeResult:
    try:
        return executor.evaluate(work)
    finally:
        executor.close()


def play(agent: np.ndarray, episode: Episode) -> tuple[float, int, float, float]:
    """An episode by a plain loop."""
    environment = CountingEnvironment()
    policy = POLICY.make(environment.interface)
    simulator = environment.make_simulator(episode.genome)
    seed = int(jax.random.bits(reset_key(episode.key), (), np.uint32))
    obs, memory, fitness, length, ended = simulator.reset(seed), policy.init_memory(), 0.0, 0, False
    while not ended:
        weights = policy.unravel(jnp.asarray(agent))
        action, memory = policy.act(weights, memory, obs, action_key(episode.key, length))
        step = simulator.step(np.asarray(action))
        obs, fitness, length = step.obs, fitness + step.reward, length + 1
        ended = step.terminated or length == HORIZON
    return fitness, length, simulator.success(), float(simulator.descriptor()[0])


@pytest.mark.ci
def test_results_equal_those_of_a_plain_loop() -> None:
    work = batch()
    result = evaluate(make_executor(), work)
    assert len(set(result.length.tolist())) > 1, "lengths must differ for this test to mean anything"
    for k, (agent, level) in enumerate(work.pairs):
        expected = play(np.asarray(work.agents[agent]), work.episodes[level])
        assert tuple(float(values[k].squeeze()) for values in result) == expected


@pytest.mark.few(1)
@pytest.mark.parametrize("workers", [1, 3])
def test_the_number_of_workers_changes_no_bit(workers: int) -> None:
    first = evaluate(make_executor(), batch())
    second = evaluate(make_executor(engine=dataclasses.replace(CONFIG, workers=workers)), batch())
    for values, others in zip(first, second):
        np.testing.assert_array_equal(values, others)


@pytest.mark.ci
@pytest.mark.parametrize(
    ("limit", "deadline_s"), [(-1, 60.0), pytest.param(-2, 2.0, marks=pytest.mark.ci)], ids=["killed", "hangs"]
)
def test_an_episode_whose_worker_is_lost_is_run_again(tmp_path: Path, limit: int, deadline_s: float) -> None:
    work = batch((9, limit))
    unharmed = evaluate(make_executor(CountingEnvironment(failures=0, folder=str(tmp_path))), work)
    engine = dataclasses.replace(CONFIG, deadline_s=deadline_s)
    result = evaluate(make_executor(CountingEnvironment(str(tmp_path), failures=2), engine), work)
    assert len(list(tmp_path.iterdir())) == 2
    for values, others in zip(result, unharmed):
        np.testing.assert_array_equal(values, others)


@pytest.mark.slow
def test_an_episode_that_is_lost_three_times_is_nan_from_then_on(tmp_path: Path) -> None:
    events: list[Any] = []
    (tmp_path / "counts").mkdir()
    environment = CountingEnvironment(str(tmp_path / "counts"))
    context = RunContext(folder=tmp_path, log=lambda event, fields: events.append((event, dict(fields))))
    work = batch((9, -1, 30))
    result = evaluate(make_executor(environment, context=context), work)
    failed = work.pairs[:, 1] == 1
    assert np.isnan(result.fitness[failed]).all()
    assert np.isfinite(result.fitness[~failed]).all()
    assert not result.length[failed].any()
    assert [event for event, _ in events] == ["lost_episode"] * NUM_AGENTS
    rows = [json.loads(line) for line in (tmp_path / "transcripts" / FILE).read_text().splitlines()]
    assert [row["episode"] for row in rows] == [fields["episode"] for _, fields in events]

    tried = len(list((tmp_path / "counts").iterdir()))
    resumed = evaluate(make_executor(dataclasses.replace(environment, failures=0), context=context), work)
    np.testing.assert_array_equal(resumed.fitness, result.fitness)
    assert len(list((tmp_path / "counts").iterdir())) == tried
    other = evaluate(make_executor(dataclasses.replace(environment, failures=0)), work)
    assert np.isfinite(other.fitness).all(), "a verdict belongs to its run"


@pytest.mark.ci
def test_an_error_of_a_simulator_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"simulator of counting-v1 raises ZeroDivisionError.*simulators\.py"):
        evaluate(make_executor(CountingEnvironment(str(tmp_path))), batch((9, -3)))


class Local(CountingEnvironment):
    def __reduce__(self) -> Any:
        return (int, ("not a number",))


@pytest.mark.ci
def test_an_environment_that_cannot_be_made_in_a_worker_is_named() -> None:
    with pytest.raises(ContractError, match="counting-v1 raises ValueError: invalid literal"):
        evaluate(make_executor(Local()), batch())


@pytest.mark.ci
def test_learners_train_in_simulators() -> None:
    executor = make_executor()
    policy, _, learner = Recipe(CountingGenerator(), POLICY, CONFIG, ESConfig(population=4)).build()
    state = learner.init(KEY, policy.init(KEY))
    work = batch()
    (trained,) = executor.train([TrainJob(state, KEY, work.episodes[:2], work.episodes[2:])])
    (again,) = executor.train([TrainJob(state, KEY, work.episodes[:2], work.episodes[2:])])
    executor.close()
    assert trained.fitness.shape == (4,)
    assert not np.array_equal(learner.params(trained.learner), learner.params(state))
    np.testing.assert_array_equal(learner.params(trained.learner), learner.params(again.learner))


@pytest.mark.ci
def test_a_replay_is_the_scored_episode_and_has_pictures() -> None:
    work, engine = batch(), make_engine()
    result = evaluate(make_executor(), work)
    episode = work.episodes[1]
    trajectory = engine.replay(jnp.asarray(work.agents[2]), episode.key, episode.genome)
    engine.close()
    (row,) = np.flatnonzero((work.pairs == (2, 1)).all(axis=1))
    assert trajectory.rewards.sum() == result.fitness[row]
    assert len(trajectory.actions) == result.length[row]
    last = len(trajectory.actions) - 1
    pictures = simulator_pictures(CountingEnvironment(), episode.genome, episode.key, trajectory.actions, [0, last])
    assert [int(picture[0, 0, 0]) for picture in pictures] == [10, 10 * (last + 1)]


def test_engines_refuse_environments_of_the_other_kind() -> None:
    with pytest.raises(ConfigError, match="counting-v1 is one of simulators: add --engine host"):
        Recipe(CountingGenerator(), MLPConfig(), XLAEngineConfig()).build()
    with pytest.raises(ConfigError, match="drift-v1 is written in JAX: leave out --engine"):
        Recipe(DriftGenerator(), MLPConfig(), CONFIG).build()


def trace(step: Any) -> Any:
    return step.obs, step.action, step.reward, step.next_obs, step.length, step.key


def advanced(engine: Engine, splits: tuple[int, ...], lanes: Any = None) -> tuple[Any, Any, Any]:
    """Lanes after these calls, with the traces and the episodes that ended, one after the other."""
    level = engine.build(Levels(Limit(jnp.array([4, 9], jnp.int32)), jax.random.split(KEY, 2)))
    table = LevelTable(level, jnp.array([1.0, 3.0]))
    lanes = engine.idle(derive_key(KEY, 5), 3) if lanes is None else lanes
    params, parts = jnp.asarray(batch().agents[1]), []
    for num_steps in splits:
        lanes, traced, finished = engine.advance(params, table, lanes, num_steps, trace)
        parts.append((traced, finished))
    traced, finished = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
    return lanes, traced, finished


def test_lanes_play_whole_episodes_and_continue_them_in_another_process() -> None:
    """Every episode is that of a plain loop; lanes that another engine left continue with the same bits."""
    engine, other = make_engine(), make_engine()
    lanes, traced, finished = advanced(engine, (24,))
    engine.close()
    half, first, ended = advanced(other, (7,))
    other.close()  # its simulators are gone
    again, second, later = advanced(other, (1, 16), jax.tree.map(np.asarray, half))
    other.close()
    assert_equal_trees(again, lanes)
    assert_equal_trees(
        jax.tree.map(lambda *both: np.concatenate(both), (first, ended), (second, later)), (traced, finished)
    )
    _, _, rewards, _, lengths, keys = traced
    assert finished.ended.sum() > 3
    for step, lane in zip(*np.nonzero(finished.ended)):
        begin = step + 1 - lengths[step, lane]
        key = jax.random.wrap_key_data(jnp.asarray(keys[step, lane]))
        limit = (4, 9)[finished.level[step, lane]]
        expected = play(np.asarray(batch().agents[1]), Episode(Limit(np.int32(limit)), key))
        found = (
            each[step, lane] for each in (finished.fitness, finished.length, finished.success, finished.descriptor)
        )
        assert tuple(float(np.squeeze(each)) for each in found) == expected
        assert rewards[begin : step + 1, lane].sum() == expected[0]


@pytest.mark.ci
def test_lanes_can_be_advanced_twice_from_one_state() -> None:
    """Simulators that have gone on since are made again."""
    engine = make_engine()
    lanes, _, _ = advanced(engine, (3,))
    first, second = (advanced(engine, (4,), lanes) for _ in range(2))
    engine.close()
    assert_equal_trees(first, second)


@pytest.mark.ci
@pytest.mark.parametrize("given_memory", [True, False])
def test_queues_continue_episodes_from_stored_states(given_memory: bool) -> None:
    """With the bits that they would have had; the world of a state is the list of actions so far."""
    engine = make_engine()
    work, at = batch((20, 14, 30)), 3  # steps of at most 5
    genomes = Limit(np.array([work.episodes[level].genome.limit for _, level in work.pairs]))
    levels = Levels(genomes, jnp.stack([work.episodes[level].key for _, level in work.pairs]))
    level = engine.build(levels)
    first = engine.enter(level, engine.reset(level, levels.key), KEY)
    agents = jnp.asarray(work.agents)[work.pairs[:, 0]]
    table = LevelTable(level, jnp.ones(len(work.pairs)))
    lanes, traced, _ = engine.advance(agents, table, first, at, trace)
    assert lanes.running.all(), "no episode ends before the stored state"
    memory = lanes.memory if given_memory else None
    limit = np.full(len(work.pairs), 8, np.int32)
    start = Start(lanes.world, None, memory, lanes.length, limit, levels.key)
    rows = np.arange(len(work.pairs))
    episodes = Episodes(work.pairs[:, 0], rows, start)
    result, _ = engine.run(jnp.asarray(work.agents), levels, episodes, len(rows), len(rows))
    if not given_memory:
        lanes = lanes._replace(memory=first.memory)
    _, _, finished = engine.advance(agents, table, lanes._replace(limit=limit), 8 - at, trace)
    engine.close()
    step = finished.ended.argmax(axis=0)
    assert finished.ended[step, rows].all()
    np.testing.assert_array_equal(result.length, step + 1)
    rewards = finished.fitness[step, rows] - traced[2].sum(axis=0)
    np.testing.assert_array_equal(result.fitness, rewards)
    np.testing.assert_array_equal(result.success, finished.success[step, rows])
    np.testing.assert_array_equal(result.descriptor, finished.descriptor[step, rows])


@pytest.mark.slow
def test_lanes_whose_worker_is_lost_continue(tmp_path: Path) -> None:
    """The first two episodes of a level that kills its worker are lost, and played again."""

    def played(failures: int) -> Any:
        folder = tmp_path / str(failures)
        folder.mkdir()
        engine = make_engine(CountingEnvironment(str(folder), failures))
        level = engine.build(Levels(Limit(jnp.array([9, -1], jnp.int32)), jax.random.split(KEY, 2)))
        table = LevelTable(level, jnp.ones(2))
        result = engine.advance(jnp.asarray(batch().agents[0]), table, engine.idle(KEY, 3), 12, trace)
        engine.close()
        return result, len(list(folder.iterdir()))

    unharmed, _ = played(0)
    harmed, tried = played(2)
    assert tried == 2
    assert_equal_trees(harmed, unharmed)
    (_, _, finished), tried = played(10**6)
    assert tried >= 3
    lost = finished.ended & (finished.level == 1)
    assert np.isnan(finished.fitness[lost]).all()
    assert np.isfinite(finished.fitness[finished.ended & ~lost]).all()


@pytest.mark.slow
def test_learners_of_the_step_kind_train_in_simulators() -> None:
    config = REINFORCEConfig(lanes=3, steps=10)
    recipe = Recipe(CountingGenerator(), MLPConfig(hidden=(), actor_critic=True), CONFIG, config)
    policy, _, learner = recipe.build()
    states = []
    for _ in range(2):
        executor = LocalExecutorConfig(queue=16).make(recipe)
        state = learner.init(KEY, policy.init(KEY))
        for number in range(3):
            job = TrainJob(state, derive_key(KEY, number), batch().episodes[:2], batch().episodes[2:])
            (result,) = executor.train([job])
            state = result.learner
            assert len(result.fitness) > 0
        executor.close()
        states.append(state)
    assert_equal_trees(states[0], states[1])
    assert not np.array_equal(learner.params(states[0]), policy.init(KEY))


@pytest.mark.ci
def test_observations_of_several_arrays_reach_the_policy() -> None:
    """Blackjack of gymnasium: three numbers."""
    generator = GymnasiumConfig(env="Blackjack-v1", horizon=8, return_range=(-1.0, 1.0), solved_return=1.0).make()
    recipe = Recipe(generator, MLPConfig(hidden=()), CONFIG)
    executor = LocalExecutorConfig(queue=16).make(recipe)
    assert isinstance(generator.environment.interface.obs, tuple)
    agents = np.stack([np.asarray(5 * recipe.build().policy.init(derive_key(KEY, number))) for number in range(4)])
    genome = jax.tree.map(np.asarray, generator.simplest())
    result = evaluate(executor, Batch(agents, [Episode(genome, KEY)], np.array([(a, 0) for a in range(4)])))
    assert set(result.fitness.tolist()) <= {-1.0, 0.0, 1.0, 1.5}
    assert (result.length >= 1).all()
