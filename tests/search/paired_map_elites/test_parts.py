"""The decisions of each part of an iteration, on a ladder of levels whose scores are known."""

import re
from collections.abc import Callable

import jax
import numpy as np
import pytest

from poet.archives.layout import NO_PARENT
from poet.errors import ConfigError
from poet.executors.base import Executor
from poet.search.keys import PairedPhase
from poet.search.paired_map_elites.algorithm import paired_map_elites
from poet.search.paired_map_elites.context import nearest_elites
from poet.search.paired_map_elites.evaluate import Trial, evaluate
from poet.search.paired_map_elites.insert import insert, opens_cell
from poet.search.paired_map_elites.reproduce import reproduce
from poet.search.paired_map_elites.state import PromisingChild, Source
from poet.search.paired_map_elites.train import start_training, train
from poet.search.paired_map_elites.transfer import transfer
from tests.search.paired_map_elites.parts import RULES, levels, make_context, make_offer
from tests.search.poet.fakes import Ladder, events_of, run


def test_the_better_pair_of_a_cell_is_kept() -> None:
    context = make_context()
    for fitness in (10.0, 12.0, 11.0):
        insert(context, [make_offer(3, fitness)])
    assert context.elites().fitness.tolist() == [12.0]
    assert {name: count for name, count in context.counts.items() if count} == {
        "added": 1,
        "improved": 1,
        "rejected": 1,
    }
    assert context.counts_by_source["variant"] == {"added": 1, "improved": 1}
    assert [(event["fitness"], event["new"], event["id"]) for event in context.events] == [
        (10.0, True, [0, 0]),
        (12.0, False, [0, 1]),
    ]


def test_more_offers_than_children_have_different_ids() -> None:
    context = make_context(children=2)
    insert(context, [make_offer(level, 10.0) for level in range(5)])
    assert levels(context) == [0, 1, 2, 3, 4]
    assert context.elites().id.tolist() == [[0, number] for number in range(5)]


def test_opens_cell_changes_nothing() -> None:
    context = make_context()
    insert(context, [make_offer(3, 10.0)])
    assert opens_cell(context, [make_offer(3, 20.0), make_offer(4, 1.0)]).tolist() == [False, True]
    assert context.elites().fitness.tolist() == [10.0]


def test_the_nearest_elites_come_first() -> None:
    context = make_context(neighbours=3)
    insert(context, [make_offer(level, 10.0) for level in (20, 5, 9)])
    elites = context.elites()
    assert levels(context) == [5, 9, 20]
    assert nearest_elites(context, elites, np.float32([10])) == [1, 0, 2]
    assert nearest_elites(context, elites, np.float32([10]), excluded=1) == [0, 2]


def test_a_score_is_the_mean_over_episodes_with_different_keys() -> None:
    seen = []

    def wrap(executor: Executor) -> Executor:
        def evaluate(batch):
            seen.extend(jax.random.key_data(episode.key).tolist() for episode in batch.episodes)
            return executor.evaluate(batch)._replace(fitness=np.arange(len(batch.pairs), dtype=np.float32))

        return executor._replace(evaluate=evaluate)

    context = make_context(deterministic=False, wrap=wrap, eval_episodes=3)
    candidates = [make_offer(0, 0.0).candidate] * 2
    phase = PairedPhase.CHILD_SCORE_EPISODE
    trials = [Trial({"level": np.int32(number)}, candidates, phase, number) for number in range(2)]
    scores = evaluate(context, trials)
    assert [each.fitness.tolist() for each in scores] == [[1.0, 4.0], [7.0, 10.0]]
    assert len(seen) == 6, "candidates of a trial share its episodes"
    assert len({tuple(key) for key in seen}) == 6
    assert int(context.state.evaluations) == 12


def test_a_trainee_takes_one_step_and_is_scored_before_it() -> None:
    context = make_context()
    train(context)
    trainees = context.state.trainees
    assert context.trainee_scores == [0.0]
    assert trainees.age.tolist() == [1, -1]
    assert trainees.learner.params[0].tolist() == [1.0, 0.0]
    assert int(context.state.env_steps) == 50, "four candidates and the score, of ten steps each"
    assert levels(context) == []


def test_a_trainee_that_solves_its_environment_becomes_an_elite() -> None:
    context = make_context()
    context.state.trainees.learner.params[0] = [10, 0]
    insert(context, train(context))
    elites = context.elites()
    assert elites.fitness.tolist() == [10.0]
    assert elites.payload["params"].tolist() == [[10.0, 0.0]], "the weights that were scored"
    assert elites.emitter.tolist() == [Source.TRAINEE]
    assert context.state.trainees.age.tolist() == [-1, -1]
    assert context.state.last_solver.params.tolist() == [10.0, 0.0]


