"""Where the legs may touch the ground: four candidate contacts a leg, always the same four.

A leg has toe and heel against the pieces of the ground, one more contact of the lower leg (the nearest of toe or heel
against a wall, its upper corners against anything, the ground's knots against its faces), and one contact of the
upper leg (knee corners and knots). Gaps may be positive: the solver then lets the bodies approach only that far.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from envs.walker.constants import CORNERS, HALF_WIDTH, HULL, LENGTH, TOUCH
from envs.walker.dynamics import turn
from envs.walker.terrain import STEP, Terrain

_CORNERS = CORNERS.astype(np.float32)
_HULL = HULL.astype(np.float32)
FAR = 1e3  # m, the gap of a contact that is not there
SLOTS = 4
SLOT_BODY = np.array([[2, 4], [1, 3], [2, 4], [2, 4]])  # [slot, leg]; slots are toe, knee, heel, shin
LOWER_LEG = np.array([0, 2, 3])


class Window(NamedTuple):
    """Some neighbouring knots of a terrain."""

    x: Float[Array, "W"]
    left: Float[Array, "W"]
    right: Float[Array, "W"]


class Contact(NamedTuple):
    """Points where a leg may touch; the arrays carry further axes in front."""

    gap: Float[Array, ""]  # m, below zero when inside the ground
    point: Float[Array, "2"]  # on the leg
    normal: Float[Array, "2"]  # away from the ground


def window(terrain: Terrain, x: Float[Array, ""], behind: int, ahead: int) -> Window:
    """The knots from `behind` cells left of the cell in which x lies to `ahead` cells right of it."""
    cell = jnp.floor(x / STEP).astype(jnp.int32)
    cut = lambda values: jax.lax.dynamic_slice(values, (cell - behind,), (behind + ahead + 1,))  # noqa: E731
    return Window(cut(terrain.x), cut(terrain.left), cut(terrain.right))


def _is_under(ground: Window, point: Float[Array, "P 2"]) -> Bool[Array, "P"]:
    """Whether a point is below the surface."""
    px, py = point[:, 0, None], point[:, 1, None]
    ax, ay, bx, by = ground.x[:-1], ground.right[:-1], ground.x[1:], ground.left[1:]
    below = (py - ay) * (bx - ax) < (by - ay) * (px - ax)
    return ((ax <= px) & (px < bx) & below).any(1)


def _nearest(gap: Array, point: Array, normal: Array) -> Contact:
    """The contact of the smallest gap along the first axis."""
    at = jnp.argmin(gap)
    return Contact(gap[at], point[at], normal[at])


def _corners(ground: Window, point: Float[Array, "P 2"]) -> tuple[Contact, Contact]:
    """Contacts of points with the nearest piece and with the nearest wall; inside the ground only the nearer counts."""
    px, py = point[:, 0, None], point[:, 1, None]
    ax, ay, bx, by = ground.x[:-1], ground.right[:-1], ground.x[1:], ground.left[1:]
    ux, uy = bx - ax, by - ay
    length2 = jnp.maximum(ux * ux + uy * uy, 1e-12)
    along = ((px - ax) * ux + (py - ay) * uy) / length2
    part = jnp.clip(along, 0.0, 1.0)
    dx, dy = px - ax - part * ux, py - ay - part * uy
    distance = jnp.sqrt(dx * dx + dy * dy)
    under = _is_under(ground, point)

    inverse = jax.lax.rsqrt(length2)
    beside = (part == along)[..., None]  # between the ends the piece's own normal, else away from its end
    own = jnp.stack([-uy * inverse, ux * inverse], axis=-1)
    away = jnp.stack([dx, dy], axis=-1) / jnp.maximum(distance, 1e-9)[..., None]
    away = jnp.where(under[:, None, None], -away, away)
    piece = jax.vmap(_nearest)(distance, jnp.broadcast_to(point[:, None], away.shape), jnp.where(beside, own, away))

    rise = ground.right - ground.left
    outward = -jnp.sign(rise)
    level = (jnp.minimum(ground.left, ground.right) < py) & (py < jnp.maximum(ground.left, ground.right))
    signed = (px - ground.x) * outward
    reach = jnp.where(level & ((signed < 0) == under[:, None]), jnp.abs(signed), FAR)
    facing = jnp.stack([outward, jnp.zeros_like(outward)], axis=-1)
    facing = jnp.broadcast_to(facing, (*reach.shape, 2))
    wall = jax.vmap(_nearest)(reach, jnp.broadcast_to(point[:, None], facing.shape), facing)

    piece_gap = jnp.where(under, jnp.where(piece.gap <= wall.gap, -piece.gap, FAR), piece.gap)
    wall_gap = jnp.where(under, jnp.where(piece.gap <= wall.gap, FAR, -wall.gap), wall.gap)
    return piece._replace(gap=piece_gap), wall._replace(gap=wall_gap)


def _knots(ground: Window, centre: Array, angle: Array, half_width: float) -> Contact:
    """Contacts of every knot's upper end with the faces of a leg segment."""
    knot = jnp.stack([ground.x, jnp.maximum(ground.left, ground.right)], axis=-1)
    local = turn(knot - centre, -angle)
    over = jnp.abs(local) - np.array([half_width, LENGTH / 2], np.float32)
    outside = jnp.sqrt((jnp.maximum(over, 0.0) ** 2).sum(1))
    gap = outside + jnp.minimum(over.max(1), 0.0)
    sideways = over[:, :1] > over[:, 1:]
    face = jnp.where(jnp.concatenate([sideways, ~sideways], axis=1), -jnp.sign(local), 0.0)
    return Contact(gap, knot, turn(face, angle))


