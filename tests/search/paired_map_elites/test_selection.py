"""Selections in MAP-Elites over pairs: whose environments are mutated, and what the counters count."""

import dataclasses
from typing import Any, ClassVar
from unittest import mock

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poet.archives import LeastChosenConfig, UniformConfig, UnstructuredConfig, WeightedConfig
from poet.archives.select import COUNTERS
from poet.archives.selections import SelectionConfig
from poet.errors import ConfigError
from poet.search.base import RunContext
from poet.search.paired_map_elites import reproduce as reproduction
from poet.search.paired_map_elites.context import StepContext
from poet.search.paired_map_elites.insert import insert
from poet.search.paired_map_elites.reproduce import reproduce
from poet.search.paired_map_elites.state import editable_copy
from poet.search.paired_map_elites.transfer import transfer
from tests.golden.runs import PAIRS
from tests.search.helpers import run_search
from tests.search.paired_map_elites.parts import levels, make_context, make_offer


@dataclasses.dataclass(frozen=True)
class AllCountersConfig(SelectionConfig):
    """The weights of `least-chosen`, with all counters."""

    id: ClassVar[str] = "all-counters"

    def make(self) -> Any:
        return LeastChosenConfig("chosen").make()._replace(counters=COUNTERS)


class PlainArchive:
    """The best pair of each level with its counters, by a plain loop."""

    def __init__(self) -> None:
        self.elites: dict[int, tuple[float, tuple]] = {}  # level -> fitness, id
        self.counters: dict[tuple, dict[str, int]] = {}  # id -> counters

    def add(self, level: int, fitness: float, id: tuple | None, parents: list[tuple]) -> None:
        """Count an evaluated pair, and store it if it has an id and is better than the elite."""
        known = [self.counters[parent] for parent in parents if parent in self.counters]
        stored = id is not None and fitness > self.elites.get(level, (-np.inf,))[0]
        for counters in known:
            counters["chosen"] += 1
            counters["chosen_since_new"] += 1
        for counters in known if stored else []:
            counters["chosen_since_new"] = 0
        if level in self.elites and np.isfinite(fitness):
            self.counters[self.elites[level][1]]["seen"] += 1
        if stored:
            self.counters.pop(self.elites.get(level, (0, None))[1], None)
            self.elites[level], self.counters[id] = (fitness, id), dict.fromkeys(COUNTERS, 0)


def unknown_above(weight: float, level: int) -> float:
    return weight - level if level < 20 else np.nan


BASE = make_context(unknown_above, selection=AllCountersConfig(), children=1, iso_sigma=2.0)


@pytest.mark.ci
@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**16), st.lists(st.sampled_from([9.0, 16.0, 35.0]), min_size=3, max_size=3))
def test_counters_are_those_of_a_plain_loop(seed: int, weights: list[float]) -> None:
    """Each child counts, solved or not: as chosen for its parents, as seen for its cell."""
    context = StepContext(BASE.components, editable_copy(BASE.state)._replace(key=jax.random.key(seed)))
    plain = PlainArchive()
    for number, (level, weight) in enumerate(zip((0, 7, 18), weights)):
        insert(context, [make_offer(level, 10.0, weight)])
        plain.add(level, 10.0, (0, number), [])
    for iteration in range(1, 9):
        context.state.iteration[...] = iteration
        context.num_offers = 0
        with mock.patch.object(reproduction, "evaluate", wraps=reproduction.evaluate) as evaluate:
            insert(context, reproduce(context).solved)
        for trial in evaluate.call_args[0][1]:  # one, or none where the child is invalid
            level = int(trial.genome["level"])
            scores = [unknown_above(float(candidate.params[0]), level) for candidate in trial.candidates]
            best = int(np.argmax(np.nan_to_num(scores, nan=-np.inf)))
            id = (iteration, 0) if scores[best] >= 10 else None
            plain.add(level, float(scores[best]), id, [*map(tuple, trial.candidates[best].parents.tolist())])
        elites = context.elites()
        ids = [tuple(id) for id in elites.id.tolist()]
        assert dict(zip(levels(context), ids)) == {level: id for level, (_, id) in plain.elites.items()}
        for name, column in elites.extra.items():
            assert column.tolist() == [plain.counters[id][name] for id in ids], name


def test_transfers_are_not_counted() -> None:
    context = make_context(selection=AllCountersConfig())
    new = make_offer(11, 20.0, weight=31.0)
    insert(context, [make_offer(10, 12.0), make_offer(12, 25.0), new])
    transfer(context, [new])
    assert context.elites().fitness.tolist() == [21.0, 20.0, 25.0], "the agent replaced the one on level 10"
    assert all(not column.any() for column in context.elites().extra.values())


@pytest.mark.ci
def test_parents_are_those_that_were_chosen_least() -> None:
    context = make_context(selection=LeastChosenConfig(power=60.0), children=3, variants=0, neighbours=0)
    insert(context, [make_offer(level, 10.0, weight=level) for level in (0, 30, 60)])
    for iteration in range(1, 4):
        context.state.iteration[...] = iteration
        insert(context, reproduce(context).solved)
        assert sum(context.elites().extra["chosen"]) == 3 * iteration
    drawn = context.elites().extra["chosen"]
    assert drawn.min() > 0, "an elite that was never chosen is chosen before others are chosen again"


def test_parents_may_be_the_best_elites() -> None:
    best = make_context(selection=WeightedConfig(temperature=0.01), variants=0, neighbours=0)
    insert(best, [make_offer(level, fitness) for level, fitness in ((0, 10.0), (30, 90.0), (60, 50.0))])
    with mock.patch.object(reproduction, "evaluate", wraps=reproduction.evaluate) as evaluate:
        reproduce(best)
    assert {tuple(trial.candidates[0].parents[0].tolist()) for trial in evaluate.call_args[0][1]} == {(0, 1)}


def test_uniform_is_the_default_and_has_no_counters() -> None:
    assert make_context().components.pairs.counters == ()
    assert not make_context(selection=UniformConfig()).elites().extra


def test_a_selection_that_cannot_work_raises_at_once() -> None:
    def build(selection: SelectionConfig, **options: Any) -> None:
        search = dataclasses.replace(PAIRS.search, selection=selection)
        dataclasses.replace(PAIRS, search=search, **options).make(RunContext())

    with pytest.raises(ConfigError, match="score expects one of fitness; got 'length'"):
        build(WeightedConfig(score="length"))
    with pytest.raises(ConfigError, match="archive 'unstructured' has no cells"):
        build(LeastChosenConfig("seen"), archive=UnstructuredConfig(capacity=9))


@pytest.mark.slow
def test_counters_are_columns() -> None:
    config = dataclasses.replace(PAIRS, search=dataclasses.replace(PAIRS.search, selection=LeastChosenConfig("seen")))
    search = config.make(RunContext())
    _, infos = run_search(search, 10)
    search.close()
    assert infos[-1].snapshots["elites"]().arrays["extra.seen"].any()
