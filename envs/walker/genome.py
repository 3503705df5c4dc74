"""The obstacle genome: POET's hand-made encoding of a course (arXiv 1901.01753), on a lattice of integers."""

from typing import NamedTuple

from jaxtyping import Array, Int

# One lattice unit in the original's raw units: obstacle sizes count terrain steps, roughness is a factor.
ROUGHNESS_UNIT = 0.1
PIT_UNIT = 0.4
STUMP_UNIT = 0.2
STAIR_UNIT = 0.2


class ObstacleGenome(NamedTuple):
    """How rough the ground is and how large its obstacles are; a kind whose (lo, hi) is (0, 0) is absent.

    Integers, so that "already seen" is exact. The seed lays out the course where terrain is fixed.
    """

    roughness: Int[Array, ""]  # 0.1
    pit: Int[Array, "2"]  # (lo, hi) of the opening, 0.4 terrain steps
    stump: Int[Array, "2"]  # (lo, hi) of the height, 0.2 terrain steps
    stair: Int[Array, "2"]  # (lo, hi) of the height of one step, 0.2 terrain steps
    stair_steps: Int[Array, ""]  # steps of a stair
    seed: Int[Array, ""]  # below 1e6
