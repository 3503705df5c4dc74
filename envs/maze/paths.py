"""How far it really is to the goal: shortest ways over a lattice of places where the robot has room.

A way that is found can be driven: two neighbours with `CLEARANCE` each leave `RADIUS` in between. A gap that is only
just wide enough may be missed.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float

from poet.envs.maze.genome import GOAL_RADIUS, RADIUS, MazeGenome
from poet.envs.maze.geometry import lay, nearest

PLACES = 40  # along each side
PITCH = 1 / PLACES
CLEARANCE = float(np.hypot(RADIUS, PITCH / np.sqrt(2)))
_AT = (np.arange(PLACES, dtype=np.float32) + 0.5) / PLACES
_MOVES = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a, b) != (0, 0)]


class Ways(NamedTuple):
    """The lattice of a maze; place [i, j] is at x = (i + 0.5) / 40, y = (j + 0.5) / 40."""

    room: Float[Array, "40 40"]  # distance to the nearest wall
    left: Float[Array, "40 40"]  # length of the shortest way to the goal's edge; infinite where there is none
    start_room: Float[Array, ""]
    length: Float[Array, ""]  # from the start


def ways(genome: MazeGenome) -> Ways:
    """Shortest ways to the goal from everywhere."""
    walls = lay(genome.walls)

    def room(x: Array, y: Array) -> Array:
        off_x, off_y = nearest(walls, x, y)
        return jnp.sqrt((off_x * off_x + off_y * off_y).min())

    x, y = jnp.meshgrid(_AT, _AT, indexing="ij")
    clear = jax.vmap(jax.vmap(room))(x, y)
    free = clear >= CLEARANCE
    home = free & (jnp.hypot(x - genome.goal[0], y - genome.goal[1]) <= GOAL_RADIUS)

    def spread(carry: tuple[Array, Bool[Array, ""]]) -> tuple[Array, Bool[Array, ""]]:
        left, _ = carry
        framed = jnp.pad(left, 1, constant_values=jnp.inf)
        shorter = left
        for a, b in _MOVES:
            there = framed[1 + a : 1 + a + PLACES, 1 + b : 1 + b + PLACES]
            shorter = jnp.minimum(shorter, there + PITCH * float(np.hypot(a, b)))
        shorter = jnp.where(free, shorter, jnp.inf)
        return shorter, (shorter < left).any()

    left, _ = lax.while_loop(lambda carry: carry[1], spread, (jnp.where(home, 0.0, jnp.inf), home.any()))
    begin = jnp.hypot(x - genome.start[0], y - genome.start[1])
    start_room = room(genome.start[0], genome.start[1])
    near = (begin <= PITCH * np.sqrt(2)) & (start_room >= CLEARANCE)
    return Ways(clear, left, start_room, jnp.where(near, begin + left, jnp.inf).min())
