"""The decisions of POET, where scores are a function."""

import json
import re

import jax
import numpy as np
import pytest

from poet.envs.interface import interface_from_dict
from poet.errors import ConfigError, ShapeError
from poet.search.host import get_item
from poet.search.poet.config import PoetConfig
from poet.search.poet.novelty import novelty
from poet.search.poet.state import active_slots
from tests.search.poet.fakes import LadderEnvironment, events_of, ladder, run

NEVER = 10**6


def easy(weight: float, level: int) -> float:
    """Training helps a little everywhere, levels cost."""
    return 100 + weight - 10 * level


def test_a_run_starts_with_the_simplest_environment_and_scores_the_agent_before_its_step() -> None:
    state, infos = run(ladder(easy, reproduce_every=NEVER), 3)
    (first,) = events_of(infos, "admission")
    assert (first["niche"], first["via"], first["parent"], first["genome"]["level"]) == (0, "start", None, 0)
    assert first["fitness"] == 100
    rows = [info.metrics for info in infos]
    assert [row["fitness"] for row in rows] == [[100.0], [101.0], [102.0]]
    assert [row["mean"] for row in rows] == [[101.0], [102.0], [103.0]]
    assert [row["best_fitness"] for row in rows] == [100.0, 101.0, 102.0]
    assert [(row["active"], row["admitted"], row["num_solved"]) for row in rows] == [(1, 1, 0)] * 3
    assert rows[-1]["env_steps"] == int(state.env_steps) == 3 * 50
    assert rows[-1]["episodes"] == 3 * 5
    assert int(state.iteration) == 3


def test_children_must_meet_the_minimal_criterion_and_parents_the_threshold() -> None:
    rules = dict(reproduce_every=2, transfer_every=NEVER, num_children=20, mc_lower=75.0, mc_upper=85.0)
    _, infos = run(ladder(easy, reproduce_threshold=500.0, **rules), 5)
    assert not events_of(infos, "child")
    assert [r["eligible"] for r in events_of(infos, "reproduction")] == [[], []]

    _, infos = run(ladder(easy, reproduce_threshold=0.0, **rules), 3)
    children = events_of(infos, "child")
    assert len(children) == 20
    for child in children:
        score = 102 - 10 * child["genome"]["level"]
        wanted = "too_hard" if score < 75 else "too_easy" if score > 85 else "passed"
        assert child["verdict"] in (wanted, "duplicate")
    assert {t["verdict"] for t in children} == {"too_hard", "too_easy", "passed", "duplicate"}
    assert sum(t["verdict"] == "passed" for t in children) == 1, "a second child of this level is a duplicate"
    (admitted,) = events_of(infos, "admission")[1:]
    assert (admitted["parent"], admitted["genome"]["level"]) == (0, 2)
    assert (admitted["agent_from"], admitted["via"], admitted["fitness"]) == (0, "proposal", 83.0)


def test_the_best_agent_for_a_child_must_meet_the_criterion_too() -> None:
    # One learner step lifts the child's agent over the upper bound that its parent's agent met.
    rules = dict(reproduce_every=1, transfer_every=NEVER, reproduce_threshold=0.0, mc_lower=50.0, mc_upper=155.0)
    _, infos = run(ladder(easy, progress=60.0, **rules), 2)
    assert events_of(infos, "child")
    assert {r["verdict"] for r in events_of(infos, "rejection")} == {"too_easy"}
    assert len(events_of(infos, "admission")) == 1


def test_the_most_novel_is_admitted_first() -> None:
    rules = dict(reproduce_every=1, transfer_every=NEVER, reproduce_threshold=0.0, mc_lower=0.0, num_children=12)
    _, infos = run(ladder(easy, **rules), 2)
    novelties = {t["genome"]["level"]: t["novelty"] for t in events_of(infos, "child") if t["verdict"] == "passed"}
    assert novelties == {1: 1.0, 2: 2.0, 3: 3.0}
    assert events_of(infos, "admission")[1]["genome"]["level"] == 3


