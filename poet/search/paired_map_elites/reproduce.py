"""Reproduction: environments of elites are mutated, and agents are tried in these children.

Axes: B batch, the variants of an agent; D descriptor, G parameters, R rows of elites.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from poet.archives.base import Entries
from poet.archives.layout import NO_PARENT
from poet.search.host import get_item
from poet.search.keys import PairedPhase
from poet.search.paired_map_elites.context import StepContext, continued_learner, nearest_elites
from poet.search.paired_map_elites.evaluate import Trial, TrialResult, evaluate, solves
from poet.search.paired_map_elites.insert import count_unoffered
from poet.search.paired_map_elites.state import Candidate, Offer, PromisingChild, Source
from poet.types import Keys


class Offspring(NamedTuple):
    """The children of an iteration, by what the best candidate of each achieves there."""

    solved: list[Offer]
    promising: list[PromisingChild]


def reproduce(context: StepContext) -> Offspring:
    """Mutate the environments of `config.children` elites drawn by the selection, and evaluate candidates in each.

    Candidates are the agent of the parent, variants of it, and the agents of the nearest elites. The best candidate
    decides whether a child is solved, promising, or dropped. Without elites there are no children.
    """
    components = context.components
    trials = _trials(context, context.elites())
    offspring, results, unoffered = Offspring([], []), evaluate(context, trials), []
    for trial, result in zip(trials, results):
        offer = _best_offer(context, trial, result)
        promising = offer.fitness >= components.config.training_score
        if offer.solved:
            offspring.solved.append(offer)
        elif promising:
            offspring.promising.append(PromisingChild(offer, trial.niche))
        if not components.admits(offer.fitness, offer.solved):
            unoffered.append(offer)
    count_unoffered(context, unoffered)
    if results and not (offspring.solved or offspring.promising or (context.state.trainees.age >= 0).any()):
        thresholds = components.thresholds
        best = thresholds.describe_best(np.array([result.fitness.max() for result in results]))
        context.log_stall(
            f"none of {len(results)} children is solved, and no agent reaches {thresholds.describe('training_score')} "
            f"in one of them, so none is trained: {best}. Lower that threshold or search.mutation_strength"
        )
    return offspring


def _best_offer(context: StepContext, trial: Trial, result: TrialResult) -> Offer:
    """The child with the candidate that scores best in it."""
    best = int(np.argmax(result.fitness))
    fitness, candidate, solved = float(result.fitness[best]), trial.candidates[best], solves(context, result, best)
    learner = None
    if context.components.admits(fitness, solved):
        donor = candidate.parents[1 if candidate.source is Source.NEIGHBOUR else 0]
        key = context.key(PairedPhase.BEGIN_TRAINING, trial.niche)
        learner = continued_learner(context, key, donor, candidate.params)
    return Offer(trial.genome, fitness, candidate, solved, learner)


def _trials(context: StepContext, elites: Entries) -> list[Trial]:
    """The valid children with their candidates."""
    components, num_elites = context.components, len(elites.fitness)
    num_children = components.config.children
    if not num_elites:
        return []

    def keys(phase: PairedPhase) -> Keys:
        return jnp.stack([context.key(phase, child) for child in range(num_children)])

    parents = _parents(context, keys(PairedPhase.PARENT), num_elites)
    children = components.mutate(
        keys(PairedPhase.MUTATE), jax.tree.map(lambda leaf: leaf[parents], elites.payload["genome"])
    )
    descriptors, (valid, reasons) = components.descriptors(children), components.check(children)
    if not valid.any():
        words = sorted({components.generator.reasons[int(reason)] for reason in reasons})
        context.log_stall(
            f"all {num_children} children are invalid: {', '.join(words)}. Lower search.mutation_strength, or widen "
            "the limits of the generator"
        )
    return [
        Trial(
            get_item(children, child),
            _candidates(context, elites, int(parents[child]), descriptors[child], child),
            PairedPhase.CHILD_SCORE_EPISODE,
            child,
        )
        for child in map(int, np.flatnonzero(valid))
    ]


def _parents(context: StepContext, keys: Keys, num_elites: int) -> Int[np.ndarray, "B"]:
    """The number of an elite for each key, drawn by the selection."""
    pairs, archive = context.components.pairs, context.state.archive
    if pairs.uniform:
        return np.asarray(jax.vmap(lambda key: jax.random.randint(key, (), 0, num_elites))(keys))
    valid = pairs.rows(archive).valid
    rows = pairs.draw(keys, pairs.weights(archive), valid)
    return np.cumsum(valid)[rows] - 1


def _candidates(
    context: StepContext, elites: Entries, parent: int, descriptor: Float[np.ndarray, "D"], child: int
) -> list[Candidate]:
    """The agents that are tried in a child; `parent` is a row of the elites."""
    params, ids = elites.payload["params"], elites.id
    variants, others = _variants(context, params, parent, child)
    return [
        Candidate(params[parent], Source.PARENT, np.stack([ids[parent], np.full(2, NO_PARENT)])),
        *(
            Candidate(variant, Source.VARIANT, np.stack([ids[parent], ids[other]]))
            for variant, other in zip(variants, others)
        ),
        *(
            Candidate(params[row], Source.NEIGHBOUR, np.stack([ids[parent], ids[row]]))
            for row in nearest_elites(context, elites, descriptor, excluded=parent)
        ),
    ]


def _variants(
    context: StepContext, params: Float[np.ndarray, "R G"], parent: int, child: int
) -> tuple[Float[np.ndarray, "B G"], Int[np.ndarray, "B"]]:
    """Variants of an agent, and for each of them the row of the second parent.

    Each variant is the agent plus noise on each weight plus a step along the line to the agent of the second parent
    (Vassiliades and Mouret 2018, arXiv 1804.03906).
    """
    config = context.components.config
    iso_key, line_key, other_key = (jax.random.fold_in(context.key(PairedPhase.VARY, child), use) for use in range(3))
    others = np.asarray(jax.random.randint(other_key, (config.variants,), 0, len(params)))
    noise = np.asarray(jax.random.normal(iso_key, (config.variants, params.shape[1])))
    step = np.asarray(jax.random.normal(line_key, (config.variants, 1)))
    variants = params[parent] + config.iso_sigma * noise + config.line_sigma * step * (params[others] - params[parent])
    return variants.astype(np.float32), others
