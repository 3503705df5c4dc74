"""Training: agents learn in environments that no agent solves yet.

Axes: R rows of the archive.
"""

from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Bool

from poet.archives.base import Entries
from poet.archives.layout import NO_PARENT
from poet.executors.base import TrainJob, TrainResult
from poet.search.host import get_item, set_item
from poet.search.keys import PairedPhase
from poet.search.paired_map_elites.context import StepContext
from poet.search.paired_map_elites.insert import count_unoffered, opens_cell
from poet.search.paired_map_elites.state import Candidate, Offer, PromisingChild, Source
from poet.types import Genome


def train(context: StepContext) -> list[Offer]:
    """Score each trainee, then train it for one learner step; returns the pairs that may be elites.

    A pair is taken as it was scored. The slot of a trainee that solves its environment becomes free. An environment
    that is unsolved after `max_training_steps` steps is left, unless the archive is empty: then only trainees can find
    a first elite.
    """
    slots = [int(slot) for slot in np.flatnonzero(context.state.trainees.age >= 0)]
    jobs = [_job(context, slot) for slot in slots]
    results = context.components.executor.train(jobs)
    offers = [_apply(context, *item) for item in zip(slots, jobs, results)]
    admitted = [context.components.admits(offer.fitness, offer.solved) for offer in offers]
    if context.components.trains_elites:
        count_unoffered(context, [offer for offer, fine in zip(offers, admitted) if not fine])
    return [offer for offer, fine in zip(offers, admitted) if fine]


def _job(context: StepContext, slot: int) -> TrainJob:
    trainees, num_episodes = context.state.trainees, context.components.num_score_episodes
    genome = get_item(trainees.genome, slot)
    return TrainJob(
        get_item(trainees.learner, slot),
        context.key(PairedPhase.TRAIN, slot),
        context.episodes_for(genome, PairedPhase.TRAIN_EPISODE, slot, context.components.num_train_episodes),
        context.episodes_for(genome, PairedPhase.SCORE_EPISODE, slot, num_episodes),
    )


def _apply(context: StepContext, slot: int, job: TrainJob, result: TrainResult) -> Offer:
    """Write the result of a learner step into the slot; the pair as it was before that step."""
    components, trainees = context.components, context.state.trainees
    context.count(result.num_steps, result.num_episodes)
    fitness = float(result.score.fitness.mean())
    context.trainee_scores.append(fitness)
    reaches = fitness >= components.thresholds.solved_score and (result.score.success >= 1).all()
    offer = Offer(
        get_item(trainees.genome, slot),
        fitness if np.isfinite(fitness) else -np.inf,
        Candidate(
            np.asarray(components.learner.params(job.learner)),
            Source.TRAINEE,
            np.stack([trainees.parent[slot], np.full(2, NO_PARENT)]),
        ),
        bool(reaches and np.isfinite(fitness)),
        job.learner if components.trains_elites else None,
    )
    if offer.solved:
        trainees.age[slot] = -1
        context.state = context.state._replace(last_solver=job.learner)
    elif trainees.age[slot] >= components.config.max_training_steps and context.elites().fitness.size:
        if not components.trains_elites:
            context.log_event("given_up", fitness=fitness)
        trainees.age[slot] = -1
    else:
        set_item(trainees.learner, slot, result.learner)
        trainees.age[slot] += 1
    return offer


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


def return_to_elites(context: StepContext) -> None:
    """Give the free slots to unsolved elites that are not in training, drawn by the selection.

    Training resumes from the learner that the elite remembers.
    """
    pairs, trainees, archive = context.components.pairs, context.state.trainees, context.state.archive
    rows, weights = pairs.rows(archive), pairs.weights(archive)
    allowed = rows.valid & (rows.extra["solved"] == 0)
    for slot in np.flatnonzero(trainees.age >= 0):
        allowed &= ~_has_genome(rows, get_item(trainees.genome, int(slot)))
    for slot in map(int, np.flatnonzero(trainees.age < 0)):
        if not allowed.any():
            return
        row = int(pairs.draw(context.key(PairedPhase.RETURN, slot)[None], weights, allowed)[0])
        allowed[row] = False
        set_item(trainees.genome, slot, get_item(rows.payload["genome"], row))
        set_item(trainees.learner, slot, pairs.learner_of(archive, rows.id[row]))
        trainees.age[slot], trainees.parent[slot] = 0, rows.id[row]


def _has_genome(rows: Entries, genome: Genome) -> Bool[np.ndarray, "R"]:
    """Which rows have this genome."""
    equal = jax.tree.map(
        lambda leaf, value: (leaf == value).reshape(len(leaf), -1).all(1), rows.payload["genome"], genome
    )
    return np.logical_and.reduce(jax.tree.leaves(equal))
