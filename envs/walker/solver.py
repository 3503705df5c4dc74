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

from poet.envs.walker import constants as c
from poet.envs.walker.contacts import BODY, Contact
from poet.envs.walker.dynamics import Places, Turned

RELAXATION = 1.5  # a landing walker is a chain of light links under a heavy one: plain sweeps creep
PLAIN_SWEEPS = 2  # at the end, so that over-relaxed light links settle
PLACE_SWEEPS = 2  # of the positions; one does for a walk, a walker that lies and kicks needs more
MAX_SINK = 0.08  # m, deeper than this no contact sinks in one step, so that fast legs do not pass through corners

# Rows: hips (2), knees (2), then for each stage of contacts their normals and their frictions.
STAGES = ((slice(0, 4), slice(4, 12)), (slice(4, 6), slice(12, 16)), (slice(6, 8), slice(16, 20)))  # contacts, rows
HINGES = slice(0, 4)
ROWS = 20
_JOINTS = (np.eye(5)[c.CHILD] - np.eye(5)[c.PARENT]).astype(np.float32)
_REFERENCE, _LOWER, _UPPER = (v.astype(np.float32) for v in (c.REFERENCE, c.LOWER, c.UPPER))
_SPEED = c.MOTOR_SPEED.astype(np.float32)
_OWN = np.eye(5, dtype=np.float32)[:, BODY]
_LEVER_X, _LEVER_Y = c.LEVERS.astype(np.float32)[BODY].T  # [body, contact]


class System(NamedTuple):
    """The rows of one step."""

    linear: Float[Array, "2 R"]  # J' by the velocity of the centre of mass
    response: Float[Array, "5 R"]  # M^-1 J' by spins: what spins an impulse gives
    W: Float[Array, "R R"]
    free: Float[Array, "R"]  # row speeds before any impulse
    softness: Float[Array, "R"]  # 1 / diag(W)


def by_stage(normal: Float[Array, "*N 8"], friction: Float[Array, "*N 8"]) -> Float[Array, "*N 16"]:
    """Of each contact, in the order of the rows."""
    return jnp.concatenate([v[..., at] for at, _ in STAGES for v in (normal, friction)], axis=-1)


def assemble(
    contact: Contact,
    t: Turned,
    place: Places,
    inverse: Float[Array, "5 5"],
    velocity: Float[Array, "2"],
    spin: Float[Array, "5"],
) -> System:
    """Rows for these contacts, given places and directions of the bodies."""
    cos, sin = t.cos[:, None], t.sin[:, None]
    centre_x, centre_y = (jnp.concatenate([v[2:5:2], v[1:5:2], v[2:5:2], v[2:5:2]]) for v in place)
    arm_x = cos * _LEVER_X - sin * _LEVER_Y + _OWN * (contact.x - centre_x)  # [body, contact]
    arm_y = sin * _LEVER_X + cos * _LEVER_Y + _OWN * (contact.y - centre_y)
    nx, ny = contact.nx, contact.ny
    turning = jnp.concatenate([_JOINTS.T, by_stage(arm_x * ny - arm_y * nx, -arm_x * nx - arm_y * ny)], axis=1)
    linear = jnp.concatenate([jnp.zeros((2, 4)), by_stage(jnp.stack([nx, ny]), jnp.stack([ny, -nx]))], axis=1)
    response = inverse @ turning
    W = sum(response[i, :, None] * turning[i] for i in range(5))
    W += sum(linear[i, :, None] * linear[i] for i in range(2)) / c.MASS
    softness = sum(response[i] * turning[i] for i in range(5)) + (linear[0] ** 2 + linear[1] ** 2) / c.MASS
    return System(linear, response, W, velocity @ linear + spin @ turning, 1.0 / softness)


def joint_angles(angle: Float[Array, "5"]) -> Float[Array, "4"]:
    """Hip 1, hip 2, knee 1, knee 2."""
    return joint_speeds(angle) - _REFERENCE


def joint_speeds(spin: Float[Array, "5"]) -> Float[Array, "4"]:
    """Hip 1, hip 2, knee 1, knee 2."""
    return jnp.asarray(_JOINTS) @ spin


