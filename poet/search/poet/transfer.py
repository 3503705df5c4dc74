"""Transfer: an agent that does better in another's environment takes the place of the agent there.

Rule "original" (Wang et al. 2019, arXiv 1901.01753): the best of the incumbent, every other agent as it is, and
every other agent after one learner step there. Rule "enhanced" (Wang et al. 2020, arXiv 2003.08536): an agent must
beat the incumbent's recent scores as it is before it may take that step, and again after it.
"""

import numpy as np

from poet.executors.base import Task
from poet.search.poet.state import RECENT, row
from poet.search.poet.tick import Phase, Tick, worst_if_not_finite


def transfer(tick: Tick) -> None:
    """Try every agent in every other active environment, all from the same snapshot; does nothing for one niche."""
    parts, niches = tick.parts, tick.state.niches
    slots, ids, agents, worlds = tick.at_home()
    num = len(slots)
    if num < 2:
        return
    everyone = [(source, target) for source in range(num) for target in range(num)]
    scores, reached = tick.evaluate(agents, worlds, everyone)
    direct, goal = scores.reshape(num, num), reached.reshape(num, num)
    for n, slot in enumerate(slots):
        tick.note(slot, direct[n, n], goal[n, n], agents[n])

    enhanced = parts.config.transfer_rule == "enhanced"
    ranked = worst_if_not_finite(direct)
    to_beat = np.diag(ranked).copy()
    if enhanced:
        recent = worst_if_not_finite(niches.recent[slots])[:, 1 - RECENT :]
        to_beat = np.maximum(to_beat, recent.max(axis=1))
    tried = [(s, t) for s, t in everyone if s != t and (not enhanced or ranked[s, t] > to_beat[t])]
    proposals, proposed, proposal_goal = _propose(tick, slots, ids, agents, worlds, tried)

    accepted = 0
    for target, slot in enumerate(slots):
        offers = [(float(proposed[n]), s, "proposal", n) for n, (s, t) in enumerate(tried) if t == target]
        if not enhanced:
            offers += [(float(ranked[s, target]), s, "direct", s) for s in range(num) if s != target]
        # Ties go to the first offer, in order of age.
        best = max(offers, key=lambda offer: offer[0], default=None)
        if best is None or not best[0] > to_beat[target]:
            continue
        score, source, via, n = best
        params, there = (proposals[n], proposal_goal[n]) if via == "proposal" else (agents[n], goal[n, target])
        tick.install(slot, params, ids[source])
        tick.note(slot, score, bool(there), params)
        incumbent = float(direct[target, target])
        tick.tell("transfer", target=ids[target], source=ids[source], via=via, fitness=score, incumbent=incumbent)
        accepted += 1
    tick.tell(
        "transfers",
        rule=parts.config.transfer_rule,
        attempts=num * (num - 1),
        proposals=len(tried),
        accepted=accepted,
        niches=ids,
        scores=[[float(score) for score in line] for line in direct],
    )


def _propose(
    tick: Tick,
    slots: list[int],
    ids: list[int],
    agents: list[np.ndarray],
    worlds: list,
    tried: list[tuple[int, int]],
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Each source after one step in its target with the target's optimiser: weights, ranked scores, goals."""
    parts, niches = tick.parts, tick.state.niches
    tasks = [
        Task(
            parts.with_params(tick.key(Phase.PROPOSE, ids[t], ids[s], 0), row(niches.learner, slots[t]), agents[s]),
            tick.key(Phase.PROPOSE, ids[t], ids[s], 1),
            tick.grounds(row(niches.genome, slots[t]), Phase.GROUND, ids[t], parts.episodes),
            (),
        )
        for s, t in tried
    ]
    progress = parts.executor.optimise(tasks)
    tick.count(sum(p.steps for p in progress), sum(p.episodes for p in progress))
    proposals = [parts.params(p.learner) for p in progress]
    scores, reached = tick.evaluate(proposals, worlds, [(n, t) for n, (_, t) in enumerate(tried)])
    return proposals, worst_if_not_finite(scores), reached
