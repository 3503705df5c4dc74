"""The generator of swing-up tasks."""

import dataclasses

import numpy as np
from jaxtyping import UInt8

from poet.envs.swing_up.env import SwingUp, SwingUpEnvironment
from poet.envs.vector import VectorGenerator, real
from poet.types import PyTree

NUMBERS = SwingUp(
    pole_length=real(0.3, 2.0, step=0.2, start=0.6),
    pole_mass=real(0.1, 1.0, step=0.1, start=0.1),
    friction=real(0.0, 1.0, step=0.1, start=0.1),
    rail=real(0.8, 2.4, step=(-0.2, 0.1), start=2.4),
    motor=real(2.0, 10.0, step=0.5, start=5.0),
)
PERFECT, SOLVED = 0.95, 0.65  # rewards per step; the best agent that we trained gets 191 in 200 steps


@dataclasses.dataclass(frozen=True)
class SwingUpGenerator(VectorGenerator):
    """Poles, rails and motors; a short rail and a weak motor need several swings."""

    def draw_level(self, genome: SwingUp, width: int = 480) -> UInt8[np.ndarray, "H W 3"]:
        """The cart at the start."""
        from poet.envs.swing_up import viewer

        return viewer.draw(genome, 0.0, 0.5, width)

    def render(self, genome: SwingUp, trajectory: PyTree) -> list[np.ndarray]:
        """One frame u8[H, W, 3] per world."""
        from poet.envs.swing_up import viewer

        worlds = trajectory.worlds
        return [viewer.draw(genome, float(x), float(angle), 360) for x, angle in zip(worlds.x, worlds.angle)]


def swing_up(horizon: int = 200) -> SwingUpGenerator:
    """The generator for episodes of so many steps.

    >>> generator = swing_up()
    >>> generator.describe(generator.simplest())
    'pole length 0.6, pole mass 0.1, friction 0.1, rail 2.4, motor 5'
    """
    return SwingUpGenerator(
        "swing-up",
        SwingUpEnvironment(horizon),
        NUMBERS,
        return_range=(0.0, PERFECT * horizon),
        solved_return=SOLVED * horizon,
    )
