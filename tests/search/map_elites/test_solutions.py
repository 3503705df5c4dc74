"""Solutions as trees, bounds of each parameter, and extra fields in searches."""

import dataclasses
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import poet
from poet.archives import BufferConfig, GridConfig
from poet.cli import main as cli
from poet.envs.config import ProblemConfig
from poet.envs.functions.config import SphereConfig
from poet.envs.testing.problems import check_problem
from poet.errors import ConfigError, ContractError, RunError, ShapeError
from poet.executors.config import LocalExecutorConfig
from poet.executors.recipe import Recipe
from poet.registry import register
from poet.search.map_elites.algorithm import map_elites
from poet.search.map_elites.ask_tell import AskTell
from poet.search.map_elites.config import (
    CrossoverConfig,
    ESEmitterConfig,
    GaussianConfig,
    IsoLineConfig,
    MapElitesConfig,
    MapElitesRunConfig,
    PolynomialConfig,
)
from poet.search.map_elites.scoring import Scores, ScoringFn, episode_scoring, problem_scoring
from poet.search.map_elites.solutions import solution_form
from poet.view.media import make_media
from tests.search.helpers import assert_equal_trees, run_search
from tests.search.map_elites.toy import PushConfig

BOUNDS = ((-1.0, 1.0), (-1.0, 1.0))
GRID = GridConfig(shape=(6, 6))
CONFIG = MapElitesConfig(batch=16, generations=3, initial=16, emitters=(IsoLineConfig(iso_sigma=0.2),))


class Layer(NamedTuple):
    """A solution."""

    weights: Any
    bias: Any


@dataclasses.dataclass(frozen=True)
class TreeProblem:
    """Numbers near 0, as a layer or as the vector of its numbers."""

    tree: bool = True
    id: str = "tree-v1"
    num_params: int = 8
    descriptor_names: tuple[str, ...] = ("x", "y")
    descriptor_bounds: tuple[tuple[float, float], ...] = BOUNDS
    fitness_bounds: tuple[float, float] = (-8.0, 0.0)
    deterministic: bool = True

    def sample(self, key):
        vector = jax.random.uniform(key, (8,), minval=-1.0)
        return Layer(vector[:6].reshape(2, 3), vector[6:]) if self.tree else vector

    def evaluate(self, key, params):
        if not self.tree:
            params = Layer(params[:6].reshape(2, 3), params[6:])
        return -jnp.square(jnp.concatenate([params.weights.ravel(), params.bias])).sum(), jnp.tanh(params.bias)

    def draw(self, params):
        assert params.weights.shape == (2, 3)
        return np.zeros((8, 8, 3), np.uint8)


@dataclasses.dataclass(frozen=True)
class TreeProblemConfig(ProblemConfig):
    """The problem of trees."""

    id: ClassVar[str] = "tree-v1"

    def make(self) -> TreeProblem:
        """The problem."""
        return TreeProblem()


def search_of(problem: Any, **options: Any):
    config = dataclasses.replace(CONFIG, **options)
    return map_elites(config, GRID.make(problem.descriptor_bounds), problem_scoring(problem))


@pytest.mark.slow
def test_a_problem_of_trees_is_searched_as_the_problem_of_vectors() -> None:
    check_problem(TreeProblem())
    trees, vectors = (run_search(search_of(TreeProblem(tree)), 3) for tree in (True, False))
    assert_equal_trees(trees[0], vectors[0])
    record, flat = (infos[-1].snapshots["elites"]() for _, infos in (trees, vectors))
    assert record.meta["payload"] == {
        "weights": {"shape": [2, 3], "dtype": "float32"},
        "bias": {"shape": [2], "dtype": "float32"},
    }
    columns = [record.arrays["weights"].reshape(-1, 6), record.arrays["bias"]]
    np.testing.assert_array_equal(np.concatenate(columns, axis=1), flat.arrays["params"])


@pytest.mark.slow
def test_a_run_of_trees_is_drawn(tmp_path: Path) -> None:
    register(TreeProblemConfig)
    run = MapElitesRunConfig(iterations=1, checkpoint_every=1, problem=TreeProblemConfig(), archive=GRID, search=CONFIG)
    poet.run(run, tmp_path / "run")
    opened: Any = poet.open_run(tmp_path / "run")
    solution = opened.solution(opened.default_agent())
    assert isinstance(solution, Layer)
    np.testing.assert_array_equal(solution.bias, opened.archive().columns["bias"][opened.default_agent()])
    assert "gallery" in opened.plots()
    opened.plots()["gallery"](opened)


