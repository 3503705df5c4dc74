"""What a generator draws: levels for galleries and episodes for videos."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from poet.envs.base import Generator, Trajectory
from poet.envs.testing.common import call, check_picture, fail, optional_method
from poet.types import Genome, PyTree


def check_pictures(
    generator: Generator, genomes: Sequence[Genome], record: Callable[[], tuple[PyTree, Trajectory]] | None
) -> None:
    """Check the first and the last level as pictures, and an episode in the first level.

    `record` gives that level and some steps of an episode in it; None for a simulator, which draws its episodes itself.
    """
    if draw_level := optional_method(generator, "draw_level"):
        for genome in (genomes[0], genomes[-1]):
            picture, again = (call("draw_level", "it must draw every level", draw_level, genome) for _ in range(2))
            check_picture("draw_level(genome)", picture)
            if not np.array_equal(picture, again):
                fail("draw_level must give the same picture at each call, but two differ: draw from the genome only")
    if (render := optional_method(generator, "render")) and record:
        advice = "worlds, actions and rewards must be arrays that NumPy can hold"
        level, trajectory = call("a recorded episode", advice, record)
        keywords = {"level": level} if "level" in inspect.signature(render).parameters else {}
        advice = "it must draw every selection of the steps of an episode"
        frames = call("render", advice, lambda: render(genomes[0], trajectory, **keywords))
        _check_frames(frames, len(trajectory.rewards))


def _check_frames(frames: Any, num_steps: int) -> None:
    if not isinstance(frames, list) or len(frames) != num_steps:
        got = f"{len(frames)}" if isinstance(frames, list) else f"{frames!r:.100}"
        fail(
            f"render must return a list of one picture per time step, {num_steps} here, got {got}: "
            "draw each of trajectory.worlds"
        )
    for frame in frames:
        check_picture("each picture of render", frame)
    if len(sizes := {frame.shape for frame in frames}) > 1:
        fail(f"all pictures of render must have one size, got {sorted(sizes)}: draw them on canvases of one size")
