"""Where the legs may touch the ground: four candidate contacts a leg, always the same four.

Toe and heel against the pieces of the ground; one more of the lower leg (the nearest of its corners against walls,
its upper corners against pieces, and the ground's knots against its faces); one of the upper leg (knee corners and
knots). A gap may be positive: the contact is then not touching yet.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from poet.envs.walker.constants import CORNERS, HALF_WIDTH, HULL, LENGTH, TOUCH
from poet.envs.walker.dynamics import Places, Turned
from poet.envs.walker.ground import Ground, cut, under
from poet.envs.walker.terrain import STEP, Terrain

FAR = 1e3  # m, the gap of a contact that is not there
BODY = np.array([2, 4, 1, 3, 2, 4, 2, 4])  # of each contact
_UPPER_LEG, _LOWER_LEG = slice(0, 2), slice(2, 4)
_HALF_WIDTH = HALF_WIDTH[np.array([0, 0, 1, 1])].astype(np.float32)
_HULL = HULL.astype(np.float32)
_EDGE = np.linalg.norm(np.roll(HULL, -1, axis=0) - HULL, axis=1).astype(np.float32)


class Contact(NamedTuple):
    """Points where a leg may touch; the arrays may carry further axes behind."""

    gap: Float[Array, "*N"]  # m, below zero when inside the ground
    x: Float[Array, "*N"]  # the point, on the leg
    y: Float[Array, "*N"]
    nx: Float[Array, "*N"]  # unit normal, away from the ground
    ny: Float[Array, "*N"]


def _nearest(contacts: Contact) -> Contact:
    """The contact of the smallest gap along the first axis."""
    at = jnp.argmin(contacts.gap, axis=0)[None, :]
    return Contact(*(jnp.take_along_axis(v, at, axis=0)[0] for v in contacts))


def _pick(condition: Array, new: Ground, old: Ground) -> Ground:
    return Ground(*(jnp.where(condition, u, v) for u, v in zip(new, old)))


def _offset(a: Ground, b: Ground, x: Array, y: Array) -> tuple[Array, Array, Array]:
    """From the nearest place on the piece a -> b to a point, and whether that place is between the piece's ends."""
    ux, uy = b.x - a.x, b.left - a.right
    along = ((x - a.x) * ux + (y - a.right) * uy) / jnp.maximum(ux * ux + uy * uy, 1e-12)
    part = jnp.clip(along, 0.0, 1.0)
    return x - a.x - part * ux, y - a.right - part * uy, part == along


def _corners(near: Ground, x: Float[Array, "P"], y: Float[Array, "P"]) -> tuple[Contact, Contact]:
    """Contacts of points with the nearest piece and with the nearest wall; of a point inside only the nearer counts."""
    knot = [near.knot(i) for i in range(5)]
    sunk = under(near, x, y)

    a, b = knot[0], knot[1]
    dx, dy, _ = _offset(a, b, x, y)
    best = dx * dx + dy * dy
    for i in range(1, 4):
        dx, dy, _ = _offset(knot[i], knot[i + 1], x, y)
        closer = dx * dx + dy * dy < best
        best = jnp.minimum(best, dx * dx + dy * dy)
        a, b = _pick(closer, knot[i], a), _pick(closer, knot[i + 1], b)
    dx, dy, between = _offset(a, b, x, y)
    distance = jnp.sqrt(dx * dx + dy * dy)
    # between the ends the piece's own normal, which is safe at distance 0; else away from the end
    ux, uy = b.x - a.x, b.left - a.right
    size = jnp.where(between, jnp.sqrt(ux * ux + uy * uy), jnp.where(sunk, -distance, distance))
    size = jnp.where(size == 0, 1.0, size)
    nx, ny = jnp.where(between, -uy, dx) / size, jnp.where(between, ux, dy) / size

    reach, facing = jnp.full(x.shape, FAR), jnp.zeros(x.shape)
    for k in knot[1:4]:
        outward = jnp.sign(k.left - k.right)
        level = (jnp.minimum(k.left, k.right) < y) & (y < jnp.maximum(k.left, k.right))
        beside = (x - k.x) * outward
        closer = level & ((beside < 0) == sunk) & (jnp.abs(beside) < reach)
        reach, facing = jnp.where(closer, jnp.abs(beside), reach), jnp.where(closer, outward, facing)

    piece = jnp.where(sunk, jnp.where(distance <= reach, -distance, FAR), distance)
    wall = jnp.where(sunk, jnp.where(distance <= reach, FAR, -reach), reach)
    return Contact(piece, x, y, nx, ny), Contact(wall, x, y, facing, jnp.zeros(x.shape))


