"""MAP-Elites over pairs, in corridors that a point learns to cross."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from poet.agents.config import MLPConfig, XLAEngineConfig
from poet.archives.config import GridConfig
from poet.errors import ConfigError
from poet.executors.base import Batch, Episode
from poet.executors.config import LocalExecutorConfig
from poet.executors.recipe import Recipe
from poet.learners.config import ESConfig
from poet.search.base import RunContext
from poet.search.config import RunConfig
from poet.search.paired_map_elites.config import PairedMapElitesConfig, PairedMapElitesRunConfig
from poet.search.paired_map_elites.presets import WALKER
from poet.view.archive.tables import SHOWN
from tests.envs.toy import Corridor, CorridorConfig
from tests.search.helpers import assert_equal_trees, run_search

RUN = PairedMapElitesRunConfig(
    generator=CorridorConfig(),
    policy=MLPConfig(hidden=(8,)),
    engine=XLAEngineConfig(lanes=16),
    learner=ESConfig(population=16, learning_rate=0.1, sigma=0.2),
    archive=GridConfig(shape=(7, 6)),
    search=PairedMapElitesConfig(
        threshold_unit="return",
        solved_score=90.0,
        training_score=20.0,
        children=6,
        variants=4,
        neighbours=2,
        trainees=2,
        max_training_steps=8,
    ),
)


def build(devices: int | None = None, **options):
    executor = LocalExecutorConfig(queue=64, devices=devices)
    config = dataclasses.replace(RUN, executor=executor, search=dataclasses.replace(RUN.search, **options))
    return config.make(RunContext())


@pytest.fixture(scope="module")
def finished():
    """The states after each of 40 iterations and what each of them reported."""
    search = build()
    states, infos = [search.init(jax.random.key(0))], []
    for _ in range(40):
        state, info = search.step(states[-1])
        states.append(state)
        infos.append(info)
    search.close()
    return states[1:], infos


@pytest.mark.slow
def test_an_archive_of_solved_corridors_grows(finished) -> None:
    states, infos = finished
    rows = [info.metrics for info in infos]
    table = infos[-1].snapshots["elites"]().arrays
    assert rows[-1]["coverage"] > 0.2
    assert all(np.isfinite(row["trainee_best"]) for row in rows if row["trainee_best"] is not None)
    assert rows[0]["trainee_best"] is not None, "the first trainee learns from the start"
    assert (table["fitness"] >= RUN.search.solved_score).all()
    assert sum(row["added"] for row in rows) == len(table["fitness"]) == round(rows[-1]["coverage"] * 42)
    made = [row["emitters"] for row in rows]
    assert sum(each["trainee"]["added"] for each in made) > 0
    assert sum(each[name]["added"] for each in made for name in ("parent", "variant", "neighbour")) > 0
    stored = [event for info in infos for event in info.events if event["event"] == "elite"]
    assert len(stored) == sum(row["added"] + row["improved"] for row in rows)
    assert int(states[-1].env_steps) == rows[-1]["env_steps"] > 1000


@pytest.mark.slow
def test_the_headline_and_the_view_name_metrics(finished) -> None:
    _, infos = finished
    assert set(SHOWN) <= infos[0].metrics.keys()
    search = build()
    search.close()
    assert set(search.headline) <= infos[0].metrics.keys()
    assert {"trainee_best", "solved_score"} <= infos[0].metrics.keys(), "the view of archives draws these"


@pytest.mark.ci
def test_new_trainees_take_the_optimiser_of_the_last_solver(finished) -> None:
    states, _ = finished
    num_new = 0
    for state in states:
        new = state.trainees.age == 0
        num_new += int(new.sum())
        inherited = float(state.last_solver.learning_rate)
        assert (state.trainees.learner.learning_rate[new] == inherited).all()
    assert num_new > 2
    assert inherited < 0.1 * 0.9999**5, "the first one took some steps to solve its corridor"


@pytest.mark.ci
def test_every_elite_solves_the_environment_of_its_cell(finished) -> None:
    _, infos = finished
    table = infos[-1].snapshots["elites"]().arrays
    genomes = [Corridor(length, wind) for length, wind in zip(table["genome.length"], table["genome.wind"])]
    executor = LocalExecutorConfig(queue=64).make(Recipe(CorridorConfig().make(), RUN.policy, RUN.engine))
    episodes = [Episode(genome, jax.random.key(0)) for genome in genomes]
    pairs = np.array([(row, row) for row in range(len(genomes))])
    result = executor.evaluate(Batch(table["params"], episodes, pairs))
    executor.close()
    np.testing.assert_array_equal(result.fitness, table["fitness"])
    assert (result.success >= 1).all()
    np.testing.assert_array_equal(np.stack([np.stack(genome) for genome in genomes]), table["descriptor"])


@pytest.mark.ci
def test_parents_of_elites_were_elites(finished) -> None:
    _, infos = finished
    ids = {tuple(event["id"]) for info in infos for event in info.events if event["event"] == "elite"}
    for parents in infos[-1].snapshots["elites"]().arrays["parents"].reshape(-1, 2):
        assert tuple(parents) in ids or (parents == 0xFFFFFFFF).all()


@pytest.mark.ci
def test_devices_and_restarts_change_no_bit() -> None:
    one, first = run_search(build(devices=1), 12)
    state, infos = run_search(build(devices=2), 6)
    search = build(devices=2)
    for _ in range(6):
        state, info = search.step(state)
        infos.append(info)
    # as text, since NaN does not equal itself
    assert [repr((info.events, info.metrics)) for info in first] == [
        repr((info.events, info.metrics)) for info in infos
    ]
    assert_equal_trees(one, state)


def test_a_generator_can_replace_that_of_the_config() -> None:
    config = dataclasses.replace(WALKER, search=PairedMapElitesConfig(), policy=MLPConfig(hidden=(8,)))
    search = config.make(RunContext(), generator=CorridorConfig().make())
    assert search.identity["generator"] == {"id": "corridor", "version": 1}
    assert search.identity["interface"]["id"] == "corridor-v1"
    search.close()


def test_unknown_features_are_refused() -> None:
    with pytest.raises(ConfigError, match="'wnd'. Did you mean 'wind'.* as --search.features length$"):
        build(features=("wnd",))


@pytest.mark.parametrize("options", [{"children": 0}, {"iso_sigma": -1.0}, {"mutation_strength": 0.0}])
def test_impossible_options(options: dict) -> None:
    with pytest.raises(ConfigError):
        PairedMapElitesConfig(**options)


@pytest.mark.parametrize("config", [WALKER, RUN, PairedMapElitesRunConfig()])
def test_configs_survive_json(config: PairedMapElitesRunConfig) -> None:
    assert RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_a_config_describes_itself() -> None:
    assert WALKER.describe() == "solved walker environments with their agents, by roughness, stump_hi"
    assert RUN.describe() == "solved corridor environments with their agents, by all features"
