"""Ten lidar rays from the hull's origin, from straight down to almost horizontal, each to the nearest hit.

The original reported the first shape that its engine happened to find; gym corrected this in 2020.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from poet.envs.walker.terrain import SCALE
from poet.envs.walker.terrain_window import TerrainWindow

NUM_RAYS = 10
RANGE = 160 / SCALE  # m
KNOTS_AHEAD = 15  # knots, from the hull's terrain step on, that the most horizontal ray can cross
_ANGLES = 1.5 * np.arange(NUM_RAYS) / 10
_DIRECTIONS = np.stack([np.sin(_ANGLES), -np.cos(_ANGLES)], axis=1).astype(np.float32)


def lidar_readings(window: TerrainWindow, hull_x: Array, hull_y: Array) -> Float[Array, "10"]:
    """Distances to the nearest hits as shares of the range, 1 without a hit. The window must start behind the hull."""
    x = jnp.stack([window.x, window.x], axis=1).reshape(-1) - hull_x
    y = jnp.stack([window.left, window.right], axis=1).reshape(-1) - hull_y
    dx, dy = _DIRECTIONS[:, :1], _DIRECTIONS[:, 1:]
    side = dx * y - dy * x  # of the ray on which each corner of the terrain lies, by its sign
    along = dx * x + dy * y
    a, b = side[:, :-1], side[:, 1:]
    crossed = (a < 0) != (b < 0)
    hit = (along[:, :-1] * b - along[:, 1:] * a) / jnp.where(crossed, b - a, 1.0)
    hit = jnp.where(crossed & (hit >= 0), hit / RANGE, 1.0)
    return jnp.minimum(hit.min(axis=1), 1.0)
