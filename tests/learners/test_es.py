"""POET's ES against plain NumPy, and every evosax strategy as a learner."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.errors import ConfigError
from poet.learners.config import ESConfig
from poet.learners.es import STRATEGIES, es

G = 30
NEEDS_MORE = {"RandomSearch", "SV_CMA_ES", "SV_Open_ES"}  # than a population size
IN_CI = {"CMA_ES", "SNES", "SimpleGA"}
ALL = [
    pytest.param(name, marks=[] if name == "Open_ES" else pytest.mark.ci if name in IN_CI else pytest.mark.slow)
    for name in sorted(STRATEGIES.keys() - NEEDS_MORE)
]


class NumpyES:
    """The step of POET's released code, in its order: ranks, gradient over pairs, L2 in the gradient, Adam, decays."""

    def __init__(self, config: ESConfig, params: np.ndarray) -> None:
        self.config, self.params = config, params.astype(np.float64)
        self.sigma, self.rate = config.sigma, config.learning_rate
        self.m, self.v, self.t = np.zeros(G), np.zeros(G), 0

    def step(self, noise: np.ndarray, fitness: np.ndarray) -> None:
        pairs = len(noise)
        ranks = np.empty(2 * pairs)
        ranks[fitness.argsort()] = np.arange(2 * pairs)
        ranks = ranks / (2 * pairs - 1) - 0.5
        gradient = (ranks[:pairs] - ranks[pairs:]) @ noise / pairs / self.sigma
        descent = -gradient + self.config.l2 * self.params
        self.t += 1
        self.m = 0.9 * self.m + 0.1 * descent
        self.v = 0.999 * self.v + 0.001 * descent**2
        size = self.rate * np.sqrt(1 - 0.999**self.t) / (1 - 0.9**self.t)
        self.params = self.params - size * self.m / (np.sqrt(self.v) + 1e-8)
        self.sigma = max(self.sigma * self.config.sigma_decay, self.config.sigma_floor)
        self.rate = max(self.rate * self.config.learning_rate_decay, self.config.learning_rate_floor)


def landscape(x: np.ndarray) -> np.ndarray:
    return -((x - 0.5) ** 2).sum(-1) + 0.3 * np.sin(5 * x).sum(-1)


def test_the_default_equals_poets_es_step_by_step() -> None:
    config = ESConfig(population=64, sigma_decay=0.97, sigma_floor=0.06, learning_rate_decay=0.98, l2=0.05)
    learner = es(config, G)
    start = np.asarray(0.1 * jax.random.normal(jax.random.key(1), (G,)))
    state, expected = learner.init(jax.random.key(0), start), NumpyES(config, start)
    for t in range(25):
        key = jax.random.fold_in(jax.random.key(2), t)
        assert float(learner.rates(state)["sigma"]) == pytest.approx(expected.sigma, rel=1e-6)
        assert float(learner.rates(state)["learning_rate"]) == pytest.approx(expected.rate, rel=1e-6)
        state, candidates = learner.ask(key, state)
        candidates = np.asarray(candidates, np.float64)
        noise = (candidates[:32] - expected.params) / expected.sigma
        np.testing.assert_allclose(noise, -(candidates[32:] - expected.params) / expected.sigma, atol=1e-3)
        fitness = landscape(candidates)
        state = learner.tell(key, state, jnp.asarray(candidates, jnp.float32), jnp.asarray(fitness, jnp.float32))
        expected.step(noise, fitness)
        np.testing.assert_allclose(learner.params(state), expected.params, atol=1e-4)
    assert np.abs(expected.params - start).max() > 0.1


