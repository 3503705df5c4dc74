"""Transfer: an agent that does better in the environment of another agent replaces it.

Rule "original" (Wang et al. 2019, arXiv 1901.01753): the best of the incumbent, every other agent as it is, and
every other agent after one learner step there. Rule "enhanced" (Wang et al. 2020, arXiv 2003.08536): an agent must
beat the incumbent's recent scores as it is before it takes that step, and again after it.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from poet.executors.base import TrainJob
from poet.search.host import get_item, worst_if_not_finite
from poet.search.keys import PoetPhase
from poet.search.poet.context import ActivePairs, Agent, StepContext
from poet.search.poet.niches import set_agent, update_best
from poet.search.poet.state import NUM_RECENT


class _Proposals(NamedTuple):
    """K agents after one learner step in another environment: (source, target) of each, weights, scores, goals."""

    pairs: list[tuple[int, int]]
    agents: list[Agent]
    scores: Float[np.ndarray, "K"]  # -inf where not finite
    reached: Bool[np.ndarray, "K"]


class _Offer(NamedTuple):
    """An agent that could replace the incumbent of a niche."""

    score: float
    source: int
    via: str
    agent: Agent
    reached: bool


def transfer(context: StepContext) -> None:
    """Try every agent in every other active environment, all as they are before the first replacement."""
    config, active = context.components.config, context.active_pairs()
    num = len(active.slots)
    if num < 2:
        return
    everyone = [(source, target) for source in range(num) for target in range(num)]
    scores, reached = context.evaluate(active.agents, active.episodes, everyone)
    direct, reached = scores.reshape(num, num), reached.reshape(num, num)
    for n, slot in enumerate(active.slots):
        update_best(context, slot, float(direct[n, n]), bool(reached[n, n]), active.agents[n])

    enhanced = config.transfer_rule == "enhanced"
    ranked = worst_if_not_finite(direct)
    to_beat = np.diag(ranked).copy()
    if enhanced:
        recent = worst_if_not_finite(context.state.niches.recent[active.slots])[:, 1 - NUM_RECENT :]
        to_beat = np.maximum(to_beat, recent.max(axis=1))
    tried = [(s, t) for s, t in everyone if s != t and (not enhanced or ranked[s, t] > to_beat[t])]
    proposals = _propose(context, active, tried)

    num_accepted = 0
    for target, slot in enumerate(active.slots):
        offers = _offers_to(target, proposals)
        if not enhanced:
            others = [source for source in range(num) if source != target]
            offers += [
                _Offer(float(ranked[s, target]), s, "direct", active.agents[s], bool(reached[s, target]))
                for s in others
            ]
        # Of equal offers the first wins, in order of age.
        best = max(offers, key=lambda offer: offer.score, default=None)
        if best is None or not best.score > to_beat[target]:
            continue
        set_agent(context, slot, best.agent, active.ids[best.source])
        update_best(context, slot, best.score, best.reached, best.agent)
        context.log_event(
            "transfer",
            target=active.ids[target],
            source=active.ids[best.source],
            via=best.via,
            fitness=best.score,
            incumbent=float(direct[target, target]),
        )
        num_accepted += 1
    context.log_event(
        "transfers",
        rule=config.transfer_rule,
        attempts=num * (num - 1),
        proposals=len(tried),
        accepted=num_accepted,
        niches=active.ids,
        scores=[[float(score) for score in line] for line in direct],
    )


def _propose(context: StepContext, active: ActivePairs, pairs: list[tuple[int, int]]) -> _Proposals:
    """Each source after one step in its target with the target's optimiser."""
    components, niches, ids = context.components, context.state.niches, active.ids

    def job(source: int, target: int) -> TrainJob:
        slot = active.slots[target]
        learner = components.with_params(
            context.key(PoetPhase.PROPOSE_AGENT, ids[target], ids[source]),
            get_item(niches.learner, slot),
            active.agents[source],
        )
        genome, num = get_item(niches.genome, slot), components.num_train_episodes
        episodes = context.episodes_for(genome, PoetPhase.TRAIN_EPISODE, ids[target], num)
        return TrainJob(learner, context.key(PoetPhase.PROPOSE_TRAIN, ids[target], ids[source]), episodes, ())

    results = components.executor.train([job(source, target) for source, target in pairs])
    context.count(sum(r.num_steps for r in results), sum(r.num_episodes for r in results))
    agents = [components.params(result.learner) for result in results]
    scores, reached = context.evaluate(agents, active.episodes, [(n, t) for n, (_, t) in enumerate(pairs)])
    return _Proposals(pairs, agents, worst_if_not_finite(scores), reached)


def _offers_to(target: int, proposals: _Proposals) -> list[_Offer]:
    return [
        _Offer(float(proposals.scores[n]), source, "proposal", proposals.agents[n], bool(proposals.reached[n]))
        for n, (source, t) in enumerate(proposals.pairs)
        if t == target
    ]
