"""The maze genome: walls, start and goal in a square room. The room is the unit square; its sides are walls too."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float

ROOM_PIXELS = 600.0  # pixels along a side of the original map, in which the numbers of the task are given
ROBOT_RADIUS = 10 / ROOM_PIXELS
GOAL_RADIUS = 50 / ROOM_PIXELS
SENSOR_RANGE = 100 / ROOM_PIXELS  # of a range finder

# The hard maze of Lehman and Stanley (2011, doi 10.1162/EVCO_a_00025) as straight walls. The coordinates are those of
# Kheperax's standard map, which is fastsim's map mirrored in y; start and goal are fastsim's.
HARD_MAZE_WALLS = np.array(
    [
        (0.25, 0.25, 0.25, 0.75),
        (0.14, 0.45, 0.0, 0.65),
        (0.25, 0.75, 0.0, 0.8),
        (0.25, 0.75, 0.66, 0.875),
        (0.355, 0.0, 0.525, 0.185),
        (0.25, 0.5, 0.75, 0.215),
        (1.0, 0.25, 0.435, 0.55),
    ],
    np.float32,
)
START = np.array([0.1, 0.25, -0.125], np.float32)
GOAL = np.array([0.1, 0.9], np.float32)


class MazeGenome(NamedTuple):
    """The parameters of one maze; W is the maximum number of walls, unused rows at the end are zero."""

    walls: Float[Array, "W 4"]  # x, y of one end, x, y of the other end
    start: Float[Array, "3"]  # x, y, and heading in turns, counter-clockwise from the x axis
    goal: Float[Array, "2"]  # x, y of the centre
