"""Positions of cells, and the frontier."""

import jax.numpy as jnp
import numpy as np
import pytest

from poet.archives.bounds import check_bounds
from poet.archives.grid import equal_parts
from poet.view.cells.positions import frontier, parts_in_use, positions


def test_positions_are_those_of_the_archive() -> None:
    shape, bounds = (7, 30, 256), [(-1.0, 0.3), (0.0, 1.0), (0.0, 1.125)]
    low, high = check_bounds(bounds, "clip")
    rng = np.random.default_rng(0)
    edges = np.stack([np.linspace(l, h, 2000) for l, h in bounds], axis=1)
    points = np.concatenate([rng.uniform(low, high, (5000, 3)), edges]).astype(np.float32)
    points[-2000:, 1] = np.arange(2000) % 31 / np.float32(30)  # near the borders of parts
    spec = {"shape": list(shape), "bounds": np.stack([low, high], axis=1).astype(float).tolist()}
    expected = np.stack(equal_parts(shape, low, high)(jnp.array(points)), axis=1)
    np.testing.assert_array_equal(positions(spec, points), expected)


def loop(shape: tuple[int, ...], place: np.ndarray, along: tuple[int, ...]) -> list[bool]:
    met = {tuple(each) for each in place.tolist()}

    def is_open(cell: tuple[int, ...]) -> bool:
        near = [(d, (*cell[:d], cell[d] + step, *cell[d + 1 :])) for d in along for step in (-1, 1)]
        return any(0 <= other[d] < shape[d] and other not in met for d, other in near)

    return [is_open(tuple(each)) for each in place.tolist()]


@pytest.mark.parametrize("shape", [(9,), (6, 5), (4, 1, 3), (2, 3, 2, 3), (2,) * 12])
@pytest.mark.parametrize("share", [0.2, 0.8, 1.0])
def test_the_frontier_is_that_of_a_loop_over_a_set(shape: tuple[int, ...], share: float) -> None:
    rng = np.random.default_rng(0)
    everything = rng.permutation(np.stack([axis.ravel() for axis in np.indices(shape)], axis=1))
    place = everything[: max(int(share * len(everything)), 1)]
    every, some = tuple(range(len(shape))), (len(shape) - 1,)
    assert frontier(shape, place).tolist() == loop(shape, place, every)
    assert frontier(shape, place, some).tolist() == loop(shape, place, some)


def test_the_frontier_of_no_cells_is_empty() -> None:
    assert frontier((3, 3), np.zeros((0, 2), int)).tolist() == []


def test_a_map_shows_a_narrow_range_with_a_margin() -> None:
    spec = {"shape": [10, 10], "bounds": [[0.0, 100.0], [-1.0, 1.0]]}
    place = np.array([[0, 1], [2, 8]])
    assert parts_in_use(spec, place).tolist() == [[0, 40], [-1, 1]]
    assert parts_in_use(spec, place[:0]).tolist() == spec["bounds"]
