"""Motors, joint limits and contacts: projected Gauss-Seidel on impulses, over-relaxed.

Rows come in groups, solved one group after the other and within a group side by side: hips, knees, then for each
stage of contact slots the normals and the frictions. Rows of the two legs share a group, as do toe and knee: they act
on each other only through the heavy hull or a hinge. W = J M^-1 J' says what speed an impulse on one row gives each.

Limits and contacts act once they are reached, as in Box2D; what they were overrun by is mended in a second, shorter
solve for positions alone, which adds no speed.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from envs.walker import constants as c
from envs.walker.contacts import SLOT_BODY, Contact

RELAXATION = 1.5  # a landing walker is a chain of light links under a heavy one: plain sweeps creep
PLAIN_SWEEPS = 2  # at the end, so that over-relaxed light links settle
MAX_SINK = 0.08  # m, deeper than this no contact sinks in one step, so that fast legs do not pass through corners

HIPS, KNEES = slice(0, 2), slice(2, 4)
STAGES = ((slice(0, 2), slice(4, 8), slice(8, 12)),  # slots, rows of their normals, rows of their frictions
          (slice(2, 3), slice(12, 14), slice(14, 16)),
          (slice(3, 4), slice(16, 18), slice(18, 20)))  # fmt: skip
ROWS = 20
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
    """Rows for these contacts [slot, leg], given places and levers of the bodies."""
    own = np.eye(5, dtype=np.float32)[SLOT_BODY][..., None] * (contact.point - place[SLOT_BODY])[..., None, :]
    arm = lever[SLOT_BODY] + own  # [slot, leg, body, 2]
    normal = contact.normal
    tangent = jnp.stack([normal[..., 1], -normal[..., 0]], axis=-1)
    direction = jnp.concatenate([v[slots].reshape(-1, 2) for slots, _, _ in STAGES for v in (normal, tangent)])
    arm = jnp.concatenate([arm[slots].reshape(-1, 5, 2) for slots, _, _ in STAGES for _ in "nt"])
    turning = arm[..., 0] * direction[:, 1:] - arm[..., 1] * direction[:, :1]
    linear = jnp.concatenate([jnp.zeros((4, 2)), direction])
    turning = jnp.concatenate([jnp.asarray(_JOINTS), turning])
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
    _, _, W, free, softness = system
    motor = _SPEED * jnp.sign(action)
    torque = c.DT * c.MOTOR_TORQUE * jnp.minimum(jnp.abs(action), 1.0)
    floor = jnp.where(joint <= _LOWER, 0.0, -np.inf)
    ceiling = jnp.where(joint >= _UPPER, 0.0, np.inf)
    approach = jnp.where(contact.gap < c.TOUCH, 0.0, -(contact.gap + MAX_SINK) / c.DT)

    def sweep(i: Array, impulse: Array) -> Array:
        soft = softness * jnp.where(i < sweeps - PLAIN_SWEEPS, RELAXATION, 1.0)
        for at in (HIPS, KNEES):
            old, speed = impulse[at], free[at] + W[at] @ impulse
            new = jnp.clip(old + (motor[at] - speed) * soft[at], -torque[at], torque[at])
            new = jnp.maximum(new, old + (floor[at] - speed) * soft[at])
            new = jnp.minimum(new, old + (ceiling[at] - speed) * soft[at])
            impulse = impulse.at[at].set(new)
        for slots, away, across in STAGES:
            new = impulse[away] + (approach[slots].reshape(-1) - free[away] - W[away] @ impulse) * soft[away]
            impulse = impulse.at[away].set(jnp.maximum(new, 0.0))
            bound = c.FRICTION * impulse[away]
            new = impulse[across] - (free[across] + W[across] @ impulse) * soft[across]
            impulse = impulse.at[across].set(jnp.clip(new, -bound, bound))
        return impulse

    return jax.lax.fori_loop(0, sweeps, sweep, jnp.zeros(ROWS))


def solve_places(system: System, impulse: Float[Array, "R"], joint: Float[Array, "4"], contact: Contact) -> Array:
    """Displacements by row, as impulses, that mend what touching contacts and reached limits would be overrun by.

    One sweep: more changed nothing against Box2D.
    """
    _, _, W, free, soft = system
    moved = c.DT * (free + W @ impulse)
    side = jnp.where(joint <= _LOWER, 1.0, jnp.where(joint >= _UPPER, -1.0, 0.0))
    bend = jnp.where(joint <= _LOWER, _LOWER - c.LIMIT_SLOP, _UPPER + c.LIMIT_SLOP) - joint - moved[:4]
    rise = c.TOUCH - 3 * c.SLOP - contact.gap
    push = jnp.zeros(ROWS)
    for at in (HIPS, KNEES):
        new = (bend[at] - W[at] @ push) * soft[at]
        push = push.at[at].set(side[at] * jnp.maximum(side[at] * new, 0.0))
    for slots, away, _ in STAGES:
        touching = contact.gap[slots].reshape(-1) < c.TOUCH
        lack = jnp.minimum(rise[slots].reshape(-1) - moved[away], c.MAX_CORRECTION)
        new = (lack - W[away] @ push) * soft[away]
        push = push.at[away].set(jnp.where(touching, jnp.maximum(new, 0.0), 0.0))
    return push
