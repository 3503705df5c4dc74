"""Candidate contacts of the legs with the terrain: four per leg, always the same four.

- Toe and heel of the lower leg against the pieces, which are the straight lines between knots.
- The shin: the nearest of the lower leg's corners against walls, its upper corners against pieces, and knots against
  the leg's faces.
- The knee: the nearest of the upper leg's lower corners against walls and pieces, and knots against the leg's faces.

The gap of a candidate may be positive; the leg does not touch there yet.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from poet.envs.walker.constants import CONTACT_DISTANCE, HULL_VERTICES, LEG_CORNERS, LEG_HALF_WIDTHS, LEG_LENGTH
from poet.envs.walker.dynamics import Directions, Points
from poet.envs.walker.terrain import TERRAIN_STEP, Terrain
from poet.envs.walker.terrain_window import TerrainWindow, below_surface, cut_window

NO_CONTACT = 1e3  # m, the gap of a candidate that does not exist
CONTACT_BODIES = np.array([2, 4, 1, 3, 2, 4, 2, 4])  # the body of each candidate
NUM_WINDOW_KNOTS = 5
_UPPER_LEGS, _LOWER_LEGS = slice(0, 2), slice(2, 4)
_HALF_WIDTHS = LEG_HALF_WIDTHS[np.array([0, 0, 1, 1])].astype(np.float32)
_HULL_VERTICES = HULL_VERTICES.astype(np.float32)
_HULL_EDGES = np.linalg.norm(np.roll(HULL_VERTICES, -1, axis=0) - HULL_VERTICES, axis=1).astype(np.float32)


class Contact(NamedTuple):
    """Points where a leg may touch the terrain; the arrays may have further axes at the end."""

    gap: Float[Array, "*N"]  # m, negative inside the ground
    x: Float[Array, "*N"]  # m, the point on the leg
    y: Float[Array, "*N"]
    nx: Float[Array, "*N"]  # unit normal, pointing away from the ground
    ny: Float[Array, "*N"]


def _smallest_gap(contacts: Contact) -> Contact:
    """The contact with the smallest gap along the first axis."""
    index = jnp.argmin(contacts.gap, axis=0)[None, :]
    return Contact(*(jnp.take_along_axis(v, index, axis=0)[0] for v in contacts))


def _where_window(condition: Array, new: TerrainWindow, old: TerrainWindow) -> TerrainWindow:
    return TerrainWindow(*(jnp.where(condition, u, v) for u, v in zip(new, old)))


def _offset_from_piece(a: TerrainWindow, b: TerrainWindow, x: Array, y: Array) -> tuple[Array, Array, Array]:
    """The vector from the nearest point of the piece a -> b to (x, y), and whether that point is between the ends."""
    ux, uy = b.x - a.x, b.left - a.right
    along = ((x - a.x) * ux + (y - a.right) * uy) / jnp.maximum(ux * ux + uy * uy, 1e-12)
    clipped = jnp.clip(along, 0.0, 1.0)
    return x - a.x - clipped * ux, y - a.right - clipped * uy, clipped == along


def _corner_contacts(window: TerrainWindow, x: Float[Array, "P"], y: Float[Array, "P"]) -> tuple[Contact, Contact]:
    """Contacts of points with the nearest piece and with the nearest wall; of a point inside only the nearer counts."""
    knots = [window.knot(i) for i in range(NUM_WINDOW_KNOTS)]
    inside = below_surface(window, x, y)

    a, b = knots[0], knots[1]
    dx, dy, _ = _offset_from_piece(a, b, x, y)
    best = dx * dx + dy * dy
    for i in range(1, NUM_WINDOW_KNOTS - 1):
        dx, dy, _ = _offset_from_piece(knots[i], knots[i + 1], x, y)
        closer = dx * dx + dy * dy < best
        best = jnp.minimum(best, dx * dx + dy * dy)
        a, b = _where_window(closer, knots[i], a), _where_window(closer, knots[i + 1], b)
    dx, dy, between = _offset_from_piece(a, b, x, y)
    distance = jnp.sqrt(dx * dx + dy * dy)
    # Between the ends the piece's own normal, which is defined at distance 0; elsewhere the direction from the end.
    ux, uy = b.x - a.x, b.left - a.right
    length = jnp.where(between, jnp.sqrt(ux * ux + uy * uy), jnp.where(inside, -distance, distance))
    length = jnp.where(length == 0, 1.0, length)
    nx, ny = jnp.where(between, -uy, dx) / length, jnp.where(between, ux, dy) / length

    wall_distance, wall_normal = jnp.full(x.shape, NO_CONTACT), jnp.zeros(x.shape)
    for knot in knots[1 : NUM_WINDOW_KNOTS - 1]:
        outward = jnp.sign(knot.left - knot.right)
        beside = (jnp.minimum(knot.left, knot.right) < y) & (y < jnp.maximum(knot.left, knot.right))
        offset = (x - knot.x) * outward
        closer = beside & ((offset < 0) == inside) & (jnp.abs(offset) < wall_distance)
        wall_distance = jnp.where(closer, jnp.abs(offset), wall_distance)
        wall_normal = jnp.where(closer, outward, wall_normal)

    piece_gap = jnp.where(inside, jnp.where(distance <= wall_distance, -distance, NO_CONTACT), distance)
    wall_gap = jnp.where(inside, jnp.where(distance <= wall_distance, NO_CONTACT, -wall_distance), wall_distance)
    return Contact(piece_gap, x, y, nx, ny), Contact(wall_gap, x, y, wall_normal, jnp.zeros(x.shape))


class Segments(NamedTuple):
    """Centres and directions of the leg segments: upper leg 1, upper leg 2, lower leg 1, lower leg 2."""

    x: Float[Array, "4"]
    y: Float[Array, "4"]
    cos: Float[Array, "4"]
    sin: Float[Array, "4"]

    def corners(self, which: slice, corners: np.ndarray) -> tuple[Array, Array]:
        """x and y of these corners of some segments; of each corner those of leg 1 and leg 2 in turn."""
        x, y, cos, sin = (v[which] for v in self)
        cx, cy = corners.astype(np.float32).T[..., None]
        return (x + cos * cx - sin * cy).reshape(-1), (y + sin * cx + cos * cy).reshape(-1)


def _face_contacts(window: TerrainWindow, legs: Segments) -> Contact:
    """Contact of the upper end of the nearest knot with the faces of each segment."""

    def face_distances(x: Array, y: Array) -> tuple[Array, Array, Array, Array]:
        dx, dy = x - legs.x, y - legs.y
        u, v = legs.cos * dx + legs.sin * dy, legs.cos * dy - legs.sin * dx
        return u, v, jnp.abs(u) - _HALF_WIDTHS, jnp.abs(v) - LEG_LENGTH / 2

    def signed_distance(over_u: Array, over_v: Array) -> Array:
        outside = jnp.sqrt(jnp.maximum(over_u, 0.0) ** 2 + jnp.maximum(over_v, 0.0) ** 2)
        return outside + jnp.minimum(jnp.maximum(over_u, over_v), 0.0)

    x, y, best = legs.x, legs.y, jnp.full(4, jnp.inf)
    for knot_x, knot_y in zip(window.x, window.top()):
        gap = signed_distance(*face_distances(knot_x, knot_y)[2:])
        x, y, best = jnp.where(gap < best, knot_x, x), jnp.where(gap < best, knot_y, y), jnp.minimum(gap, best)
    u, v, over_u, over_v = face_distances(x, y)
    on_side = over_u > over_v
    nu, nv = jnp.where(on_side, -jnp.sign(u), 0.0), jnp.where(on_side, 0.0, -jnp.sign(v))
    return Contact(signed_distance(over_u, over_v), x, y, legs.cos * nu - legs.sin * nv, legs.sin * nu + legs.cos * nv)


def find_contacts(terrain: Terrain, points: Points, now: Directions) -> Contact:
    """Candidate contacts, each array f32[8]: toe 1, toe 2, knee 1, knee 2, heel 1, heel 2, shin 1, shin 2."""
    legs = Segments(*(jnp.concatenate([v[1:5:2], v[2:5:2]]) for v in (*points, *now)))
    lower, upper = legs.corners(_LOWER_LEGS, LEG_CORNERS[1]), legs.corners(_UPPER_LEGS, LEG_CORNERS[0, :2])
    x, y = (jnp.concatenate(v) for v in zip(lower, upper))
    # Only five knots can touch: a knot lies at most one terrain step left of its multiple of TERRAIN_STEP, and a
    # segment spans 2.5 terrain steps.
    starts = jnp.concatenate(
        [x - TERRAIN_STEP, legs.x - jnp.abs(legs.sin) * (LEG_LENGTH / 2) - jnp.abs(legs.cos) * _HALF_WIDTHS]
    )
    windows = jax.vmap(cut_window, (None, 0, None), 1)(terrain, starts, NUM_WINDOW_KNOTS)
    piece, wall = _corner_contacts(TerrainWindow(*(v[:, :12] for v in windows)), x, y)
    face = _face_contacts(TerrainWindow(*(v[:, 12:] for v in windows)), legs)

    def of_both_legs(contacts: Contact, i: int) -> Contact:
        return Contact(*(v[2 * i : 2 * i + 2] for v in contacts))

    none = Contact(jnp.full(2, NO_CONTACT), *jnp.zeros((4, 2)))
    knees = [
        *(of_both_legs(face, 0), of_both_legs(wall, 4), of_both_legs(wall, 5)),
        *(of_both_legs(piece, 4), of_both_legs(piece, 5), none, none),
    ]
    shins = [
        of_both_legs(face, 1),
        *(of_both_legs(wall, i) for i in range(4)),
        *(of_both_legs(piece, 2), of_both_legs(piece, 3)),
    ]
    options = [Contact(*(jnp.concatenate(v) for v in zip(*pair))) for pair in zip(knees, shins)]
    nearest = _smallest_gap(Contact(*(jnp.stack(v) for v in zip(*options))))  # knee 1, knee 2, shin 1, shin 2
    parts = zip(of_both_legs(piece, 0), of_both_legs(nearest, 0), of_both_legs(piece, 1), of_both_legs(nearest, 1))
    return Contact(*(jnp.concatenate(v) for v in parts))


def hull_touches_ground(window: TerrainWindow, x: Array, y: Array, angle: Float[Array, ""]) -> Bool[Array, ""]:
    """Whether the hull, with its origin at (x, y), has a corner in the ground or contains a knot."""
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    hx, hy = _HULL_VERTICES.T
    cx, cy = x + cos * hx - sin * hy, y + sin * hx + cos * hy
    corner_below = below_surface(TerrainWindow(*(v[:, None] for v in window)), cx, cy - CONTACT_DISTANCE)
    knot_inside = jnp.ones(window.x.shape, bool)
    for i in range(5):
        ex, ey = cx[(i + 1) % 5] - cx[i], cy[(i + 1) % 5] - cy[i]
        depth = (ey * (window.x - cx[i]) - ex * (window.top() - cy[i])) / _HULL_EDGES[i]
        knot_inside &= depth > -CONTACT_DISTANCE
    return corner_below.any() | knot_inside.any()