@pytest.mark.ci
def test_at_capacity_the_oldest_niche_retires_and_all_stay_in_the_history() -> None:
    rules = dict(max_niches=3, reproduce_every=1, reproduce_threshold=-NEVER, mc_lower=-NEVER, transfer_every=NEVER)
    search = ladder(easy, **rules)
    state = search.init(jax.random.key(0))
    for _ in range(75):
        before = [int(state.niches.id[slot]) for slot in active_slots(state.niches)]
        state, info = search.step(state)
        after = [int(state.niches.id[slot]) for slot in active_slots(state.niches)]
        retired = [e["niche"] for e in events_of([info], "retirement")]
        assert retired == sorted(set(before) - set(after))
        assert retired in ([], before[:1])
        for niche in retired:
            record = info.artifacts[f"niches/{niche}"]()
            assert record.meta["retired"] == int(state.iteration) - 1
            assert set(record.arrays) == {"admission", "best", "current", "retirement"}
        assert {f"niches/{niche}" for niche in after} <= set(info.artifacts)
    count = int(state.history.num)
    assert 4 <= count <= 75
    levels = state.history.genome["level"][:count]
    assert len(set(levels.tolist())) == count, "no environment is admitted twice, active or not"


@pytest.mark.ci
def test_the_history_grows_beyond_its_first_capacity() -> None:
    def flat(weight: float, level: int) -> float:
        return 60.0

    rules = dict(max_niches=2, reproduce_every=1, reproduce_threshold=0.0, transfer_every=NEVER, max_admitted=2)
    state, infos = run(ladder(flat, **rules), 80)
    count = int(state.history.num)
    assert count == len(events_of(infos, "admission")) > 64
    assert len(state.history.parent) == 128
    born = state.history.born[:count]
    assert (np.diff(born) >= 0).all()
    assert {t["verdict"] for t in events_of(infos, "child")} >= {"invalid"}
    assert all(t["reason"] == "too high" for t in events_of(infos, "child") if t["verdict"] == "invalid")


def test_novelty_is_the_mean_distance_to_the_nearest() -> None:
    known = np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]], np.float32)
    assert novelty(np.zeros(2, np.float32), known, 2) == pytest.approx(2.5)
    assert novelty(np.zeros(2, np.float32), known, 9) == pytest.approx(5.0)
    assert novelty(np.zeros(2, np.float32), known[:0], 5) == float("inf")


def two_optima(weight: float, level: int) -> float:
    """The best weight is 10 on level 1 and 0 on level 0."""
    return 100 - abs(weight - 10) if level == 1 else 100 - abs(weight)


def start(*pairs: tuple[int, float]) -> tuple:
    return tuple(({"level": np.int32(level)}, np.array([weight, 0], np.float32)) for level, weight in pairs)


@pytest.mark.parametrize("rule", ["original", "enhanced"])
def test_transfer_takes_the_better_agent_with_a_new_optimiser(rule: str) -> None:
    search = ladder(
        two_optima, start=start((0, 8.0), (1, 0.0)), transfer_rule=rule, transfer_every=1, reproduce_every=NEVER
    )
    state, info = search.step(search.init(jax.random.key(0)))
    transfers = {(e["source"], e["target"]): e for e in events_of([info], "transfer")}
    # After one step each, the weights are 9 and 1. Better are 1 in niche 0, and 9 or after one more step 10 in niche 1.
    assert set(transfers) == {(1, 0), (0, 1)}
    assert transfers[0, 1]["via"] == "proposal"
    assert transfers[0, 1]["fitness"] == 100.0
    assert transfers[0, 1]["incumbent"] == 91.0
    via = "direct" if rule == "original" else "proposal"
    assert (transfers[1, 0]["via"], transfers[1, 0]["fitness"]) == (via, 99.0 if rule == "original" else 98.0)
    assert state.niches.learner.params[1][0] == 10.0
    assert state.niches.learner.steps.tolist()[:2] == [0, 0]
    (summary,) = events_of([info], "transfers")
    assert (summary["attempts"], summary["proposals"], summary["accepted"]) == (2, 2, 2)
    assert summary["scores"] == [[91.0, 99.0], [99.0, 91.0]]


