"""What an executor is: the two programs of paired evolution, wherever they run."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from poet.types import Genome, Key, PyTree


class Ground(NamedTuple):
    """One world to run in: a genome (numpy leaves) and the key of its level and its episode."""

    genome: Genome
    key: Key


class Task(NamedTuple):
    """One learner step of one agent in one environment, and, riding along, the score of the agent before it."""

    learner: PyTree  # state, numpy leaves
    key: Key  # of the learner's own randomness
    grounds: Sequence[Ground]  # E, which every candidate meets
    scored: Sequence[Ground]  # S, which the agent itself meets; may be empty


class Result(NamedTuple):
    """What episodes gave, as numpy arrays over them."""

    fitness: np.ndarray  # f32[Q], not finite where world or agent broke
    success: np.ndarray  # f32[Q] in [0, 1]
    length: np.ndarray  # i32[Q]
    descriptor: np.ndarray  # f32[Q, D], what the episodes were like; D is 0 where the environment does not say


class Progress(NamedTuple):
    """What a task gave."""

    learner: PyTree  # state after the step, numpy leaves
    fitness: np.ndarray  # f32[P], mean over the E grounds
    score: Result  # of the agent before the step, over the S scored grounds
    steps: int  # environment steps
    episodes: int


class Executor(NamedTuple):
    """Runs work on devices. What comes back depends on the work alone, not on how it was cut or where it ran.

    Attributes:
      optimise: tasks -> their progress, in order.
      evaluate: (agents f32[A, G], grounds, pairs of indices into both) -> Result over the pairs.
      wall: () -> seconds and counts since the last call: "rollout_s", "busy" (share of lane steps that counted).
    """

    optimise: Callable[[Sequence[Task]], list[Progress]]
    evaluate: Callable[[Sequence[np.ndarray], Sequence[Ground], Sequence[tuple[int, int]]], Result]
    wall: Callable[[], dict[str, float]]
