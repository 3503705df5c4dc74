"""Scores of candidates in environments.

Axes: B batch, the candidates of one environment.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from poet.executors.base import Batch
from poet.search.host import worst_if_not_finite
from poet.search.keys import PairedPhase
from poet.search.paired_map_elites.context import StepContext
from poet.search.paired_map_elites.state import Candidate
from poet.types import Genome


class Trial(NamedTuple):
    """Candidates that are tried in one environment."""

    genome: Genome
    candidates: Sequence[Candidate]
    phase: PairedPhase  # of its episodes
    niche: int  # the second part of their keys, as the phase wants it


class TrialResult(NamedTuple):
    """What the candidates of one trial achieved."""

    fitness: Float[np.ndarray, "B"]  # mean over the episodes, -inf where it is not finite
    reached: Bool[np.ndarray, "B"]  # whether the candidate reached the goal in each episode


def evaluate(context: StepContext, trials: Sequence[Trial]) -> list[TrialResult]:
    """The result of each trial, from one call of the executor."""
    if not trials:
        return []
    components = context.components
    num_episodes = components.num_score_episodes
    agents, episodes, pairs = [], [], []
    for trial in trials:
        start = len(episodes)
        episodes += context.episodes_for(trial.genome, trial.phase, trial.niche, num_episodes)
        for candidate in trial.candidates:
            pairs += [(len(agents), start + episode) for episode in range(num_episodes)]
            agents.append(candidate.params)
    result = components.executor.evaluate(Batch(np.stack(agents), episodes, np.array(pairs)))
    context.count(int(result.length.sum()), len(pairs))
    scores = np.asarray(result.fitness).reshape(-1, num_episodes)
    fitness = worst_if_not_finite(scores.mean(axis=1, dtype=np.float32))
    reached = (result.success.reshape(-1, num_episodes) >= 1).all(axis=1)
    cuts = np.cumsum([len(trial.candidates) for trial in trials])[:-1]
    return [TrialResult(*parts) for parts in zip(np.split(fitness, cuts), np.split(reached, cuts))]


def solves(context: StepContext, result: TrialResult, index: int) -> bool:
    """Whether the candidate of that index solves the environment of its trial."""
    return bool(result.fitness[index] >= context.components.thresholds.solved_score and result.reached[index])