@pytest.mark.ci
def test_a_score_without_the_goal_solves_nothing() -> None:
    def wrap(executor: Executor) -> Executor:
        def train(jobs):
            results = executor.train(jobs)
            return [r._replace(score=r.score._replace(success=np.zeros(1, np.float32))) for r in results]

        def evaluate(batch):
            return executor.evaluate(batch)._replace(success=np.zeros(len(batch.pairs), np.float32))

        return executor._replace(train=train, evaluate=evaluate)

    context = make_context(lambda weight, level: 100.0, wrap=wrap)
    assert train(context) == []
    insert(context, [make_offer(0, 10.0)])
    offspring = reproduce(context)
    assert not offspring.solved
    assert len(offspring.promising) == RULES["children"]


def test_an_unsolved_environment_is_given_up_once_there_are_elites() -> None:
    context = make_context(max_training_steps=3)
    for _ in range(4):
        train(context)
    assert context.state.trainees.age[0] == 4, "without elites, training continues"
    insert(context, [make_offer(50, 10.0)])
    train(context)
    assert context.state.trainees.age[0] == -1
    assert context.events[-1] == {"event": "given_up", "iteration": 0, "fitness": 4.0}


@pytest.mark.parametrize("max_training_steps", [1, 3])
def test_the_last_training_step_counts(max_training_steps: int) -> None:
    """An agent that solves its environment after exactly so many steps is an elite."""
    for needed, solved in ((max_training_steps, 1), (max_training_steps + 1, 0)):
        context = make_context(max_training_steps=max_training_steps, solved_score=float(needed))
        insert(context, [make_offer(50, 10.0)])
        offers = [offer for _ in range(max_training_steps + 1) for offer in train(context)]
        assert len(offers) == solved
        assert context.state.trainees.age[0] == -1


@pytest.mark.ci
def test_a_trainee_that_solved_its_environment_is_tried_in_those_of_elites() -> None:
    context = make_context(children=1, neighbours=9)
    insert(context, [make_offer(50, 10.0, weight=60.0)])
    context.state.trainees.learner.params[0] = [100, 0]
    parts = context.components
    search = paired_map_elites(
        parts.config, parts.generator, parts.policy, parts.learner, parts.executor, parts.archive
    )
    state, info = search.step(context.state)
    elites = jax.tree.map(np.asarray, parts.archive.elites(state.archive))
    assert elites.fitness[50] == 50.0
    assert info.metrics["emitters"]["transfer"]["improved"] >= 1


def test_candidates_of_a_learner_step_run_the_episodes_of_the_config() -> None:
    asked = []

    def wrap(executor: Executor) -> Executor:
        def train(jobs):
            asked.extend(len(job.episodes) for job in jobs)
            return executor.train(jobs)

        return executor._replace(train=train)

    train(make_context(wrap=wrap, episodes=3))
    assert asked == [3]


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_score_that_is_not_finite_solves_nothing(bad: float) -> None:
    context = make_context(lambda weight, level: bad)
    assert train(context) == []
    insert(context, [make_offer(0, 10.0)])
    assert reproduce(context) == ([], [])


def test_training_starts_in_the_free_cell_with_the_best_score() -> None:
    context = make_context()
    insert(context, [make_offer(3, 10.0)])
    solver = context.state.last_solver._replace(steps=np.int32(7))
    context.state = context.state._replace(last_solver=solver)
    promising = [
        PromisingChild(make_offer(level, fitness, weight=level), number)
        for number, (level, fitness) in enumerate([(3, 9.0), (4, 6.0), (5, 8.0)])
    ]
    start_training(context, promising)
    trainees = context.state.trainees
    assert trainees.genome["level"].tolist() == [0, 5], "level 3 has an elite, and one slot was in use"
    assert trainees.age.tolist() == [0, 0]
    assert trainees.learner.params[1].tolist() == [5.0, 0.0]
    assert trainees.learner.steps[1] == 7, "the optimiser of the last solver"


def test_training_does_not_start_without_a_free_slot() -> None:
    context = make_context(trainees=1)
    start_training(context, [PromisingChild(make_offer(4, 6.0), 0)])
    assert context.state.trainees.genome["level"].tolist() == [0]


def test_without_elites_there_are_no_children() -> None:
    calls: list = []
    assert reproduce(make_context(calls=calls)) == ([], [])
    assert calls == []


@pytest.mark.parametrize(
    ("weight", "solved", "promising"),
    [(20.0, 4, 0), (9.0, 0, 4), (4.0, 0, 0)],
)
def test_children_are_solved_or_promising_or_dropped(weight: float, solved: int, promising: int) -> None:
    context = make_context(iso_sigma=0.0)
    insert(context, [make_offer(0, 10.0, weight)])
    offspring = reproduce(context)
    assert (len(offspring.solved), len(offspring.promising)) == (solved, promising)
    for offer in (*offspring.solved, *(each.offer for each in offspring.promising)):
        assert offer.fitness == weight - offer.genome["level"]
        assert offer.candidate.source is Source.PARENT, "of equal candidates the first"
        assert offer.candidate.parents.tolist() == [[0, 0], [NO_PARENT, NO_PARENT]]


