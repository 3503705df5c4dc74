"""Ten rays from the hull's origin, from straight down to nearly level ahead, each to the nearest hit.

The original reported the first shape that its engine happened to meet; gym mended that in 2020.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from poet.envs.walker.ground import Ground
from poet.envs.walker.terrain import SCALE

RAYS = 10
RANGE = 160 / SCALE  # m
AHEAD = 15  # knots, from the hull's cell on, that the most level ray can cross
_ANGLES = 1.5 * np.arange(RAYS) / 10
_DIRECTION = np.stack([np.sin(_ANGLES), -np.cos(_ANGLES)], axis=1).astype(np.float32)


def fractions(ground: Ground, hull_x: Array, hull_y: Array) -> Float[Array, "10"]:
    """Distances of the nearest hits as shares of the range, 1 where nothing is hit. Ground starts behind the hull."""
    x = jnp.stack([ground.x, ground.x], axis=1).reshape(-1) - hull_x
    y = jnp.stack([ground.left, ground.right], axis=1).reshape(-1) - hull_y
    dx, dy = _DIRECTION[:, :1], _DIRECTION[:, 1:]
    side = dx * y - dy * x  # of each corner of the ground, seen along the ray
    along = dx * x + dy * y
    a, b = side[:, :-1], side[:, 1:]
    crossed = (a < 0) != (b < 0)
    hit = (along[:, :-1] * b - along[:, 1:] * a) / jnp.where(crossed, b - a, 1.0)
    hit = jnp.where(crossed & (hit >= 0), hit / RANGE, 1.0)
    return jnp.minimum(hit.min(axis=1), 1.0)
