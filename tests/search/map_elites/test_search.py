"""The loop: what it counts, that it climbs, and that nothing but its identity decides its bits."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.archives import make
from poet.envs.functions.config import RastriginConfig, SphereConfig
from poet.errors import ConfigError, ContractError
from poet.runs.checkpoint import check_state
from poet.search.map_elites.config import MapElitesConfig
from poet.search.map_elites.scoring import Scores, Scoring, of_problem
from poet.search.map_elites.search import map_elites

SPHERE = SphereConfig(num_params=6).make()
SPEC = {"kind": "grid", "shape": [12, 12], "bounds": SPHERE.descriptor_bounds}
SOFT = {**SPEC, "soft": {"threshold_min": 0.0, "learning_rate": 0.1}}
CONFIG = MapElitesConfig(batch=32, generations=5, initial=64, iso_sigma=0.3)


def drive(search, iterations: int = 3, seed: int = 0):
    state, rows = search.init(jax.random.key(seed)), []
    for _ in range(iterations):
        state, info = search.step(state)
        check_state(state)
        rows.append(info.events[0])
    return state, rows, info


def archives_equal(a, b) -> None:
    jax.tree.map(
        lambda x, y: np.testing.assert_array_equal(np.asarray(x), np.asarray(y)),
        a.islands[0].archive,
        b.islands[0].archive,
    )


def test_rows_add_up_and_the_archive_improves() -> None:
    state, rows, info = drive(map_elites(CONFIG, make(SPEC), of_problem(SPHERE)))
    assert [row["evaluations"] for row in rows] == [64 + 160, 64 + 320, 64 + 480] == [row["env_steps"] for row in rows]
    assert sum(row["added"] for row in rows) == round(rows[-1]["coverage"] * 144)
    total = sum(row[name] for row in rows for name in ("added", "improved", "beaten", "not_finite", "outside"))
    assert total == rows[-1]["evaluations"]
    assert rows[0]["qd_score"] < rows[1]["qd_score"] < rows[2]["qd_score"]
    assert rows[-1]["best"] > 80
    snapshot = info.elites()
    assert snapshot.meta["evaluations"] == int(state.evaluations)
    assert len(snapshot.columns["fitness"]) == round(rows[-1]["coverage"] * 144)
    params = jnp.asarray(snapshot.columns["params"])
    again = of_problem(SPHERE).evaluate(jax.random.key(0), params)
    np.testing.assert_allclose(again.fitness, snapshot.columns["fitness"], rtol=1e-5)


def test_lineage_leads_to_what_was_evaluated_before() -> None:
    _, _, info = drive(map_elites(CONFIG, make(SPEC), of_problem(SPHERE)))
    table = info.elites().columns
    nobody = (table["parents"] == 0xFFFFFFFF).all(-1)
    assert (nobody.all(1) == (table["id"][:, 0] == 0)).all(), "only what came from the prior has no parents"
    assert (table["parents"][~nobody.all(1)][:, :, 0] < table["id"][~nobody.all(1)][:, :1]).all()


@pytest.mark.parametrize(
    ("islands", "devices"), [(3, 2), *(pytest.param(*each, marks=pytest.mark.slow) for each in [(1, 3), (3, 3)])]
)
def test_devices_change_no_bit(islands: int, devices: int) -> None:
    config = dataclasses.replace(CONFIG, islands=islands)
    one, first, _ = drive(map_elites(config, make(SPEC), of_problem(SPHERE), devices=1))
    many, second, _ = drive(map_elites(config, make(SPEC), of_problem(SPHERE), devices=devices))
    archives_equal(one, many)
    assert first == second


def test_a_restart_changes_no_bit() -> None:
    search = map_elites(CONFIG, make(SPEC), of_problem(SPHERE))
    whole, _, _ = drive(search)
    half, _, _ = drive(search, 1)
    saved = jax.tree.map(lambda leaf: leaf if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else np.array(leaf), half)
    again = map_elites(CONFIG, make(SPEC), of_problem(SPHERE))
    for _ in range(2):
        saved, _ = again.step(saved)
    archives_equal(whole, saved)


def test_islands_share_what_they_found() -> None:
    state, _, _ = drive(map_elites(dataclasses.replace(CONFIG, islands=2), make(SPEC), of_problem(SPHERE)))
    archives_equal(state, state._replace(islands=state.islands[::-1]))
    islands = np.unique(np.asarray(make(SPEC).elites(state.islands[0].archive).id)[:, 1] // 32)
    assert {0, 1} <= set(islands)


MIXTURES = [(SPEC, {"emitters": ("polynomial", "crossover"), "bounds": (-5.12, 5.12)})]
SLOW = [
    (SPEC, {"emitters": ("iso_line", "gaussian", "es", "es"), "sigma": 0.5, "active": 2}),
    (SPEC, {"emitters": ("es",) * 4, "sigma": 1.0}),
    (SOFT, {"emitters": ("es",) * 4, "sigma": 1.0, "climb": "gain", "restart": "collapsed"}),
    (SPEC, {"emitters": ("es", "es"), "strategy": "Open_ES", "climb": "fitness", "patience": 10}),
    (SPEC, {"emitters": ("gaussian",), "sigma": 0.5}),
    (SPEC, {"emitters": ("iso_line", "iso_line", "gaussian", "es"), "sigma": 0.5}),
]


@pytest.mark.parametrize(
    ("spec", "options"), [*MIXTURES, *(pytest.param(*each, marks=pytest.mark.slow) for each in SLOW)]
)
def test_every_emitter_fills_the_archive(spec: dict, options: dict) -> None:
    config = dataclasses.replace(CONFIG, generations=20, **options)
    _, rows, info = drive(map_elites(config, make(spec), of_problem(RastriginConfig(num_params=6).make())), 2)
    assert rows[1]["qd_score"] > rows[0]["qd_score"] > 0
    assert set(rows[1]["emitters"]) == set(config.emitters)
    assert all(made["improved"] + made["added"] > 0 for made in rows[0]["emitters"].values())
    assert sum(made["evaluations"] for made in rows[1]["emitters"].values()) == 20 * 32
    if config.bounds:
        assert np.abs(info.elites().columns["params"]).max() <= 5.12


def broken(traced: bool) -> Scoring:
    """A third of the fitness is NaN, and now and then a descriptor."""
    plain = of_problem(SPHERE)

    def evaluate(key, params):
        scores = plain.evaluate(key, params)
        number = jnp.arange(params.shape[0])
        fitness = jnp.where(number % 3 == 0, jnp.nan, scores.fitness)
        descriptor = jnp.where((number % 5 == 0)[:, None], jnp.inf, scores.descriptor)
        return Scores(fitness, descriptor, scores.steps)

    return plain._replace(evaluate=evaluate, traced=traced)


@pytest.mark.parametrize("emitter", [pytest.param("iso_line", marks=pytest.mark.slow), "es"])
def test_what_breaks_is_counted_and_kept_out(emitter: str) -> None:
    config = dataclasses.replace(CONFIG, emitters=(emitter,))
    _, rows, info = drive(map_elites(config, make(SPEC), broken(traced=True)))
    per_batch = len({*range(0, 32, 3), *range(0, 32, 5)})
    assert rows[1]["not_finite"] == 5 * per_batch
    assert np.isfinite(info.elites().columns["params"]).all()


@pytest.mark.parametrize("emitter", ["iso_line", pytest.param("es", marks=pytest.mark.slow)])
def test_nothing_sound_at_all_leaves_an_empty_archive(emitter: str) -> None:
    scoring = of_problem(SPHERE)
    nothing = scoring._replace(evaluate=lambda key, params: Scores(jnp.full(32, jnp.nan), jnp.zeros((32, 2)), 32))
    config = dataclasses.replace(CONFIG, emitters=(emitter,))
    _, rows, info = drive(map_elites(config, make(SPEC), nothing))
    assert rows[-1]["coverage"] == 0
    assert rows[-1]["not_finite"] == 160
    assert len(info.elites().columns["fitness"]) == 0


def test_an_evaluation_on_the_host_does_as_well() -> None:
    calls = []
    scoring = of_problem(SPHERE)

    def evaluate(key, params):
        calls.append(np.asarray(params).shape)
        return scoring.evaluate(key, params)

    search = map_elites(CONFIG, make(SPEC), scoring._replace(evaluate=evaluate, traced=False))
    _, rows, _ = drive(search, 2)
    assert calls == [(32, 6)] * (2 + 10)
    _, compiled, _ = drive(map_elites(CONFIG, make(SPEC), scoring), 2)
    assert abs(rows[-1]["qd_score"] / compiled[-1]["qd_score"] - 1) < 0.1


def test_a_users_function_is_traced_twice_at_most() -> None:
    traces = []
    scoring = of_problem(SPHERE)

    def evaluate(key, params):
        traces.append(1)
        return scoring.evaluate(key, params)

    drive(map_elites(CONFIG, make(SPEC), scoring._replace(evaluate=evaluate)), 4)
    assert len(traces) == 2, "once for what comes from the prior, once for the loop"


def test_corrected_scores_tell_luck_from_skill() -> None:
    scoring = of_problem(SPHERE)

    def noisy(key, params):
        scores = scoring.evaluate(key, params)
        luck = 20 * jax.random.normal(key, scores.fitness.shape)
        return scores._replace(fitness=scores.fitness + luck)

    config = dataclasses.replace(CONFIG, reevaluate=16)
    _, rows, _ = drive(map_elites(config, make(SPEC), scoring._replace(evaluate=noisy)))
    assert rows[-1]["corrected_qd_score"] < 0.95 * rows[-1]["qd_score"]
    assert rows[-1]["corrected_coverage"] == rows[-1]["coverage"]
    _, rows, _ = drive(map_elites(config, make(SPEC), scoring))
    assert rows[-1]["corrected_qd_score"] == pytest.approx(rows[-1]["qd_score"], rel=1e-5)


def test_more_devices_than_there_are() -> None:
    with pytest.raises(ConfigError, match="asks for 99 devices, found 4"):
        map_elites(CONFIG, make(SPEC), of_problem(SPHERE), devices=99)


def test_islands_refuse_the_soft_rule() -> None:
    with pytest.raises(ConfigError, match="islands"):
        map_elites(dataclasses.replace(CONFIG, islands=2), make(SOFT), of_problem(SPHERE))


@pytest.mark.parametrize(
    "options",
    [
        {"batch": 0},
        {"batch": 33, "emitters": ("iso_line", "gaussian")},
        {"emitters": ("isoline",)},
        {"emitters": ()},
        {"emitters": ("polynomial",)},
        {"bounds": (1.0, 1.0)},
        {"iso_sigma": float("nan")},
        {"rate": 0.0},
        {"climb": "up"},
        {"batch": 2**20, "generations": 2**12},
        {"batch": 33, "emitters": ("es",)},
        {"emitters": "es"},
    ],
)
def test_impossible_options(options: dict) -> None:
    with pytest.raises(ConfigError):
        MapElitesConfig(**options)


def own(evaluate, sample=lambda key: jnp.zeros(3), **options) -> Scoring:
    return Scoring(evaluate, sample, 3, **options)


def sums(key, params):
    return Scores(params.sum(1), params[:, :2], params.shape[0])


BROKEN = {
    "a fitness for all": (own(lambda key, params: sums(key, params)._replace(fitness=params.sum())), r"fitness.*\(\)"),
    "a tuple": (own(lambda key, params: (params.sum(1), params[:, :2])), r"must give poet\.Scores.*got tuple"),
    "three coordinates": (own(lambda key, params: sums(key, params)._replace(descriptor=params)), r"shape \(32, 3\)"),
    "one objective of two": (own(sums, num_objectives=2), r"fitness of shape \(32, 2\)"),
    "NumPy": (own(lambda key, params: Scores(np.asarray(params).sum(1), np.asarray(params)[:, :2])), "traced=False"),
    "samples in batches": (own(sums, lambda key: jnp.zeros((8, 3))), r"one solution f32\[3\]"),
    "samples of two": (own(sums, lambda key: (jnp.zeros(3), 1)), r"one solution f32\[3\]"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_does_not_keep_its_word_is_refused_at_once(name: str) -> None:
    scoring, words = BROKEN[name]
    spec = SPEC if scoring.num_objectives == 1 else {**SPEC, "kind": "pareto", "front": 4, "num_objectives": 2}
    with pytest.raises(ContractError, match=words):
        map_elites(CONFIG, make(spec), scoring)


def test_what_is_not_jax_is_held_to_its_word_as_it_speaks() -> None:
    search = map_elites(CONFIG, make(SPEC), own(lambda key, params: np.zeros(32), traced=False))
    with pytest.raises(ContractError, match=r"must give poet\.Scores.*got ndarray"):
        search.step(search.init(jax.random.key(0)))
