"""Shortest paths to the goal, on a grid of points that are far enough from all walls for the robot.

The robot can follow every path that is found: with a clearance of `MIN_CLEARANCE` at two neighbouring points, all
points between them have a clearance of at least `ROBOT_RADIUS`. A gap that is only just wide enough may be missed.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float

from poet.envs.maze.genome import GOAL_RADIUS, ROBOT_RADIUS, MazeGenome
from poet.envs.maze.geometry import offsets_to_walls, room_walls

GRID_SIZE = 40  # points along each side
GRID_SPACING = 1 / GRID_SIZE
MIN_CLEARANCE = float(np.hypot(ROBOT_RADIUS, GRID_SPACING / np.sqrt(2)))
_COORDINATES = (np.arange(GRID_SIZE, dtype=np.float32) + 0.5) / GRID_SIZE
_NEIGHBOURS = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a, b) != (0, 0)]


class Paths(NamedTuple):
    """Shortest paths in one maze; grid point [i, j] is at x = (i + 0.5) / 40, y = (j + 0.5) / 40."""

    clearance: Float[Array, "40 40"]  # distance to the nearest wall
    length: Float[Array, "40 40"]  # of the shortest path to the edge of the goal; infinite where there is no path
    start_clearance: Float[Array, ""]
    start_length: Float[Array, ""]  # of the shortest path from the start


def shortest_paths(genome: MazeGenome) -> Paths:
    """The shortest paths to the goal from all grid points and from the start."""
    walls = room_walls(genome.walls)

    def clearance_at(x: Array, y: Array) -> Array:
        offset_x, offset_y = offsets_to_walls(walls, x, y)
        return jnp.sqrt((offset_x * offset_x + offset_y * offset_y).min())

    x, y = jnp.meshgrid(_COORDINATES, _COORDINATES, indexing="ij")
    clearance = jax.vmap(jax.vmap(clearance_at))(x, y)
    free = clearance >= MIN_CLEARANCE
    in_goal = free & (jnp.hypot(x - genome.goal[0], y - genome.goal[1]) <= GOAL_RADIUS)

    def relax(carry: tuple[Array, Bool[Array, ""]]) -> tuple[Array, Bool[Array, ""]]:
        length, _ = carry
        padded = jnp.pad(length, 1, constant_values=jnp.inf)
        shorter = length
        for a, b in _NEIGHBOURS:
            neighbour = padded[1 + a : 1 + a + GRID_SIZE, 1 + b : 1 + b + GRID_SIZE]
            shorter = jnp.minimum(shorter, neighbour + GRID_SPACING * float(np.hypot(a, b)))
        shorter = jnp.where(free, shorter, jnp.inf)
        return shorter, (shorter < length).any()

    initial = jnp.where(in_goal, 0.0, jnp.inf), in_goal.any()
    length, _ = lax.while_loop(lambda carry: carry[1], relax, initial)
    from_start = jnp.hypot(x - genome.start[0], y - genome.start[1])
    start_clearance = clearance_at(genome.start[0], genome.start[1])
    reachable = (from_start <= GRID_SPACING * np.sqrt(2)) & (start_clearance >= MIN_CLEARANCE)
    return Paths(clearance, length, start_clearance, jnp.where(reachable, from_start + length, jnp.inf).min())
