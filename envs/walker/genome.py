"""The obstacle genome: POET's direct encoding of a terrain (Wang et al. 2019, arXiv 1901.01753) as integers."""

from typing import NamedTuple

from jaxtyping import Array, Int

# One integer unit in the units of the original: sizes of obstacles count terrain steps, roughness is a factor.
ROUGHNESS_UNIT = 0.1
PIT_UNIT = 0.4
STUMP_UNIT = 0.2
STAIR_UNIT = 0.2


class ObstacleGenome(NamedTuple):
    """Roughness of the ground and ranges of obstacle sizes; (0, 0) means that the kind of obstacle is absent.

    All fields are integers, so that equal genomes are found by exact comparison. The seed determines the terrain if the
    option `terrain` is "fixed".
    """

    roughness: Int[Array, ""]  # in 0.1
    pit: Int[Array, "2"]  # (lo, hi) of the width, in 0.4 terrain steps
    stump: Int[Array, "2"]  # (lo, hi) of the height, in 0.2 terrain steps
    stair: Int[Array, "2"]  # (lo, hi) of the height of one stair step, in 0.2 terrain steps
    stair_steps: Int[Array, ""]  # number of steps of a stair
    seed: Int[Array, ""]  # below 1e6
