"""Mazes from above: the start, the goal, the robot with its range finders, and the path it has driven."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8
from PIL import Image, ImageDraw

from poet.envs.maze.env import range_readings
from poet.envs.maze.genome import GOAL_RADIUS, ROBOT_RADIUS, SENSOR_RANGE, MazeGenome
from poet.envs.maze.geometry import room_walls
from poet.envs.trigonometry import cos_sin_turns
from poet.types import PyTree

SUPERSAMPLING = 3
BACKGROUND, WALL = (250, 250, 248), (52, 62, 72)
GOAL, GOAL_EDGE = (204, 235, 222), (0, 158, 115)
ROBOT, HEADING = (0, 114, 178), (255, 255, 255)
RAY, TRAIL, START = (230, 159, 0), (86, 180, 233), (150, 163, 174)
WALL_THICKNESS = 0.011  # all sizes here are shares of the room's side
RAY_ANGLES = (0.125, 0, -0.125)  # turns from the heading: left, ahead, right


class _Canvas:
    """A square picture of the room; its border is the room's border."""

    def __init__(self, image: Image.Image) -> None:
        self.image, self.size, self.pen = image, image.width, ImageDraw.Draw(image)

    def to_pixels(self, x: float, y: float) -> tuple[float, float]:
        return float(x) * self.size, (1 - float(y)) * self.size

    def line_width(self, width: float) -> int:
        return max(1, round(width * self.size))

    def disc(self, x: float, y: float, radius: float, fill: tuple | None, edge: tuple | None = None) -> None:
        (a, b), r = self.to_pixels(x, y), radius * self.size
        self.pen.ellipse((a - r, b - r, a + r, b + r), fill, edge, width=self.line_width(0.005))

    def line(self, points: Float[np.ndarray, "N 2"], colour: tuple, width: float) -> None:
        self.pen.line([self.to_pixels(x, y) for x, y in points], colour, self.line_width(width), joint="curve")

    def robot(self, x: float, y: float, heading: float) -> None:
        angle = 2 * np.pi * heading
        self.disc(x, y, ROBOT_RADIUS, ROBOT)
        front = np.array([x + 0.95 * ROBOT_RADIUS * np.cos(angle), y + 0.95 * ROBOT_RADIUS * np.sin(angle)])
        self.line(np.array([[x, y], front]), HEADING, ROBOT_RADIUS / 2.5)

    def rays(self, x: float, y: float, heading: float, lengths: Float[np.ndarray, "3"]) -> None:
        for turns, length in zip(RAY_ANGLES, lengths):
            angle = 2 * np.pi * (heading + turns)
            end = np.array([x, y]) + length * np.array([np.cos(angle), np.sin(angle)])
            self.line(np.array([[x, y], end]), RAY, 0.006)


def draw_level(genome: MazeGenome, width: int) -> UInt8[np.ndarray, "H W 3"]:
    """The maze with the robot at the start."""
    canvas = _draw_room(genome, width)
    x, y, heading = np.asarray(genome.start, float)
    canvas.robot(x, y, heading)
    return np.asarray(canvas.image.reduce(SUPERSAMPLING))


def render(genome: MazeGenome, worlds: PyTree, width: int = 360) -> list[np.ndarray]:
    """A frame u8[H, W, 3] for each world [T, ...] of an episode; a frame of a world that is not finite has no robot."""
    room = _draw_room(genome, width)
    start_x, start_y, _ = np.asarray(genome.start, float)
    room.disc(start_x, start_y, ROBOT_RADIUS, None, START)
    poses = np.stack([np.asarray(v, float) for v in (worlds.x, worlds.y, worlds.heading)], axis=1)
    ray_lengths = np.asarray(_ray_lengths(genome.walls, jnp.asarray(poses, jnp.float32)), float)
    frames, last = [], np.array([start_x, start_y])
    for (x, y, heading), lengths in zip(poses, ray_lengths):
        finite = np.isfinite([x, y, heading]).all()
        if finite:
            # The trail is drawn into the picture of the room, so that all later frames contain it.
            room.line(np.stack([last, [x, y]]), TRAIL, 0.008)
            room.disc(x, y, 0.004, TRAIL)
            last = np.array([x, y])
        frame = _Canvas(room.image.copy())
        if finite:
            frame.rays(x, y, heading, lengths)
            frame.robot(x, y, heading)
        frames.append(np.asarray(frame.image.reduce(SUPERSAMPLING)))
    return frames


def _draw_room(genome: MazeGenome, width: int) -> _Canvas:
    canvas = _Canvas(Image.new("RGB", (width * SUPERSAMPLING, width * SUPERSAMPLING), BACKGROUND))
    x, y = np.asarray(genome.goal, float)
    canvas.disc(x, y, GOAL_RADIUS, GOAL, GOAL_EDGE)
    walls = np.asarray(genome.walls, float)
    for wall in walls[(walls != 0).any(axis=1)]:
        ends = wall.reshape(2, 2)
        canvas.line(ends, WALL, WALL_THICKNESS)
        for x, y in ends:
            canvas.disc(x, y, WALL_THICKNESS / 2, WALL)
    border = canvas.line_width(WALL_THICKNESS)
    canvas.pen.rectangle((0, 0, canvas.size - 1, canvas.size - 1), outline=WALL, width=border)
    return canvas


@jax.jit
def _ray_lengths(walls: Float[Array, "W 4"], poses: Float[Array, "T 3"]) -> Float[Array, "T 3"]:
    """Lengths of the range finders' rays at poses (x, y, heading in turns)."""
    cos, sin = cos_sin_turns(poses[:, 2])
    return SENSOR_RANGE * jax.vmap(range_readings, (None, 0, 0, 0, 0))(
        room_walls(walls), poses[:, 0], poses[:, 1], cos, sin
    )
