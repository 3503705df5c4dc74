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

from poet.envs.walker import constants as c

# The numbers of the model as float32, which jax makes constants of the compiled step.
_A, _B = c.A.astype(np.float32), c.B.astype(np.float32)
_INERTIA = c.INERTIAS.astype(np.float32)
_LEVERS = c.LEVERS.astype(np.float32)


class Motion(NamedTuple):
    """Where the walker is and how it moves."""

    com: Float[Array, "2"]  # m, centre of mass of the whole
    angle: Float[Array, "5"]  # rad, absolute
    velocity: Float[Array, "2"]  # m/s, of the centre of mass
    spin: Float[Array, "5"]  # rad/s
    spin_angle: Float[Array, "5"]  # rad, the angles for which `spin` was solved: one step behind `angle`


class Turned(NamedTuple):
    """Directions of the bodies."""

    cos: Float[Array, "5"]
    sin: Float[Array, "5"]


class Places(NamedTuple):
    """Points of `constants.LEVERS` in the world: centres of the five bodies, and the hull's origin."""

    x: Float[Array, "6"]
    y: Float[Array, "6"]


def turned(angle: Float[Array, "5"]) -> Turned:
    """Cosines and sines."""
    # XLA on CPUs computes sines anew in each kernel and for each element that uses them, but a quotient only once.
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    length = jnp.sqrt(cos * cos + sin * sin)
    return Turned(cos / length, sin / length)


def places(com: Float[Array, "2"], t: Turned) -> Places:
    """Where the points are."""
    lx, ly = _LEVERS[..., 0], _LEVERS[..., 1]
    return Places(com[0] + lx @ t.cos - ly @ t.sin, com[1] + lx @ t.sin + ly @ t.cos)


def pose(world: Any) -> Float[Array, "5 3"]:
    """x, y and angle of hull (its origin, not its centre), upper 1, lower 1, upper 2, lower 2."""
    x, y = places(world.com, turned(world.angle))
    first = np.array([5, 1, 2, 3, 4])
    return jnp.stack([x[first], y[first], world.angle], axis=1)


def hull_velocity(motion: Motion) -> tuple[Array, Array]:
    """Velocity of the hull's centre, as it was when the spins were solved."""
    cos, sin = turned(motion.spin_angle)
    lx, ly = _LEVERS[0].T
    x = motion.velocity[0] - (lx * sin + ly * cos) @ motion.spin
    return x, motion.velocity[1] + (lx * cos - ly * sin) @ motion.spin


def hull_drag(t: Turned) -> Float[Array, "5"]:
    """What a horizontal unit force on the hull's centre does to each angle."""
    lx, ly = _LEVERS[0].T
    return -(lx * t.sin + ly * t.cos)


def _along(x: Float[Array, "5"], y: Float[Array, "5"], rows: Turned) -> Float[Array, "5"]:
    """Sums over j of A (x, y)_j along row i's direction and B (x, y)_j across it."""
    return rows.cos * (_A @ x + _B @ y) + rows.sin * (_A @ y - _B @ x)


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


def mass_matrix(t: Turned) -> Float[Array, "5 5"]:
    """M, the inertia of the angles."""
    ci, si = t.cos[:, None], t.sin[:, None]
    return _A * (ci * t.cos + si * t.sin) + _B * (ci * t.sin - si * t.cos) + np.diag(_INERTIA)


def project(motion: Motion, now: Turned) -> tuple[Float[Array, "5 5"], Float[Array, "5"]]:
    """Inverse mass matrix of the angles, and the spins once the momentum is projected on the joints as they are now."""
    inverse, then, spin = invert(mass_matrix(now)), turned(motion.spin_angle), motion.spin
    return inverse, inverse @ (_along(spin * then.cos, spin * then.sin, now) + _INERTIA * spin)


def advance(
    motion: Motion, now: Turned, inverse: Float[Array, "5 5"], velocity: Array, spin: Array, shift: Array, twist: Array
) -> Motion:
    """Move for one step at the solved velocity and spins, and by `shift` and `twist` as mended by the solver.

    Free bodies fly straight and are then pulled together at their joints, which turns fast legs a little further
    than spin * dt; `pull` is that, to first order.
    """
    turn = c.DT * spin
    there = turned(motion.angle + turn)
    pull = _along(now.sin + turn * now.cos - there.sin, turn * now.sin - now.cos + there.cos, there)
    com = motion.com + c.DT * velocity + shift
    return Motion(com, motion.angle + turn + inverse @ pull + twist, velocity, spin, motion.angle)


def kinetic_energy(motion: Motion) -> Float[Array, ""]:
    """Joule, with levers as they were when the spins were solved."""
    turning = motion.spin @ mass_matrix(turned(motion.spin_angle)) @ motion.spin
    return 0.5 * (c.MASS * motion.velocity @ motion.velocity + turning)