@pytest.mark.slow
def test_a_run_without_descriptors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def evaluate(key: Any, params: Any) -> Scores:
        return Scores(-jnp.square(params).sum(axis=1), jnp.zeros((len(params), 0)), len(params))

    scoring = ScoringFn(evaluate, lambda key: jax.random.normal(key, (3,)), 3)
    config = MapElitesRunConfig(iterations=2, checkpoint_every=1, search=CONFIG)
    poet.run(config, tmp_path / "run", scoring=scoring, archive=BufferConfig(capacity=20).make())
    opened: Any = poet.open_run(tmp_path / "run")
    assert len(opened.archive()) == 20
    assert list(opened.plots()) == ["overview", "curves", "emitters"]
    make_media(opened.path, "end")
    assert {file.stem for file in (tmp_path / "run" / "media").glob("*.png")} == {*opened.plots()}
    with pytest.raises(RunError, match="those of this run have none"):
        opened.explore()
    assert cli.main(["inspect", str(tmp_path / "run"), "--elite", "0"]) == 0
    assert "elite 0: fitness -" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="expected 0 coordinates"):
        opened.archive().nearest((1.0,))


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (lambda key: {"a": jnp.zeros(3), "b": jnp.zeros((), jnp.int32)}, r"b is int32"),
        (lambda key: {"a": jnp.zeros(3)}, r"got 3 numbers, \{'a': \(3,\)\}"),
        (lambda key: {}, "at least one number"),
        (lambda key: 3.0, "got 1 numbers"),
    ],
)
def test_trees_that_are_no_solutions_raise(sample: Any, message: str) -> None:
    scoring = ScoringFn(lambda key, params: Scores(params, params), sample, 8)
    with pytest.raises(ContractError, match=rf"one solution f32\[8\], or a tree .*{message}"):
        map_elites(CONFIG, GRID.make(BOUNDS), scoring)


def test_a_tree_becomes_a_vector_and_comes_back() -> None:
    rng = np.random.default_rng(0)
    tree = {"b": [rng.normal(size=(4, 2, 3)).astype(np.float32)], "a": rng.normal(size=4).astype(np.float32)}
    form = solution_form(jax.tree.map(lambda leaf: leaf[0], tree))
    assert form.shapes == {"a": (), "b.0": (2, 3)}
    vectors = form.ravel(tree)
    np.testing.assert_array_equal(vectors[:, 0], tree["a"])
    assert_equal_trees(form.unravel(vectors), tree)
    assert_equal_trees(form.unravel(form.ravel(jax.tree.map(jnp.asarray, tree))), jax.tree.map(jnp.asarray, tree))


def laboratory(solutions: Layer) -> tuple[np.ndarray, np.ndarray]:
    """Scores of a batch of layers."""
    return -np.square(solutions.weights).sum((1, 2)), np.tanh(solutions.bias)


@pytest.mark.ci
def test_ask_and_tell_of_trees(tmp_path: Path) -> None:
    initial = Layer(np.ones((3, 2, 3)), np.full((3, 2), 0.5))
    search, again = (AskTell(CONFIG, GRID.make(BOUNDS), initial) for _ in range(2))
    for _ in range(3):
        solutions = search.ask()
        assert isinstance(solutions, Layer)
        assert solutions.weights.shape == (16, 2, 3)
        kept = jax.tree.map(np.copy, solutions)
        solutions.weights[:] = 99.0
        assert_equal_trees(search.ask(), kept)
        search.tell(*laboratory(kept))
    table = search.table()
    assert table["weights"].shape == (len(table["fitness"]), 2, 3)
    np.testing.assert_allclose(laboratory(Layer(table["weights"], table["bias"]))[0], table["fitness"], rtol=1e-5)
    search.save(tmp_path / "here.npz")
    again.load(tmp_path / "here.npz")
    assert_equal_trees(again.ask(), search.ask())
    vectors = AskTell(CONFIG, GRID.make(BOUNDS), np.concatenate([np.ones((3, 6)), np.full((3, 2), 0.5)], axis=1))
    with pytest.raises(ConfigError, match=r"solution.params: absent -> \[8\]"):
        vectors.load(tmp_path / "here.npz")