def test_two_niches_can_exchange_their_agents() -> None:
    """Each gets the weights that were scored, though the first niche gets other ones before the second."""

    def opposite(weight: float, level: int) -> float:
        return 100 - abs(weight - (5 if level == 0 else -5))

    pair = start((0, -6.0), (1, 4.0))  # -5 and 5 after the training step
    search = ladder(opposite, start=pair, transfer_every=1, reproduce_every=NEVER)
    state, info = search.step(search.init(jax.random.key(0)))
    transfers = [(e["source"], e["target"], e["via"], e["fitness"]) for e in events_of([info], "transfer")]
    assert transfers == [(1, 0, "direct", 100.0), (0, 1, "direct", 100.0)]
    assert state.niches.learner.params[:2, 0].tolist() == [5.0, -5.0]
    assert state.niches.best_params[:2, 0].tolist() == [5.0, -5.0]


def test_each_of_several_children_gets_the_agent_that_was_scored() -> None:
    """The second child may get the agent of the niche whose slot the first child took."""

    def score(weight: float, level: int) -> float:
        return 60 if level <= 1 else 60 - abs(weight - (7 if level == 3 else 9))

    rules = dict(max_niches=2, max_admitted=2, reproduce_every=1, transfer_every=NEVER, progress=0.0)
    rules |= dict(reproduce_threshold=-NEVER, mc_lower=-NEVER, num_children=12)
    state, infos = run(ladder(score, start=start((0, 7.0), (1, 9.0)), **rules), 2)
    admitted = events_of(infos, "admission")[2:]
    assert [(e["genome"]["level"], e["fitness"], e["agent_from"]) for e in admitted] == [(4, 60.0, 1), (3, 60.0, 0)]
    by_level = dict(zip(state.niches.genome["level"].tolist(), state.niches.learner.params[:, 0].tolist()))
    assert by_level == {4: 9.0, 3: 7.0}


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_score_that_is_not_finite_is_never_the_best(bad: float) -> None:
    state, infos = run(ladder(lambda weight, level: bad, reproduce_every=1, reproduce_threshold=-NEVER), 3)
    assert not events_of(infos, "milestone")
    assert not events_of(infos, "child")
    assert state.niches.best[0] == -np.inf
    assert infos[-1].metrics["num_solved"] == 0


def _between(weight: float, level: int) -> float:
    return 90.0 if level == 0 else 40.0


REASONS = {
    "threshold": (
        easy,
        {"reproduce_threshold": 500.0},
        r"no niche reaches search.reproduce_threshold 500 \(fraction 1.5\), so none has .* score is 10.*Lower",
    ),
    "threshold as a fraction": (
        easy,
        {"reproduce_threshold": 1.5, "mc_lower": 0.0, "mc_upper": 1.0, "threshold_unit": "fraction"},
        r"no niche reaches search.reproduce_threshold 1.5 \(return 500\), so none has",
    ),
    "all NaN": (lambda weight, level: float("nan"), {}, "no agent has a finite score in its environment"),
    "all infinite": (lambda weight, level: float("inf"), {}, "no agent has a finite score in its environment"),
    "too hard": (_between, {"reproduce_threshold": 0.0}, r"none of 12 children is admitted, .*: .* too hard.*Lower"),
    "not finite": (
        lambda weight, level: 300.0 if level == 0 else float("nan"),
        {"reproduce_threshold": 0.0},
        "none of 12 children is admitted, .* not finite.*Check the rewards",
    ),
    "duplicates": (
        easy,
        {"reproduce_threshold": 0.0, "num_children": 1, "start": start((0, 0.0), (1, 0.0), (2, 0.0), (3, 0.0))},
        "none of 1 children is admitted, .*: 1 duplicate. Raise search.mutation_strength",
    ),
    "too easy": (
        easy,
        {"reproduce_threshold": 0.0, "mc_lower": -9.0, "mc_upper": -8.0},
        "none of 12.* too easy.*Raise",
    ),
    "invalid": (
        easy,
        {"reproduce_threshold": -999.0, "start": start((90, 0.0))},
        r"none of 12.* invalid \(too high\)\. Lower",
    ),
    "no agent": (
        easy,
        {"reproduce_threshold": 0.0, "mc_upper": 155.0, "progress": 60.0},
        "children passed, but no agent that was found for them meets the criterion",
    ),
}