@pytest.mark.filterwarnings("ignore:optax.global_norm")  # evosax calls a deprecated function of optax
@pytest.mark.parametrize("name", ALL)
def test_any_strategy_steps_without_being_traced_again_and_keeps_its_shapes(name: str) -> None:
    learner = es(ESConfig(strategy=name, population=16), 8)
    state = learner.init(jax.random.key(0), jnp.ones(8))
    assert learner.params(state).shape == (8,)

    @jax.jit
    def step(key, state):  # type: ignore[no-untyped-def]
        state, candidates = learner.ask(key, state)
        fitness = -((candidates - 0.3) ** 2).sum(1)
        return learner.tell(key, state, candidates, fitness.at[3].set(jnp.nan))

    before = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), state)
    for t in range(3):
        state = step(jax.random.key(t), state)
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), state) == before
    assert step._cache_size() == 1
    assert all(leaf.size for leaf in jax.tree.leaves(state)), "a checkpoint cannot hold empty arrays"
    assert np.isfinite(learner.params(state)).all(), "a NaN fitness must not reach the weights"


@pytest.mark.parametrize("name", ["Open_ES", *(pytest.param(name, marks=pytest.mark.ci) for name in sorted(IN_CI))])
def test_learners_improve(name: str) -> None:
    learner = es(ESConfig(strategy=name, population=32, learning_rate=0.05), 8)
    state = learner.init(jax.random.key(0), jnp.ones(8))

    @jax.jit
    def step(key, state):  # type: ignore[no-untyped-def]
        state, candidates = learner.ask(key, state)
        return learner.tell(key, state, candidates, -((candidates - 0.3) ** 2).sum(1))

    for t in range(80):
        state = step(jax.random.key(t), state)
    assert float(((learner.params(state) - 0.3) ** 2).sum()) < 0.3 * 8 * 0.7**2


@pytest.mark.few(1)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_fitness_that_is_not_finite_ranks_worst(bad: float) -> None:
    learner = es(ESConfig(population=8), G)
    state, candidates = learner.ask(jax.random.key(0), learner.init(jax.random.key(0), jnp.zeros(G)))
    fitness = jnp.arange(8.0)
    states = [learner.tell(jax.random.key(0), state, candidates, fitness.at[0].set(v)) for v in (bad, -100.0)]
    np.testing.assert_array_equal(*(learner.params(s) for s in states))


def test_without_finite_fitness_only_l2_changes_the_weights() -> None:
    learner = es(ESConfig(population=8, l2=0.0), G)
    state, candidates = learner.ask(jax.random.key(0), learner.init(jax.random.key(0), jnp.ones(G)))
    state = learner.tell(jax.random.key(0), state, candidates, jnp.full(8, jnp.nan))
    np.testing.assert_allclose(learner.params(state), 1.0, atol=2e-2)
    assert np.isfinite(learner.params(state)).all()


def test_with_params_keeps_the_optimiser_and_init_does_not() -> None:
    learner = es(ESConfig(population=8), G)
    state = learner.init(jax.random.key(0), jnp.zeros(G))
    for t in range(3):
        state, candidates = learner.ask(jax.random.key(t), state)
        state = learner.tell(jax.random.key(t), state, candidates, landscape(candidates))
    transferred = learner.with_params(jax.random.key(9), state, jnp.ones(G))
    np.testing.assert_array_equal(learner.params(transferred), 1.0)
    assert float(transferred.sigma) == float(state.sigma) < 0.1
    optimisers = [jax.tree.leaves(s.strategy.opt_state) for s in (state, transferred)]
    assert all(np.array_equal(a, b) for a, b in zip(*optimisers))
    assert float(learner.init(jax.random.key(9), jnp.ones(G)).sigma) == pytest.approx(0.1)


def test_unknown_strategies_and_those_that_need_more_options() -> None:
    with pytest.raises(ConfigError, match=r"Did you mean.*CMA_ES"):
        es(ESConfig(strategy="CMAES"), G)
    for name in NEEDS_MORE:
        with pytest.raises(ConfigError, match="needs more than a population"):
            es(ESConfig(strategy=name), G)


@pytest.mark.parametrize(
    "options",
    [
        {"population": 7},
        {"population": 0},
        {"sigma": 0.0},
        {"learning_rate": -1.0},
        {"sigma_decay": 1.1},
        {"episodes": 0},
        {"l2": -0.1},
    ],
)
def test_impossible_options(options: dict) -> None:
    with pytest.raises(ConfigError, match=f"learner.{next(iter(options))} expects"):
        ESConfig(**options)
