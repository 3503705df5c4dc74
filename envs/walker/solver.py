"""Motors, joint limits and contacts: over-relaxed projected Gauss-Seidel on impulses.

Each constraint is a row, and W = J M^-1 J' holds the speed that a unit impulse on one row gives to each row, where J is
the Jacobian of the rows. Rows are solved in groups, one group after the other, and the rows of a group all at once:
hips, knees, then for each stage of contacts the normals and the frictions. The rows of both legs share a group, as do
toe and knee, since they only influence each other through the heavy hull or through a joint.

Limits and contacts act once they are reached, as in Box2D. The overlap that remains is corrected in a second, shorter
solve for positions only, which adds no velocity.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from poet.envs.walker import constants as c
from poet.envs.walker.contacts import CONTACT_BODIES, Contact
from poet.envs.walker.dynamics import Directions, Points

RELAXATION = 1.5  # plain sweeps converge slowly for a chain of light links under a heavy one, as in a landing
PLAIN_SWEEPS = 2  # at the end without over-relaxation, so that light links settle
POSITION_SWEEPS = 2  # one is enough for walking, but not for a fallen walker that kicks
MAX_PENETRATION = 0.08  # m, depth of a contact after the step in which it begins; else fast legs pass through corners

# Rows: hips (2), knees (2), then for each stage of contacts their normals and their frictions.
STAGES = ((slice(0, 4), slice(4, 12)), (slice(4, 6), slice(12, 16)), (slice(6, 8), slice(16, 20)))  # contacts, rows
JOINT_ROWS = slice(0, 4)
NUM_ROWS = 20
_JOINTS = (np.eye(5)[c.JOINT_CHILDREN] - np.eye(5)[c.JOINT_PARENTS]).astype(np.float32)  # [joint, body]
_REFERENCES, _LOWER, _UPPER = (v.astype(np.float32) for v in (c.JOINT_REFERENCES, c.JOINT_LOWER, c.JOINT_UPPER))
_MOTOR_SPEEDS = c.MOTOR_SPEEDS.astype(np.float32)
_IS_CONTACT_BODY = np.eye(5, dtype=np.float32)[:, CONTACT_BODIES]  # [body, contact]
_LEVERS_X, _LEVERS_Y = c.LEVERS.astype(np.float32)[CONTACT_BODIES].T  # [body, contact]


class System(NamedTuple):
    """The rows of one step."""

    linear: Float[Array, "2 R"]  # J' of the velocity of the centre of mass
    response: Float[Array, "5 R"]  # M^-1 J' of the spins: the change of the spins by a unit impulse
    W: Float[Array, "R R"]
    free: Float[Array, "R"]  # speeds of the rows without any impulse
    softness: Float[Array, "R"]  # 1 / diag(W)


def order_by_stage(normal: Float[Array, "*N 8"], friction: Float[Array, "*N 8"]) -> Float[Array, "*N 16"]:
    """Values of the contacts in the order of the rows."""
    return jnp.concatenate([v[..., at] for at, _ in STAGES for v in (normal, friction)], axis=-1)


def assemble_system(
    contact: Contact,
    now: Directions,
    points: Points,
    inverse: Float[Array, "5 5"],
    velocity: Float[Array, "2"],
    spin: Float[Array, "5"],
) -> System:
    """The rows for these contacts; `inverse` is the inverse mass matrix of the angles."""
    cos, sin = now.cos[:, None], now.sin[:, None]
    centre_x, centre_y = (jnp.concatenate([v[2:5:2], v[1:5:2], v[2:5:2], v[2:5:2]]) for v in points)
    arm_x = cos * _LEVERS_X - sin * _LEVERS_Y + _IS_CONTACT_BODY * (contact.x - centre_x)  # [body, contact]
    arm_y = sin * _LEVERS_X + cos * _LEVERS_Y + _IS_CONTACT_BODY * (contact.y - centre_y)
    nx, ny = contact.nx, contact.ny
    angular = jnp.concatenate([_JOINTS.T, order_by_stage(arm_x * ny - arm_y * nx, -arm_x * nx - arm_y * ny)], axis=1)
    linear = jnp.concatenate([jnp.zeros((2, 4)), order_by_stage(jnp.stack([nx, ny]), jnp.stack([ny, -nx]))], axis=1)
    response = inverse @ angular
    W = sum(response[i, :, None] * angular[i] for i in range(5))
    W += sum(linear[i, :, None] * linear[i] for i in range(2)) / c.TOTAL_MASS
    diagonal = sum(response[i] * angular[i] for i in range(5)) + (linear[0] ** 2 + linear[1] ** 2) / c.TOTAL_MASS
    return System(linear, response, W, velocity @ linear + spin @ angular, 1.0 / diagonal)


def joint_angles(angle: Float[Array, "5"]) -> Float[Array, "4"]:
    """Angles of hip 1, hip 2, knee 1, knee 2, from the absolute angles of the bodies."""
    return joint_speeds(angle) - _REFERENCES


def joint_speeds(spin: Float[Array, "5"]) -> Float[Array, "4"]:
    """Angular velocities of hip 1, hip 2, knee 1, knee 2, from those of the bodies."""
    return jnp.asarray(_JOINTS) @ spin


def solve_velocities(
    sweeps: int, system: System, joint: Float[Array, "4"], action: Float[Array, "4"], gap: Float[Array, "8"]
) -> Float[Array, "R"]:
    """Impulses of all rows after `sweeps` sweeps.

    `joint` (angles) and `action` are those of hip 1, hip 2, knee 1, knee 2; `gap` is that of the contacts.
    """
    _, _, W, free, softness = system
    motor = _MOTOR_SPEEDS * jnp.sign(action)
    max_impulse = c.DT * c.MOTOR_TORQUE * jnp.minimum(jnp.abs(action), 1.0)
    min_speed = jnp.where(joint <= _LOWER, 0.0, -np.inf)
    max_speed = jnp.where(joint >= _UPPER, 0.0, np.inf)
    approach = jnp.where(gap < c.CONTACT_DISTANCE, 0.0, -(gap + MAX_PENETRATION) / c.DT)

    # The rows of each group are sliced once. Within a group, the speeds of knees and frictions have to include what the
    # hips and normals just changed. One entry of W per pair is enough for this, which saves a product.
    joint_rows = W[JOINT_ROWS]
    hip_to_knee = jnp.stack([W[2, 0], W[3, 1]])
    groups = [(at, rows, W[rows], jnp.diagonal(W[rows][at.stop - at.start :, rows])) for at, rows in STAGES]

    def sweep(i: Array, impulse: Array) -> Array:
        relaxed = softness * jnp.where(i < sweeps - PLAIN_SWEEPS, RELAXATION, 1.0)

        def solve_joints(at: slice, speed: Array) -> Array:
            old = impulse[at]
            new = jnp.clip(old + (motor[at] - speed) * relaxed[at], -max_impulse[at], max_impulse[at])
            new = jnp.maximum(new, old + (min_speed[at] - speed) * relaxed[at])
            return jnp.minimum(new, old + (max_speed[at] - speed) * relaxed[at])

        speed = free[JOINT_ROWS] + joint_rows @ impulse
        hip = solve_joints(slice(0, 2), speed[:2])
        knee = solve_joints(slice(2, 4), speed[2:] + hip_to_knee * (hip - impulse[:2]))
        impulse = impulse.at[JOINT_ROWS].set(jnp.concatenate([hip, knee]))
        for at, rows, group_rows, normal_to_friction in groups:
            half = at.stop - at.start
            speed, old, step = free[rows] + group_rows @ impulse, impulse[rows], relaxed[rows]
            normal = jnp.maximum(old[:half] + (approach[at] - speed[:half]) * step[:half], 0.0)
            slip = speed[half:] + normal_to_friction * (normal - old[:half])
            bound = c.FRICTION * normal
            friction = jnp.clip(old[half:] - slip * step[half:], -bound, bound)
            impulse = impulse.at[rows].set(jnp.concatenate([normal, friction]))
        return impulse

    return jax.lax.fori_loop(0, sweeps, sweep, jnp.zeros(NUM_ROWS))


def solve_positions(
    system: System, impulse: Float[Array, "R"], joint: Float[Array, "4"], gap: Float[Array, "8"]
) -> Float[Array, "R"]:
    """Displacements of all rows, as impulses, that correct the overlap of contacts and the excess over joint limits.

    `impulse` is the result of `solve_velocities`; the correction applies to the positions after the step.
    """
    _, _, W, free, softness = system
    moved = c.DT * (free + W @ impulse)
    side = jnp.where(joint <= _LOWER, 1.0, jnp.where(joint >= _UPPER, -1.0, 0.0))
    limit = jnp.where(joint <= _LOWER, _LOWER - c.ANGULAR_SLOP, _UPPER + c.ANGULAR_SLOP)
    excess = limit - joint - moved[JOINT_ROWS]
    groups = []
    for at, rows in STAGES:
        normals = slice(rows.start, rows.start + at.stop - at.start)
        target_gap = c.CONTACT_DISTANCE - 3 * c.LINEAR_SLOP
        overlap = jnp.minimum(target_gap - gap[at] - moved[normals], c.MAX_CORRECTION)
        groups.append((normals, W[normals], jnp.where(gap[at] < c.CONTACT_DISTANCE, overlap, -np.inf)))

    def sweep(_: int, push: Array) -> Array:
        new = push[JOINT_ROWS] + (excess - W[JOINT_ROWS] @ push) * softness[JOINT_ROWS]
        push = push.at[JOINT_ROWS].set(side * jnp.maximum(side * new, 0.0))
        for normals, group_rows, overlap in groups:
            new = push[normals] + (overlap - group_rows @ push) * softness[normals]
            push = push.at[normals].set(jnp.maximum(new, 0.0))
        return push

    return jax.lax.fori_loop(0, POSITION_SWEEPS, sweep, jnp.zeros(NUM_ROWS))
