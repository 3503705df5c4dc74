"""The walker's bodies in reduced coordinates: centre of mass and five absolute angles.

Joints hold exactly, so only motors, joint limits and contacts are left to a solver. In these coordinates translation
decouples: the mass matrix is diag(m, m, M) with M[i, j] = A cos(t_j - t_i) + B sin(t_j - t_i) + I. In place of
Coriolis terms each step projects the bodies' momentum on the joints' new directions, which is what an engine of
free bodies with converged joints does; a projection cannot add energy, so steps of 0.02 s are stable.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from envs.walker import constants as c

# Numbers of the linear programme as plain float32 arrays; jax makes them constants of the compiled step.
_A, _B = c.A.astype(np.float32), c.B.astype(np.float32)
_INERTIA = np.diag(c.INERTIAS).astype(np.float32)
_LEVERS = c.LEVERS.astype(np.float32)


class Motion(NamedTuple):
    """Where the walker is and how it moves."""

    com: Float[Array, "2"]  # m, centre of mass of the whole
    angle: Float[Array, "5"]  # rad, absolute
    velocity: Float[Array, "2"]  # m/s, of the centre of mass
    spin: Float[Array, "5"]  # rad/s
    spin_angle: Float[Array, "5"]  # rad, the angles for which `spin` was solved: one step behind `angle`


def turn(vector: Array | np.ndarray, angle: Array) -> Array:
    """Rotate the last axis of `vector`, f32[..., 2], by `angle`, f32[...]."""
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    x, y = vector[..., 0], vector[..., 1]
    return jnp.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)


def levers(angle: Float[Array, "5"]) -> Float[Array, "6 5 2"]:
    """Levers of the points of `constants.LEVERS` in the world's frame; summed over axis 1, places relative to com."""
    return turn(_LEVERS, angle)


def _products(columns: Array, rows: Array) -> tuple[Array, Array]:
    """For d[i, j] = columns[j] - rows[i]: A cos d + B sin d, and A sin d - B cos d."""
    d = columns[None, :] - rows[:, None]
    cos, sin = jnp.cos(d), jnp.sin(d)
    return _A * cos + _B * sin, _A * sin - _B * cos


def invert(matrix: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Inverse of a small symmetric positive definite matrix, one pivot at a time."""
    size = matrix.shape[0]
    for k in range(size):
        here = np.arange(size) == k
        pivot = 1.0 / matrix[k, k]
        column = matrix[:, k] * pivot
        rest = matrix - column[:, None] * matrix[k, :]
        edge = jnp.where(here[:, None], column[None, :], column[:, None])
        matrix = jnp.where(here[:, None] | here[None, :], edge, rest)
        matrix = jnp.where(here[:, None] & here[None, :], -pivot, matrix)
    return -matrix


def project(motion: Motion) -> tuple[Float[Array, "5 5"], Float[Array, "5"]]:
    """Inverse mass matrix of the angles, and the spins once the momentum is projected on the joints as they are now."""
    now, _ = _products(motion.angle, motion.angle)
    then, _ = _products(motion.spin_angle, motion.angle)
    inverse = invert(now + _INERTIA)
    return inverse, inverse @ ((then + _INERTIA) @ motion.spin)


def advance(
    motion: Motion, inverse: Float[Array, "5 5"], velocity: Array, spin: Array, shift: Array, twist: Array
) -> Motion:
    """Move for one step at the solved velocity and spins, and by `shift` and `twist` as mended by the solver.

    Free bodies fly straight and are then pulled together at their joints, which turns fast legs a little further
    than spin * dt; `pull` is that, to first order.
    """
    ahead = motion.angle + c.DT * spin
    straight, sideways = _products(motion.angle, ahead)
    _, there = _products(ahead, ahead)
    pull = (sideways - there).sum(1) + c.DT * straight @ spin
    com = motion.com + c.DT * velocity + shift
    return Motion(com, ahead + inverse @ pull + twist, velocity, spin, motion.angle)


def point_velocity(lever: Float[Array, "5 2"], velocity: Array, spin: Array) -> Float[Array, "2"]:
    """Velocity of a point with these levers."""
    return velocity + jnp.stack([-(lever[:, 1] * spin).sum(), (lever[:, 0] * spin).sum()])


def pose(world: Any) -> Float[Array, "5 3"]:
    """x, y and angle of hull (its origin, not its centre), upper 1, lower 1, upper 2, lower 2."""
    places = world.com + levers(world.angle).sum(1)
    return jnp.concatenate([places[np.array([5, 1, 2, 3, 4])], world.angle[:, None]], axis=1)


def kinetic_energy(motion: Motion) -> Float[Array, ""]:
    """Joule, with levers as they were when the spins were solved."""
    matrix, _ = _products(motion.spin_angle, motion.spin_angle)
    turning = motion.spin @ (matrix + _INERTIA) @ motion.spin
    return 0.5 * (c.MASS * motion.velocity @ motion.velocity + turning)
