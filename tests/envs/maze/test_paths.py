import jax
import numpy as np
import pytest

from poet.envs.maze.genome import GOAL_RADIUS, RADIUS
from poet.envs.maze.paths import CLEARANCE, ways
from tests.envs.maze.drive import maze

find = jax.jit(ways)


def test_an_open_room_is_crossed_straight() -> None:
    for start, goal in (((0.1, 0.25, 0), (0.1, 0.9)), ((0.9, 0.1, 0), (0.2, 0.8)), ((0.3, 0.3, 0), (0.85, 0.5))):
        straight = np.hypot(start[0] - goal[0], start[1] - goal[1]) - GOAL_RADIUS
        # eight directions make a way at most 8.3 % longer, and places are 0.025 apart
        assert straight - 0.025 < float(find(maze(start=start, goal=goal)).length) < 1.083 * straight + 0.05


def test_round_the_end_of_a_wall() -> None:
    wall = (0.0, 0.5, 0.8, 0.5)
    length = float(find(maze(wall, start=(0.1, 0.3, 0), goal=(0.1, 0.7))).length)
    around = 2 * np.hypot(0.7, 0.2) - GOAL_RADIUS
    assert around < length < 1.083 * around + 0.1


@pytest.mark.parametrize(("gap", "there"), [(0.0, False), (1.9 * RADIUS, False), (6 * RADIUS, True), (0.3, True)])
def test_gaps(gap: float, there: bool) -> None:
    found = find(maze((0.0, 0.5, 0.4, 0.5), (0.4 + gap, 0.5, 1.0, 0.5)))
    assert (float(found.length) < np.inf) == there
    assert np.isfinite(np.asarray(found.left)[:, 25:]).sum() > 300, "the goal's half is not cut off from the goal"


def test_room_is_the_distance_to_the_nearest_wall() -> None:
    found = find(maze((0.5, 0.0, 0.5, 1.0)))
    assert float(found.room[10, 20]) == pytest.approx(0.5 - 10.5 / 40, abs=1e-6)
    assert float(found.room[2, 20]) == pytest.approx(2.5 / 40, abs=1e-6)
    assert float(find(maze()).start_room) == pytest.approx(0.1)


def test_a_start_at_a_wall_has_no_way() -> None:
    for x, there in ((0.9 * CLEARANCE, False), (1.1 * CLEARANCE, True)):
        assert (float(find(maze(start=(x, 0.5, 0))).length) < np.inf) == there
