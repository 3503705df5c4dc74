"""POET end to end on a small real world: harder environments come in, agents move, and devices change no bit."""

import jax
import numpy as np
import pytest

from poet.agents.config import PolicyConfig
from poet.agents.policy import mlp
from poet.executors.config import ExecutionConfig
from poet.executors.local import local
from poet.learners.config import ESConfig
from poet.learners.es import es
from poet.search.poet.config import PoetConfig
from poet.search.poet.search import poet
from tests.envs.toy import CorridorGenerator
from tests.search.fakes import of

RULES = PoetConfig(
    max_niches=3,
    solved=90.0,
    reproduce_every=4,
    reproduce_threshold=60.0,
    num_children=4,
    mc_lower=20.0,
    mc_upper=150.0,
    transfer_every=3,
)


def corridor(devices: int, queue: int, rule: str = "original"):  # type: ignore[no-untyped-def]
    generator = CorridorGenerator()
    policy = mlp(generator.environment.interface, PolicyConfig(hidden=(8,)))
    learner = es(ESConfig(population=32, learning_rate=0.05), policy.num_params)
    execution = ExecutionConfig(lanes=16, devices=devices, queue=queue, chunk=10)
    executor = local(generator.environment, policy, learner, execution)
    return poet(PoetConfig(**(vars(RULES) | {"transfer_rule": rule})), generator, policy, learner, executor)


def history(search, steps: int):  # type: ignore[no-untyped-def]
    state, events = search.init(jax.random.key(0)), []
    for _ in range(steps):
        state, info = search.step(state)
        events += info.events
    return state, events


@pytest.fixture(scope="module")
def alone():  # type: ignore[no-untyped-def]
    return history(corridor(devices=1, queue=128), 24)


def test_agents_learn_and_harder_environments_come_in(alone) -> None:  # type: ignore[no-untyped-def]
    state, events = alone
    first, last = of(events, "iteration")[0], of(events, "iteration")[-1]
    assert first["fitness"][0] < 40
    assert max(last["best"]) > 80
    admitted = of(events, "admission")
    assert len(admitted) >= 4
    assert max(row["features"]["length"] for row in admitted) > 2.5
    assert of(events, "retirement"), "capacity must have been reached"
    assert of(events, "milestone")
    moves = of(events, "transfer")
    assert moves
    assert all(move["fitness"] > move["incumbent"] for move in moves)
    for row in admitted[1:]:
        assert RULES.mc_lower <= row["fitness"] <= RULES.mc_upper
        assert row["parent"] < row["niche"]
    assert int(state.env_steps) == last["env_steps"] or last["env_steps"] < int(state.env_steps)


@pytest.mark.parametrize(("devices", "queue"), [(2, 24), pytest.param(4, 128, marks=pytest.mark.slow)])
def test_devices_and_waves_leave_history_and_state_as_they_were(alone, devices: int, queue: int) -> None:  # type: ignore[no-untyped-def]
    state, events = alone
    other, others = history(corridor(devices, queue), 24)
    assert events == others
    a, b = (jax.tree.leaves(s._replace(key=jax.random.key_data(s.key))) for s in (state, other))
    assert len(a) == len(b)
    for x, y in zip(a, b):
        np.testing.assert_array_equal(x, y)
