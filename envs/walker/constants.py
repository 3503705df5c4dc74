"""The biped of POET (Wang et al. 2019, arXiv 1901.01753), which is gym's BipedalWalker: shapes, masses and joints.

Bodies, in this order everywhere: hull, upper leg 1, lower leg 1, upper leg 2, lower leg 2. The upper and the lower leg
are the segments of a leg. Both legs hang from the same point of the hull and differ only in the reference of the hip
angle.
"""

import numpy as np

from poet.envs.walker.terrain import SCALE, START_HEIGHT, TERRAIN_STEP

GRAVITY = 10.0  # m/s^2
DT = 0.02  # s
FRICTION = float(np.sqrt(0.2 * 2.5))  # of a leg on the ground, mixed as in Box2D

# m, clockwise, from the hull's origin
HULL_VERTICES = np.array([(-30, 9), (6, 9), (34, 1), (34, -8), (-30, -8)]) / SCALE
HIP_Y = -8 / SCALE  # m, of the hip joints in the hull
LEG_LENGTH = 34 / SCALE  # m, of each segment
LEG_HALF_WIDTHS = np.array([4.0, 3.2]) / SCALE  # m, of upper and lower legs
HULL_DENSITY, LEG_DENSITY = 5.0, 1.0

# Joints: hip 1, hip 2, knee 1, knee 2.
JOINT_PARENTS = np.array([0, 0, 1, 3])
JOINT_CHILDREN = np.array([1, 3, 2, 4])
JOINT_REFERENCES = np.array([-0.05, 0.05, 0.0, 0.0])  # rad; the original creates its legs tilted
JOINT_LOWER = np.array([-0.8, -0.8, -1.6, -1.6])  # rad
JOINT_UPPER = np.array([1.1, 1.1, -0.1, -0.1])
MOTOR_SPEEDS = np.array([4.0, 4.0, 6.0, 6.0])  # rad/s
MOTOR_TORQUE = 80.0  # N m

# As in Box2D: shapes touch at a distance of two polygon skins of 0.01, and the correction of positions leaves an
# overlap (slop), so that contacts persist.
CONTACT_DISTANCE = 0.02  # m
LINEAR_SLOP = 0.005  # m
ANGULAR_SLOP = 2 / 180 * np.pi  # rad
MAX_CORRECTION = 0.2  # m

# The original starts with separated joints, which its engine pulls together; this is the resulting pose.
START_X = 10 * TERRAIN_STEP - 0.018
START_Y = START_HEIGHT + 2.399
START_ANGLES = np.array([-0.005, 0.381, -0.503, 0.384, -0.501])
FINISH_X = 190 * TERRAIN_STEP


def _polygon(vertices: np.ndarray, density: float) -> tuple[float, np.ndarray, float]:
    """Mass, centre of mass, and moment of inertia about it."""
    a, b = vertices, np.roll(vertices, -1, axis=0)
    cross = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    area = cross.sum() / 2
    centre = ((a + b) * cross[:, None]).sum(0) / (6 * area)
    second_moment = (cross * ((a * a).sum(1) + (a * b).sum(1) + (b * b).sum(1))).sum() / 12
    mass = density * abs(area)
    return mass, centre, density * abs(second_moment) - mass * centre @ centre


_hull_mass, HULL_CENTRE, _hull_inertia = _polygon(HULL_VERTICES, HULL_DENSITY)
_leg_masses = LEG_DENSITY * 2 * LEG_HALF_WIDTHS * LEG_LENGTH
_leg_inertias = _leg_masses * (LEG_LENGTH**2 + (2 * LEG_HALF_WIDTHS) ** 2) / 12

MASSES = np.array([_hull_mass, *_leg_masses, *_leg_masses])
INERTIAS = np.array([_hull_inertia, *_leg_inertias, *_leg_inertias])
TOTAL_MASS = MASSES.sum()

# LEVERS[k, j], rotated by the angle of body j and summed over j, is the position of point k relative to the walker's
# centre of mass. Points 0 to 4 are the centres of the bodies, point 5 is the hull's origin.
_from_hull = np.zeros((6, 5, 2))  # the same relative to the hull's origin
_from_hull[0, 0] = HULL_CENTRE
for _upper, _lower in ((1, 2), (3, 4)):
    _from_hull[_upper, 0] = _from_hull[_lower, 0] = (0, HIP_Y)
    _from_hull[_upper, _upper] = _from_hull[_lower, _lower] = (0, -LEG_LENGTH / 2)
    _from_hull[_lower, _upper] = (0, -LEG_LENGTH)
LEVERS = _from_hull - np.einsum("k,kjd->jd", MASSES, _from_hull[:5]) / TOTAL_MASS

# With d = angle[j] - angle[i], the mass matrix of the absolute angles is
# INERTIA_COS cos(d) + INERTIA_SIN sin(d) + diag(INERTIAS).
_perpendicular = np.stack([-LEVERS[:5, :, 1], LEVERS[:5, :, 0]], axis=-1)
INERTIA_COS = np.einsum("k,kid,kjd->ij", MASSES, LEVERS[:5], LEVERS[:5])
INERTIA_SIN = np.einsum("k,kid,kjd->ij", MASSES, LEVERS[:5], _perpendicular)

# LEG_CORNERS[upper or lower, corner] in the frame of the segment, from its centre: first the two corners of the far end
# (toe and heel of a lower leg), then those of the near end.
LEG_CORNERS = np.stack(
    [[(w, -LEG_LENGTH / 2), (-w, -LEG_LENGTH / 2), (w, LEG_LENGTH / 2), (-w, LEG_LENGTH / 2)] for w in LEG_HALF_WIDTHS]
)
