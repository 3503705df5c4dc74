"""The two objectives against the formula in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.envs.config import problems
from poet.errors import ConfigError

KEY = jax.random.key(0)


def rastrigin(x: np.ndarray) -> np.ndarray:
    return 10 * x.shape[1] + (x**2 - 10 * np.cos(2 * np.pi * x)).sum(1)


@pytest.mark.ci
def test_objectives_equal_the_formula() -> None:
    problem = problems.make("rastrigin-multi", num_params=20)
    x = np.random.default_rng(0).uniform(-3, 5, (200, 20)).astype(np.float32)
    fitness, descriptor = jax.vmap(problem.evaluate, (None, 0))(KEY, x)
    expected = -np.stack([rastrigin(x.astype(np.float64)), rastrigin(x.astype(np.float64) - 2.2)], 1)
    np.testing.assert_allclose(fitness, expected, rtol=1e-5)
    np.testing.assert_array_equal(descriptor, x[:, :2])


@pytest.mark.ci
def test_optima_of_each_objective_and_of_the_sum() -> None:
    problem = problems.make("rastrigin-multi")
    assert (problem.num_params, problem.num_objectives) == (100, 2)
    for optimum, objective in ((0.0, 0), (2.2, 1)):
        fitness, _ = problem.evaluate(KEY, jnp.full(100, optimum))
        assert fitness[objective] == pytest.approx(0, abs=1e-3)
        assert fitness[1 - objective] < -500
    best = problem.fitness_bounds[1]
    assert float(problem.evaluate(KEY, jnp.full(100, 1.1))[0].sum()) == pytest.approx(best, rel=1e-5)
    one = problems.make("rastrigin-multi", num_params=2)
    along = jnp.linspace(-2, 4, 20_001)[:, None] * jnp.ones(2)
    sums = jax.vmap(one.evaluate, (None, 0))(KEY, along)[0].sum(1)
    assert one.fitness_bounds[0] <= sums.min()
    assert sums.max() == pytest.approx(one.fitness_bounds[1], rel=1e-5)


def test_a_descriptor_needs_two_parameters() -> None:
    with pytest.raises(ConfigError, match="rastrigin-multi: num_params expects at least 2, got 1"):
        problems.make("rastrigin-multi", num_params=1)
