"""What an executor is: it trains and evaluates agents, wherever the work runs."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float

from poet.agents.rollout import EpisodeResult
from poet.types import Genome, Key, PyTree


class Episode(NamedTuple):
    """One episode to be run: a genome (NumPy leaves) and the key of its level and its steps."""

    genome: Genome
    key: Key


class TrainJob(NamedTuple):
    """One learner step of one agent in one environment, and the score of the agent before that step."""

    learner: PyTree  # state, NumPy leaves
    key: Key  # of the learner's own randomness
    episodes: Sequence[Episode]  # E, which every candidate runs
    score_episodes: Sequence[Episode]  # S, which the agent itself runs; may be empty


class TrainResult(NamedTuple):
    """What a job gave."""

    learner: PyTree  # state after the step, NumPy leaves
    fitness: Float[np.ndarray, "P"]  # mean over the E episodes
    score: EpisodeResult  # of the agent before the step, over the S score episodes
    num_steps: int  # environment steps
    num_episodes: int


class Train(Protocol):
    """Learner steps of many agents."""

    def __call__(self, jobs: Sequence[TrainJob], /) -> list[TrainResult]:
        """The result of each job, in order."""
        ...


class Evaluate(Protocol):
    """Episodes of given agents."""

    def __call__(
        self,
        agents: Sequence[Float[np.ndarray, "G"]],
        episodes: Sequence[Episode],
        pairs: Sequence[tuple[int, int]],
        /,
    ) -> EpisodeResult:
        """NumPy arrays over the pairs; each pair is an index into `agents` and one into `episodes`."""
        ...


class Executor(NamedTuple):
    """Runs work on devices. Results depend on the work alone, not on how it was divided or where it ran.

    Attributes:
      train: jobs -> their results, in order.
      evaluate: (agents f32[A, G], episodes, pairs of indices into both) -> EpisodeResult over the pairs.
      timings: () -> seconds and counts since the last call: "rollout_s", "busy" (share of lane steps that counted).
      close: releases threads and processes; afterwards the executor cannot be used.
    """

    train: Train
    evaluate: Evaluate
    timings: Callable[[], dict[str, float]]
    close: Callable[[], None] = lambda: None