@pytest.mark.parametrize("reason", REASONS)
def test_a_search_that_does_not_go_on_says_why(reason: str) -> None:
    score, rules, text = REASONS[reason]
    options = {"transfer_every": NEVER, "num_children": 12, "reproduce_every": 1, **rules}
    _, infos = run(ladder(score, **options), 6)
    told = [event for event in events_of(infos, "stall") if re.search(text, event["text"])]
    assert told, events_of(infos, "stall")


def test_reasons_are_told_less_and_less_often() -> None:
    _, infos = run(ladder(easy, reproduce_threshold=500.0, reproduce_every=2, transfer_every=NEVER), 36)
    assert [event["iteration"] for event in events_of(infos, "stall")] == [2, 4, 8, 16, 32]


def test_ties_keep_the_incumbent_and_the_enhanced_rule_compares_with_recent_scores() -> None:
    both = dict(start=start((0, 0.0), (1, 0.0)), transfer_every=1, reproduce_every=NEVER, progress=0.0)
    _, infos = run(ladder(lambda weight, level: 5.0, **both), 2)
    assert not events_of(infos, "transfer")

    # Scores of niche 0 fall over time; only the enhanced rule compares with its earlier, better scores.
    def fading(weight: float, level: int) -> float:
        return 50 - weight if level == 0 else 0.0

    for rule, accepted in (("original", 1), ("enhanced", 0)):
        search = ladder(
            fading, start=start((0, 3.0), (1, 1.0)), transfer_rule=rule, transfer_every=4, reproduce_every=NEVER
        )
        state = search.init(jax.random.key(0))._replace(iteration=np.array(1))
        infos = []
        for _ in range(4):
            state, info = search.step(state)
            infos.append(info)
        (summary,) = events_of(infos, "transfers")
        assert summary["scores"][1][0] == 45.0 > summary["scores"][0][0]
        assert sum(e["target"] == 0 for e in events_of(infos, "transfer")) == accepted, rule


def test_the_enhanced_rule_trains_only_agents_that_beat_the_incumbent_first() -> None:
    calls: list = []
    search = ladder(
        lambda weight, level: 10.0 * weight if level == 0 else -weight,
        start=start((0, 5.0), (1, 1.0)),
        transfer_rule="enhanced",
        transfer_every=1,
        reproduce_every=NEVER,
        calls=calls,
    )
    _, info = search.step(search.init(jax.random.key(0)))
    assert events_of([info], "transfers")[0]["proposals"] == 0
    assert ("train", 0) in calls


def nan_below_zero(weight: float, level: int) -> float:
    return float("nan") if weight < 0 else 100 - level


def test_nan_is_never_transferred_and_a_niche_with_nan_gets_a_finite_agent() -> None:
    pair = start((0, -5.0), (1, 3.0))
    state, infos = run(ladder(nan_below_zero, start=pair, transfer_every=2, reproduce_every=NEVER, progress=0.0), 1)
    assert {(e["source"], e["target"]) for e in events_of(infos, "transfer")} == {(1, 0)}
    assert {(e["niche"], e["what"], e["count"]) for e in events_of(infos, "broken")} == {(0, "fitness", 4)}
    assert state.niches.learner.params[:2, 0].tolist() == [3.0, 3.0]
    assert state.niches.best.tolist()[:2] == [100.0, 99.0]


