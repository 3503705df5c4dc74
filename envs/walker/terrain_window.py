"""The part of a terrain near the walker, and whether points lie in the ground."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from poet.envs.walker.terrain import TERRAIN_STEP, Terrain


class TerrainWindow(NamedTuple):
    """Consecutive knots of a `Terrain`; there may be a second axis, with one window for each of several points."""

    x: Float[Array, "*K"]
    left: Float[Array, "*K"]
    right: Float[Array, "*K"]

    def knot(self, i: int) -> "TerrainWindow":
        """The i-th knot of each window."""
        return TerrainWindow(self.x[i], self.left[i], self.right[i])

    def top(self) -> Float[Array, "*K"]:
        """Height of the upper end of each knot's wall."""
        return jnp.maximum(self.left, self.right)


def cut_window(terrain: Terrain, x: Float[Array, ""], num_knots: int) -> TerrainWindow:
    """`num_knots` knots, from the one at the left end of the terrain step that contains x; within the terrain."""
    first = jnp.floor(x / TERRAIN_STEP).astype(jnp.int32)
    return TerrainWindow(*(jax.lax.dynamic_slice(v, (first,), (num_knots,)) for v in terrain[:3]))


def below_surface(window: TerrainWindow, x: Float[Array, "P"], y: Float[Array, "P"]) -> Bool[Array, "P"]:
    """Whether points lie below the surface; one window f32[K, 1] for all points, or one for each point, f32[K, P]."""
    ax, ay, bx, by = window.x[:-1], window.right[:-1], window.x[1:], window.left[1:]
    below = (y - ay) * (bx - ax) < (by - ay) * (x - ax)
    return ((ax <= x) & (x < bx) & below).any(0)
