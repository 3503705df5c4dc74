"""A search in progress on a ladder of levels, whose scores are known: for tests of its parts."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from poet.archives.config import GridConfig
from poet.archives.layout import NO_PARENT
from poet.executors.base import Executor
from poet.search.paired_map_elites.config import PairedMapElitesConfig
from poet.search.paired_map_elites.context import Components, StepContext
from poet.search.paired_map_elites.state import Candidate, Offer, PairedMapElitesState, Source, init_trainees
from tests.search.poet.fakes import POLICY, Ladder, counting_learner, fake_executor

RULES = {
    "threshold_unit": "return",
    "solved_score": 10.0,
    "training_score": 5.0,
    "children": 4,
    "variants": 2,
    "neighbours": 2,
    "trainees": 2,
}


def weight_minus_level(weight: float, level: int) -> float:
    return weight - level


def make_context(
    score: Callable[[float, int], float] = weight_minus_level,
    *,
    deterministic: bool = True,
    wrap: Callable[[Executor], Executor] = lambda executor: executor,
    calls: list | None = None,
    episodes: int = 1,
    **options: Any,
) -> StepContext:
    """An empty archive with a cell for each level, and an agent of weights 0 in training on level 0."""
    config = PairedMapElitesConfig(**{**RULES, **options})  # type: ignore[arg-type]
    generator = Ladder(deterministic=deterministic, return_range=(0.0, 80.0), solved_return=80.0)
    archive = GridConfig(shape=(91,)).make(generator.feature_bounds)
    executor = wrap(fake_executor(score, calls=calls))
    components = Components(config, generator, POLICY, counting_learner(), executor, archive, episodes)
    first = components.init_learner(jax.random.key(1), np.zeros(2, np.float32))
    trainees = init_trainees(components.simplest, first, config.trainees)
    total = [np.array(0, np.int64) for _ in range(3)]
    state = PairedMapElitesState(jax.random.key(0), *total, components.pairs.init(), trainees, first)
    return StepContext(components, state)


def make_offer(level: int, fitness: float, weight: float = 0.0, source: Source = Source.VARIANT) -> Offer:
    candidate = Candidate(np.float32([weight, 0]), source, np.full((2, 2), NO_PARENT))
    return Offer({"level": np.int32(level)}, fitness, candidate)


def levels(context: StepContext) -> list[int]:
    """The levels of the elites."""
    return context.elites().payload["genome"]["level"].tolist()
