"""Go-Explore over pairs: elites are remembered with their learners, chosen, returned to and trained."""

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest

from poet.archives import CellsConfig, LeastChosenConfig
from poet.search.base import RunContext
from poet.search.paired_map_elites.context import StepContext
from poet.search.paired_map_elites.insert import insert
from poet.search.paired_map_elites.presets import GO_EXPLORE
from poet.search.paired_map_elites.reproduce import reproduce
from poet.search.paired_map_elites.state import Offer, Source
from poet.search.paired_map_elites.train import return_to_elites, train
from poet.search.paired_map_elites.transfer import transfer
from tests.golden.runs import PAIRS
from tests.search.helpers import assert_equal_trees, run_search
from tests.search.paired_map_elites.parts import levels, make_context, make_offer, weight_minus_level
from tests.search.poet.fakes import CountingState

RETURNS: dict[str, Any] = {"trainees_from": "elites", "selection": LeastChosenConfig("seen"), "max_training_steps": 2}


def make(score: Any = weight_minus_level, **options: Any) -> StepContext:
    """No agent is in training."""
    context = make_context(score, **{**RETURNS, **options})
    context.state.trainees.age[:] = -1
    return context


def remembered(level: int, fitness: float, weight: float = 0.0, steps: int = 0, solved: bool = False) -> Offer:
    """A pair whose learner has done some steps."""
    offer = make_offer(level, fitness, weight)
    learner = CountingState(offer.candidate.params, np.int32(steps))
    return offer._replace(solved=solved, learner=learner)


def learner_on(context: StepContext, level: int) -> CountingState:
    """What the elite on a level remembers."""
    elites = context.elites()
    return context.components.pairs.learner_of(context.state.archive, elites.id[levels(context).index(level)])


@pytest.mark.ci
def test_unsolved_children_are_elites_with_the_learner_of_their_parent() -> None:
    context = make(iso_sigma=0.0, line_sigma=0.0, neighbours=0)
    insert(context, [remembered(0, 9.0, weight=9.0, steps=7)])
    offspring = reproduce(context)
    assert not offspring.solved
    (child, *_) = offspring.promising
    assert child.offer.learner.steps == 7
    assert child.offer.learner.params.tolist() == [9.0, 0.0]
    insert(context, [each.offer for each in offspring.promising])
    elites = context.elites()
    assert (elites.fitness[1:] == 9.0 - elites.payload["genome"]["level"][1:]).all()
    assert not elites.extra["solved"].any()


@pytest.mark.ci
def test_the_learner_of_a_neighbour_comes_with_its_agent() -> None:
    context = make(children=1, variants=0, neighbours=1)
    insert(context, [remembered(0, 9.0, weight=5.5, steps=7), remembered(3, 6.0, weight=9.0, steps=3)])
    learners = set()
    for iteration in range(1, 6):
        context.state.iteration[...] = iteration
        offspring = reproduce(context)
        learners |= {(int(each.offer.learner.steps), each.offer.candidate.source) for each in offspring.promising}
    assert (3, Source.NEIGHBOUR) in learners or (3, Source.PARENT) in learners
    assert learners <= {(3, Source.NEIGHBOUR), (3, Source.PARENT), (7, Source.PARENT), (7, Source.NEIGHBOUR)}


def test_training_resumes_from_what_an_elite_remembers() -> None:
    context = make(trainees=1)
    insert(context, [remembered(4, 5.0, weight=9.0, steps=7)])
    return_to_elites(context)
    trainees = context.state.trainees
    assert (trainees.genome["level"][0], trainees.age[0], trainees.parent[0].tolist()) == (4, 0, [0, 0])
    assert_equal_trees(jax.tree.map(lambda leaf: leaf[0], trainees.learner), learner_on(context, 4))
    for expected in (5.0, 6.0, 7.0):  # the agent returned to, and after each of two learner steps
        (offer,) = train(context)
        assert (offer.fitness, offer.learner.steps) == (expected, 7 + expected - 5)
        insert(context, [offer])
    assert trainees.age[0] == -1, "the slot is free after max_training_steps"
    assert learner_on(context, 4).steps == 9
    assert context.elites().payload["params"].tolist() == [[11.0, 0.0]]
    assert not [event for event in context.events if event["event"] == "given_up"]


def test_a_better_pair_resets_the_counters_and_others_count() -> None:
    context = make(trainees=1)
    insert(context, [remembered(4, 7.0, weight=11.0), remembered(30, 9.0)])
    seen = []
    for weight in (10.0, 11.0, 12.0):  # worse, equal, better than the elite
        context.state.trainees.age[0] = 0
        context.state.trainees.genome["level"][0] = 4
        context.state.trainees.learner.params[0] = [weight, 0]
        insert(context, train(context))
        seen.append(context.elites().extra["seen"].tolist())
    assert seen == [[1, 0], [2, 0], [0, 0]]


