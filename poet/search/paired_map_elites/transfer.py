"""Transfer: agents of new elites are tried in the environments of the nearest elites.

The idea is from POET (Wang et al. 2019, arXiv 1901.01753).
"""

from collections.abc import Sequence

import jax
import numpy as np

from poet.search.host import get_item
from poet.search.keys import PairedPhase
from poet.search.paired_map_elites.context import StepContext, nearest_elites
from poet.search.paired_map_elites.evaluate import Trial, evaluate, solves
from poet.search.paired_map_elites.insert import insert
from poet.search.paired_map_elites.state import Candidate, Offer, Source


def transfer(context: StepContext, offers: Sequence[Offer]) -> None:
    """Try the agent of each offer in the environments of the nearest elites, and offer the pairs that may be elites.

    The nearest elite is the pair itself where the archive kept it. The counters of a selection do not count what is
    tried here, since no elite was drawn for it.
    """
    if not offers:
        return
    components, elites, trials, sources = context.components, context.elites(), [], []
    for offer in offers:
        genomes = jax.tree.map(lambda leaf: leaf[None], offer.genome)
        descriptor = context.components.descriptors(genomes)[0]
        for row in nearest_elites(context, elites, descriptor):
            # The environment comes from the neighbour, the agent from the parent of the offer.
            parents = np.stack([elites.id[row], offer.candidate.parents[0]])
            candidate = Candidate(offer.candidate.params, Source.TRANSFER, parents)
            genome = get_item(elites.payload["genome"], row)
            trials.append(Trial(genome, [candidate], PairedPhase.TRANSFER_SCORE_EPISODE, row))
            sources.append(offer)
    offered = []
    for number, (trial, offer, result) in enumerate(zip(trials, sources, evaluate(context, trials))):
        fitness, solved = float(result.fitness[0]), solves(context, result, 0)
        if components.admits(fitness, solved):
            learner = offer.learner
            if components.trains_elites:
                key = context.key(PairedPhase.TRANSFER_LEARNER, trial.niche, number)
                learner = components.with_params(key, learner, offer.candidate.params)
            offered.append(Offer(trial.genome, fitness, trial.candidates[0], solved, learner))
    insert(context, offered, counted=False)
