"""What makes a maze: walls, a start and a goal in the unit square, whose own sides are walls too."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float

ROOM = 600.0  # pixels along a side of the map that the numbers of this family come from
RADIUS = 10 / ROOM  # of the robot
GOAL_RADIUS = 50 / ROOM
RANGE = 100 / ROOM  # of a range finder

# The hard map of Lehman and Stanley (arXiv 1106.0219 tells its story) as straight walls: coordinates of Kheperax's
# standard map, which is fastsim's mirrored in y, and fastsim's start and goal.
HARD_MAZE = np.array(
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
    """A maze as data; there are as many rows as there may be walls, and rows of zeros, at the end, are none."""

    walls: Float[Array, "W 4"]  # x, y of one end, x, y of the other
    start: Float[Array, "3"]  # x, y, and heading in turns, counter-clockwise from the x axis
    goal: Float[Array, "2"]  # x, y of its middle