class Segments(NamedTuple):
    """Centres and directions of leg segments: upper 1, upper 2, lower 1, lower 2."""

    x: Float[Array, "4"]
    y: Float[Array, "4"]
    cos: Float[Array, "4"]
    sin: Float[Array, "4"]

    def corners(self, which: slice, corners: np.ndarray) -> tuple[Array, Array]:
        """Corners of some segments in the world, those of leg 1 and leg 2 in turn."""
        x, y, cos, sin = (v[which] for v in self)
        cx, cy = corners.astype(np.float32).T[..., None]
        return (x + cos * cx - sin * cy).reshape(-1), (y + sin * cx + cos * cy).reshape(-1)


def _faces(near: Ground, leg: Segments) -> Contact:
    """Contact of the nearest knot's upper end with the faces of each segment."""

    def overhang(x: Array, y: Array) -> tuple[Array, Array, Array, Array]:
        dx, dy = x - leg.x, y - leg.y
        u, v = leg.cos * dx + leg.sin * dy, leg.cos * dy - leg.sin * dx
        return u, v, jnp.abs(u) - _HALF_WIDTH, jnp.abs(v) - LENGTH / 2

    def gap(over_u: Array, over_v: Array) -> Array:
        outside = jnp.sqrt(jnp.maximum(over_u, 0.0) ** 2 + jnp.maximum(over_v, 0.0) ** 2)
        return outside + jnp.minimum(jnp.maximum(over_u, over_v), 0.0)

    x, y, best = leg.x, leg.y, jnp.full(4, jnp.inf)
    for kx, ky in zip(near.x, near.top()):
        here = gap(*overhang(kx, ky)[2:])
        x, y, best = jnp.where(here < best, kx, x), jnp.where(here < best, ky, y), jnp.minimum(here, best)
    u, v, over_u, over_v = overhang(x, y)
    side = over_u > over_v
    fu, fv = jnp.where(side, -jnp.sign(u), 0.0), jnp.where(side, 0.0, -jnp.sign(v))
    return Contact(gap(over_u, over_v), x, y, leg.cos * fu - leg.sin * fv, leg.sin * fu + leg.cos * fv)


def find(terrain: Terrain, place: Places, t: Turned) -> Contact:
    """Candidate contacts, each array f32[8]: toe 1, toe 2, knee 1, knee 2, heel 1, heel 2, shin 1, shin 2."""
    leg = Segments(*(jnp.concatenate([v[1:5:2], v[2:5:2]]) for v in (*place, *t)))
    low, high = leg.corners(_LOWER_LEG, CORNERS[1]), leg.corners(_UPPER_LEG, CORNERS[0, :2])
    x, y = (jnp.concatenate(v) for v in zip(low, high))
    # Five knots are all that can touch: knots lie at most a cell left of their place, a segment spans 2.5 cells.
    first = jnp.concatenate([x - STEP, leg.x - jnp.abs(leg.sin) * (LENGTH / 2) - jnp.abs(leg.cos) * _HALF_WIDTH])
    near = jax.vmap(cut, (None, 0, None), 1)(terrain, first, 5)
    piece, wall = _corners(Ground(*(v[:, :12] for v in near)), x, y)
    face = _faces(Ground(*(v[:, 12:] for v in near)), leg)

    def both(contacts: Contact, i: int) -> Contact:  # of the two legs
        return Contact(*(v[2 * i : 2 * i + 2] for v in contacts))

    # knee 1, knee 2, shin 1, shin 2: each the nearest of what it can be
    none = Contact(jnp.full(2, FAR), *jnp.zeros((4, 2)))
    knees = [both(face, 0), both(wall, 4), both(wall, 5), both(piece, 4), both(piece, 5), none, none]
    shins = [both(face, 1), *(both(wall, i) for i in range(4)), both(piece, 2), both(piece, 3)]
    choice = [Contact(*(jnp.concatenate(v) for v in zip(*pair))) for pair in zip(knees, shins)]
    chosen = _nearest(Contact(*(jnp.stack(v) for v in zip(*choice))))
    parts = zip(both(piece, 0), both(chosen, 0), both(piece, 1), both(chosen, 1))
    return Contact(*(jnp.concatenate(v) for v in parts))


def hull_touches(ground: Ground, x: Array, y: Array, angle: Float[Array, ""]) -> Bool[Array, ""]:
    """Whether the hull, at this origin and angle, has a corner in the ground or a knot of the ground in it."""
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    hx, hy = _HULL.T
    cx, cy = x + cos * hx - sin * hy, y + sin * hx + cos * hy
    sunk = under(Ground(*(v[:, None] for v in ground)), cx, cy - TOUCH)
    inside = jnp.ones(ground.x.shape, bool)
    for i in range(5):
        ex, ey = cx[(i + 1) % 5] - cx[i], cy[(i + 1) % 5] - cy[i]
        depth = (ey * (ground.x - cx[i]) - ex * (ground.top() - cy[i])) / _EDGE[i]
        inside &= depth > -TOUCH
    return sunk.any() | inside.any()
