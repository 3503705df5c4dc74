"""Reproduction: parents that do well have children, and what is neither too easy nor too hard and new moves in."""

from typing import Any, NamedTuple

import jax
import numpy as np

from poet.executors.base import Ground, Task
from poet.search.poet.novelty import novelty
from poet.search.poet.state import row
from poet.search.poet.tick import Phase, Tick, worst_if_not_finite
from poet.types import Genome


class _Child(NamedTuple):
    trial: int
    parent: int  # slot
    genome: Genome
    world: list[Ground]


def reproduce(tick: Tick) -> None:
    """Try `num_children` mutants and admit at most `max_admitted` of them.

    A mutant passes if its parent's agent scores within the minimal criterion there. The most novel comes first; it
    is admitted if the best agent found for it, any active one as it is or after one learner step, is within the
    criterion too. Wang et al. 2019, arXiv 1901.01753.
    """
    config = tick.parts.config
    slots, ids, agents, worlds = tick.at_home()
    own, reached = tick.evaluate(agents, worlds, [(n, n) for n in range(len(slots))])
    for slot, score, goal, params in zip(slots, own, reached, agents):
        tick.note(slot, score, goal, params)
    eligible = [n for n in range(len(slots)) if own[n] >= config.reproduce_threshold]

    passed = _trials(tick, slots, agents, eligible) if eligible else []
    admitted = 0
    for child, newness in passed:
        if admitted == config.max_admitted:
            break
        admitted += _settle(tick, child, newness, ids, agents)
    tick.tell("reproduction", eligible=[ids[n] for n in eligible], passed=len(passed), admitted=admitted)


def _trials(tick: Tick, slots: list[int], agents: list[np.ndarray], eligible: list[int]) -> list[tuple[_Child, float]]:
    """Mutants that meet the minimal criterion, the most novel first."""
    parts, niches, ever = tick.parts, tick.state.niches, tick.state.ever
    seen = list(ever.features[: int(ever.num)])
    children: list[tuple[_Child, str]] = []
    for trial in range(parts.config.num_children):
        parent = eligible[int(jax.random.randint(tick.key(Phase.PARENT, trial), (), 0, len(eligible)))]
        strength = np.float32(parts.config.mutation_strength)
        genome = parts.mutate(tick.key(Phase.MUTATE, trial), row(niches.genome, slots[parent]), strength)
        valid, _ = parts.check(genome)
        features = parts.features(genome)
        verdict = "invalid" if not valid else "duplicate" if any(np.array_equal(features, f) for f in seen) else ""
        seen.append(features)
        world = tick.grounds(genome, Phase.CHILD_SCORE, trial, parts.scored)
        children.append((_Child(trial, parent, genome, world), verdict))

    tried = [child for child, verdict in children if not verdict]
    scores, _ = tick.evaluate(agents, [child.world for child in tried], [(c.parent, n) for n, c in enumerate(tried)])
    by_trial = dict(zip((child.trial for child in tried), scores))
    passed = []
    for child, fate in children:
        score = by_trial.get(child.trial)
        verdict = fate or _criterion(tick, score)
        newness = None
        if verdict == "passed":
            newness = novelty(
                parts.features(child.genome), ever.features[: int(ever.num)], parts.config.novelty_neighbours
            )
            passed.append((child, newness))
        tick.tell(
            "trial",
            trial=child.trial,
            parent=int(niches.id[slots[child.parent]]),
            genome=parts.generator.to_json(child.genome),
            verdict=verdict,
            reason=parts.generator.reasons[int(parts.check(child.genome)[1])] if verdict == "invalid" else None,
            fitness=None if score is None else float(score),
            novelty=newness,
        )
    return sorted(passed, key=lambda pair: -pair[1])


def _settle(tick: Tick, child: _Child, newness: float, ids: list[int], agents: list[np.ndarray]) -> bool:
    """Seed a child with the best agent there is for it; admit it if that one meets the minimal criterion."""
    parts = tick.parts
    genome = child.genome
    tasks = [
        Task(
            parts.init_learner(tick.key(Phase.SEED, child.trial, source, 0), params),
            tick.key(Phase.SEED, child.trial, source, 1),
            tick.grounds(genome, Phase.CHILD_GROUND, child.trial, parts.episodes),
            (),
        )
        for source, params in zip(ids, agents)
    ]
    progress = parts.executor.optimise(tasks)
    tick.count(sum(p.steps for p in progress), sum(p.episodes for p in progress))
    proposals = [parts.params(p.learner) for p in progress]
    candidates = [*agents, *proposals]
    scores, _ = tick.evaluate(candidates, [child.world], [(n, 0) for n in range(len(candidates))])
    best = int(np.argmax(worst_if_not_finite(scores)))
    verdict = _criterion(tick, scores[best])
    source, via = ids[best % len(ids)], "direct" if best < len(ids) else "proposal"
    if verdict != "passed":
        tick.tell(
            "rejection", trial=child.trial, verdict=verdict, fitness=float(scores[best]), agent_from=source, via=via
        )
        return False
    # By id: an earlier newcomer of this very event may have taken the parent's place.
    niche = tick.admit(genome, candidates[best], ids[child.parent], source, via, float(scores[best]), newness)
    tick.tell("admission", **admission(tick, niche))
    return True


def admission(tick: Tick, niche: int) -> dict[str, Any]:
    """The fields of an admission's row."""
    slot = int(np.flatnonzero(tick.state.niches.id == niche)[0])
    meta = tick.record(slot).meta
    names = ("parent", "genome", "description", "features", "difficulty", "novelty", "agent_from", "via")
    return {
        "niche": niche,
        **{name: meta[name] for name in names},
        "fitness": float(tick.state.ever.admission_fitness[niche]),
    }


def _criterion(tick: Tick, score: float | None) -> str:
    config = tick.parts.config
    if score is None or not np.isfinite(score):
        return "nan"
    if score < config.mc_lower:
        return "too_hard"
    return "too_easy" if score > config.mc_upper else "passed"
