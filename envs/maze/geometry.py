"""Straight walls as arrays: what is near, and what a ray meets."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

SIDES = np.array([(0, 0, 1, 0), (1, 0, 1, 1), (1, 1, 0, 1), (0, 1, 0, 0)], np.float32)


class Walls(NamedTuple):
    """Each wall goes from (x, y) to (x + dx, y + dy); one of no length is met by no ray."""

    x: Float[Array, "W"]
    y: Float[Array, "W"]
    dx: Float[Array, "W"]
    dy: Float[Array, "W"]
    per_square: Float[Array, "W"]  # 1 / length^2, 0 for one of no length


def lay(walls: Float[Array, "W 4"]) -> Walls:
    """These walls and the room's four sides."""
    x, y, end_x, end_y = jnp.concatenate([walls, SIDES]).T
    dx, dy = end_x - x, end_y - y
    square = dx * dx + dy * dy
    return Walls(x, y, dx, dy, jnp.where(square > 0, 1 / jnp.where(square > 0, square, 1), 0))


def nearest(walls: Walls, x: Float[Array, ""], y: Float[Array, ""]) -> tuple[Float[Array, "W"], Float[Array, "W"]]:
    """From a point to the nearest point of each wall."""
    to_x, to_y = walls.x - x, walls.y - y
    along = jnp.clip(-(to_x * walls.dx + to_y * walls.dy) * walls.per_square, 0, 1)
    return to_x + along * walls.dx, to_y + along * walls.dy


def sight(
    walls: Walls, x: Float[Array, ""], y: Float[Array, ""], way_x: Float[Array, "R 1"], way_y: Float[Array, "R 1"]
) -> Float[Array, "R"]:
    """How far each ray goes to the nearest wall; infinity where it meets none."""
    to_x, to_y = walls.x - x, walls.y - y
    across = way_x * walls.dy - way_y * walls.dx
    turned = jnp.where(across == 0, 1.0, across)
    far = (to_x * walls.dy - to_y * walls.dx) / turned
    part = (to_x * way_y - to_y * way_x) / turned
    met = (across != 0) & (far >= 0) & (part >= 0) & (part <= 1)
    return jnp.where(met, far, jnp.inf).min(axis=1)
