"""Centroids are those of k-means, and the nearest centroid is found exactly, compared with a k-d tree."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import KDTree

from poet.archives import centroids as module
from poet.archives.centroids import CentroidIndex, build_index, cvt_centroids, nearest_cell
from poet.errors import ConfigError


def box(dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(dimensions, -1, np.float32), np.full(dimensions, 3, np.float32)


def points_inside_and_on_bounds(seed: int, num: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Random points, some of whose coordinates lie exactly on the bounds."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(low, high, (num, len(low)))
    on_bound = rng.uniform(size=points.shape) < 0.05
    return np.where(on_bound, np.where(rng.uniform(size=points.shape) < 0.5, low, high), points).astype(np.float32)


def find(index: CentroidIndex, points: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    compiled = jax.jit(functools.partial(nearest_cell, low=low, high=high))
    return np.asarray(compiled(jax.tree.map(jnp.asarray, index), points))


def check_nearest(index: CentroidIndex, points: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Check that no centroid is nearer, up to rounding; return the share of points with another result of the tree."""
    found = find(index, points, low, high)
    exact = index.centroids.astype(np.float64)
    distance, tree = KDTree(exact).query(points.astype(np.float64))
    distance_found = np.linalg.norm(exact[found] - points.astype(np.float64), axis=1)
    np.testing.assert_allclose(distance_found, distance, rtol=1e-6)
    return (found != tree).mean()


@pytest.mark.parametrize(("dimensions", "num_cells", "low"), [(2, 40, 0.0), (16, 100, 0.0), (30, 50, 1000.0)])
def test_centroids_are_the_same_by_a_tree_and_by_all_distances(
    dimensions: int, num_cells: int, low: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def place(max_tree_dimensions: int) -> np.ndarray:
        monkeypatch.setattr(module, "MAX_TREE_DIMENSIONS", max_tree_dimensions)
        monkeypatch.setattr(module, "DISTANCES_AT_ONCE", 7 * num_cells)
        module._k_means.cache_clear()
        return cvt_centroids(num_cells, [(low, low + 1)] * dimensions, samples=10 * num_cells)

    np.testing.assert_array_equal(place(0), place(99))


@pytest.mark.few(3)
@pytest.mark.parametrize(("dimensions", "num_cells"), [(1, 3), (1, 500), (2, 1), (2, 40), (2, 2000), (3, 900), (6, 50)])
def test_nearest_cell_equals_a_tree_search(dimensions: int, num_cells: int) -> None:
    low, high = box(dimensions)
    centroids = cvt_centroids(num_cells, list(zip(low, high)), samples=10 * num_cells)
    points = points_inside_and_on_bounds(0, 20_000, low, high)
    assert check_nearest(build_index(centroids, low, high), points, low, high) < 1e-4


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), aspect=st.sampled_from([1.0, 30.0, 1e4]), spread=st.sampled_from([1.0, 0.1, 1e-3]))
def test_nearest_cell_equals_a_tree_search_for_any_centroids(seed: int, aspect: float, spread: float) -> None:
    low, high = np.array([-5, 100], np.float32), np.array([5, 100 + 10 * aspect], np.float32)
    share = 0.3 + spread * np.random.default_rng(seed).uniform(0, 0.7, (200, 2))
    index = build_index((low + share * (high - low)).astype(np.float32), low, high)
    near = index.centroids[np.random.default_rng(seed).integers(0, 200, 500)]
    check_nearest(index, np.concatenate([near, points_inside_and_on_bounds(seed, 500, low, high)]), low, high)


def test_the_lowest_of_equally_near_cells_is_found() -> None:
    axis = np.arange(0, 32, 2, dtype=np.float32)
    low, high = np.full(2, -1, np.float32), np.full(2, 31, np.float32)
    lattice = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    shuffled = lattice[np.random.default_rng(0).permutation(len(lattice))]
    points = np.stack(np.meshgrid(np.arange(-1, 32), np.arange(-1, 32)), -1).reshape(-1, 2).astype(np.float32)
    squared = np.square(points[:, None] - shuffled).sum(-1)
    index = build_index(shuffled, low, high)
    assert len(index.cells) > 1
    np.testing.assert_array_equal(find(index, points, low, high), squared.argmin(1))


def test_buckets_have_few_cells_or_a_single_bucket_has_all_cells() -> None:
    low, high = box(2)
    even = build_index(cvt_centroids(1000, list(zip(low, high)), samples=10_000), low, high)
    assert even.cells.shape[1] <= 10
    concentrated = np.random.default_rng(0).normal(1, 1e-3, (1000, 2)).astype(np.float32)
    assert build_index(concentrated, low, high).cells.shape == (1, 1000)
    low, high = box(8)
    assert build_index(np.random.default_rng(0).uniform(low, high, (300, 8)), low, high).cells.shape == (1, 300)


def test_memory_of_a_search_does_not_depend_on_the_number_of_cells() -> None:
    points = jax.ShapeDtypeStruct((10_000, 2), jnp.float32)
    for num_cells in (100, 2000):
        low, high = box(2)
        index = build_index(cvt_centroids(num_cells, list(zip(low, high)), samples=10 * num_cells), low, high)
        for each in (index, index._replace(cells=np.arange(num_cells)[None], positions=index.centroids[None])):
            lowered = jax.jit(functools.partial(nearest_cell, low=low, high=high)).lower(each, points)
            assert lowered.compile().memory_analysis().temp_size_in_bytes < 10_000 * 100


def test_centroids_are_evenly_spread_and_follow_from_the_seed() -> None:
    bounds = [(0, 1), (-2, 2)]
    made = cvt_centroids(256, bounds, seed=3, samples=20_000)
    assert made.dtype == np.float32
    assert made.shape == (256, 2)
    assert cvt_centroids(256, bounds, seed=3, samples=20_000) is made
    assert (cvt_centroids(256, bounds, seed=4, samples=20_000) != made).any()
    points = np.random.default_rng(9).uniform([0, -2], [1, 2], (100_000, 2))
    distance, cell = KDTree(made).query(points)
    # The mean squared distance is 5 / (18 sqrt 3) = 0.1604 cells for hexagons, and 1 / pi for random centroids.
    assert 0.16 < np.square(distance).mean() * 256 / 4 < 0.18
    assert np.bincount(cell, minlength=256).min() > 100_000 / 256 / 3
    # Each centroid is the mean of the points that are nearest to it.
    mean_point = (
        np.stack([np.bincount(cell, axis, 256) for axis in points.T], 1) / np.bincount(cell, minlength=256)[:, None]
    )
    assert np.linalg.norm(mean_point - made, axis=1).mean() < 0.1 * np.sqrt(4 / 256)


@pytest.mark.parametrize("num_cells", [0, 101])
def test_too_few_samples_raise(num_cells: int) -> None:
    with pytest.raises(ConfigError, match="as many samples as cells"):
        cvt_centroids(num_cells, [(0, 1)], samples=100)


def test_shared_centroids_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        cvt_centroids(5, [(0, 1)], samples=100)[0] = 1
