"""Straight walls as arrays: the nearest point of each wall, and where rays hit walls."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

ROOM_SIDES = np.array([(0, 0, 1, 0), (1, 0, 1, 1), (1, 1, 0, 1), (0, 1, 0, 0)], np.float32)


class Walls(NamedTuple):
    """Walls from (x, y) to (x + dx, y + dy); no ray hits a wall of length 0."""

    x: Float[Array, "W"]
    y: Float[Array, "W"]
    dx: Float[Array, "W"]
    dy: Float[Array, "W"]
    inverse_square: Float[Array, "W"]  # 1 / length^2; 0 for a wall of length 0


def room_walls(walls: Float[Array, "W 4"]) -> Walls:
    """The walls of a genome, then the four sides of the room: W + 4 walls."""
    x, y, end_x, end_y = jnp.concatenate([walls, ROOM_SIDES]).T
    dx, dy = end_x - x, end_y - y
    square = dx * dx + dy * dy
    return Walls(x, y, dx, dy, jnp.where(square > 0, 1 / jnp.where(square > 0, square, 1), 0))


def offsets_to_walls(
    walls: Walls, x: Float[Array, ""], y: Float[Array, ""]
) -> tuple[Float[Array, "W"], Float[Array, "W"]]:
    """The vectors, in x and y, from a point to the nearest point of each wall."""
    to_x, to_y = walls.x - x, walls.y - y
    along = jnp.clip(-(to_x * walls.dx + to_y * walls.dy) * walls.inverse_square, 0, 1)
    return to_x + along * walls.dx, to_y + along * walls.dy


def ray_lengths(
    walls: Walls,
    x: Float[Array, ""],
    y: Float[Array, ""],
    direction_x: Float[Array, "R 1"],
    direction_y: Float[Array, "R 1"],
) -> Float[Array, "R"]:
    """Distance from a point to the first wall along each of R rays; infinity where a ray hits no wall."""
    to_x, to_y = walls.x - x, walls.y - y
    cross = direction_x * walls.dy - direction_y * walls.dx
    divisor = jnp.where(cross == 0, 1.0, cross)
    length = (to_x * walls.dy - to_y * walls.dx) / divisor
    along = (to_x * direction_y - to_y * direction_x) / divisor
    hit = (cross != 0) & (length >= 0) & (along >= 0) & (along <= 1)
    return jnp.where(hit, length, jnp.inf).min(axis=1)
