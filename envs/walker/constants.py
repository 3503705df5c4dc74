"""The biped of POET (arXiv 1901.01753), which is gym's BipedalWalker: shapes, masses, joints, levers.

Bodies, in this order everywhere: hull, upper leg 1, lower leg 1, upper leg 2, lower leg 2. Legs hang from the hull's
hip point; leg 1 and leg 2 are alike but for the reference of the hip's angle.
"""

import numpy as np

from poet.envs.walker.terrain import HEIGHT, SCALE, STEP

GRAVITY = 10.0  # m/s^2
DT = 0.02  # s
FRICTION = float(np.sqrt(0.2 * 2.5))  # of leg on ground, mixed as Box2D does

HULL = np.array([(-30, 9), (6, 9), (34, 1), (34, -8), (-30, -8)]) / SCALE  # clockwise, from the hull's origin
HIP = -8 / SCALE  # y of the hip in the hull
LENGTH = 34 / SCALE  # of each leg segment
HALF_WIDTH = np.array([4.0, 3.2]) / SCALE  # of upper and lower legs
HULL_DENSITY, LEG_DENSITY = 5.0, 1.0

# joints: hip 1, hip 2, knee 1, knee 2
PARENT = np.array([0, 0, 1, 3])
CHILD = np.array([1, 3, 2, 4])
REFERENCE = np.array([-0.05, 0.05, 0.0, 0.0])  # the original's legs are created tilted
LOWER = np.array([-0.8, -0.8, -1.6, -1.6])
UPPER = np.array([1.1, 1.1, -0.1, -0.1])
MOTOR_SPEED = np.array([4.0, 4.0, 6.0, 6.0])  # rad/s
MOTOR_TORQUE = 80.0  # N m
ACTION_TO_JOINT = np.array([0, 2, 1, 3])  # actions are hip 1, knee 1, hip 2, knee 2

# As in Box2D: shapes touch at two polygon skins of 0.01; positions are mended up to a slop, so that contacts last.
TOUCH = 0.02  # m
SLOP = 0.005  # m
LIMIT_SLOP = 2 / 180 * np.pi  # rad
MAX_CORRECTION = 0.2  # m

# The original drops its legs in loose and lets the engine pull them together; this is what comes of it.
START_X = 10 * STEP - 0.018
START_Y = HEIGHT + 2.399
START_ANGLE = np.array([-0.005, 0.381, -0.503, 0.384, -0.501])
FINISH = 190 * STEP


def _polygon(points: np.ndarray, density: float) -> tuple[float, np.ndarray, float]:
    """Mass, centre and inertia about the centre of a polygon."""
    a, b = points, np.roll(points, -1, axis=0)
    cross = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    area = cross.sum() / 2
    centre = ((a + b) * cross[:, None]).sum(0) / (6 * area)
    second = (cross * ((a * a).sum(1) + (a * b).sum(1) + (b * b).sum(1))).sum() / 12
    mass = density * abs(area)
    return mass, centre, density * abs(second) - mass * centre @ centre


_hull_mass, HULL_CENTRE, _hull_inertia = _polygon(HULL, HULL_DENSITY)
_leg_mass = LEG_DENSITY * 2 * HALF_WIDTH * LENGTH
_leg_inertia = _leg_mass * (LENGTH**2 + (2 * HALF_WIDTH) ** 2) / 12

MASSES = np.array([_hull_mass, *_leg_mass, *_leg_mass])
INERTIAS = np.array([_hull_inertia, *_leg_inertia, *_leg_inertia])
MASS = MASSES.sum()

# LEVERS[k, j] turned by angle j and summed over j is the place of point k relative to the whole's centre of mass;
# points 0..4 are the bodies' centres, point 5 is the hull's origin.
_spans = np.zeros((6, 5, 2))
_spans[0, 0] = HULL_CENTRE
for _upper, _lower in ((1, 2), (3, 4)):
    _spans[_upper, 0] = _spans[_lower, 0] = (0, HIP)
    _spans[_upper, _upper] = _spans[_lower, _lower] = (0, -LENGTH / 2)
    _spans[_lower, _upper] = (0, -LENGTH)
LEVERS = _spans - np.einsum("k,kjd->jd", MASSES, _spans[:5]) / MASS

# With d = t_j - t_i, the mass matrix in absolute angles is A cos d + B sin d + diag(INERTIAS).
_turned = np.stack([-LEVERS[:5, :, 1], LEVERS[:5, :, 0]], axis=-1)
A = np.einsum("k,kid,kjd->ij", MASSES, LEVERS[:5], LEVERS[:5])
B = np.einsum("k,kid,kjd->ij", MASSES, LEVERS[:5], _turned)

# Corners in the body's own frame, from its centre: the far end first (toe and heel of a lower leg), then the near end.
CORNERS = np.stack([[(w, -LENGTH / 2), (-w, -LENGTH / 2), (w, LENGTH / 2), (-w, LENGTH / 2)] for w in HALF_WIDTH])
