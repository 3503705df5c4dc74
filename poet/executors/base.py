"""What an executor is: it trains and evaluates agents, and runs programs, wherever the work runs."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Array, Float, Int

from poet.agents.engine import EpisodeResult
from poet.types import Genome, Key, PyTree


class Episode(NamedTuple):
    """One episode to be run: a genome (NumPy leaves) and the key of its level and its steps."""

    genome: Genome
    key: Key


class Batch(NamedTuple):
    """K episodes of given agents.

    Attributes:
      agents: the weights of A agents.
      episodes: that the agents run, of any number.
      pairs: an index into `agents` and one into `episodes` for each of the K.
    """

    agents: Float[np.ndarray, "A G"] | Float[Array, "A G"]
    episodes: Sequence[Episode]
    pairs: Int[np.ndarray, "K 2"]


class TrainJob(NamedTuple):
    """One learner step of one agent, and the score of the agent before that step.

    Attributes:
      learner: state.
      key: of the learner's own randomness.
      episodes: E levels with keys. A learner of the ask/tell kind evaluates each candidate in all of them; one of the
        step kind starts its episodes in them.
      score_episodes: S episodes that the agent itself runs; may be empty.
      weights: of the levels in the fitness of a candidate, or in the choice of the level of an episode; empty for
        equal ones.
    """

    learner: PyTree
    key: Key
    episodes: Sequence[Episode]
    score_episodes: Sequence[Episode]
    weights: Sequence[float] = ()


class TrainResult(NamedTuple):
    """What a job gave.

    Attributes:
      learner: state after the step.
      fitness: of the P candidates, each the mean over the E levels; or of the P episodes that ended during the step.
      score: of the agent before the step, over the S score episodes.
      num_steps: environment steps.
      num_episodes: that were run, or that ended during the step.
    """

    learner: PyTree
    fitness: Float[np.ndarray, "P"]
    score: EpisodeResult
    num_steps: int
    num_episodes: int


class Train(Protocol):
    """Learner steps of many agents."""

    def __call__(self, jobs: Sequence[TrainJob], /) -> list[TrainResult]:
        """The result of each job, in order."""
        ...


class Evaluate(Protocol):
    """Episodes of given agents."""

    def __call__(self, batch: Batch, /) -> EpisodeResult:
        """NumPy arrays over the K pairs."""
        ...


class Map(Protocol):
    """A program on many items."""

    def __call__(self, program: Callable[..., Any], items: Sequence[tuple[Any, ...]], /) -> list[Any]:
        """What the program gives for the arguments of each item, in order. Arrays stay where they were computed."""
        ...


class Executor(NamedTuple):
    """Runs work on devices. Results depend on the work alone, not on how it was divided or where it ran.

    Attributes:
      train: jobs -> their results, in order.
      evaluate: batch -> EpisodeResult over its pairs.
      map: (program, items) -> what the program gives for each item; for work of any kind.
      timings: () -> seconds and counts since the last call: "rollout_s", "busy" (share of lane steps that counted).
      close: releases threads and processes; afterwards the executor cannot be used.
    """

    train: Train
    evaluate: Evaluate
    map: Map
    timings: Callable[[], dict[str, float]]
    close: Callable[[], None] = lambda: None
