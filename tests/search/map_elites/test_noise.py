"""The cheap generator: it looks random within a key and across keys."""

import jax
import numpy as np
import pytest
from scipy import stats

from poet.search.map_elites import noise

SHAPE = (1000, 101)


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    draw = jax.jit(lambda key: noise.normal(key, SHAPE))
    keys = [jax.random.fold_in(jax.random.key(0), number) for number in range(4)]
    return np.stack([draw(key) for key in keys])


def test_normals_are_normal(drawn: np.ndarray) -> None:
    for each in drawn:
        assert stats.kstest(each.ravel(), "norm").pvalue > 1e-4
    assert abs(stats.kurtosis(drawn.ravel())) < 0.05
    assert 4.0 < np.abs(drawn).max() < 6.0


def test_neighbours_keys_and_halves_are_unrelated(drawn: np.ndarray) -> None:
    flat = drawn.reshape(len(drawn), -1)
    limit = 5 / np.sqrt(flat.shape[1])
    for lag in (1, 2, 50, 51, 101):
        assert abs(np.corrcoef(flat[0, lag:], flat[0, :-lag])[0, 1]) < limit, lag
    apart = np.corrcoef(flat) - np.eye(len(flat))
    assert np.abs(apart).max() < limit
    squares = np.corrcoef(flat**2) - np.eye(len(flat))
    assert np.abs(squares).max() < limit
    columns = np.corrcoef(drawn[0].T) - np.eye(SHAPE[1])
    assert np.abs(columns).max() < 6 / np.sqrt(SHAPE[0])


def test_bits_are_even() -> None:
    words = np.asarray(noise.bits(jax.random.key(7), (4096,)))
    ones = (words[:, None] >> np.arange(32) & 1).mean(axis=0)
    assert np.abs(ones - 0.5).max() < 5 * 0.5 / np.sqrt(len(words))
    assert len(np.unique(words)) == len(words)


def test_uniforms_stay_inside() -> None:
    shares = np.asarray(noise.uniform(jax.random.key(1), (100_000,)))
    assert 0 < shares.min() < 1e-3
    assert 1 - 1e-3 < shares.max() < 1
    assert stats.kstest(shares, "uniform").pvalue > 1e-4


@pytest.mark.ci
def test_a_column_is_what_its_key_draws() -> None:
    column = np.asarray(noise.column(jax.random.key(3), 500))
    assert column.shape == (500, 1)
    assert stats.kstest(column.ravel(), "norm").pvalue > 1e-4
