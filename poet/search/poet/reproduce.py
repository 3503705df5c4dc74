"""Reproduction: pairs with a high score have children, and those that are new and neither too easy nor too hard are
admitted.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from poet.executors.base import Episode, TrainJob
from poet.search.host import get_item, worst_if_not_finite
from poet.search.keys import PoetPhase
from poet.search.poet.config import PoetConfig
from poet.search.poet.context import ActivePairs, StepContext
from poet.search.poet.niches import admit, log_admission, update_best
from poet.search.poet.novelty import novelty
from poet.types import Genome

# What to change where most children have a verdict.
ADVICE = {
    "too_hard": "Lower search.mc_lower or search.mutation_strength",
    "too_easy": "Raise search.mc_upper or search.mutation_strength",
    "invalid": "Lower search.mutation_strength, or widen the limits of the generator",
    "duplicate": "Raise search.mutation_strength, or widen the limits of the generator",
    "not_finite": "Check the rewards of the environment with poet.envs.testing.check_generator",
}


class _Child(NamedTuple):
    """A mutated environment, and the episodes that score agents in it."""

    number: int  # among the children of this iteration
    parent: int  # index among the active pairs
    genome: Genome
    features: Float[np.ndarray, "F"]
    episodes: list[Episode]
    verdict: str  # "invalid", "duplicate", or empty if it is worth an evaluation
    reason: str | None  # why it is invalid


def reproduce(context: StepContext) -> None:
    """Make `num_children` children and admit at most `max_admitted` of them.

    A child passes if its parent's agent scores within the minimal criterion there. The most novel is tried first; it
    is admitted if the best agent found for it, any active one as it is or after one learner step, is within the
    criterion too. Wang et al. 2019, arXiv 1901.01753.
    """
    config, thresholds = context.components.config, context.components.thresholds
    active = context.active_pairs()
    own, reached = context.evaluate(active.agents, active.episodes, [(n, n) for n in range(len(active.slots))])
    for slot, score, goal, params in zip(active.slots, own, reached, active.agents):
        update_best(context, slot, float(score), bool(goal), params)
    eligible = [int(n) for n in np.flatnonzero(worst_if_not_finite(own) >= config.reproduce_threshold)]

    if not eligible:
        context.log_stall(
            _occasion(context),
            f"no niche reaches {thresholds.describe('reproduce_threshold')}, so none has children: "
            f"{thresholds.describe_best(own)}. Lower that threshold, or train for longer or in larger steps",
        )
    passed = _passed_children(context, active, eligible) if eligible else []
    num_admitted = 0
    for child, child_novelty in passed:
        if num_admitted == config.max_admitted:
            break
        num_admitted += _seed_and_admit(context, active, child, child_novelty)
    if passed and not num_admitted:
        text = (
            f"{len(passed)} children passed, but no agent that was found for them meets the criterion, "
            f"{_describe_criterion(context)}. {ADVICE['too_easy']}"
        )
        context.log_stall(_occasion(context), text)
    ids = [active.ids[n] for n in eligible]
    context.log_event("reproduction", eligible=ids, passed=len(passed), admitted=num_admitted)


def _passed_children(context: StepContext, active: ActivePairs, eligible: list[int]) -> list[tuple[_Child, float]]:
    """Children that meet the minimal criterion with their novelty, the most novel first."""
    config, generator, history = context.components.config, context.components.generator, context.state.history
    known = history.features[: int(history.num)]
    children = _mutate(context, active, eligible, list(known))
    tried = [child for child in children if not child.verdict]
    pairs = [(child.parent, n) for n, child in enumerate(tried)]
    scores, _ = context.evaluate(active.agents, [child.episodes for child in tried], pairs)
    score_of = {child.number: float(score) for child, score in zip(tried, scores)}
    passed, verdicts, words = [], [], []
    for child in children:
        score = score_of.get(child.number)
        verdict = child.verdict or minimal_criterion(config, score)
        child_novelty = novelty(child.features, known, config.novelty_neighbours) if verdict == "passed" else None
        verdicts.append(verdict)
        words.append(f"{verdict} ({child.reason})" if child.reason else verdict)
        if child_novelty is not None:
            passed.append((child, child_novelty))
        context.log_event(
            "child",
            child=child.number,
            parent=active.ids[child.parent],
            genome=generator.to_json(child.genome),
            verdict=verdict,
            reason=child.reason,
            fitness=score,
            novelty=child_novelty,
        )
    if not passed:
        context.log_stall(
            _occasion(context),
            f"none of {len(children)} children is admitted, with scores from {_describe_criterion(context)}: "
            f"{_count(words)}. {_advise(verdicts)}",
        )
    return sorted(passed, key=lambda pair: -pair[1])


def _occasion(context: StepContext) -> int:
    """The number of this reproduction, from 1."""
    return context.iteration // context.components.config.reproduce_every


def _describe_criterion(context: StepContext) -> str:
    thresholds = context.components.thresholds
    return f"{thresholds.describe('mc_lower')} to {thresholds.describe('mc_upper')}"


def _advise(verdicts: Sequence[str]) -> str:
    """By the most common verdict; duplicates count only if there is nothing else, since they may be of such a child."""
    others = [verdict for verdict in verdicts if verdict != "duplicate"]
    return ADVICE[Counter(others or verdicts).most_common(1)[0][0]]


def _count(verdicts: Sequence[str]) -> str:
    return ", ".join(f"{num} {verdict.replace('_', ' ')}" for verdict, num in Counter(verdicts).most_common())


def _mutate(context: StepContext, active: ActivePairs, eligible: list[int], seen: list[np.ndarray]) -> list[_Child]:
    components, genomes = context.components, context.state.niches.genome
    strength = np.float32(components.config.mutation_strength)
    children: list[_Child] = []
    for number in range(components.config.num_children):
        pick = jax.random.randint(context.key(PoetPhase.PARENT, number), (), 0, len(eligible))
        parent = eligible[int(pick)]
        key = context.key(PoetPhase.MUTATE, number)
        genome = components.mutate(key, get_item(genomes, active.slots[parent]), strength)
        valid, reason = components.check(genome)
        features = components.features(genome)
        duplicate = any(np.array_equal(features, other) for other in seen)
        seen.append(features)
        verdict = "invalid" if not valid else "duplicate" if duplicate else ""
        episodes = context.episodes_for(genome, PoetPhase.CHILD_SCORE_EPISODE, number, components.num_score_episodes)
        words = None if valid else components.generator.reasons[int(reason)]
        children.append(_Child(number, parent, genome, features, episodes, verdict, words))
    return children


def _seed_and_admit(context: StepContext, active: ActivePairs, child: _Child, child_novelty: float) -> bool:
    """Find the best agent for a child; admit it if that agent meets the minimal criterion there."""
    components, ids = context.components, active.ids

    def job(source: int) -> TrainJob:
        learner = components.init_learner(
            context.key(PoetPhase.CHILD_AGENT, child.number, ids[source]), active.agents[source]
        )
        num = components.num_train_episodes
        episodes = context.episodes_for(child.genome, PoetPhase.CHILD_TRAIN_EPISODE, child.number, num)
        return TrainJob(learner, context.key(PoetPhase.CHILD_TRAIN, child.number, ids[source]), episodes, ())

    results = components.executor.train([job(source) for source in range(len(ids))])
    context.count(sum(r.num_steps for r in results), sum(r.num_episodes for r in results))
    candidates = [*active.agents, *(components.params(result.learner) for result in results)]
    scores, _ = context.evaluate(candidates, [child.episodes], [(n, 0) for n in range(len(candidates))])
    best = int(np.argmax(worst_if_not_finite(scores)))
    fitness, source = float(scores[best]), ids[best % len(ids)]
    via = "direct" if best < len(ids) else "proposal"
    verdict = minimal_criterion(components.config, fitness)
    if verdict != "passed":
        context.log_event("rejection", child=child.number, verdict=verdict, fitness=fitness, agent_from=source, via=via)
        return False
    niche = admit(
        context,
        child.genome,
        candidates[best],
        parent=ids[child.parent],
        agent_from=source,
        via=via,
        fitness=fitness,
        novelty=child_novelty,
    )
    log_admission(context, niche)
    return True


def minimal_criterion(config: PoetConfig, score: float | None) -> str:
    """ "passed", "too_hard", "too_easy", or "not_finite" for a score that is missing, NaN or infinite."""
    if score is None or not np.isfinite(score):
        return "not_finite"
    if score < config.mc_lower:
        return "too_hard"
    return "too_easy" if score > config.mc_upper else "passed"
