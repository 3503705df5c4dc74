"""POET with real episodes: harder environments are admitted, agents transferred, and devices change no bit."""

import jax
import numpy as np
import pytest

from poet.agents.config import MLPConfig, XLAEngineConfig
from poet.executors.config import LocalExecutorConfig
from poet.executors.recipe import Recipe
from poet.learners.config import ESConfig
from poet.search.poet.algorithm import poet
from poet.search.poet.config import PoetConfig
from tests.envs.toy import CorridorGenerator
from tests.search.poet.fakes import events_of, run

RULES = PoetConfig(
    max_niches=3,
    threshold_unit="return",
    solved_score=90.0,
    reproduce_every=4,
    reproduce_threshold=60.0,
    num_children=4,
    mc_lower=20.0,
    mc_upper=150.0,
    transfer_every=3,
)


def corridor(devices: int, queue: int, rule: str = "original"):  # type: ignore[no-untyped-def]
    generator = CorridorGenerator()
    learner_config = ESConfig(population=32, learning_rate=0.05)
    recipe = Recipe(generator, MLPConfig(hidden=(8,)), XLAEngineConfig(lanes=16, chunk=10), learner_config)
    policy, _, learner = recipe.build()
    executor = LocalExecutorConfig(devices=devices, queue=queue).make(recipe)
    return poet(PoetConfig(**(vars(RULES) | {"transfer_rule": rule})), generator, policy, learner, executor)


@pytest.fixture(scope="module")
def one_device():  # type: ignore[no-untyped-def]
    return run(corridor(devices=1, queue=128), 24)


def test_agents_learn_and_harder_environments_are_admitted(one_device) -> None:  # type: ignore[no-untyped-def]
    state, infos = one_device
    first, last = infos[0].metrics, infos[-1].metrics
    assert first["fitness"][0] < 40
    assert max(last["best"]) > 80
    admitted = events_of(infos, "admission")
    assert len(admitted) >= 4
    assert max(row["features"]["length"] for row in admitted) > 2.5
    assert events_of(infos, "retirement"), "capacity must have been reached"
    assert events_of(infos, "milestone")
    transfers = events_of(infos, "transfer")
    assert transfers
    assert all(row["fitness"] > row["incumbent"] for row in transfers)
    for row in admitted[1:]:
        assert RULES.mc_lower <= row["fitness"] <= RULES.mc_upper
        assert row["parent"] < row["niche"]
    assert int(state.env_steps) == last["env_steps"] or last["env_steps"] < int(state.env_steps)


@pytest.mark.ci
@pytest.mark.parametrize(("devices", "queue"), [(2, 24), pytest.param(4, 128, marks=pytest.mark.slow)])
def test_devices_and_queue_change_no_bit_of_history_and_state(one_device, devices: int, queue: int) -> None:  # type: ignore[no-untyped-def]
    state, infos = one_device
    other, others = run(corridor(devices, queue), 24)
    assert [info.events for info in infos] == [info.events for info in others]
    assert [info.metrics for info in infos] == [info.metrics for info in others]
    a, b = (jax.tree.leaves(s._replace(key=jax.random.key_data(s.key))) for s in (state, other))
    assert len(a) == len(b)
    for x, y in zip(a, b):
        np.testing.assert_array_equal(x, y)
