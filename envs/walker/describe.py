"""A course in words and numbers for people, and the difficulty classes of the POET paper (arXiv 1901.01753)."""

from collections.abc import Sequence

from poet.envs.walker.genome import PIT_UNIT, ROUGHNESS_UNIT, STAIR_UNIT, STUMP_UNIT, ObstacleGenome
from poet.envs.walker.terrain import STEP

# From these sizes on, in lattice units: roughness 4.5, largest pit 6.0, largest stump 2.4.
HARD_ROUGHNESS, HARD_PIT, HARD_STUMP = 45, 15, 12
CLASSES = ("", "challenging", "very challenging", "extremely challenging")


def _span(limits: Sequence[int], unit: float) -> str:
    low, high = (f"{n * unit * STEP:.1f}" for n in limits)
    if low == high:
        return f"{high} m"
    return f"{low} to {high} m" if limits[0] else f"up to {high} m"


def describe(genome: ObstacleGenome) -> str:
    """What a walker meets, sizes in metres: the opening of pits, the height of stumps and of each stair step."""
    roughness = int(genome.roughness)
    parts = [f"rough ground ({roughness * ROUGHNESS_UNIT:.1f})" if roughness else "flat ground"]
    pit, stump, stair = ([int(n) for n in limits] for limits in (genome.pit, genome.stump, genome.stair))
    if pit[1]:
        parts.append(f"pits {_span(pit, PIT_UNIT)} wide")
    if stump[1]:
        parts.append(f"stumps {_span(stump, STUMP_UNIT)} high")
    if stair[1]:
        steps = int(genome.stair_steps)
        parts.append(f"stairs of {steps} step{'s' if steps > 1 else ''} {_span(stair, STAIR_UNIT)} high")
    return ", ".join(parts)


def difficulty_class(genome: ObstacleGenome) -> str:
    """How many of the paper's three conditions hold, in its words; empty for none."""
    conditions = (genome.roughness >= HARD_ROUGHNESS, genome.pit[1] >= HARD_PIT, genome.stump[1] >= HARD_STUMP)
    return CLASSES[sum(map(bool, conditions))]
