"""Sphere and Rastrigin against the formulas of CMA-ME (arXiv 1912.02400) and of pyribs' sphere example, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.envs.config import problems
from poet.errors import ConfigError

KEY = jax.random.key(0)


def reference(name: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fitness and descriptor of solutions [B, G]."""
    shift = 5.12 * 0.4

    def raw(x: np.ndarray) -> np.ndarray:
        offset = x - shift
        waves = 10 - 10 * np.cos(2 * np.pi * offset) if name == "rastrigin" else 0
        return (offset**2 + waves).sum(axis=-1)

    worst = raw(np.full(x.shape[-1], -5.12))
    folded = x.copy()
    beyond = np.abs(x) > 5.12
    folded[beyond] = 5.12 / x[beyond]
    half = x.shape[-1] // 2
    return 100 * (raw(x) - worst) / -worst, np.stack([folded[:, :half].sum(1), folded[:, half:].sum(1)], 1)


@pytest.mark.few(1)
@pytest.mark.parametrize("name", ["sphere", "rastrigin"])
@pytest.mark.parametrize("size", [20, *(pytest.param(size, marks=pytest.mark.ci) for size in (2, 100))])
def test_equals_the_formulas(name: str, size: int) -> None:
    problem = problems.make(name, num_params=size)
    x = np.random.default_rng(size).normal(scale=5.0, size=(500, size)).astype(np.float32)
    assert (np.abs(x) > 5.12).mean() > 0.2, "some values must be outside of the limits"
    fitness, descriptor = jax.vmap(problem.evaluate, (None, 0))(KEY, x)
    expected, sums = reference(name, x.astype(np.float64))
    np.testing.assert_allclose(fitness, expected, atol=1e-3)
    np.testing.assert_allclose(descriptor, sums, atol=1e-3)


@pytest.mark.few(1)
@pytest.mark.parametrize("name", ["sphere", "rastrigin"])
def test_best_and_worst(name: str) -> None:
    problem = problems.make(name)
    assert problem.num_params == 100
    assert problem.descriptor_bounds == ((-256.0, 256.0), (-256.0, 256.0))
    best, sums = problem.evaluate(KEY, jnp.full(100, 2.048))
    assert float(best) == pytest.approx(100, abs=1e-4)
    np.testing.assert_allclose(sums, [102.4, 102.4], rtol=1e-6)
    worst, corner = problem.evaluate(KEY, jnp.full(100, -5.12))
    assert float(worst) == pytest.approx(0, abs=1e-4)
    np.testing.assert_allclose(corner, [-256, -256], rtol=1e-6)


def test_values_outside_the_limits_are_folded_back() -> None:
    _, sums = problems.make("sphere", num_params=4).evaluate(KEY, jnp.array([10.24, -51.2, 5.12, 5.13]))
    np.testing.assert_allclose(sums, [0.5 - 0.1, 5.12 + 5.12 / 5.13], rtol=1e-6)


@pytest.mark.ci
def test_only_rastrigin_has_local_optima() -> None:
    across = 2.048 + jnp.linspace(-1.5, 1.5, 301)[:, None] * jnp.ones(10)

    def peaks(name: str) -> int:
        fitness = jax.vmap(problems.make(name, num_params=10).evaluate, (None, 0))(KEY, across)[0]
        rise = np.sign(np.diff(fitness))
        return int((rise[:-1] > rise[1:]).sum())

    assert (peaks("sphere"), peaks("rastrigin")) == (1, 3)


def test_not_finite_input_gives_nan() -> None:
    fitness, _ = problems.make("sphere").evaluate(KEY, jnp.full(100, jnp.nan))
    assert jnp.isnan(fitness)


@pytest.mark.parametrize("size", [0, 1, 7])
def test_odd_numbers_of_parameters_are_refused(size: int) -> None:
    with pytest.raises(ConfigError, match=f"sphere: num_params expects an even number of at least 2, got {size}"):
        problems.make("sphere", num_params=size)