def solve_speeds(
    sweeps: int, system: System, joint: Float[Array, "4"], action: Float[Array, "4"], gap: Float[Array, "8"]
) -> Float[Array, "R"]:
    """Impulses after `sweeps` rounds; `joint` and `action` by hip 1, hip 2, knee 1, knee 2."""
    _, _, W, free, softness = system
    motor = _SPEED * jnp.sign(action)
    torque = c.DT * c.MOTOR_TORQUE * jnp.minimum(jnp.abs(action), 1.0)
    floor = jnp.where(joint <= _LOWER, 0.0, -np.inf)
    ceiling = jnp.where(joint >= _UPPER, 0.0, np.inf)
    approach = jnp.where(gap < c.TOUCH, 0.0, -(gap + MAX_SINK) / c.DT)

    # Rows of each group are cut out once. Within a group, knees learn of what the hips have just changed, and
    # frictions of what their normals have, from one number: that spares a product.
    hinges = W[HINGES]
    hip_to_knee = jnp.stack([W[2, 0], W[3, 1]])
    groups = [(at, rows, W[rows], jnp.diagonal(W[rows][at.stop - at.start :, rows])) for at, rows in STAGES]

    def sweep(i: Array, impulse: Array) -> Array:
        soft = softness * jnp.where(i < sweeps - PLAIN_SWEEPS, RELAXATION, 1.0)

        def turn(at: slice, speed: Array) -> Array:
            old = impulse[at]
            new = jnp.clip(old + (motor[at] - speed) * soft[at], -torque[at], torque[at])
            new = jnp.maximum(new, old + (floor[at] - speed) * soft[at])
            return jnp.minimum(new, old + (ceiling[at] - speed) * soft[at])

        speed = free[HINGES] + hinges @ impulse
        hip = turn(slice(0, 2), speed[:2])
        knee = turn(slice(2, 4), speed[2:] + hip_to_knee * (hip - impulse[:2]))
        impulse = impulse.at[HINGES].set(jnp.concatenate([hip, knee]))
        for at, rows, part, own in groups:
            half = at.stop - at.start
            speed, old, ease = free[rows] + part @ impulse, impulse[rows], soft[rows]
            normal = jnp.maximum(old[:half] + (approach[at] - speed[:half]) * ease[:half], 0.0)
            slip = speed[half:] + own * (normal - old[:half])
            bound = c.FRICTION * normal
            friction = jnp.clip(old[half:] - slip * ease[half:], -bound, bound)
            impulse = impulse.at[rows].set(jnp.concatenate([normal, friction]))
        return impulse

    return jax.lax.fori_loop(0, sweeps, sweep, jnp.zeros(ROWS))


def solve_places(system: System, impulse: Float[Array, "R"], joint: Float[Array, "4"], gap: Float[Array, "8"]) -> Array:
    """Displacements by row, as impulses, that mend what touching contacts and reached limits would be overrun by."""
    _, _, W, free, soft = system
    moved = c.DT * (free + W @ impulse)
    side = jnp.where(joint <= _LOWER, 1.0, jnp.where(joint >= _UPPER, -1.0, 0.0))
    bend = jnp.where(joint <= _LOWER, _LOWER - c.LIMIT_SLOP, _UPPER + c.LIMIT_SLOP) - joint - moved[HINGES]
    groups = []
    for at, rows in STAGES:
        away = slice(rows.start, rows.start + at.stop - at.start)
        lack = jnp.minimum(c.TOUCH - 3 * c.SLOP - gap[at] - moved[away], c.MAX_CORRECTION)
        groups.append((away, W[away], jnp.where(gap[at] < c.TOUCH, lack, -np.inf)))

    def sweep(_: int, push: Array) -> Array:
        new = push[HINGES] + (bend - W[HINGES] @ push) * soft[HINGES]
        push = push.at[HINGES].set(side * jnp.maximum(side * new, 0.0))
        for away, part, lack in groups:
            new = push[away] + (lack - part @ push) * soft[away]
            push = push.at[away].set(jnp.maximum(new, 0.0))
        return push

    return jax.lax.fori_loop(0, PLACE_SWEEPS, sweep, jnp.zeros(ROWS))
