"""MAP-Elites over pairs, in corridors that a point learns to cross."""

import dataclasses

import jax
import numpy as np
import pytest

from poet.agents.config import PolicyConfig
from poet.agents.policy import mlp
from poet.archives import make
from poet.errors import ConfigError
from poet.executors.config import ExecutionConfig
from poet.executors.local import local
from poet.learners.config import ESConfig
from poet.learners.es import es
from poet.runs.checkpoint import check_state
from poet.search.pairs.config import PairsConfig
from poet.search.pairs.search import pairs
from tests.envs.toy import CorridorGenerator

GENERATOR = CorridorGenerator()
CONFIG = PairsConfig(solved=90.0, pupil_score=20.0, children=6, variants=4, neighbours=2, pupils=2, patience=8)


def build(devices: int | None = None, **options):
    policy = mlp(GENERATOR.environment.interface, PolicyConfig(hidden=(8,)))
    learner = es(ESConfig(population=16, learning_rate=0.1, sigma=0.2), policy.num_params)
    executor = local(GENERATOR.environment, policy, learner, ExecutionConfig(lanes=16, queue=64, devices=devices))
    archive = make({"kind": "grid", "shape": [7, 6], "bounds": GENERATOR.feature_bounds})
    return pairs(dataclasses.replace(CONFIG, **options), GENERATOR, policy, learner, executor, archive), executor


def drive(search, iterations: int):
    state, infos = search.init(jax.random.key(0)), []
    for _ in range(iterations):
        state, info = search.step(state)
        check_state(state)
        infos.append(info)
    return state, infos


@pytest.fixture(scope="module")
def played():
    search, executor = build()
    return *drive(search, 40), executor


def test_an_archive_of_solved_corridors_grows(played) -> None:
    state, infos, _ = played
    rows = [info.events[-1] for info in infos]
    table = infos[-1].elites().columns
    assert rows[-1]["coverage"] > 0.2
    assert all(np.isfinite(row["pupil_best"]) for row in rows if row["pupil_best"] is not None)
    assert rows[0]["pupil_best"] is not None, "the first pupil learns from the start"
    assert (table["fitness"] >= CONFIG.solved).all()
    assert sum(row["added"] for row in rows) == len(table["fitness"]) == round(rows[-1]["coverage"] * 42)
    made = [row["emitters"] for row in rows]
    assert sum(each["pupil"]["added"] for each in made) > 0
    assert sum(each[name]["added"] for each in made for name in ("parent", "variant", "neighbour")) > 0
    stored = [event for info in infos for event in info.events if event["event"] == "elite"]
    assert len(stored) == sum(row["added"] + row["improved"] for row in rows)
    assert int(state.env_steps) == rows[-1]["env_steps"] > 1000


def test_pupils_go_on_with_the_optimiser_of_a_graduate(played) -> None:
    state, infos, _ = played
    steps = np.log(np.asarray(state.pupils.learner.learning_rate) / 0.1) / np.log(0.9999)
    began = np.log(float(state.graduate.learning_rate) / 0.1) / np.log(0.9999)
    assert began > 5, "the first one took some steps to solve its corridor"
    young = (state.pupils.age >= 0) & (state.pupils.age < len(infos) // 4)
    assert young.any()
    assert (steps[young] > state.pupils.age[young] + 1).all()


def test_every_elite_solves_the_environment_of_its_cell(played) -> None:
    from poet.executors.base import Ground
    from tests.envs.toy import Corridor

    _, infos, executor = played
    table = infos[-1].elites().columns
    genomes = [Corridor(length, wind) for length, wind in zip(table["genome.length"], table["genome.wind"])]
    grounds = [Ground(genome, jax.random.key(0)) for genome in genomes]
    result = executor.evaluate(list(table["params"]), grounds, [(row, row) for row in range(len(genomes))])
    np.testing.assert_array_equal(result.fitness, table["fitness"])
    assert (result.success >= 1).all()
    np.testing.assert_array_equal(np.stack([np.stack(genome) for genome in genomes]), table["descriptor"])


def test_parents_of_elites_were_elites(played) -> None:
    _, infos, _ = played
    ids = {tuple(event["id"]) for info in infos for event in info.events if event["event"] == "elite"}
    for parents in infos[-1].elites().columns["parents"].reshape(-1, 2):
        assert tuple(parents) in ids or (parents == 0xFFFFFFFF).all()


def test_devices_and_restarts_change_no_bit() -> None:
    one, first = drive(build(devices=1)[0], 12)
    half, before = drive(build(devices=2)[0], 6)
    state, search = half, build(devices=2)[0]
    after = []
    for _ in range(6):
        state, info = search.step(state)
        after.append(info)
    # as text, since NaN does not equal itself
    assert [repr(info.events) for info in first] == [repr(info.events) for info in before + after]
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(np.asarray(a), np.asarray(b)), one[1:], state[1:])


def test_unknown_features_are_refused() -> None:
    with pytest.raises(ConfigError, match="wnd"):
        build(features=("wnd",))


@pytest.mark.parametrize("options", [{"children": 0}, {"iso_sigma": -1.0}, {"mutation_strength": 0.0}])
def test_impossible_options(options: dict) -> None:
    with pytest.raises(ConfigError):
        PairsConfig(**options)
