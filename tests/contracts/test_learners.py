"""What every learner of the ask/tell kind must keep. A package adds its own to `cases`, or runs this module where it is
installed.
"""

from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

from poet.agents.config import MLPConfig, XLAEngineConfig
from poet.executors.recipe import Recipe
from poet.learners.base import AskTellLearner
from poet.learners.config import ESConfig, LearnerConfig, learners
from poet.runs.checkpoint import check_state
from poet.runs.journal import encode
from poet_curriculum.config import RandomSearchConfig
from tests.agents.drift import DriftGenerator
from tests.contracts.cases import installed, parameters
from tests.search.helpers import assert_equal_trees

RECIPE = Recipe(DriftGenerator(), MLPConfig(hidden=(), actor_critic=True), XLAEngineConfig(lanes=4))
POLICY, ENGINE, _ = RECIPE.build()
G = POLICY.num_params
START = np.linspace(-1, 1, G, dtype=np.float32)


def cases() -> list[LearnerConfig]:
    """All installed learners, and others with the options that change their code."""
    strategies = [ESConfig(strategy=each, population=8) for each in ("SimpleGA", "SNES", "CMA_ES")]
    configs = [*installed(learners), *strategies, RandomSearchConfig()]
    return [config for config in configs if isinstance(config.make(POLICY, ENGINE), AskTellLearner)]


class Case(NamedTuple):
    """A learner, its compiled functions, how often they were traced, and three steps of it.

    Attributes:
      states: the state before each step and after the last, with NumPy leaves as executors pass them.
      candidates: of each step.
    """

    learner: AskTellLearner
    ask: Any
    tell: Any
    traces: list[str]
    states: list[Any]
    candidates: list[np.ndarray]


def to_numpy(tree: Any) -> Any:
    return jax.tree.map(np.asarray, tree)


def fitness_of(candidates: np.ndarray) -> np.ndarray:
    return -np.square(np.asarray(candidates) - 0.5).sum(axis=1)


@pytest.fixture(scope="module", params=parameters(cases()))
def case(request: pytest.FixtureRequest) -> Case:
    learner, traces = request.param.make(POLICY, ENGINE), []

    @jax.jit
    def ask(*args):
        traces.append("ask")
        return learner.ask(*args)

    @jax.jit
    def tell(*args):
        traces.append("tell")
        return learner.tell(*args)

    states, candidates = [to_numpy(jax.jit(learner.init)(jax.random.key(0), START))], []
    for number in range(3):
        key = jax.random.key(number)
        asked, population = ask(jax.random.fold_in(key, 0), states[-1])
        states.append(to_numpy(tell(jax.random.fold_in(key, 1), asked, population, fitness_of(population))))
        candidates.append(np.asarray(population))
    return Case(learner, ask, tell, traces, states, candidates)


def test_shapes_and_dtypes(case: Case) -> None:
    for state in case.states:
        params = np.asarray(case.learner.params(state))
        assert (params.shape, params.dtype) == ((G,), np.float32)
    for candidates in case.candidates:
        assert (candidates.shape, candidates.dtype) == ((case.learner.population, G), np.float32)
        assert np.isfinite(candidates).all()


def test_a_learner_starts_from_the_given_weights(case: Case) -> None:
    np.testing.assert_array_equal(case.learner.params(case.states[0]), START)


def test_a_learner_changes_its_weights(case: Case) -> None:
    assert not np.array_equal(case.learner.params(case.states[-1]), START)


def test_the_state_keeps_its_structure_so_nothing_is_traced_again(case: Case) -> None:
    assert sorted(case.traces) == ["ask", "tell"]
    shapes = [jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), state) for state in case.states]
    assert all(each == shapes[0] for each in shapes)


def test_the_state_can_be_saved(case: Case) -> None:
    asked, candidates = case.ask(jax.random.key(0), case.states[0])
    updated = case.tell(jax.random.key(1), asked, candidates, fitness_of(candidates))
    for state in (*case.states, asked, updated):
        check_state(state)


def test_the_same_key_gives_the_same_result(case: Case) -> None:
    state = case.states[0]
    key = jax.random.key(0)
    asked, candidates = case.ask(jax.random.fold_in(key, 0), state)
    np.testing.assert_array_equal(candidates, case.candidates[0])
    again = to_numpy(case.tell(jax.random.fold_in(key, 1), asked, candidates, fitness_of(candidates)))
    assert_equal_trees(again, case.states[1])
    assert not np.array_equal(case.ask(jax.random.key(9), state)[1], candidates)


def test_a_step_does_not_write_into_the_given_state(case: Case) -> None:
    state = jax.tree.map(np.copy, case.states[1])
    asked, candidates = case.ask(jax.random.key(3), state)
    case.tell(jax.random.key(4), asked, candidates, fitness_of(candidates))
    assert_equal_trees(state, case.states[1])


def test_fitness_that_is_not_finite_ranks_worst(case: Case) -> None:
    asked, candidates = case.ask(jax.random.key(5), case.states[2])
    fitness = fitness_of(candidates)
    best = int(fitness.argmax())

    def weights_after(value: float) -> np.ndarray:
        changed = np.where(np.arange(len(fitness)) == best, value, fitness).astype(np.float32)
        return np.asarray(case.learner.params(case.tell(jax.random.key(6), asked, candidates, changed)))

    worst = weights_after(np.delete(fitness, best).min() - 1)
    for value in (np.nan, np.inf, -np.inf):
        np.testing.assert_allclose(weights_after(value), worst, rtol=1e-6)


def test_without_finite_fitness_the_weights_stay_finite(case: Case) -> None:
    asked, candidates = case.ask(jax.random.key(5), case.states[2])
    state = case.tell(jax.random.key(6), asked, candidates, np.full(len(candidates), np.nan, np.float32))
    assert np.isfinite(case.learner.params(state)).all()


def test_with_params_gives_the_learner_these_weights(case: Case) -> None:
    params = np.full(G, 0.25, np.float32)
    state = jax.jit(case.learner.with_params)(jax.random.key(7), case.states[2], params)
    np.testing.assert_array_equal(case.learner.params(state), params)
    shapes = [jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), each) for each in (state, case.states[2])]
    assert shapes[0] == shapes[1]
    check_state(state)
    _, candidates = case.ask(jax.random.key(8), to_numpy(state))
    assert np.isfinite(candidates).all()


def test_rates_are_scalars_for_the_journal(case: Case) -> None:
    rates = {name: float(rate) for name, rate in case.learner.rates(case.states[1]).items()}
    encode(rates)
    assert rates.keys() == case.learner.rates(case.states[2]).keys()
