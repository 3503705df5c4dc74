"""Mazes from above: where the robot starts, where it should go, and where it has been."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8
from PIL import Image, ImageDraw

from poet.envs.maze.env import ranges
from poet.envs.maze.genome import GOAL_RADIUS, RADIUS, RANGE, MazeGenome
from poet.envs.maze.geometry import lay
from poet.envs.turns import cos_sin
from poet.types import PyTree

FINE = 3  # supersampling
PAPER, WALL = (250, 250, 248), (52, 62, 72)
GOAL, GOAL_EDGE = (204, 235, 222), (0, 158, 115)
ROBOT, NOSE, BEAM, TRAIL, START = (0, 114, 178), (255, 255, 255), (230, 159, 0), (86, 180, 233), (150, 163, 174)
THICK = 0.011  # of a wall, as shares of the room, like all sizes here


class _Canvas:
    """A square picture of the room; its edge is the room's edge."""

    def __init__(self, image: Image.Image) -> None:
        self.image, self.size, self.pen = image, image.width, ImageDraw.Draw(image)

    def place(self, x: float, y: float) -> tuple[float, float]:
        return float(x) * self.size, (1 - float(y)) * self.size

    def thick(self, width: float) -> int:
        return max(1, round(width * self.size))

    def disc(self, x: float, y: float, radius: float, fill: tuple | None, edge: tuple | None = None) -> None:
        (a, b), r = self.place(x, y), radius * self.size
        self.pen.ellipse((a - r, b - r, a + r, b + r), fill, edge, width=self.thick(0.005))

    def line(self, points: Float[np.ndarray, "N 2"], colour: tuple, width: float) -> None:
        self.pen.line([self.place(x, y) for x, y in points], colour, self.thick(width), joint="curve")

    def robot(self, x: float, y: float, heading: float) -> None:
        ahead = 2 * np.pi * heading
        self.disc(x, y, RADIUS, ROBOT)
        nose = np.array([x + 0.95 * RADIUS * np.cos(ahead), y + 0.95 * RADIUS * np.sin(ahead)])
        self.line(np.array([[x, y], nose]), NOSE, RADIUS / 2.5)

    def beams(self, x: float, y: float, heading: float, far: Float[np.ndarray, "3"]) -> None:
        for aside, length in zip((0.125, 0, -0.125), far):
            way = 2 * np.pi * (heading + aside)
            tip = np.array([x, y]) + length * np.array([np.cos(way), np.sin(way)])
            self.line(np.array([[x, y], tip]), BEAM, 0.006)


def draw_course(genome: MazeGenome, width: int) -> UInt8[np.ndarray, "H W 3"]:
    """The maze with the robot at its start."""
    canvas = _room(genome, width)
    x, y, heading = np.asarray(genome.start, float)
    canvas.robot(x, y, heading)
    return np.asarray(canvas.image.reduce(FINE))


def render(genome: MazeGenome, worlds: PyTree, width: int = 360) -> list[np.ndarray]:
    """A frame u8[H, W, 3] for each world of an episode, stacked along time; one that is not finite has no robot."""
    room = _room(genome, width)
    x0, y0, _ = np.asarray(genome.start, float)
    room.disc(x0, y0, RADIUS, None, START)
    poses = np.stack([np.asarray(v, float) for v in (worlds.x, worlds.y, worlds.heading)], axis=1)
    seen = np.asarray(_sight(genome.walls, jnp.asarray(poses, jnp.float32)), float)
    frames, last = [], np.array([x0, y0])
    for (x, y, heading), far in zip(poses, seen):
        standing = np.isfinite([x, y, heading]).all()
        if standing:
            room.line(np.stack([last, [x, y]]), TRAIL, 0.008)  # the trail stays on the floor
            room.disc(x, y, 0.004, TRAIL)
            last = np.array([x, y])
        view = _Canvas(room.image.copy())
        if standing:
            view.beams(x, y, heading, far)
            view.robot(x, y, heading)
        frames.append(np.asarray(view.image.reduce(FINE)))
    return frames


def _room(genome: MazeGenome, width: int) -> _Canvas:
    canvas = _Canvas(Image.new("RGB", (width * FINE, width * FINE), PAPER))
    x, y = np.asarray(genome.goal, float)
    canvas.disc(x, y, GOAL_RADIUS, GOAL, GOAL_EDGE)
    walls = np.asarray(genome.walls, float)
    for wall in walls[(walls != 0).any(axis=1)]:
        ends = wall.reshape(2, 2)
        canvas.line(ends, WALL, THICK)
        for x, y in ends:
            canvas.disc(x, y, THICK / 2, WALL)
    canvas.pen.rectangle((0, 0, canvas.size - 1, canvas.size - 1), outline=WALL, width=canvas.thick(THICK))
    return canvas


@jax.jit
def _sight(walls: Float[Array, "W 4"], poses: Float[Array, "T 3"]) -> Float[Array, "T 3"]:
    """How far the range finders see from each pose."""
    cos, sin = cos_sin(poses[:, 2])
    return RANGE * jax.vmap(ranges, (None, 0, 0, 0, 0))(lay(walls), poses[:, 0], poses[:, 1], cos, sin)