def _join(*contacts: Contact) -> Contact:
    return _nearest(*(jnp.concatenate(values) for values in zip(*contacts)))


def _leg(terrain: Terrain, place: Float[Array, "2 2"], angle: Float[Array, "2"]) -> Contact:
    """The contacts of one leg in the order of `SLOT_BODY`, from centre and angle of its upper and lower segments."""
    corners = place[:, None] + turn(_CORNERS, angle[:, None])  # [segment, corner, 2]
    upper, lower = corners
    ground = window(terrain, corners[..., 0].min(), 1, 8)
    point = jnp.concatenate([lower, upper[:2]])
    piece, wall = _corners(ground, point)
    foot = jax.tree.map(lambda v: v[:2], piece)
    shin = _join(
        jax.tree.map(lambda v: v[2:4], piece),
        jax.tree.map(lambda v: v[:4], wall),
        _knots(ground, place[1], angle[1], float(HALF_WIDTH[1])),
    )
    knee = _join(
        jax.tree.map(lambda v: v[4:], piece),
        jax.tree.map(lambda v: v[4:], wall),
        _knots(ground, place[0], angle[0], float(HALF_WIDTH[0])),
    )
    return jax.tree.map(lambda f, k, s: jnp.stack([f[0], k, f[1], s]), foot, knee, shin)


def find(terrain: Terrain, place: Float[Array, "5 2"], angle: Float[Array, "5"]) -> Contact:
    """Candidate contacts [slot, leg] of both legs, from the bodies' centres and angles."""
    return jax.vmap(_leg, (None, 0, 0), 1)(terrain, place[1:].reshape(2, 2, 2), angle[1:].reshape(2, 2))


def hull_touches(ground: Window, place: Float[Array, "2"], angle: Float[Array, ""]) -> Bool[Array, ""]:
    """Whether the hull, at this origin and angle, touches the ground: one of its corners in the ground or a knot in it."""
    corner = place + turn(_HULL, angle)
    sunk = _is_under(ground, corner - np.array([0, TOUCH], np.float32)).any()
    knot = jnp.stack([ground.x, jnp.maximum(ground.left, ground.right)], axis=-1)
    edge = jnp.roll(corner, -1, axis=0) - corner
    to = knot[:, None] - corner
    distance = (edge[:, 1] * to[..., 0] - edge[:, 0] * to[..., 1]) / jnp.sqrt((edge**2).sum(1))
    return sunk | (distance > -TOUCH).all(1).any()
