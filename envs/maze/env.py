"""A robot in a maze, id `maze-v1`: a disc on two wheels that feels what it bumps into and sees a little.

The task of Lehman and Stanley's hard maze (arXiv 1106.0219) with the numbers of fastsim's version of it: nearer to
the goal is not further on the way. When a wall is in the way the robot stands, turns on the spot, and feels on which
side; in fastsim and Kheperax it would not even turn.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from poet.envs.base import Box, Interface, Step
from poet.envs.maze.genome import GOAL_RADIUS, RADIUS, RANGE, ROOM, MazeGenome
from poet.envs.maze.geometry import Walls, lay, nearest, sight
from poet.envs.turns import cos_sin
from poet.types import Key

OVERLAP = 0.1 * RADIUS  # how far each bumper reaches over the middle
EFFORT = 10.0  # fitness that an episode to the horizon costs at full speed
_AHEAD, _ASIDE = np.array([[1], [1], [1]], np.float32), np.array([[1], [0], [-1]], np.float32)
_RAYS = (_AHEAD / np.hypot(_AHEAD, _ASIDE), _ASIDE / np.hypot(_AHEAD, _ASIDE))  # left, straight ahead, right


class Level(NamedTuple):
    """A maze laid out."""

    walls: Walls
    start: Float[Array, "3"]
    goal: Float[Array, "2"]


class World(NamedTuple):
    """Everything that an episode carries from step to step."""

    x: Float[Array, ""]
    y: Float[Array, ""]
    heading: Float[Array, ""]  # turns, counter-clockwise from the x axis
    distance: Float[Array, ""]  # as the crow flies to the goal's edge, 0 inside
    time: Int[Array, ""]  # steps done


@dataclasses.dataclass(frozen=True)
class Maze:
    """The robot as an `poet.envs.base.Environment`.

    Two actions: speed of the left and the right wheel, -1 to 1, of which 1 is `speed` / 600 of the room a step. Five
    observations: three range finders, left, ahead and right, as shares of their range, and whether the robot bumped
    into something in front of it on the left or the right. Reward: 100 for the whole straight distance to the goal,
    in proportion, less the effort of the wheels. An episode ends in the goal.
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
        return Level(lay(genome.walls), genome.start, genome.goal)

    def reset(self, key: Key, level: Level) -> tuple[World, Float[Array, "5"]]:
        """Put the robot at the start."""
        del key
        x, y, heading = level.start
        world = World(x, y, heading, _distance(level, x, y), jnp.int32(0))
        cos, sin = cos_sin(heading)
        return world, jnp.concatenate([ranges(level.walls, x, y, cos, sin), jnp.zeros(2)])

    def step(self, key: Key, level: Level, world: World, action: Float[Array, "2"]) -> Step:
        """Turn, then roll. A world that is no longer finite ends, with its NaN for all to see."""
        del key
        left, right = jnp.clip(action, -1, 1)
        pace = self.speed / ROOM
        heading = world.heading + (right - left) * (pace / (2 * RADIUS) / (2 * np.pi))
        cos, sin = cos_sin(heading)
        roll = (left + right) * (pace / 2)
        x, y = world.x + roll * cos, world.y + roll * sin

        off_x, off_y = nearest(level.walls, x, y)
        touching = off_x * off_x + off_y * off_y < RADIUS * RADIUS
        ahead, aside = cos * off_x + sin * off_y, cos * off_y - sin * off_x
        front = touching & (ahead >= 0)
        bumps = jnp.stack([(front & (aside >= -OVERLAP)).any(), (front & (aside <= OVERLAP)).any()])
        stuck = touching.any()
        x, y = jnp.where(stuck, world.x, x), jnp.where(stuck, world.y, y)

        distance = _distance(level, x, y)
        new = World(x, y, heading, distance, world.time + 1)
        obs = jnp.concatenate([ranges(level.walls, x, y, cos, sin), bumps.astype(jnp.float32)])
        effort = (EFFORT / 2 / self.horizon) * (left * left + right * right)
        whole = _distance(level, level.start[0], level.start[1])
        reward = 100 * (world.distance - distance) / jnp.maximum(whole, 1e-3) - effort
        ended = (distance <= 0) | ~jnp.isfinite(distance)
        return Step(new, obs, reward, ended, new.time >= self.horizon, {})

    def success(self, level: Level, world: World) -> Float[Array, ""]:
        """1 if the robot reached the goal."""
        del level
        return (world.distance <= 0).astype(jnp.float32)

    def descriptor(self, level: Level, world: World) -> Float[Array, "2"]:
        """Where the robot is."""
        del level
        return jnp.stack([world.x, world.y])


def _distance(level: Level, x: Float[Array, ""], y: Float[Array, ""]) -> Float[Array, ""]:
    off_x, off_y = level.goal[0] - x, level.goal[1] - y
    return jnp.maximum(jnp.sqrt(off_x * off_x + off_y * off_y) - GOAL_RADIUS, 0)


def ranges(walls: Walls, x: Array, y: Array, cos: Array, sin: Array) -> Float[Array, "3"]:
    """What the range finders of a robot with this heading say, 1 where nothing is in range."""
    ahead, aside = _RAYS
    far = sight(walls, x, y, cos * ahead - sin * aside, sin * ahead + cos * aside)
    return jnp.minimum(far / RANGE, 1)