@pytest.mark.parametrize(
    "initial",
    [
        {"a": np.zeros((2, 3)), "b": np.zeros((3, 3))},
        {"a": np.zeros((0, 3))},
        {"a": 1.0},
        {"a": np.full((2, 3), np.inf)},
        {"a": "words"},
        {},
    ],
)
def test_initial_trees_must_be_solutions(initial: Any) -> None:
    with pytest.raises(ShapeError, match="expected (initial_solutions|solutions)"):
        AskTell(CONFIG, GRID.make(BOUNDS), initial)


EMITTERS = (PolynomialConfig(rate=0.5), CrossoverConfig(rate=0.5), ESEmitterConfig(), GaussianConfig(sigma=2.0))


@pytest.mark.parametrize(
    "emitter",
    [
        pytest.param(each, id=each.id, marks=pytest.mark.ci if each.id == "polynomial" else pytest.mark.slow)
        for each in EMITTERS
    ],
)
def test_every_emitter_keeps_to_the_bounds_of_each_parameter(emitter: Any) -> None:
    pairs = np.array([[0, 1], [-5, -4], [2, 9], [-0.01, 0.01]] * 2)
    problem = SphereConfig(num_params=8).make()
    search = search_of(problem, emitters=(emitter,), bounds=pairs)
    _, infos = run_search(search, 2)
    params = infos[-1].snapshots["elites"]().arrays["params"]
    low, high = pairs.astype(np.float32).T
    assert len(params) > 1
    assert ((params >= low) & (params <= high)).all()
    assert (params.std(axis=0) > 0).any()


@pytest.mark.slow
def test_one_pair_is_the_same_as_that_pair_for_each_parameter() -> None:
    problem = SphereConfig(num_params=8).make()
    options = {"emitters": (PolynomialConfig(rate=0.5),)}
    one, many = (run_search(search_of(problem, bounds=each, **options), 2)[0] for each in ((-2, 2), ((-2, 2),) * 8))
    assert_equal_trees(one, many)