def test_a_step_to_weights_that_are_not_finite_is_discarded() -> None:
    state, infos = run(ladder(easy, progress=float("nan"), reproduce_every=NEVER), 2)
    assert [(e["what"], e["count"]) for e in events_of(infos, "broken") if e["what"] == "weights"] == [
        ("weights", 1)
    ] * 2
    assert np.isfinite(state.niches.learner.params[0]).all()


def test_children_with_nan_scores_are_not_admitted() -> None:
    def cliff(weight: float, level: int) -> float:
        return 100.0 if level == 0 else float("nan")

    _, infos = run(ladder(cliff, reproduce_every=1, reproduce_threshold=0.0), 3)
    assert {t["verdict"] for t in events_of(infos, "child")} <= {"not_finite", "duplicate"}
    assert len(events_of(infos, "admission")) == 1


def test_solved_is_reported_once_and_the_best_agent_kept() -> None:
    def hill(weight: float, level: int) -> float:
        return 232 - 2 * abs(weight - 2)

    state, infos = run(ladder(hill, reproduce_every=NEVER), 6)
    (milestone,) = events_of(infos, "milestone")
    assert (milestone["iteration"], milestone["fitness"], milestone["kind"]) == (1, 230.0, "solved")
    assert float(state.niches.best[0]) == 232
    assert state.niches.best_params[0].tolist() == [2.0, 0.0]
    assert state.niches.learner.params[0].tolist() == [6.0, 0.0]
    assert int(state.history.solved[0]) == 1


def test_a_step_is_a_function_of_the_state() -> None:
    rules = dict(reproduce_every=2, transfer_every=2, reproduce_threshold=0.0, max_niches=3)
    search = ladder(easy, **rules)
    state, _ = run(search, 6)
    kept = jax.tree.map(np.array, state._replace(key=jax.random.key_data(state.key)))
    (a, info_a), (b, info_b) = search.step(state), search.step(state)
    assert info_a.events == info_b.events
    for x, y in zip(*(jax.tree.leaves(s._replace(key=jax.random.key_data(s.key))) for s in (a, b))):
        np.testing.assert_array_equal(x, y)
    for x, y in zip(jax.tree.leaves(kept), jax.tree.leaves(state._replace(key=jax.random.key_data(state.key)))):
        np.testing.assert_array_equal(x, y), "a step must not write into the state it was given"


def test_leaves_of_the_state_can_be_checkpointed() -> None:
    state, _ = run(ladder(easy), 1)
    for leaf in jax.tree.leaves(state):
        assert isinstance(leaf, jax.Array | np.ndarray)
        assert leaf.size
    assert get_item(state.niches.learner, 0).params.shape == (2,)


