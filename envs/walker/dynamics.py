"""The walker's bodies in reduced coordinates: centre of mass and five absolute angles.

Joints hold exactly, so the solver only has to compute motors, joint limits and contacts. In these coordinates the
translation decouples: the mass matrix is diag(m, m, M) with
M[i, j] = INERTIA_COS cos(d) + INERTIA_SIN sin(d) + diag(INERTIAS), where d = angle[j] - angle[i].

There are no Coriolis terms. Instead each step projects the momentum of the bodies onto the current directions of the
joints, as an engine of free bodies with converged joints does. A projection cannot add energy, so steps of 0.02 s are
stable.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from poet.envs.walker import constants as c

# The model in float32; jax makes these arrays constants of the compiled step.
_INERTIA_COS, _INERTIA_SIN = c.INERTIA_COS.astype(np.float32), c.INERTIA_SIN.astype(np.float32)
_INERTIAS = c.INERTIAS.astype(np.float32)
_LEVERS = c.LEVERS.astype(np.float32)


class Motion(NamedTuple):
    """Pose and velocity of the walker."""

    com: Float[Array, "2"]  # m, centre of mass of the whole walker
    angle: Float[Array, "5"]  # rad, absolute
    velocity: Float[Array, "2"]  # m/s, of the centre of mass
    spin: Float[Array, "5"]  # rad/s, angular velocities
    spin_angle: Float[Array, "5"]  # rad, the angles for which `spin` was solved: one step behind `angle`


class Directions(NamedTuple):
    """Cosines and sines of the absolute angles of the bodies."""

    cos: Float[Array, "5"]
    sin: Float[Array, "5"]


class Points(NamedTuple):
    """Positions of the points of `constants.LEVERS`: the centres of the five bodies, and the hull's origin."""

    x: Float[Array, "6"]  # m
    y: Float[Array, "6"]


def directions(angle: Float[Array, "5"]) -> Directions:
    """Cosines and sines of angles."""
    # XLA on CPUs computes a sine again in each kernel and for each element that uses it, but a quotient only once.
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    length = jnp.sqrt(cos * cos + sin * sin)
    return Directions(cos / length, sin / length)


def body_points(com: Float[Array, "2"], now: Directions) -> Points:
    """Positions of the points for a centre of mass and directions of the bodies."""
    lx, ly = _LEVERS[..., 0], _LEVERS[..., 1]
    return Points(com[0] + lx @ now.cos - ly @ now.sin, com[1] + lx @ now.sin + ly @ now.cos)


def pose(world: Any) -> Float[Array, "5 3"]:
    """x, y and angle of the hull (its origin, not its centre), upper leg 1, lower leg 1, upper leg 2, lower leg 2.

    `world` has the fields `com` and `angle`.
    """
    x, y = body_points(world.com, directions(world.angle))
    indices = np.array([5, 1, 2, 3, 4])
    return jnp.stack([x[indices], y[indices], world.angle], axis=1)


def hull_velocity(motion: Motion) -> tuple[Array, Array]:
    """Velocity of the hull's centre in x and y, for the angles at which the spins were solved."""
    cos, sin = directions(motion.spin_angle)
    lx, ly = _LEVERS[0].T
    x = motion.velocity[0] - (lx * sin + ly * cos) @ motion.spin
    return x, motion.velocity[1] + (lx * cos - ly * sin) @ motion.spin


def hull_force_torques(now: Directions) -> Float[Array, "5"]:
    """Generalised torque on each angle from a horizontal unit force on the hull's centre."""
    lx, ly = _LEVERS[0].T
    return -(lx * now.sin + ly * now.cos)


def _project_vectors(x: Float[Array, "5"], y: Float[Array, "5"], rows: Directions) -> Float[Array, "5"]:
    """For each i: the sum over j of INERTIA_COS[i, j] (x, y)[j] along row i and INERTIA_SIN[i, j] (x, y)[j] across."""
    return rows.cos * (_INERTIA_COS @ x + _INERTIA_SIN @ y) + rows.sin * (_INERTIA_COS @ y - _INERTIA_SIN @ x)


def invert(matrix: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Inverse of a small symmetric positive definite matrix by Gauss-Jordan elimination."""
    size = matrix.shape[0]
    for k in range(size):
        is_pivot = np.arange(size) == k
        pivot = 1.0 / matrix[k, k]
        column = matrix[:, k] * pivot
        rest = matrix - column[:, None] * matrix[k, :]
        edge = jnp.where(is_pivot[:, None], column[None, :], column[:, None])
        matrix = jnp.where(is_pivot[:, None] | is_pivot[None, :], edge, rest)
        matrix = jnp.where(is_pivot[:, None] & is_pivot[None, :], -pivot, matrix)
    return -matrix


def mass_matrix(now: Directions) -> Float[Array, "5 5"]:
    """M, the mass matrix of the angles."""
    ci, si = now.cos[:, None], now.sin[:, None]
    return (
        _INERTIA_COS * (ci * now.cos + si * now.sin) + _INERTIA_SIN * (ci * now.sin - si * now.cos) + np.diag(_INERTIAS)
    )


def project_momentum(motion: Motion, now: Directions) -> tuple[Float[Array, "5 5"], Float[Array, "5"]]:
    """Inverse mass matrix of the angles, and the spins after projecting the momentum onto the current directions."""
    inverse, then, spin = invert(mass_matrix(now)), directions(motion.spin_angle), motion.spin
    return inverse, inverse @ (_project_vectors(spin * then.cos, spin * then.sin, now) + _INERTIAS * spin)


def integrate(
    motion: Motion,
    now: Directions,
    inverse: Float[Array, "5 5"],
    velocity: Float[Array, "2"],
    spin: Float[Array, "5"],
    shift: Float[Array, "2"],
    twist: Float[Array, "5"],
) -> Motion:
    """The motion after one step at the solved velocity and spins.

    `shift` of the centre of mass and `twist` of the angles are the solver's position corrections. Free bodies fly in
    straight lines and are then pulled together at their joints, which turns fast legs further than spin * DT; `pull` is
    the torque that does this, to first order.
    """
    turn = c.DT * spin
    after = directions(motion.angle + turn)
    pull = _project_vectors(now.sin + turn * now.cos - after.sin, turn * now.sin - now.cos + after.cos, after)
    com = motion.com + c.DT * velocity + shift
    return Motion(com, motion.angle + turn + inverse @ pull + twist, velocity, spin, motion.angle)


def kinetic_energy(motion: Motion) -> Float[Array, ""]:
    """Kinetic energy in joule, for the angles at which the spins were solved."""
    rotation = motion.spin @ mass_matrix(directions(motion.spin_angle)) @ motion.spin
    return 0.5 * (c.TOTAL_MASS * motion.velocity @ motion.velocity + rotation)
