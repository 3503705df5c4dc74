"""The decisions of POET, read off a world whose scores are a function."""

import jax
import numpy as np
import pytest

from poet.errors import ConfigError, ShapeError
from poet.search.poet.config import PoetConfig
from poet.search.poet.novelty import novelty
from poet.search.poet.state import active, row
from tests.search.fakes import ladder, of, run

NEVER = 10**6


def easy(weight: float, level: int) -> float:
    """Training helps a little everywhere, levels cost."""
    return 100 + weight - 10 * level


def test_starts_with_the_simplest_environment_and_scores_the_agent_that_came_in() -> None:
    state, events = run(ladder(easy, reproduce_every=NEVER), 3)
    (row0,) = of(events, "admission")
    assert (row0["niche"], row0["via"], row0["parent"], row0["genome"]["level"]) == (0, "start", None, 0)
    assert row0["fitness"] == 100
    rows = of(events, "iteration")
    assert [r["fitness"] for r in rows] == [[100.0], [101.0], [102.0]]
    assert [r["mean"] for r in rows] == [[101.0], [102.0], [103.0]]
    assert rows[-1]["env_steps"] == int(state.env_steps) == 3 * 50
    assert rows[-1]["episodes"] == 3 * 5
    assert int(state.iteration) == 3


def test_minimal_criterion_sorts_children_and_parents_must_be_eligible() -> None:
    rules = dict(reproduce_every=2, transfer_every=NEVER, num_children=20, mc_lower=75.0, mc_upper=85.0)
    _, events = run(ladder(easy, reproduce_threshold=500.0, **rules), 5)
    assert not of(events, "trial")
    assert [r["eligible"] for r in of(events, "reproduction")] == [[], []]

    _, events = run(ladder(easy, reproduce_threshold=0.0, **rules), 3)
    trials = of(events, "trial")
    assert len(trials) == 20
    for trial in trials:
        score = 102 - 10 * trial["genome"]["level"]
        wanted = "too_hard" if score < 75 else "too_easy" if score > 85 else "passed"
        assert trial["verdict"] in (wanted, "duplicate")
    assert {t["verdict"] for t in trials} == {"too_hard", "too_easy", "passed", "duplicate"}
    assert sum(t["verdict"] == "passed" for t in trials) == 1, "the second of its kind is a duplicate"
    (child,) = of(events, "admission")[1:]
    assert (child["parent"], child["genome"]["level"], child["agent_from"], child["via"]) == (0, 2, 0, "proposal")
    assert child["fitness"] == 83.0


def test_the_criterion_holds_for_the_seeded_agent_too() -> None:
    # One learner step lifts the child's agent over the upper bound that its parent's agent met.
    rules = dict(reproduce_every=1, transfer_every=NEVER, reproduce_threshold=0.0, mc_lower=50.0, mc_upper=155.0)
    _, events = run(ladder(easy, progress=60.0, **rules), 2)
    assert of(events, "trial")
    assert {r["verdict"] for r in of(events, "rejection")} == {"too_easy"}
    assert len(of(events, "admission")) == 1


def test_the_most_novel_is_admitted_first() -> None:
    rules = dict(reproduce_every=1, transfer_every=NEVER, reproduce_threshold=0.0, mc_lower=0.0, num_children=12)
    _, events = run(ladder(easy, **rules), 2)
    novelties = {t["genome"]["level"]: t["novelty"] for t in of(events, "trial") if t["verdict"] == "passed"}
    assert novelties == {1: 1.0, 2: 2.0, 3: 3.0}
    assert of(events, "admission")[1]["genome"]["level"] == 3


