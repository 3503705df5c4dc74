"""Selections in searches: what is drawn changes, and counters are part of the state."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import poet
from poet.archives import GridConfig, LeastChosenConfig, UniformConfig, WeightedConfig
from poet.envs.functions.config import SphereConfig
from poet.errors import ConfigError
from poet.search.map_elites.algorithm import map_elites
from poet.search.map_elites.ask_tell import AskTell
from poet.search.map_elites.config import ESEmitterConfig, IsoLineConfig, MapElitesConfig
from poet.search.map_elites.scoring import problem_scoring
from tests.search.helpers import assert_equal_trees, run_search

PROBLEM = SphereConfig(num_params=6).make()
GRID = GridConfig(shape=(6, 6))
CONFIG = MapElitesConfig(batch=32, generations=4, initial=64, emitters=(IsoLineConfig(iso_sigma=0.3),))


def search_of(**options: Any):
    config = dataclasses.replace(CONFIG, **options)
    return map_elites(config, GRID.make(PROBLEM.descriptor_bounds), problem_scoring(PROBLEM))


def run(num_steps: int = 3, **options: Any):
    state, infos = run_search(search_of(**options), num_steps)
    return state, infos[-1].snapshots["elites"]().arrays


@pytest.mark.ci
def test_uniform_is_the_default_and_has_no_counters() -> None:
    (state, columns), (same, _) = run(), run(selection=UniformConfig())
    assert_equal_trees(state, same)
    assert not [name for name in columns if name.startswith("extra.")]


@pytest.mark.parametrize(
    "counter",
    ["chosen", pytest.param("seen", marks=pytest.mark.slow), pytest.param("chosen_since_new", marks=pytest.mark.slow)],
)
@pytest.mark.slow
def test_counters_are_columns(counter: str) -> None:
    counted = run(selection=LeastChosenConfig(counter))[1][f"extra.{counter}"]
    assert counted.dtype == np.int32
    assert counted.max() > 0


@pytest.mark.slow
@pytest.mark.parametrize("counter", ["chosen", "chosen_since_new"])
def test_elites_that_were_chosen_least_are_preferred(counter: str) -> None:
    def spread(power: float) -> float:
        """Standard deviation of the counts of an archive, mean over seeds."""
        search = search_of(selection=LeastChosenConfig(counter, power))
        final = [run_search(search, 3, seed)[1][-1].snapshots["elites"]().arrays for seed in range(10)]
        return float(np.mean([columns[f"extra.{counter}"].std() for columns in final]))

    assert spread(power=3.0) < 0.9 * spread(power=1e-6)


@pytest.mark.parametrize("islands", [1, pytest.param(3, marks=pytest.mark.ci)])
@pytest.mark.slow
def test_every_child_is_counted_until_its_parent_is_replaced(islands: int) -> None:
    """With a fitness that never improves, all children of three iterations are counted."""
    scoring = problem_scoring(PROBLEM)

    def evaluate(key: Any, params: Any) -> Any:
        scores = scoring.evaluate(key, params)
        return scores._replace(fitness=0 * scores.fitness, descriptor=0 * scores.descriptor)

    config = dataclasses.replace(CONFIG, islands=islands, selection=LeastChosenConfig())
    archive = GRID.make(PROBLEM.descriptor_bounds)
    _, infos = run_search(map_elites(config, archive, scoring._replace(evaluate=evaluate)), 3)
    columns = infos[-1].snapshots["elites"]().arrays
    assert columns["extra.chosen"].tolist() == [3 * islands * 4 * 32 * 2]  # both parents are this elite
    assert columns["id"].tolist() == [[0, 0]]


@pytest.mark.slow
def test_strategies_start_from_selected_elites() -> None:
    emitters = (ESEmitterConfig(strategy="SNES", max_generations=2),)
    best = WeightedConfig(temperature=0.01)
    state, columns = run(emitters=emitters, selection=best)
    other, _ = run(emitters=emitters)
    assert len(columns["fitness"]) > 1
    assert not np.array_equal(state.islands[0].archive.store.fitness, other.islands[0].archive.store.fitness)


@pytest.mark.slow
def test_a_run_with_counters_resumes_with_the_same_bits(tmp_path: Path) -> None:
    config = dataclasses.replace(
        poet.presets.get("map-elites-tiny"),  # type: ignore[type-var]
        archive=GRID,
        checkpoint_every=1,
        iterations=4,
        search=dataclasses.replace(CONFIG, islands=2, selection=LeastChosenConfig()),
    )
    poet.run(config, tmp_path / "whole")
    poet.run(dataclasses.replace(config, iterations=2), tmp_path / "halves")
    poet.run(config, tmp_path / "halves")
    whole, halves = (poet.open_run(tmp_path / name) for name in ("whole", "halves"))
    for name, column in whole.archive().columns.items():  # type: ignore[attr-defined]
        np.testing.assert_array_equal(column, halves.archive().columns[name])  # type: ignore[attr-defined]
    assert whole.archive().facts()["chosen"].any()  # type: ignore[attr-defined]


@pytest.mark.slow
def test_ask_and_tell_select_and_count(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, selection=LeastChosenConfig())
    archive = GRID.make([(-1, 1), (-1, 1)])
    search, again = (AskTell(config, archive, np.zeros((1, 3))) for _ in range(2))
    for _ in range(3):
        solutions = search.ask()
        search.tell(-np.square(solutions).sum(1), np.tanh(solutions[:, :2]))
    assert search.table()["extra.chosen"].any()
    search.save(tmp_path / "here.npz")
    again.load(tmp_path / "here.npz")
    np.testing.assert_array_equal(again.ask(), search.ask())
    uniform = AskTell(CONFIG, archive, np.zeros((1, 3)))
    with pytest.raises(ConfigError, match=r"selection.id: least-chosen -> uniform"):
        uniform.load(tmp_path / "here.npz")


def test_a_selection_that_cannot_work_raises_at_once() -> None:
    with pytest.raises(ConfigError, match="score expects one of fitness; got 'length'"):
        search_of(selection=WeightedConfig(score="length"))
    with pytest.raises(ConfigError, match="selection expects an instance of SelectionConfig"):
        search_of(selection="least-chosen")
