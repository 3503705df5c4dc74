import jax
import numpy as np

from poet.envs.config import generators
from poet.envs.maze import viewer
from poet.envs.maze.env import World
from poet.envs.maze.genome import HARD_MAZE_WALLS
from tests.envs.maze.robot import make_maze

GENERATOR = generators.make("maze")
HARD = GENERATOR.simplest()


def has_colour(picture: np.ndarray, colour: tuple) -> np.ndarray:
    return np.abs(picture.astype(int) - colour).max(-1) <= 3


def centre(mask: np.ndarray) -> tuple[float, float]:
    """Centre of the pixels of a mask, in coordinates of the room."""
    rows, columns = np.nonzero(mask)
    return (columns.mean() + 0.5) / mask.shape[1], 1 - (rows.mean() + 0.5) / mask.shape[0]


def worlds(frames: int = 12) -> World:
    """A robot that glides across the room."""
    x, y = np.linspace(0.3, 0.7, frames), np.linspace(0.1, 0.12, frames)
    return World(*(v.astype(np.float32) for v in (x, y, 0 * x, 0 * x)), np.arange(frames))


def test_walls_goal_and_robot_are_drawn_in_place() -> None:
    picture = GENERATOR.draw_level(HARD)
    assert picture.shape == (600, 600, 3)
    assert picture.dtype == np.uint8
    np.testing.assert_allclose(centre(has_colour(picture, viewer.GOAL)), HARD.goal, atol=0.004)
    np.testing.assert_allclose(centre(has_colour(picture, viewer.ROBOT)), HARD.start[:2], atol=0.01)
    for a, b, c, d in HARD_MAZE_WALLS:
        for part in (0.2, 0.5, 0.8):
            x, y = a + part * (c - a), b + part * (d - b)
            assert has_colour(picture, viewer.WALL)[int((1 - y) * 600), int(x * 600)], (x, y)
    open_room = GENERATOR.draw_level(make_maze())
    assert has_colour(picture, viewer.WALL).sum() > has_colour(open_room, viewer.WALL).sum() + 5000


def test_frames_show_the_robot_and_its_trail() -> None:
    frames = GENERATOR.render(make_maze(), worlds())
    assert {(frame.shape, frame.dtype.name) for frame in frames} == {((360, 360, 3), "uint8")}
    for frame, x, y in zip(frames, worlds().x, worlds().y):
        np.testing.assert_allclose(centre(has_colour(frame, viewer.ROBOT)), (x, y), atol=0.01)
    trails = [has_colour(frame, viewer.TRAIL).sum() for frame in frames]
    assert trails[0] < trails[6] < trails[-1]


def test_rays_end_at_walls() -> None:
    wall = make_maze((0.35, 0.0, 0.35, 1.0))
    free, blocked = (GENERATOR.render(genome, worlds(1))[0] for genome in (make_maze(), wall))
    rays = [has_colour(frame, viewer.RAY) for frame in (free, blocked)]
    assert np.flatnonzero(rays[0].any(0)).max() > 0.44 * 360
    assert np.flatnonzero(rays[1].any(0)).max() <= 0.36 * 360


def test_a_broken_world_has_a_frame_without_robot() -> None:
    broken = jax.tree.map(lambda leaf: np.array(leaf), worlds(3))
    broken.x[1:] = np.nan
    frames = GENERATOR.render(make_maze(), broken)
    assert has_colour(frames[0], viewer.ROBOT).any()
    assert not has_colour(frames[1], viewer.ROBOT).any()
    assert has_colour(frames[2], viewer.GOAL).any()