def test_capacity_retires_the_oldest_and_all_are_remembered() -> None:
    rules = dict(max_niches=3, reproduce_every=1, reproduce_threshold=-NEVER, mc_lower=-NEVER, transfer_every=NEVER)
    search = ladder(easy, **rules)
    state = search.init(jax.random.key(0))
    for _ in range(75):
        before = [int(state.niches.id[slot]) for slot in active(state.niches)]
        state, info = search.step(state)
        after = [int(state.niches.id[slot]) for slot in active(state.niches)]
        gone = [e["niche"] for e in of(list(info.events), "retirement")]
        assert gone == sorted(set(before) - set(after))
        assert gone in ([], before[:1])
        for niche in gone:
            record = info.niches[niche]
            assert record.meta["retired"] == int(state.iteration) - 1
            assert set(record.agents) == {"admission", "best", "current", "retirement"}
        assert set(after) <= set(info.niches)
    count = int(state.ever.num)
    assert 4 <= count <= 75
    levels = state.ever.genome["level"][:count]
    assert len(set(levels.tolist())) == count, "nothing is admitted twice, active or not"


def test_more_than_the_first_capacity_of_environments_ever() -> None:
    def flat(weight: float, level: int) -> float:
        return 60.0

    rules = dict(max_niches=2, reproduce_every=1, reproduce_threshold=0.0, transfer_every=NEVER, max_admitted=2)
    state, events = run(ladder(flat, **rules), 80)
    count = int(state.ever.num)
    assert count == len(of(events, "admission")) > 64
    assert len(state.ever.parent) == 128
    born = state.ever.born[:count]
    assert (np.diff(born) >= 0).all()
    assert {t["verdict"] for t in of(events, "trial")} >= {"invalid"}
    assert all(t["reason"] == "too high" for t in of(events, "trial") if t["verdict"] == "invalid")


def test_novelty_is_the_mean_distance_to_the_nearest() -> None:
    ever = np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]], np.float32)
    assert novelty(np.zeros(2, np.float32), ever, 2) == pytest.approx(2.5)
    assert novelty(np.zeros(2, np.float32), ever, 9) == pytest.approx(5.0)
    assert novelty(np.zeros(2, np.float32), ever[:0], 5) == float("inf")


def two_niches(weight: float, level: int) -> float:
    """Weights near 10 do well on level 1, on level 0 only small ones do."""
    return 100 - abs(weight - 10) if level == 1 else 100 - abs(weight)


def start(*pairs: tuple[int, float]) -> tuple:
    return tuple(({"level": np.int32(level)}, np.array([weight, 0], np.float32)) for level, weight in pairs)


@pytest.mark.parametrize("rule", ["original", "enhanced"])
def test_transfer_takes_the_better_agent_and_starts_it_afresh(rule: str) -> None:
    search = ladder(
        two_niches, start=start((0, 8.0), (1, 0.0)), transfer_rule=rule, transfer_every=1, reproduce_every=NEVER
    )
    state, info = search.step(search.init(jax.random.key(0)))
    moves = {(e["source"], e["target"]): e for e in of(list(info.events), "transfer")}
    # After one step each: weights 9 and 1. Niche 0 wants 1, niche 1 wants 9 or, one step on, 10.
    assert set(moves) == {(1, 0), (0, 1)}
    assert moves[0, 1]["via"] == "proposal"
    assert moves[0, 1]["fitness"] == 100.0
    assert moves[0, 1]["incumbent"] == 91.0
    via = "direct" if rule == "original" else "proposal"
    assert (moves[1, 0]["via"], moves[1, 0]["fitness"]) == (via, 99.0 if rule == "original" else 98.0)
    assert state.niches.learner.params[1][0] == 10.0
    assert state.niches.learner.steps.tolist()[:2] == [0, 0]
    (summary,) = of(list(info.events), "transfers")
    assert (summary["attempts"], summary["proposals"], summary["accepted"]) == (2, 2, 2)
    assert summary["scores"] == [[91.0, 99.0], [99.0, 91.0]]


def test_ties_keep_the_incumbent_and_enhanced_asks_the_recent_best() -> None:
    both = dict(start=start((0, 0.0), (1, 0.0)), transfer_every=1, reproduce_every=NEVER, progress=0.0)
    _, events = run(ladder(lambda weight, level: 5.0, **both), 2)
    assert not of(events, "transfer")

    # Scores of niche 0 fall over time; Enhanced remembers the better days, the original does not.
    def fading(weight: float, level: int) -> float:
        return 50 - weight if level == 0 else 0.0

    for rule, accepted in (("original", 1), ("enhanced", 0)):
        search = ladder(
            fading, start=start((0, 3.0), (1, 1.0)), transfer_rule=rule, transfer_every=4, reproduce_every=NEVER
        )
        state = search.init(jax.random.key(0))._replace(iteration=np.array(1))
        events: list = []
        for _ in range(4):
            state, info = search.step(state)
            events += info.events
        (summary,) = of(events, "transfers")
        assert summary["scores"][1][0] == 45.0 > summary["scores"][0][0]
        assert sum(e["target"] == 0 for e in of(events, "transfer")) == accepted, rule


