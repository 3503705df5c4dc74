"""Training: agents learn in environments that no agent solves yet."""

from collections.abc import Sequence

import numpy as np

from poet.archives.layout import NO_PARENT
from poet.executors.base import TrainJob, TrainResult
from poet.search.host import get_item, set_item
from poet.search.keys import PairedPhase
from poet.search.paired_map_elites.context import StepContext
from poet.search.paired_map_elites.insert import opens_cell
from poet.search.paired_map_elites.state import Candidate, Offer, PromisingChild, Source


def train(context: StepContext) -> list[Offer]:
    """Score each trainee, then train it for one learner step; returns the solved environments with their agents.

    A trainee that solves its environment is taken as it was scored, and its slot becomes free. An environment that is
    unsolved after `max_training_steps` steps is given up, unless the archive is empty: then only trainees can find a
    first elite.
    """
    slots = [int(slot) for slot in np.flatnonzero(context.state.trainees.age >= 0)]
    jobs = [_job(context, slot) for slot in slots]
    results = context.components.executor.train(jobs)
    offers = [_apply(context, *item) for item in zip(slots, jobs, results)]
    return [offer for offer in offers if offer is not None]


def _job(context: StepContext, slot: int) -> TrainJob:
    trainees, num_episodes = context.state.trainees, context.components.num_score_episodes
    genome = get_item(trainees.genome, slot)
    return TrainJob(
        get_item(trainees.learner, slot),
        context.key(PairedPhase.TRAIN, slot),
        context.episodes_for(genome, PairedPhase.TRAIN_EPISODE, slot, context.components.num_train_episodes),
        context.episodes_for(genome, PairedPhase.SCORE_EPISODE, slot, num_episodes),
    )


def _apply(context: StepContext, slot: int, job: TrainJob, result: TrainResult) -> Offer | None:
    """Write the result of a learner step into the slot; the solved pair if the trainee solves its environment."""
    config, trainees = context.components.config, context.state.trainees
    context.count(result.num_steps, result.num_episodes)
    fitness = float(result.score.fitness.mean())
    context.trainee_scores.append(fitness)
    solved_score = context.components.thresholds.solved_score
    if np.isfinite(fitness) and fitness >= solved_score and (result.score.success >= 1).all():
        params = np.asarray(context.components.learner.params(job.learner))
        parents = np.stack([trainees.parent[slot], np.full(2, NO_PARENT)])
        trainees.age[slot] = -1
        context.state = context.state._replace(last_solver=job.learner)
        return Offer(get_item(trainees.genome, slot), fitness, Candidate(params, Source.TRAINEE, parents))
    if trainees.age[slot] >= config.max_training_steps and context.elites().fitness.size:
        context.log_event("given_up", fitness=fitness)
        trainees.age[slot] = -1
        return None
    set_item(trainees.learner, slot, result.learner)
    trainees.age[slot] += 1
    return None


def start_training(context: StepContext, promising: Sequence[PromisingChild]) -> None:
    """Give the free slots to the promising children that would open a cell, those with the best scores first."""
    components, trainees = context.components, context.state.trainees
    free = np.flatnonzero(trainees.age < 0)
    if not len(free) or not promising:
        return
    opening = opens_cell(context, [child.offer for child in promising])
    chosen = [child for child, opens in zip(promising, opening) if opens]
    chosen.sort(key=lambda child: -child.offer.fitness)
    for slot, (offer, number) in zip(map(int, free), chosen):
        key = context.key(PairedPhase.BEGIN_TRAINING, number)
        # A new optimiser would begin with the initial, large learning rate, and its first steps would destroy what
        # the agent can already do. The learning rate of the last solver has decayed.
        learner = components.with_params(key, context.state.last_solver, offer.candidate.params)
        set_item(trainees.genome, slot, offer.genome)
        set_item(trainees.learner, slot, learner)
        trainees.age[slot], trainees.parent[slot] = 0, offer.candidate.parents[0]
