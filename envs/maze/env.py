"""A robot in a maze, `maze-v1`: a disc on two wheels with three range finders and two bumpers.

The task is Lehman and Stanley's hard maze (2011, doi 10.1162/EVCO_a_00025) with the numbers of fastsim's version: a
position that is closer to the goal in a straight line may be farther from it along the path. A robot whose move would
touch a wall stays in place but can turn, and its bumpers report on which side the wall is; in fastsim and Kheperax it
cannot turn either.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from poet.envs.base import Box, Interface, Step
from poet.envs.maze.genome import GOAL_RADIUS, ROBOT_RADIUS, ROOM_PIXELS, SENSOR_RANGE, MazeGenome
from poet.envs.maze.geometry import Walls, offsets_to_walls, ray_lengths, room_walls
from poet.envs.trigonometry import cos_sin_turns
from poet.types import Key

BUMPER_OVERLAP = 0.1 * ROBOT_RADIUS  # how far each bumper extends over the robot's middle line
MAX_EFFORT = 10.0  # fitness that an episode of `horizon` steps costs at full speed
# Directions of the rays in the robot's frame: 45 degrees to the left, straight ahead, 45 degrees to the right.
_AHEAD, _LEFT = np.array([[1], [1], [1]], np.float32), np.array([[1], [0], [-1]], np.float32)
_RAYS = (_AHEAD / np.hypot(_AHEAD, _LEFT), _LEFT / np.hypot(_AHEAD, _LEFT))


class Level(NamedTuple):
    """A maze as the environment uses it."""

    walls: Walls
    start: Float[Array, "3"]  # x, y, heading in turns
    goal: Float[Array, "2"]


class World(NamedTuple):
    """The simulation state."""

    x: Float[Array, ""]
    y: Float[Array, ""]
    heading: Float[Array, ""]  # turns, counter-clockwise from the x axis
    distance: Float[Array, ""]  # straight to the edge of the goal, 0 inside
    time: Int[Array, ""]  # number of steps so far


@dataclasses.dataclass(frozen=True)
class Maze:
    """The robot, as a `poet.envs.base.Environment`.

    Actions f32[2]: speeds of the left and the right wheel, -1 to 1; 1 is `speed` / 600 of the room's side per step.
    Observations f32[5]: range finders left, ahead and right, as shares of their range; left and right front bumper,
    0 or 1. Reward: 100 times the decrease of the straight distance to the goal, as a share of the distance at the
    start, minus the effort of the wheels. An episode terminates in the goal. The descriptor is the robot's position.

    >>> Maze(horizon=50).interface.action
    Box(shape=(2,), low=-1.0, high=1.0)
    """

    horizon: int = 2000
    speed: float = 1.0
    descriptor_names: tuple[str, ...] = ("x", "y")
    descriptor_bounds: tuple[tuple[float, float], ...] = ((0.0, 1.0), (0.0, 1.0))

    @property
    def interface(self) -> Interface:
        """5 observations, 2 wheels."""
        return Interface("maze-v1", jax.ShapeDtypeStruct((5,), jnp.float32), Box((2,)), self.horizon)

    def build(self, key: Key, genome: MazeGenome) -> Level:
        """Lay out the walls."""
        del key
        return Level(room_walls(genome.walls), genome.start, genome.goal)

    def reset(self, key: Key, level: Level) -> tuple[World, Float[Array, "5"]]:
        """Put the robot at the start."""
        del key
        x, y, heading = level.start
        world = World(x, y, heading, _goal_distance(level, x, y), jnp.int32(0))
        cos, sin = cos_sin_turns(heading)
        return world, jnp.concatenate([range_readings(level.walls, x, y, cos, sin), jnp.zeros(2)])

    def step(self, key: Key, level: Level, world: World, action: Float[Array, "2"]) -> Step:
        """Turn, then move. A world that is not finite terminates the episode with a NaN reward."""
        del key
        left, right = jnp.clip(action, -1, 1)
        wheel_speed = self.speed / ROOM_PIXELS
        heading = world.heading + (right - left) * (wheel_speed / (2 * ROBOT_RADIUS) / (2 * np.pi))
        cos, sin = cos_sin_turns(heading)
        forward = (left + right) * (wheel_speed / 2)
        x, y = world.x + forward * cos, world.y + forward * sin

        offset_x, offset_y = offsets_to_walls(level.walls, x, y)
        touching = offset_x * offset_x + offset_y * offset_y < ROBOT_RADIUS * ROBOT_RADIUS
        wall_ahead, wall_left = cos * offset_x + sin * offset_y, cos * offset_y - sin * offset_x
        in_front = touching & (wall_ahead >= 0)
        bumpers = jnp.stack(
            [(in_front & (wall_left >= -BUMPER_OVERLAP)).any(), (in_front & (wall_left <= BUMPER_OVERLAP)).any()]
        )
        blocked = touching.any()
        x, y = jnp.where(blocked, world.x, x), jnp.where(blocked, world.y, y)

        distance = _goal_distance(level, x, y)
        new = World(x, y, heading, distance, world.time + 1)
        obs = jnp.concatenate([range_readings(level.walls, x, y, cos, sin), bumpers.astype(jnp.float32)])
        effort = (MAX_EFFORT / 2 / self.horizon) * (left * left + right * right)
        start_distance = _goal_distance(level, level.start[0], level.start[1])
        reward = 100 * (world.distance - distance) / jnp.maximum(start_distance, 1e-3) - effort
        terminated = (distance <= 0) | ~jnp.isfinite(distance)
        return Step(new, obs, reward, terminated, new.time >= self.horizon, {})

    def success(self, level: Level, world: World) -> Float[Array, ""]:
        """1 if the robot is in the goal, else 0."""
        del level
        return (world.distance <= 0).astype(jnp.float32)

    def descriptor(self, level: Level, world: World) -> Float[Array, "2"]:
        """The position of the robot."""
        del level
        return jnp.stack([world.x, world.y])


def _goal_distance(level: Level, x: Float[Array, ""], y: Float[Array, ""]) -> Float[Array, ""]:
    offset_x, offset_y = level.goal[0] - x, level.goal[1] - y
    return jnp.maximum(jnp.sqrt(offset_x * offset_x + offset_y * offset_y) - GOAL_RADIUS, 0)


def range_readings(walls: Walls, x: Array, y: Array, cos: Array, sin: Array) -> Float[Array, "3"]:
    """Range finders left, ahead and right, as shares of their range; 1 where no wall is in range.

    `cos` and `sin` are those of the robot's heading.
    """
    ahead, left = _RAYS
    lengths = ray_lengths(walls, x, y, cos * ahead - sin * left, sin * ahead + cos * left)
    return jnp.minimum(lengths / SENSOR_RANGE, 1)