def test_enhanced_proposes_only_what_passes_the_gate() -> None:
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
    assert of(list(info.events), "transfers")[0]["proposals"] == 0
    assert ("optimise", 0) in calls


def broken(weight: float, level: int) -> float:
    return float("nan") if weight < 0 else 100 - level


def test_nan_is_never_transferred_and_a_broken_niche_can_be_healed() -> None:
    pair = start((0, -5.0), (1, 3.0))
    state, events = run(ladder(broken, start=pair, transfer_every=2, reproduce_every=NEVER, progress=0.0), 1)
    assert {(e["source"], e["target"]) for e in of(events, "transfer")} == {(1, 0)}
    assert {(e["niche"], e["what"], e["count"]) for e in of(events, "broken")} == {(0, "fitness", 4)}
    assert state.niches.learner.params[:2, 0].tolist() == [3.0, 3.0]
    assert state.niches.best.tolist()[:2] == [100.0, 99.0]


def test_weights_that_break_are_left_behind() -> None:
    state, events = run(ladder(easy, progress=float("nan"), reproduce_every=NEVER), 2)
    assert [(e["what"], e["count"]) for e in of(events, "broken") if e["what"] == "weights"] == [("weights", 1)] * 2
    assert np.isfinite(state.niches.learner.params[0]).all()


def test_children_on_which_agents_break_do_not_move_in() -> None:
    def cliff(weight: float, level: int) -> float:
        return 100.0 if level == 0 else float("nan")

    _, events = run(ladder(cliff, reproduce_every=1, reproduce_threshold=0.0), 3)
    assert {t["verdict"] for t in of(events, "trial")} <= {"nan", "duplicate"}
    assert len(of(events, "admission")) == 1


def test_solved_is_told_once_and_the_best_agent_kept() -> None:
    def hill(weight: float, level: int) -> float:
        return 232 - 2 * abs(weight - 2)

    state, events = run(ladder(hill, reproduce_every=NEVER), 6)
    (milestone,) = of(events, "milestone")
    assert (milestone["iteration"], milestone["fitness"], milestone["kind"]) == (1, 230.0, "solved")
    assert float(state.niches.best[0]) == 232
    assert state.niches.best_params[0].tolist() == [2.0, 0.0]
    assert state.niches.learner.params[0].tolist() == [6.0, 0.0]
    assert int(state.ever.solved[0]) == 1


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
    assert row(state.niches.learner, 0).params.shape == (2,)


def test_bad_starts() -> None:
    good = start((0, 1.0))[0]
    with pytest.raises(ShapeError, match="expected a genome of ladder like"):
        ladder(easy, start=(({"level": np.float32(0)}, None),))
    with pytest.raises(ShapeError, match="expected a genome of ladder like"):
        ladder(easy, start=(({"height": np.int32(0)}, None),))
    with pytest.raises(ConfigError, match="too high"):
        ladder(easy, start=start((91, 0.0)))
    with pytest.raises(ConfigError, match="search.max_niches is 2"):
        ladder(easy, start=(good,) * 3, max_niches=2)
    with pytest.raises(ShapeError, match=r"the weights of a start f32\[2\], got float32\[3\]"):
        ladder(easy, start=((good[0], np.zeros(3, np.float32)),))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mc_lower": 300.0, "mc_upper": 50.0}, "neither too hard nor too easy"),
        ({"max_niches": 0}, "at least 1"),
        ({"transfer_rule": "none"}, "'original' or 'enhanced'"),
        ({"mutation_strength": 0.0}, "positive"),
    ],
)
def test_impossible_rules(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PoetConfig(**options)
