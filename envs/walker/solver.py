"""Motors, joint limits and contacts: projected Gauss-Seidel on impulses.

Rows are, in this order: hips (2), knees (2), and for each contact slot friction (2) and normal (2), always leg 1
then leg 2. Rows of the two legs are solved side by side, the groups one after the other: legs act on each other only
through the heavy hull. W = J M^-1 J' says what speed an impulse on one row gives each row.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from envs.walker.constants import (
    CHILD,
    DT,
    FRICTION,
    LOWER,
    MASS,
    MOTOR_SPEED,
    MOTOR_TORQUE,
    PARENT,
    REFERENCE,
    REST,
    UPPER,
)
from envs.walker.contacts import SLOT_BODY, SLOTS, Contact

ROWS = 4 + 4 * SLOTS
CORRECTION = 0.2  # share of a contact's or limit's violation that one step mends
MAX_PUSH = 0.5  # m/s, the fastest that a contact pushes out of the ground
_JOINTS = (np.eye(5)[CHILD] - np.eye(5)[PARENT]).astype(np.float32)


def jacobian(contact: Contact, lever: Float[Array, "6 5 2"], place: Array) -> tuple[Array, Array]:
    """Rows by centre-of-mass velocity, f32[ROWS, 2], and by spins, f32[ROWS, 5]."""
    body = SLOT_BODY.T  # [slot, leg]
    point, normal = contact.point.swapaxes(0, 1), contact.normal.swapaxes(0, 1)
    tangent = jnp.stack([normal[..., 1], -normal[..., 0]], axis=-1)
    direction = jnp.stack([tangent, normal], axis=1)  # [slot, row, leg, 2]
    own = np.eye(5, dtype=np.float32)[body][..., None] * (point - place[body])[..., None, :]
    arm = (lever[body] + own)[:, None]  # [slot, 1, leg, body, 2]
    turning = arm[..., 0] * direction[..., 1, None] - arm[..., 1] * direction[..., 0, None]
    linear = jnp.concatenate([jnp.zeros((4, 2)), direction.reshape(-1, 2)])
    return linear, jnp.concatenate([jnp.asarray(_JOINTS), turning.reshape(-1, 5)])


def solve(
    sweeps: int,
    action: Float[Array, "4"],
    angle: Float[Array, "5"],
    contact: Contact,
    linear: Float[Array, "R 2"],
    turning: Float[Array, "R 5"],
    inverse: Float[Array, "5 5"],
    velocity: Float[Array, "2"],
    spin: Float[Array, "5"],
) -> tuple[Array, Array, Array]:
    """Velocity and spins after the impulses, and the impulses. `action` is by joint (hips, then knees)."""
    response = turning @ inverse
    W = response @ turning.T + linear @ linear.T / MASS
    free = linear @ velocity + turning @ spin
    softness = 1.0 / jnp.diagonal(W)

    joint = _JOINTS @ angle - REFERENCE.astype(np.float32)
    motor = MOTOR_SPEED.astype(np.float32) * jnp.sign(action)
    torque = DT * MOTOR_TORQUE * jnp.minimum(jnp.abs(action), 1.0)
    to_limit = jnp.stack([LOWER.astype(np.float32) - joint, UPPER.astype(np.float32) - joint])
    inward = np.array([[1.0], [-1.0]], np.float32)
    limit = jnp.where(to_limit * inward > 0, CORRECTION, 1.0) * to_limit / DT

    room = contact.gap.T - REST  # [slot, leg]
    approach = -jnp.where(room > 0, room, jnp.maximum(CORRECTION * room, -MAX_PUSH * DT)) / DT

    def joints(impulse: Array, first: int) -> Array:
        rows, at = slice(first, first + 2), slice(first, first + 2)
        speed = free[rows] + W[rows] @ impulse
        old, soft = impulse[rows], softness[rows]
        new = jnp.clip(old + (motor[at] - speed) * soft, -torque[at], torque[at])
        new = jnp.maximum(new, old + (limit[0, at] - speed) * soft)
        new = jnp.minimum(new, old + (limit[1, at] - speed) * soft)
        return impulse.at[rows].set(new)

    def touch(impulse: Array, slot: int) -> Array:
        across = slice(4 + 4 * slot, 6 + 4 * slot)
        away = slice(6 + 4 * slot, 8 + 4 * slot)
        bound = FRICTION * impulse[away]
        new = impulse[across] - (free[across] + W[across] @ impulse) * softness[across]
        impulse = impulse.at[across].set(jnp.clip(new, -bound, bound))
        new = impulse[away] + (approach[slot] - free[away] - W[away] @ impulse) * softness[away]
        return impulse.at[away].set(jnp.maximum(new, 0.0))

    def sweep(_: int, impulse: Array) -> Array:
        impulse = joints(joints(impulse, 0), 2)
        for slot in range(SLOTS):
            impulse = touch(impulse, slot)
        return impulse

    impulse = jax.lax.fori_loop(0, sweeps, sweep, jnp.zeros(ROWS))
    return velocity + impulse @ linear / MASS, spin + impulse @ response, impulse
