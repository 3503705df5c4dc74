"""Text for obstacle genomes: a description, and the difficulty classes of POET (Wang et al. 2019, arXiv 1901.01753)."""

from collections.abc import Sequence

from poet.envs.walker.genome import PIT_UNIT, ROUGHNESS_UNIT, STAIR_UNIT, STUMP_UNIT, ObstacleGenome
from poet.envs.walker.terrain import TERRAIN_STEP

# The paper's thresholds in units of the genome: roughness 4.5, largest pit 6.0, largest stump 2.4.
HARD_ROUGHNESS, HARD_PIT, HARD_STUMP = 45, 15, 12
CLASSES = ("", "challenging", "very challenging", "extremely challenging")  # by the number of thresholds reached


def _metres(limits: Sequence[int], unit: float) -> str:
    low, high = (f"{n * unit * TERRAIN_STEP:.1f}" for n in limits)
    if low == high:
        return f"{high} m"
    return f"{low} to {high} m" if limits[0] else f"up to {high} m"


def describe(genome: ObstacleGenome) -> str:
    """Roughness, and in metres the width of pits, the height of stumps, and the height of each stair step."""
    roughness = int(genome.roughness)
    parts = [f"rough ground ({roughness * ROUGHNESS_UNIT:.1f})" if roughness else "flat ground"]
    pit, stump, stair = ([int(n) for n in limits] for limits in (genome.pit, genome.stump, genome.stair))
    if pit[1]:
        parts.append(f"pits {_metres(pit, PIT_UNIT)} wide")
    if stump[1]:
        parts.append(f"stumps {_metres(stump, STUMP_UNIT)} high")
    if stair[1]:
        steps = int(genome.stair_steps)
        parts.append(f"stairs of {steps} step{'s' if steps > 1 else ''} {_metres(stair, STAIR_UNIT)} high")
    return ", ".join(parts)


def difficulty_class(genome: ObstacleGenome) -> str:
    """The paper's class: how many of its three thresholds are reached, empty for none."""
    reached = (genome.roughness >= HARD_ROUGHNESS, genome.pit[1] >= HARD_PIT, genome.stump[1] >= HARD_STUMP)
    return CLASSES[sum(map(bool, reached))]