@pytest.mark.ci
def test_ask_and_tell_keep_to_the_bounds_of_each_parameter() -> None:
    config = dataclasses.replace(CONFIG, bounds=((0, 1), (5, 6), (-1, 0)))
    with pytest.raises(ConfigError, match=r"within search.bounds .*, got numbers from 0.0 to 0.5"):
        AskTell(config, GRID.make(BOUNDS), [[0.5, 0.0, 0.0]])
    search = AskTell(config, GRID.make(BOUNDS), [[0.5, 5.5, -0.5]])
    for _ in range(4):
        solutions = search.ask()
        assert ((solutions >= [0, 5, -1]) & (solutions <= [1, 6, 0])).all()
        search.tell(-solutions.sum(axis=1), solutions[:, :2] / 6)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        (((0, 1), (1, 1)), r"a low and a higher high, got \(1, 1\) for parameter 1"),
        (((0, 1), (0, 1, 2)), "bounds expects"),
        ((), "bounds expects"),
        ((0, 1, 2), "bounds expects"),
        (((0, 1), (0, float("nan"))), "finite"),
    ],
)
def test_impossible_bounds_raise(bounds: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MapElitesConfig(bounds=bounds)


def test_bounds_that_do_not_fit_the_solutions_raise() -> None:
    problem = SphereConfig(num_params=8).make()
    with pytest.raises(ConfigError, match="a pair for each of the 8 parameters of a solution; got 2 pairs"):
        search_of(problem, bounds=((0, 1), (0, 1)))
    with pytest.raises(ConfigError, match=r"that float32 can tell apart, got \(1.0, 1.000000001\)"):
        search_of(problem, bounds=((1.0, 1.000000001),) * 8)
    with pytest.raises(ConfigError, match="for each of the 3 parameters"):
        AskTell(dataclasses.replace(CONFIG, bounds=((0, 1),) * 2), GRID.make(BOUNDS), np.zeros((1, 3)))


def scoring_with_cost(jittable: bool) -> ScoringFn:
    """Few levels of fitness, so that costs decide."""

    def evaluate(key: Any, params: Any) -> Scores:
        fitness, cost = jnp.round(-jnp.abs(params).sum(1)), jnp.abs(params[:, 2:]).sum(1)
        if not jittable:
            cost = np.asarray(cost, np.float64)
        return Scores(fitness, jnp.tanh(params[:, :2]), params.shape[0], {"cost": cost, "last": params[:, 1:]})

    extra = {"cost": jnp.float32(0), "last": jnp.zeros(3)}
    return ScoringFn(evaluate, lambda key: jax.random.normal(key, (4,)), 4, jittable, extra=extra)


@pytest.mark.parametrize("jittable", [True, pytest.param(False, marks=pytest.mark.ci)])
@pytest.mark.slow
def test_extra_fields_of_an_evaluation_are_stored_and_decide(jittable: bool) -> None:
    costs = []
    for tie_break in ((), ("cost",)):
        archive = dataclasses.replace(GRID, tie_break=tie_break).make(BOUNDS)
        config = dataclasses.replace(CONFIG, islands=2, reevaluate=1)
        _, infos = run_search(map_elites(config, archive, scoring_with_cost(jittable)), 4)
        columns = infos[-1].snapshots["elites"]().arrays
        np.testing.assert_allclose(columns["extra.cost"], np.abs(columns["params"][:, 2:]).sum(1), rtol=1e-5)
        np.testing.assert_array_equal(columns["extra.last"], columns["params"][:, 1:])
        costs.append(columns["extra.cost"].mean())
    assert costs[1] < 0.8 * costs[0]


@pytest.mark.ci
def test_extra_fields_of_ask_and_tell(tmp_path: Path) -> None:
    archive = BufferConfig(capacity=8, tie_break=("seconds",)).make()
    search = AskTell(CONFIG, archive, np.ones((1, 3)), extra={"seconds": 0.0})
    for _ in range(3):
        solutions = search.ask()
        for wrong in ({}, {"seconds": np.zeros(3)}, {"seconds": ["slow"] * 16}):
            with pytest.raises(ShapeError, match="expected (the extra fields|seconds)"):
                search.tell(np.zeros(16), extra=wrong)
        search.tell(np.zeros(16), extra={"seconds": np.abs(solutions).sum(axis=1).astype(np.float64)})
    table = search.table()
    np.testing.assert_allclose(table["extra.seconds"], np.abs(table["params"]).sum(axis=1), rtol=1e-6)
    assert table["extra.seconds"].max() <= 3
    search.save(tmp_path / "here.npz")
    with pytest.raises(ShapeError, match="extra as examples of numbers"):
        AskTell(CONFIG, archive, np.ones((1, 3)), extra={"seconds": "long"})
    with pytest.raises(ConfigError, match=r"archive.tie_break 'seconds' is no fact .*none"):
        AskTell(CONFIG, archive, np.ones((1, 3)))


@pytest.mark.slow
def test_facts_of_episodes_are_stored_on_demand() -> None:
    generator = PushConfig().make()
    recipe = Recipe(generator, poet.MLPConfig(hidden=(2,)), poet.XLAEngineConfig(lanes=8))
    policy = recipe.build().policy
    executor = LocalExecutorConfig().make(recipe)
    environment: Any = generator.environment
    scoring = episode_scoring(environment, generator.simplest(), policy, executor, extra=("length", "success"))
    archive = dataclasses.replace(GRID, tie_break=("length",)).make(environment.descriptor_bounds)
    config = dataclasses.replace(CONFIG, extra=("length",))
    _, infos = run_search(map_elites(config, archive, scoring), 1)
    columns = infos[-1].snapshots["elites"]().arrays
    assert (columns["extra.length"] == 3).all()
    assert columns["extra.success"].dtype == np.float32
    with pytest.raises(ConfigError, match=r"unknown search.extra 'lenght'. Did you mean 'length'"):
        episode_scoring(environment, generator.simplest(), policy, executor, extra=("lenght",))
    scoring.close()


def test_facts_that_an_evaluation_lacks_raise() -> None:
    problem = SphereConfig(num_params=8).make()
    with pytest.raises(ConfigError, match=r"unknown search.extra 'length'"):
        search_of(problem, extra=("length",))
    undeclared = scoring_with_cost(True)._replace(extra={})
    with pytest.raises(ContractError, match="declares, none; got cost, last"):
        map_elites(CONFIG, GRID.make(BOUNDS), undeclared)
    misshapen = scoring_with_cost(True)._replace(extra={"cost": jnp.zeros(2), "last": jnp.zeros(3)})
    with pytest.raises(ContractError, match=r"give cost of shape \(16, 2\), as declared; got \(16,\)"):
        map_elites(CONFIG, GRID.make(BOUNDS), misshapen)
