"""The MAP-Elites loop: its counts, its progress, and that nothing but a run's identity decides its bits."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.archives.config import GridConfig, ParetoConfig
from poet.envs.functions.config import RastriginConfig, SphereConfig
from poet.errors import ConfigError, ContractError
from poet.executors.config import LocalExecutorConfig
from poet.search.map_elites.algorithm import map_elites
from poet.search.map_elites.config import (
    CrossoverConfig,
    ESEmitterConfig,
    GaussianConfig,
    IsoLineConfig,
    MapElitesConfig,
    PolynomialConfig,
)
from poet.search.map_elites.generation import generation
from poet.search.map_elites.scoring import Scores, ScoringFn, problem_scoring
from tests.search.helpers import assert_equal_trees, run_search

SPHERE = SphereConfig(num_params=6).make()
BOUNDS = SPHERE.descriptor_bounds
GRID = GridConfig(shape=(12, 12))
THRESHOLDS = GridConfig(shape=(12, 12), learning_rate=0.1, threshold_min=0.0)
ISO_LINE = IsoLineConfig(iso_sigma=0.3)
CONFIG = MapElitesConfig(batch=32, generations=5, initial=64, emitters=(ISO_LINE,))
FATES = ("added", "improved", "rejected", "not_finite", "out_of_bounds")


def run(search, iterations: int = 3):
    """The last state, the metrics of each iteration, and the record of the elites at the end."""
    state, infos = run_search(search, iterations)
    search.close()
    return state, [info.metrics for info in infos], infos[-1].snapshots["elites"]()


def sphere_search(config: MapElitesConfig = CONFIG, devices: int | None = None):
    executor = LocalExecutorConfig(devices=devices).make(None)
    return map_elites(config, GRID.make(BOUNDS), problem_scoring(SPHERE), executor)


@pytest.mark.ci
def test_metrics_add_up_and_the_archive_improves() -> None:
    search = sphere_search()
    state, rows, record = run(search)
    assert [row["evaluations"] for row in rows] == [64 + 160, 64 + 320, 64 + 480] == [row["env_steps"] for row in rows]
    assert sum(row["added"] for row in rows) == round(rows[-1]["coverage"] * 144)
    assert sum(row[name] for row in rows for name in FATES) == rows[-1]["evaluations"]
    assert rows[0]["qd_score"] < rows[1]["qd_score"] < rows[2]["qd_score"]
    assert rows[-1]["best"] > 80
    assert set(search.headline) < rows[-1].keys()
    assert record.meta["evaluations"] == int(state.evaluations)
    assert len(record.arrays["fitness"]) == round(rows[-1]["coverage"] * 144)
    params = jnp.asarray(record.arrays["params"])
    again = problem_scoring(SPHERE).evaluate(jax.random.key(0), params)
    np.testing.assert_allclose(again.fitness, record.arrays["fitness"], rtol=1e-5)


@pytest.mark.slow
def test_solutions_from_the_prior_lie_within_the_bounds() -> None:
    """Samples of the prior too, though the prior knows no bounds."""
    scoring = problem_scoring(SPHERE)._replace(sample=lambda key: 9 * jax.random.normal(key, (6,)))
    config = dataclasses.replace(CONFIG, bounds=(-2.0, 2.0), generations=1)
    _, _, record = run(map_elites(config, GRID.make(BOUNDS), scoring), 1)
    assert len(record.arrays["params"]) > 5
    assert (abs(record.arrays["params"]) <= 2).all()


@pytest.mark.ci
@pytest.mark.parametrize(
    ("fitness", "descriptor", "cause"),
    [
        (jnp.nan, 0.0, "96 not finite. Check the evaluation"),
        (jnp.inf, 0.0, "96 not finite. Check the evaluation"),
        (0.0, jnp.nan, "96 not finite. Check the evaluation"),
        (0.0, 99.0, "96 out of bounds. Widen the bounds of the descriptor, or set archive.out_of_bounds to clip"),
    ],
)
def test_an_empty_archive_is_explained(fitness: float, descriptor: float, cause: str) -> None:
    def evaluate(key, params):
        return Scores(jnp.full(len(params), fitness), jnp.full((len(params), 2), descriptor), len(params))

    scoring = ScoringFn(evaluate, SPHERE.sample, 6)
    archive = GridConfig(shape=(4, 4), out_of_bounds="reject").make(BOUNDS)
    config = MapElitesConfig(batch=32, generations=1, initial=64, emitters=(ISO_LINE,))
    search = map_elites(config, archive, scoring)
    _, infos = run_search(search, 2)
    search.close()
    events = [event for info in infos for event in info.events]
    assert [event["event"] for event in events] == ["stall", "stall"]
    assert events[0]["text"].startswith(f"the archive is empty; solutions of this iteration: {cause}")


@pytest.mark.ci
def test_lineage_leads_to_what_was_evaluated_before() -> None:
    _, _, record = run(sphere_search())
    table = record.arrays
    none = (table["parents"] == 0xFFFFFFFF).all(-1)
    assert (none.all(1) == (table["id"][:, 0] == 0)).all(), "only solutions from the prior have no parents"
    assert (table["parents"][~none.all(1)][:, :, 0] < table["id"][~none.all(1)][:, :1]).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("islands", "devices"), [(3, 2), *(pytest.param(*each, marks=pytest.mark.slow) for each in [(1, 3), (3, 3)])]
)
def test_devices_change_no_bit(islands: int, devices: int) -> None:
    config = dataclasses.replace(CONFIG, islands=islands)
    one, first, _ = run(sphere_search(config, devices=1))
    many, second, _ = run(sphere_search(config, devices=devices))
    assert_equal_trees(one.islands[0].archive, many.islands[0].archive)
    assert first == second


def test_a_restart_changes_no_bit() -> None:
    whole, _, _ = run(sphere_search())
    half, _, _ = run(sphere_search(), 1)
    saved = jax.tree.map(lambda leaf: leaf if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else np.array(leaf), half)
    again = sphere_search()
    for _ in range(2):
        saved, _ = again.step(saved)
    assert_equal_trees(whole.islands[0].archive, saved.islands[0].archive)


@pytest.mark.ci
def test_islands_share_their_elites() -> None:
    state, _, _ = run(sphere_search(dataclasses.replace(CONFIG, islands=2)))
    assert_equal_trees(state.islands[0].archive, state.islands[1].archive)
    islands = np.unique(np.asarray(GRID.make(BOUNDS).elites(state.islands[0].archive).id)[:, 1] // 32)
    assert {0, 1} <= set(islands)


MIXTURES = [(GRID, {"emitters": (PolynomialConfig(), CrossoverConfig()), "bounds": (-5.12, 5.12)})]
SLOW = [
    (
        GRID,
        {
            "emitters": (ISO_LINE, GaussianConfig(0.5), ESEmitterConfig(sigma=0.5), ESEmitterConfig(sigma=0.5)),
            "active": 2,
        },
    ),
    (GRID, {"emitters": (ESEmitterConfig(sigma=1.0),) * 4}),
    (THRESHOLDS, {"emitters": (ESEmitterConfig(sigma=1.0, ranking="improvement", restart="collapsed"),) * 4}),
    (GRID, {"emitters": (ESEmitterConfig("Open_ES", ranking="fitness", max_generations=10),) * 2}),
    (GRID, {"emitters": (GaussianConfig(sigma=0.5),)}),
    (GRID, {"emitters": (ISO_LINE, ISO_LINE, GaussianConfig(sigma=0.5), ESEmitterConfig(sigma=0.5))}),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("archive", "options"), [*MIXTURES, *(pytest.param(*each, marks=pytest.mark.slow) for each in SLOW)]
)
def test_every_emitter_fills_the_archive(archive: GridConfig, options: dict) -> None:
    config = dataclasses.replace(CONFIG, generations=20, **options)
    problem = RastriginConfig(num_params=6).make()
    _, rows, record = run(map_elites(config, archive.make(BOUNDS), problem_scoring(problem)), 2)
    assert rows[1]["qd_score"] > rows[0]["qd_score"] > 0
    assert set(rows[1]["emitters"]) == {emitter.id for emitter in config.emitters}
    assert all(counts["improved"] + counts["added"] > 0 for counts in rows[0]["emitters"].values())
    assert sum(counts["evaluations"] for counts in rows[1]["emitters"].values()) == 20 * 32
    if config.bounds:
        assert np.abs(record.arrays["params"]).max() <= 5.12


@pytest.mark.ci
def test_unequal_emitters_of_one_id_have_different_names() -> None:
    emitters = (GaussianConfig(sigma=0.1), GaussianConfig(sigma=0.5), GaussianConfig(sigma=0.1), ISO_LINE)
    config = dataclasses.replace(CONFIG, emitters=emitters)
    functions = generation(config, GRID.make(BOUNDS), SPHERE.sample, SPHERE.num_params)
    _, offspring = jax.jit(lambda key: functions.emit(key, functions.init(key)))(jax.random.key(0))
    assert functions.names == ("gaussian", "gaussian_2", "iso-line")
    assert np.bincount(offspring.emitter).tolist() == [16, 8, 8]


def partly_broken() -> ScoringFn:
    """A third of the fitness is NaN, and a fifth of the descriptors are infinite."""
    plain = problem_scoring(SPHERE)

    def evaluate(key, params):
        scores = plain.evaluate(key, params)
        number = jnp.arange(params.shape[0])
        fitness = jnp.where(number % 3 == 0, jnp.nan, scores.fitness)
        descriptor = jnp.where((number % 5 == 0)[:, None], jnp.inf, scores.descriptor)
        return Scores(fitness, descriptor, scores.steps)

    return plain._replace(evaluate=evaluate)


EMITTERS = {"iso-line": ISO_LINE, "es": ESEmitterConfig()}


@pytest.mark.slow
@pytest.mark.parametrize("emitter", [pytest.param("iso-line", marks=pytest.mark.slow), "es"])
def test_failed_evaluations_are_counted_and_not_stored(emitter: str) -> None:
    config = dataclasses.replace(CONFIG, emitters=(EMITTERS[emitter],))
    _, rows, record = run(map_elites(config, GRID.make(BOUNDS), partly_broken()))
    per_batch = len({*range(0, 32, 3), *range(0, 32, 5)})
    assert rows[1]["not_finite"] == 5 * per_batch
    assert np.isfinite(record.arrays["params"]).all()


@pytest.mark.slow
@pytest.mark.parametrize("emitter", ["iso-line", pytest.param("es", marks=pytest.mark.slow)])
def test_without_a_valid_score_the_archive_stays_empty(emitter: str) -> None:
    scoring = problem_scoring(SPHERE)
    nothing = scoring._replace(evaluate=lambda key, params: Scores(jnp.full(32, jnp.nan), jnp.zeros((32, 2)), 32))
    config = dataclasses.replace(CONFIG, emitters=(EMITTERS[emitter],))
    _, rows, record = run(map_elites(config, GRID.make(BOUNDS), nothing))
    assert rows[-1]["coverage"] == 0
    assert rows[-1]["not_finite"] == 160
    assert len(record.arrays["fitness"]) == 0


@pytest.mark.slow
def test_an_evaluation_on_the_host_does_as_well() -> None:
    calls, closed = [], []
    scoring = problem_scoring(SPHERE)

    def evaluate(key, params):
        calls.append(np.asarray(params).shape)
        return scoring.evaluate(key, params)

    host = scoring._replace(evaluate=evaluate, jittable=False, close=lambda: closed.append(True))
    _, rows, _ = run(map_elites(CONFIG, GRID.make(BOUNDS), host), 2)
    assert calls == [(32, 6)] * (2 + 10)
    assert closed == [True], "the search closes its scoring"
    _, compiled, _ = run(sphere_search(), 2)
    assert abs(rows[-1]["qd_score"] / compiled[-1]["qd_score"] - 1) < 0.1


def test_a_users_function_is_traced_twice_at_most() -> None:
    traces = []
    scoring = problem_scoring(SPHERE)

    def evaluate(key, params):
        traces.append(1)
        return scoring.evaluate(key, params)

    run(map_elites(CONFIG, GRID.make(BOUNDS), scoring._replace(evaluate=evaluate)), 4)
    assert len(traces) == 2, "once for the solutions from the prior, once for the loop"


@pytest.mark.slow
def test_corrected_scores_remove_luck() -> None:
    scoring = problem_scoring(SPHERE)

    def noisy(key, params):
        scores = scoring.evaluate(key, params)
        luck = 20 * jax.random.normal(key, scores.fitness.shape)
        return scores._replace(fitness=scores.fitness + luck)

    config = dataclasses.replace(CONFIG, reevaluate=16)
    _, rows, _ = run(map_elites(config, GRID.make(BOUNDS), scoring._replace(evaluate=noisy)))
    assert rows[-1]["corrected_qd_score"] < 0.95 * rows[-1]["qd_score"]
    assert rows[-1]["corrected_coverage"] == rows[-1]["coverage"]
    _, rows, _ = run(sphere_search(config))
    assert rows[-1]["corrected_qd_score"] == pytest.approx(rows[-1]["qd_score"], rel=1e-5)


def test_more_devices_than_there_are() -> None:
    with pytest.raises(ConfigError, match="expects at most 4.* got 99"):
        sphere_search(devices=99)


def test_islands_refuse_thresholds() -> None:
    with pytest.raises(ConfigError, match="islands"):
        map_elites(dataclasses.replace(CONFIG, islands=2), THRESHOLDS.make(BOUNDS), problem_scoring(SPHERE))


def test_impossible_options_of_emitters() -> None:
    for config, options in [
        (IsoLineConfig, {"iso_sigma": float("nan")}),
        (GaussianConfig, {"sigma": -1.0}),
        (PolynomialConfig, {"rate": 0.0}),
        (CrossoverConfig, {"rate": 1.5}),
        (ESEmitterConfig, {"ranking": "up"}),
        (ESEmitterConfig, {"restart": "never"}),
        (ESEmitterConfig, {"max_generations": -1}),
    ]:
        with pytest.raises(ConfigError, match=f"emitter {config.id}: {next(iter(options))}"):
            config(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"batch": 0},
        {"batch": 33, "emitters": (IsoLineConfig(), GaussianConfig())},
        {"emitters": ("iso-line",)},
        {"emitters": ()},
        {"emitters": (PolynomialConfig(),)},
        {"bounds": (1.0, 1.0)},
        {"reevaluate": -1},
        {"batch": 2**20, "generations": 2**12},
        {"batch": 33, "emitters": (ESEmitterConfig(),)},
        {"emitters": IsoLineConfig()},
    ],
)
def test_impossible_options(options: dict) -> None:
    with pytest.raises(ConfigError):
        MapElitesConfig(**options)


def custom(evaluate, sample=lambda key: jnp.zeros(3), **options) -> ScoringFn:
    return ScoringFn(evaluate, sample, 3, **options)


def sums(key, params):
    return Scores(params.sum(1), params[:, :2], params.shape[0])


BROKEN = {
    "one fitness for all": (
        custom(lambda key, params: sums(key, params)._replace(fitness=params.sum())),
        r"fitness.*\(\)",
    ),
    "a tuple": (
        custom(lambda key, params: (params.sum(1), params[:, :2])),
        r"must give poet\.Scores.*got tuple",
    ),
    "three coordinates": (
        custom(lambda key, params: sums(key, params)._replace(descriptor=params)),
        r"shape \(32, 3\)",
    ),
    "one objective of two": (custom(sums, num_objectives=2), r"fitness of shape \(32, 2\)"),
    "NumPy": (
        custom(lambda key, params: Scores(np.asarray(params).sum(1), np.asarray(params)[:, :2])),
        "jittable=False",
    ),
    "samples in batches": (custom(sums, lambda key: jnp.zeros((8, 3))), r"one solution f32\[3\]"),
    "samples of two": (custom(sums, lambda key: (jnp.zeros(3), 1)), r"one solution f32\[3\]"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_scoring_is_refused_at_once(name: str) -> None:
    scoring, message = BROKEN[name]
    archive = GRID if scoring.num_objectives == 1 else ParetoConfig(shape=(12, 12), front_size=4, num_objectives=2)
    with pytest.raises(ContractError, match=message):
        map_elites(CONFIG, archive.make(BOUNDS), scoring)


def test_a_scoring_that_is_not_jittable_is_checked_in_each_call() -> None:
    search = map_elites(CONFIG, GRID.make(BOUNDS), custom(lambda key, params: np.zeros(32), jittable=False))
    with pytest.raises(ContractError, match=r"must give poet\.Scores.*got ndarray"):
        search.step(search.init(jax.random.key(0)))