def test_impossible_starts() -> None:
    good = start((0, 1.0))[0]
    with pytest.raises(ShapeError, match="expected a genome of ladder like"):
        ladder(easy, start=(({"level": np.float32(0)}, None),))
    with pytest.raises(ShapeError, match="expected a genome of ladder like"):
        ladder(easy, start=(({"height": np.int32(0)}, None),))
    with pytest.raises(ConfigError, match="too high"):
        ladder(easy, start=start((91, 0.0)))
    with pytest.raises(ConfigError, match="at most search.max_niches 2 environments to start with, got 3"):
        ladder(easy, start=(good,) * 3, max_niches=2)
    with pytest.raises(ShapeError, match=r"the weights of a start f32\[2\], got float32\[3\]"):
        ladder(easy, start=((good[0], np.zeros(3, np.float32)),))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mc_lower": 1.0, "mc_upper": 0.375}, "every environment is too hard or too easy"),
        ({"max_niches": 0}, "at least 1"),
        ({"transfer_rule": "none"}, "'original' or 'enhanced'"),
        ({"mutation_strength": 0.0}, "positive"),
    ],
)
def test_impossible_rules(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PoetConfig(**options)


def test_records_have_the_values_of_their_own_iteration_whenever_they_are_made() -> None:
    rules = dict(max_niches=3, reproduce_every=1, reproduce_threshold=-NEVER, mc_lower=-NEVER, transfer_every=2)
    search = ladder(easy, **rules)
    state, infos, made = search.init(jax.random.key(0)), [], []
    for _ in range(12):
        state, info = search.step(state)
        infos.append(info)
        made.append({name: make() for name, make in info.artifacts.items()})
    assert sum("retirement" in record.arrays for records in made for record in records.values()) > 3
    for iteration, (info, records) in enumerate(zip(infos, made)):
        retired = {f"niches/{event['niche']}" for event in events_of([info], "retirement")}
        active = {f"niches/{niche}" for niche in info.metrics["niches"]}
        assert set(records) == active | retired
        for name, make in info.artifacts.items():
            later = make()
            assert later.meta == records[name].meta
            assert later.meta["iteration"] == iteration
            assert (later.meta["retired"] == iteration) == (name in retired)
            assert later.arrays.keys() == records[name].arrays.keys()
            for agent, params in later.arrays.items():
                np.testing.assert_array_equal(params, records[name].arrays[agent])


def test_a_niche_that_retires_within_a_step_keeps_its_agents() -> None:
    rules = dict(max_niches=1, reproduce_every=1, reproduce_threshold=-NEVER, mc_lower=-NEVER, transfer_every=NEVER)
    state, infos = run(ladder(easy, **rules), 2)
    (event,) = events_of(infos, "retirement")
    record = infos[1].artifacts[f"niches/{event['niche']}"]()
    assert record.arrays["retirement"].tolist() == record.arrays["current"].tolist() == [1.0, 0.0]
    assert record.arrays["admission"].tolist() == [0.0, 0.0]
    assert record.meta["description"] == "level 0"
    assert int(state.niches.id[0]) == 1


def test_a_state_does_not_share_memory_with_records() -> None:
    state, (info,) = run(ladder(easy, reproduce_every=NEVER), 1)
    record = info.artifacts["niches/0"]()
    for params in record.arrays.values():
        assert not any(np.shares_memory(params, leaf) for leaf in jax.tree.leaves(state.niches))


def test_the_search_reports_headline_identity_and_close() -> None:
    calls: list = []
    search = ladder(easy, calls=calls)
    _, (info,) = run(search, 1)
    assert set(search.headline) <= set(info.metrics)
    assert search.identity["generator"] == {"id": "ladder", "version": 1}
    assert interface_from_dict(json.loads(json.dumps(search.identity["interface"]))) == LadderEnvironment().interface
    search.close()
    assert calls[-1] == ("close", 0)


def test_solved_niches_are_counted_for_good() -> None:
    def hill(weight: float, level: int) -> float:
        return 232 - 2 * abs(weight - 2)

    _, infos = run(ladder(hill, reproduce_every=NEVER), 6)
    assert [info.metrics["num_solved"] for info in infos] == [0, 1, 1, 1, 1, 1]
    assert [info.metrics["best_fitness"] for info in infos] == [228.0, 230.0, 232.0, 230.0, 228.0, 226.0]


def test_the_best_fitness_leaves_out_what_is_not_finite() -> None:
    pair = start((0, -5.0), (1, 3.0))
    _, (info,) = run(ladder(nan_below_zero, start=pair, reproduce_every=NEVER, transfer_every=NEVER), 1)
    assert np.isnan(info.metrics["fitness"][0])
    assert info.metrics["best_fitness"] == 99.0
