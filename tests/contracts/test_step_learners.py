"""What every learner of the step kind must keep. A package adds its own to `cases`, or runs this module where it is
installed.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.agents.config import GRUConfig, MLPConfig, PolicyConfig, XLAEngineConfig
from poet.agents.engine import Finished, LevelTable
from poet.errors import ConfigError
from poet.executors.recipe import Parts, Recipe
from poet.learners.base import StepLearner
from poet.learners.config import LearnerConfig, REINFORCEConfig, learners
from poet.runs.checkpoint import check_state
from poet.runs.journal import encode
from tests.agents.drift import DriftGenerator
from tests.contracts.carried import check_carried
from tests.contracts.cases import installed, parameters
from tests.search.helpers import assert_equal_trees

POLICIES: dict[str, PolicyConfig] = {
    "mlp": MLPConfig(hidden=(), actor_critic=True),
    "gru": GRUConfig(units=3, actor_critic=True),
}
TABLE = LevelTable({"wind": jnp.float32([0.0, 0.1])}, jnp.float32([1.0, 1.0]))


def parts(policy: PolicyConfig, learner: LearnerConfig) -> Parts:
    return Recipe(DriftGenerator(), policy, XLAEngineConfig(lanes=4), learner).build()


def cases() -> list[LearnerConfig]:
    """All installed learners of this kind, and one whose lanes and steps are few."""
    configs = [*installed(learners), REINFORCEConfig(lanes=3, steps=25)]
    return [each for each in configs if isinstance(parts(POLICIES["mlp"], each).learner, StepLearner)]


class Case(NamedTuple):
    """A learner, its compiled step, how often that was traced, and three steps of it.

    Attributes:
      states: the state before each step and after the last, with NumPy leaves as executors pass them.
      finished: the episodes that ended in each step.
    """

    learner: StepLearner
    start: np.ndarray
    step: Any
    traces: list[str]
    states: list[Any]
    finished: list[Finished]


def to_numpy(tree: Any) -> Any:
    return jax.tree.map(np.asarray, tree)


@pytest.fixture(scope="module", params=["mlp", pytest.param("gru", marks=pytest.mark.ci)])
def policy_config(request: pytest.FixtureRequest) -> PolicyConfig:
    return POLICIES[request.param]


@pytest.fixture(scope="module", params=parameters(cases()))
def case(request: pytest.FixtureRequest, policy_config: PolicyConfig) -> Case:
    policy, engine, learner = parts(policy_config, request.param)
    start, traces = np.asarray(policy.init(jax.random.key(0))), []

    @jax.jit
    def step(key, state):
        traces.append("step")
        return learner.step(key, state, lambda *args: engine.advance(args[0], TABLE, *args[1:]))

    states, finished = [to_numpy(jax.jit(learner.init)(jax.random.key(0), start))], []
    for number in range(3):
        state, ended = step(jax.random.key(number), states[-1])
        states.append(to_numpy(state))
        finished.append(ended)
    return Case(learner, start, step, traces, states, finished)


def test_a_learner_starts_from_the_given_weights_and_changes_them(case: Case) -> None:
    np.testing.assert_array_equal(case.learner.params(case.states[0]), case.start)
    for state in case.states:
        params = np.asarray(case.learner.params(state))
        assert (params.shape, params.dtype) == (case.start.shape, np.float32)
        assert np.isfinite(params).all()
    assert not np.array_equal(case.learner.params(case.states[-1]), case.start)


def test_the_state_keeps_its_structure_so_nothing_is_traced_again(case: Case) -> None:
    assert case.traces == ["step"]
    shapes = [jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), state) for state in case.states]
    assert all(each == shapes[0] for each in shapes)


def test_the_state_can_be_saved(case: Case) -> None:
    for state in case.states:
        check_state(state)
        check_carried(jax.tree.map(jnp.asarray, state))


def test_it_reports_the_episodes_that_ended(case: Case) -> None:
    ended = [np.asarray(each.ended) for each in case.finished]
    assert sum(each.sum() for each in ended) > 3
    for each in case.finished:
        check_carried(each)
        assert set(np.asarray(each.level)[np.asarray(each.ended)]) <= {0, 1}
        assert (np.asarray(each.length) > 0).tolist() == np.asarray(each.ended).tolist()


def test_the_same_key_gives_the_same_result(case: Case) -> None:
    again, ended = case.step(jax.random.key(0), case.states[0])
    assert_equal_trees(to_numpy(again), case.states[1])
    assert_equal_trees(to_numpy(ended), to_numpy(case.finished[0]))


def test_with_params_gives_the_learner_these_weights(case: Case) -> None:
    params = np.full(case.start.shape, 0.25, np.float32)
    state = jax.jit(case.learner.with_params)(jax.random.key(7), case.states[2], params)
    np.testing.assert_array_equal(case.learner.params(state), params)
    shapes = [jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), each) for each in (state, case.states[2])]
    assert shapes[0] == shapes[1]
    assert np.isfinite(case.learner.params(case.step(jax.random.key(8), to_numpy(state))[0])).all()


def test_rates_are_scalars_for_the_journal(case: Case) -> None:
    encode({name: float(rate) for name, rate in case.learner.rates(case.states[1]).items()})


def test_a_policy_without_a_distribution_is_refused() -> None:
    with pytest.raises(ConfigError, match="add --policy.actor-critic"):
        parts(MLPConfig(), REINFORCEConfig())