@pytest.mark.ci
def test_what_is_below_the_training_score_or_not_finite_counts_and_is_no_elite() -> None:
    for score, seen in ((4.0, 1), (np.nan, 0), (np.inf, 0)):  # what is not finite has no cell
        context = make(lambda weight, level, score=score: score, trainees=1)
        insert(context, [remembered(4, 7.0)])
        return_to_elites(context)
        assert train(context) == []
        assert context.elites().fitness.tolist() == [7.0]
        assert context.elites().extra["seen"].tolist() == [seen]
        reproduce(context)
        assert context.elites().fitness.tolist() == [7.0]


def test_slots_go_to_different_unsolved_elites_that_were_seen_least() -> None:
    context = make(trainees=3, selection=LeastChosenConfig("seen", power=60.0))
    insert(context, [remembered(level, 6.0) for level in (2, 4, 6)])
    insert(context, [remembered(8, 12.0, solved=True), remembered(2, 5.0)])
    return_to_elites(context)
    trainees = context.state.trainees
    assert sorted(trainees.genome["level"].tolist()) == [2, 4, 6]
    assert trainees.genome["level"][2] == 2, "its cell was seen"
    trainees.age[1] = -1
    before = int(trainees.genome["level"][1])
    return_to_elites(context)
    assert trainees.genome["level"][1] == before, "the others are in training or solved"


def test_a_solved_trainee_leaves_its_slot() -> None:
    context = make(trainees=1)
    insert(context, [remembered(4, 9.0, weight=13.0)])
    return_to_elites(context)
    insert(context, train(context))
    (offer,) = train(context)
    insert(context, [offer])
    assert (offer.solved, offer.fitness) == (True, 10.0)
    assert context.elites().extra["solved"].tolist() == [1]
    assert context.state.trainees.age.tolist() == [-1]
    return_to_elites(context)
    assert context.state.trainees.age.tolist() == [-1], "there is no unsolved elite"


def test_unsolved_transfers_are_elites_with_the_learner_of_the_agent() -> None:
    context = make()
    insert(context, [remembered(10, 5.0, weight=15.0, steps=2), remembered(12, 6.0, weight=18.0, steps=8)])
    transfer(context, [remembered(12, 6.0, weight=18.0, steps=8)])
    assert context.elites().fitness.tolist() == [8.0, 6.0]
    assert learner_on(context, 10).steps == 8
    assert context.elites().extra["seen"].tolist() == [0, 0]


def build(**options: Any) -> Any:
    search = dataclasses.replace(PAIRS.search, trainees_from="elites", selection=LeastChosenConfig("seen"))
    archive = CellsConfig(shape=(7, 6), capacity=20)
    return dataclasses.replace(PAIRS, search=search, archive=archive, **options).make(RunContext())


@pytest.mark.slow
def test_corridors_are_explored() -> None:
    """Solved and unsolved corridors are distinguished, and tables hold no states of learners."""
    search = build()
    _, infos = run_search(search, 30)
    search.close()
    assert set(search.headline) <= infos[0].metrics.keys()
    table, metrics = infos[-1].snapshots["elites"]().arrays, infos[-1].metrics
    assert metrics["elites"] == len(table["fitness"])
    assert metrics["solved"] == table["extra.solved"].sum() > 10
    assert any(info.metrics["solved"] < info.metrics["elites"] for info in infos)
    assert (table["fitness"] >= PAIRS.search.training_score).all()
    assert (table["fitness"][table["extra.solved"] == 1] >= 90).all()
    assert table["extra.seen"].any()
    assert not [name for name in table if "learner" in name]
    assert sum(info.metrics["emitters"]["trainee"]["improved"] for info in infos) > 0


@pytest.mark.slow
def test_restarts_change_no_bit() -> None:
    whole, _ = run_search(build(), 12)
    state, _ = run_search(build(), 6)
    again = build()
    for _ in range(6):
        state, _ = again.step(state)
    assert_equal_trees(whole, state)


def test_the_preset_is_go_explore_over_pairs() -> None:
    assert GO_EXPLORE.search.trainees_from == "elites"
    assert GO_EXPLORE.search.selection == LeastChosenConfig("seen", power=0.5)
    assert GO_EXPLORE.describe() == "walker environments with their agents, by roughness, pit_hi, stump_hi"
