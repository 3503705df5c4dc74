import jax
import numpy as np
import pytest

from poet.envs.maze.genome import GOAL_RADIUS, ROBOT_RADIUS
from poet.envs.maze.paths import MIN_CLEARANCE, shortest_paths
from tests.envs.maze.robot import make_maze

find = jax.jit(shortest_paths)


def test_path_through_an_open_room() -> None:
    for start, goal in (((0.1, 0.25, 0), (0.1, 0.9)), ((0.9, 0.1, 0), (0.2, 0.8)), ((0.3, 0.3, 0), (0.85, 0.5))):
        straight = np.hypot(start[0] - goal[0], start[1] - goal[1]) - GOAL_RADIUS
        # eight directions make a path at most 8.3 % longer, and grid points are 0.025 apart
        assert straight - 0.025 < float(find(make_maze(start=start, goal=goal)).start_length) < 1.083 * straight + 0.05


def test_path_around_the_end_of_a_wall() -> None:
    wall = (0.0, 0.5, 0.8, 0.5)
    length = float(find(make_maze(wall, start=(0.1, 0.3, 0), goal=(0.1, 0.7))).start_length)
    around = 2 * np.hypot(0.7, 0.2) - GOAL_RADIUS
    assert around < length < 1.083 * around + 0.1


@pytest.mark.parametrize(
    ("gap", "exists"), [(0.0, False), (1.9 * ROBOT_RADIUS, False), (6 * ROBOT_RADIUS, True), (0.3, True)]
)
def test_gaps(gap: float, exists: bool) -> None:
    paths = find(make_maze((0.0, 0.5, 0.4, 0.5), (0.4 + gap, 0.5, 1.0, 0.5)))
    assert (float(paths.start_length) < np.inf) == exists
    assert np.isfinite(np.asarray(paths.length)[:, 25:]).sum() > 300, "the goal can be reached from its own half"


def test_clearance_is_the_distance_to_the_nearest_wall() -> None:
    paths = find(make_maze((0.5, 0.0, 0.5, 1.0)))
    assert float(paths.clearance[10, 20]) == pytest.approx(0.5 - 10.5 / 40, abs=1e-6)
    assert float(paths.clearance[2, 20]) == pytest.approx(2.5 / 40, abs=1e-6)
    assert float(find(make_maze()).start_clearance) == pytest.approx(0.1)


def test_a_start_at_a_wall_has_no_path() -> None:
    for x, exists in ((0.9 * MIN_CLEARANCE, False), (1.1 * MIN_CLEARANCE, True)):
        assert (float(find(make_maze(start=(x, 0.5, 0))).start_length) < np.inf) == exists
