"""Training: one learner step of every active pair, and the score of each agent before it."""

from typing import Any

import numpy as np

from poet.executors.base import TrainJob, TrainResult
from poet.search.host import get_item, set_item
from poet.search.keys import PoetPhase
from poet.search.poet.context import StepContext
from poet.search.poet.niches import log_admission, update_best
from poet.search.poet.state import NUM_RECENT, active_slots


def train(context: StepContext) -> dict[str, Any]:
    """One learner step of every active pair; returns the metrics of the iteration, lists have a value for each niche.

    The fitness of a niche is that of its agent before the step.
    """
    components, niches = context.components, context.state.niches
    slots = active_slots(niches)
    jobs = [_job(context, slot) for slot in slots]
    results = components.executor.train(jobs)
    columns: dict[str, list] = {name: [] for name in ("niches", "fitness", "best", "mean", "length")}
    for slot, job, result in zip(slots, jobs, results):
        score = _record_score(context, slot, job, result)
        finite = _keep_step(context, slot, result)
        row = {
            "niches": int(niches.id[slot]),
            "fitness": score,
            "best": float(niches.best[slot]),
            "mean": float(finite.mean()) if len(finite) else float("nan"),
            "length": result.num_steps / result.num_episodes,
            **{name: float(rate) for name, rate in components.learner.rates(job.learner).items()},
        }
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    context.count(sum(r.num_steps for r in results), sum(r.num_episodes for r in results))
    totals = {"env_steps": int(context.state.env_steps), "episodes": int(context.state.episodes)}
    return {**totals, **columns, "active": len(slots), "admitted": int(context.state.history.num)}


def _job(context: StepContext, slot: int) -> TrainJob:
    components, niches = context.components, context.state.niches
    niche, genome = int(niches.id[slot]), get_item(niches.genome, slot)
    return TrainJob(
        get_item(niches.learner, slot),
        context.key(PoetPhase.TRAIN, niche),
        context.episodes_for(genome, PoetPhase.TRAIN_EPISODE, niche, components.num_train_episodes),
        context.episodes_for(genome, PoetPhase.SCORE_EPISODE, niche, components.num_score_episodes),
    )


def _record_score(context: StepContext, slot: int, job: TrainJob, result: TrainResult) -> float:
    """Note the score of the agent before the step."""
    niches, history, niche = context.state.niches, context.state.history, int(context.state.niches.id[slot])
    score = float(result.score.fitness.mean(dtype=np.float32))
    reached = bool((result.score.success >= 1).all())
    niches.recent[slot] = np.append(niches.recent[slot], np.float32(score))[-NUM_RECENT:]
    niches.reached[slot] = reached
    update_best(context, slot, score, reached, context.components.params(job.learner))
    if history.via[niche] == 0 and context.iteration == 0:
        history.admission_fitness[niche] = score
        log_admission(context, niche)
    return score


def _keep_step(context: StepContext, slot: int, result: TrainResult) -> np.ndarray:
    """Take over the learner's step unless its weights are not finite; returns the finite fitness of its candidates."""
    niches, niche = context.state.niches, int(context.state.niches.id[slot])
    finite = result.fitness[np.isfinite(result.fitness)]
    if len(finite) < len(result.fitness):
        context.log_event("broken", niche=niche, what="fitness", count=len(result.fitness) - len(finite))
    weights_finite = np.isfinite(context.components.params(result.learner))
    if weights_finite.all():
        set_item(niches.learner, slot, result.learner)
    else:
        context.log_event("broken", niche=niche, what="weights", count=int(np.sum(~weights_finite)))
    return finite
