"""The stretch of a course near the walker, cut out once a step, and what it is at single points."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from poet.envs.walker.terrain import STEP, Terrain


class Ground(NamedTuple):
    """Neighbouring knots of a terrain; pieces right[i] -> left[i+1] are straight, left[i] -> right[i] is a wall."""

    x: Float[Array, "*K"]
    left: Float[Array, "*K"]
    right: Float[Array, "*K"]

    def knot(self, i: int) -> "Ground":
        """One knot, or one for each of several stretches."""
        return Ground(self.x[i], self.left[i], self.right[i])

    def top(self) -> Float[Array, "*K"]:
        """Height of each knot's upper end."""
        return jnp.maximum(self.left, self.right)


def cut(terrain: Terrain, x: Float[Array, ""], count: int) -> Ground:
    """`count` knots, the first of them that of the cell in which x lies, or as near as the course goes."""
    first = jnp.floor(x / STEP).astype(jnp.int32)
    return Ground(*(jax.lax.dynamic_slice(v, (first,), (count,)) for v in terrain[:3]))


def under(ground: Ground, x: Float[Array, "P"], y: Float[Array, "P"]) -> Bool[Array, "P"]:
    """Whether points lie below the surface; the ground is one stretch, f32[K, 1], or one for each point, f32[K, P]."""
    ax, ay, bx, by = ground.x[:-1], ground.right[:-1], ground.x[1:], ground.left[1:]
    below = (y - ay) * (bx - ax) < (by - ay) * (x - ax)
    return ((ax <= x) & (x < bx) & below).any(0)