@pytest.mark.ci
def test_candidates_are_the_parent_its_variants_and_the_neighbours() -> None:
    calls: list = []
    context = make_context(calls=calls, children=1, variants=3, neighbours=2)
    insert(context, [make_offer(level, 10.0) for level in range(5)])
    reproduce(context)
    assert calls == [("evaluate", 1 + 3 + 2)]


def test_the_best_candidate_is_a_finite_one() -> None:
    context = make_context(lambda weight, level: float("nan") if weight == 20 else weight - level, iso_sigma=0.1)
    insert(context, [make_offer(0, 10.0, weight=20.0)])
    offspring = reproduce(context)
    assert len(offspring.solved) == RULES["children"]
    assert {offer.candidate.source for offer in offspring.solved} == {Source.VARIANT}


def test_invalid_children_are_not_evaluated() -> None:
    calls: list = []
    context = make_context(calls=calls)
    insert(context, [make_offer(90, 10.0)])
    assert reproduce(context) == ([], [])
    assert calls == []


@pytest.mark.parametrize(
    ("score", "text"),
    [
        (
            lambda weight, level: 3.0,
            r"reaches search.solved_score 10 \(fraction 0.125\) .*; the best score is 3 ",
        ),
        (lambda weight, level: float("nan"), "no agent reaches search.solved_score 10 .*; no score is finite. Lower"),
        (lambda weight, level: float("inf"), "; no score is finite"),
    ],
)
def test_an_empty_archive_is_explained(score: Callable[[float, int], float], text: str) -> None:
    parts = make_context(score).components
    search = paired_map_elites(
        parts.config, parts.generator, parts.policy, parts.learner, parts.executor, parts.archive
    )
    _, infos = run(search, 5)
    stalls = events_of(infos, "stall")
    assert [event["iteration"] for event in stalls] == [0, 1, 3]
    assert re.search(text, stalls[0]["text"])


def test_children_that_are_all_invalid_are_explained() -> None:
    context = make_context()
    insert(context, [make_offer(90, 10.0)])
    reproduce(context)
    assert [(event["event"], event["iteration"]) for event in context.events[-1:]] == [("stall", 0)]
    assert context.events[-1]["text"].startswith("all 4 children are invalid: too high. Lower search.mutation_strength")


def test_children_that_no_agent_can_learn_are_explained() -> None:
    context = make_context(lambda weight, level: 12.0 if level == 0 else 4.0)
    insert(context, [make_offer(0, 12.0)])
    reproduce(context)
    assert not events_of([context], "stall"), "the first trainee still learns"
    context.state.trainees.age[:] = -1
    reproduce(context)
    (event,) = events_of([context], "stall")
    text = (
        r"none of 4 children is solved, .* search.training_score 5 \(fraction 0.0625\).*: the best score is 4 .*Lower"
    )
    assert re.match(text, event["text"])
    context = make_context(lambda weight, level: 12.0 if level == 0 else 6.0)
    insert(context, [make_offer(0, 12.0)])
    context.state.trainees.age[:] = -1
    assert reproduce(context).promising
    assert not events_of([context], "stall")


def test_a_generator_whose_simplest_environment_is_invalid_is_refused() -> None:
    class Bad(Ladder):
        def simplest(self) -> dict:
            return {"level": np.int32(91)}

    parts = make_context().components
    with pytest.raises(ConfigError, match="expected a valid genome of ladder to start with.*too high"):
        paired_map_elites(parts.config, Bad(), parts.policy, parts.learner, parts.executor, parts.archive)


def test_a_new_agent_replaces_worse_ones_nearby() -> None:
    calls: list = []
    context = make_context(calls=calls, neighbours=3)
    new = make_offer(11, 20.0, weight=31.0)
    insert(context, [make_offer(10, 12.0), make_offer(12, 25.0), make_offer(40, 10.0), new])
    transfer(context, [new])
    assert calls == [("evaluate", 3)]
    assert levels(context) == [10, 11, 12, 40]
    assert context.elites().fitness.tolist() == [21.0, 20.0, 25.0, 10.0], "level 12 has a better agent, 40 is too far"
    assert context.counts_by_source["transfer"] == {"added": 0, "improved": 1}
    assert context.elites().parents[0].tolist() == [[0, 0], [NO_PARENT, NO_PARENT]]


def test_an_agent_that_does_not_solve_a_neighbour_is_not_offered_there() -> None:
    context = make_context()
    new = make_offer(10, 10.0, weight=20.0)
    insert(context, [make_offer(11, 5.0), new])
    transfer(context, [new])
    assert context.elites().fitness.tolist() == [10.0, 5.0], "it scores 9 on level 11, less than `solved`"
