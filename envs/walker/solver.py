"""Motors, joint limits and contacts: projected Gauss-Seidel on impulses.

Rows are, in this order: hips (2), knees (2), and for each contact slot friction (2) and normal (2), always leg 1
then leg 2. Rows of the two legs are solved side by side, the groups one after the other: legs act on each other only
through the heavy hull. W = J M^-1 J' says what speed an impulse on one row gives each row.

Limits and contacts act once they are reached, as in Box2D, and what they were overrun by is mended in a second,
shorter solve for positions alone, which adds no speed.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from envs.walker import constants as c
from envs.walker.contacts import SLOT_BODY, SLOTS, Contact

ROWS = 4 + 4 * SLOTS
POSITION_SWEEPS = 3
MAX_SINK = 0.08  # m, deeper than this no contact sinks in one step, so that fast legs do not pass through corners
_JOINTS = (np.eye(5)[c.CHILD] - np.eye(5)[c.PARENT]).astype(np.float32)
_REFERENCE, _LOWER, _UPPER = (v.astype(np.float32) for v in (c.REFERENCE, c.LOWER, c.UPPER))
_SPEED = c.MOTOR_SPEED.astype(np.float32)


class System(NamedTuple):
    """The rows of one step."""

    linear: Float[Array, "R 2"]  # J by the velocity of the centre of mass
    response: Float[Array, "R 5"]  # J M^-1 by spins: what spins an impulse gives
    W: Float[Array, "R R"]
    free: Float[Array, "R"]  # row speeds before any impulse
    softness: Float[Array, "R"]  # 1 / diag(W)


def assemble(
    contact: Contact,
    lever: Float[Array, "6 5 2"],
    place: Float[Array, "6 2"],
    inverse: Float[Array, "5 5"],
    velocity: Float[Array, "2"],
    spin: Float[Array, "5"],
) -> System:
    """Rows for these contacts [leg, slot], given places and levers of the bodies."""
    body = SLOT_BODY.T  # [slot, leg]
    point, normal = contact.point.swapaxes(0, 1), contact.normal.swapaxes(0, 1)
    tangent = jnp.stack([normal[..., 1], -normal[..., 0]], axis=-1)
    direction = jnp.stack([tangent, normal], axis=1)  # [slot, row, leg, 2]
    own = np.eye(5, dtype=np.float32)[body][..., None] * (point - place[body])[..., None, :]
    arm = (lever[body] + own)[:, None]  # [slot, 1, leg, body, 2]
    turning = arm[..., 0] * direction[..., 1, None] - arm[..., 1] * direction[..., 0, None]
    linear = jnp.concatenate([jnp.zeros((4, 2)), direction.reshape(-1, 2)])
    turning = jnp.concatenate([jnp.asarray(_JOINTS), turning.reshape(-1, 5)])
    response = turning @ inverse
    W = response @ turning.T + linear @ linear.T / c.MASS
    return System(linear, response, W, linear @ velocity + turning @ spin, 1.0 / jnp.diagonal(W))


def joint_angles(angle: Float[Array, "5"]) -> Float[Array, "4"]:
    """Hip 1, hip 2, knee 1, knee 2."""
    return _JOINTS @ angle - _REFERENCE


def solve_speeds(
    sweeps: int, system: System, joint: Float[Array, "4"], action: Float[Array, "4"], contact: Contact
) -> Float[Array, "R"]:
    """Impulses after `sweeps` rounds; `joint` and `action` by hip 1, hip 2, knee 1, knee 2."""
    _, _, W, free, soft = system
    motor = _SPEED * jnp.sign(action)
    torque = c.DT * c.MOTOR_TORQUE * jnp.minimum(jnp.abs(action), 1.0)
    floor = jnp.where(joint <= _LOWER, 0.0, -np.inf)
    ceiling = jnp.where(joint >= _UPPER, 0.0, np.inf)
    gap = contact.gap.T  # [slot, leg]
    approach = jnp.where(gap < c.TOUCH, 0.0, -(gap + MAX_SINK) / c.DT)

    def hold(impulse: Array, at: slice) -> Array:
        old, speed = impulse[at], free[at] + W[at] @ impulse
        new = jnp.clip(old + (motor[at] - speed) * soft[at], -torque[at], torque[at])
        new = jnp.maximum(new, old + (floor[at] - speed) * soft[at])
        new = jnp.minimum(new, old + (ceiling[at] - speed) * soft[at])
        return impulse.at[at].set(new)

    def touch(impulse: Array, slot: int) -> Array:
        across, away = slice(4 + 4 * slot, 6 + 4 * slot), slice(6 + 4 * slot, 8 + 4 * slot)
        bound = c.FRICTION * impulse[away]
        new = impulse[across] - (free[across] + W[across] @ impulse) * soft[across]
        impulse = impulse.at[across].set(jnp.clip(new, -bound, bound))
        new = impulse[away] + (approach[slot] - free[away] - W[away] @ impulse) * soft[away]
        return impulse.at[away].set(jnp.maximum(new, 0.0))

    def sweep(_: int, impulse: Array) -> Array:
        impulse = hold(hold(impulse, slice(0, 2)), slice(2, 4))
        for slot in range(SLOTS):
            impulse = touch(impulse, slot)
        return impulse

    return jax.lax.fori_loop(0, sweeps, sweep, jnp.zeros(ROWS))


def solve_places(system: System, impulse: Float[Array, "R"], joint: Float[Array, "4"], contact: Contact) -> Array:
    """Displacements by row, as impulses, that mend what touching contacts and reached limits would be overrun by."""
    _, _, W, free, soft = system
    moved = c.DT * (free + W @ impulse)
    side = jnp.where(joint <= _LOWER, 1.0, jnp.where(joint >= _UPPER, -1.0, 0.0))
    bend = jnp.where(joint <= _LOWER, _LOWER - c.LIMIT_SLOP, _UPPER + c.LIMIT_SLOP) - joint - moved[:4]
    rise = c.TOUCH - 3 * c.SLOP - contact.gap.T - moved[4:].reshape(SLOTS, 2, 2)[:, 1]
    rise = jnp.where(contact.gap.T < c.TOUCH, jnp.minimum(rise, c.MAX_CORRECTION), -np.inf)

    def sweep(_: int, push: Array) -> Array:
        for at in (slice(0, 2), slice(2, 4)):
            new = push[at] + (bend[at] - W[at] @ push) * soft[at]
            push = push.at[at].set(side[at] * jnp.maximum(side[at] * new, 0.0))
        for slot in range(SLOTS):
            at = slice(6 + 4 * slot, 8 + 4 * slot)
            new = push[at] + (rise[slot] - W[at] @ push) * soft[at]
            push = push.at[at].set(jnp.maximum(new, 0.0))
        return push

    return jax.lax.fori_loop(0, POSITION_SWEEPS, sweep, jnp.zeros(ROWS))
