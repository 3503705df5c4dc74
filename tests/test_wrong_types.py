"""Public functions answer a value of a wrong type with one of our errors, never with a traceback from inside."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

import poet
from poet import archives
from poet.archives import files
from poet.archives.cvt import cvt
from poet.archives.grid import grid
from poet.archives.pareto import pareto
from poet.archives.unstructured import unstructured
from poet.envs.testing import check_environment, check_generator, check_problem
from poet.envs.vector import integer, real
from poet.executors.recipe import Recipe
from poet.search.map_elites.scoring import ScoringFn

VALUES: dict[str, Any] = {
    "none": None,
    "bool": True,
    "int": 5,
    "negative": -5,
    "float": 2.5,
    "nan": float("nan"),
    "text": "text",
    "zero byte": "a\0b",
    "bytes": b"bytes",
    "list": [1],
    "texts": ["text"],
    "dict": {"id": 5},
    "object": object(),
    "array": np.zeros((3, 3, 3)),
    "class": int,
    "function": lambda *arguments: None,
}
NUMBERS = {"int", "negative", "float"}
INTEGERS = {"bool", "int", "negative"}
FUNCTIONS = {"class", "function"}
BOUNDS = ((0.0, 1.0), (0.0, 1.0))


class Case(NamedTuple):
    """A function with valid arguments, and for arguments that are replaced the values that each does take."""

    call: Callable[..., Any]
    valid: Callable[[], Mapping[str, Any]]
    taken: Mapping[str, set[str]]


@functools.cache
def generator() -> Any:
    return poet.presets.get("tiny").generator.make()  # type: ignore[attr-defined]


def archive() -> Any:
    return grid((2, 2), BOUNDS)


def ask_tell() -> poet.AskTell:
    return poet.AskTell(poet.MapElitesConfig(batch=2), archive(), np.zeros((2, 3)))


def tell(**arguments: Any) -> Any:
    asked = ask_tell()
    asked.ask()
    return asked.tell(**arguments)


def pair_arguments() -> dict[str, Any]:
    preset: Any = poet.presets.get("tiny")
    recipe = Recipe(generator(), preset.policy, preset.engine, preset.learner)
    policy, _, learner = recipe.build()
    return {
        "config": poet.PairedMapElitesConfig(),
        "generator": generator(),
        "policy": policy,
        "learner": learner,
        "executor": preset.executor.make(recipe),
        "archive": archive(),
        "episodes": 1,
    }


CASES = {
    "run": Case(
        poet.run,
        lambda: {"config": poet.presets.get("map-elites-tiny"), "path": "run"},
        {
            "config": set(),
            "path": {"text"},
            "source": {"none"},
            "media": {"none"} | FUNCTIONS,
            "sinks": set(),
            "reporter": {"none"},
        },
    ),
    "build_search": Case(
        poet.build_search,
        lambda: {"config": poet.presets.get("map-elites-tiny")},
        {"config": set(), "context": {"none"}, "scoring": {"none"}, "archive": {"none"}},
    ),
    "open_run": Case(poet.open_run, lambda: {"path": "run"}, {"path": set(), "generator": set()}),
    "Run": Case(poet.Run, dict, {"path": set()}),
    "diff_runs": Case(poet.diff_runs, lambda: {"a": "run", "b": "run"}, {"a": set(), "b": set()}),
    "read_journal": Case(poet.read_journal, dict, {"path": set()}),
    "read_status": Case(poet.read_status, dict, {"path": set()}),
    "register": Case(poet.register, dict, {"config": set()}),
    "presets.get": Case(poet.presets.get, dict, {"id": set()}),
    "presets.register": Case(poet.presets.register, lambda: {"id": "x"}, {"entry": set()}),
    "derive_key": Case(
        lambda key, part: poet.derive_key(key, part),
        lambda: {"key": jax.random.key(0), "part": 1},
        {"key": set(), "part": INTEGERS},
    ),
    "map_elites": Case(
        poet.map_elites,
        lambda: {
            "config": poet.MapElitesConfig(),
            "archive": archive(),
            "scoring": ScoringFn(lambda key, params: VALUES["none"], lambda key: VALUES["none"], 3),
        },
        {"config": set(), "archive": set(), "scoring": set()},
    ),
    "paired_map_elites": Case(
        poet.paired_map_elites,
        pair_arguments,
        {
            "config": set(),
            "generator": set(),
            "policy": set(),
            "learner": set(),
            "executor": set(),
            "archive": set(),
            "episodes": {"int"},
        },
    ),
    "AskTell": Case(
        poet.AskTell,
        lambda: {"config": poet.MapElitesConfig(), "archive": archive(), "initial_solutions": np.zeros((2, 3))},
        {
            "config": set(),
            "archive": set(),
            "initial_solutions": set(),
            "seed": {"int", "negative"},
            "qd_offset": NUMBERS,
            "extra": {"dict"},
        },
    ),
    "AskTell.tell": Case(
        tell,
        lambda: {"fitness": np.zeros(2), "descriptor": np.zeros((2, 2))},
        {"fitness": set(), "descriptor": set(), "extra": set()},
    ),
    "AskTell.load": Case(lambda path: ask_tell().load(path), dict, {"path": set()}),
    "AskTell.save": Case(lambda path: ask_tell().save(path), dict, {"path": {"text"}}),
    "archives.make": Case(archives.make, dict, {"spec": set()}),
    "archives.entries": Case(
        archives.entries,
        lambda: {"payload": np.zeros((2, 3)), "fitness": np.zeros(2), "descriptor": np.zeros((2, 2))},
        {
            "payload": {"none"},
            "fitness": set(),
            "descriptor": {"none"},
            "extra": set(),
            "generation": INTEGERS,
            "parents": {"none"},
            "emitter": INTEGERS,
            "valid": {"none"},
        },
    ),
    "grid": Case(
        grid,
        lambda: {"shape": (2, 2), "bounds": BOUNDS},
        {"shape": set(), "bounds": set(), "out_of_bounds": set(), "thresholds": {"none"}},
    ),
    "cvt": Case(
        cvt,
        lambda: {"num_cells": 4, "bounds": BOUNDS},
        {
            "num_cells": {"int"},
            "bounds": set(),
            "samples": {"int"},
            "seed": {"int", "negative"},
            "centroids": {"none"},
            "out_of_bounds": set(),
            "thresholds": {"none"},
        },
    ),
    "pareto": Case(
        pareto,
        lambda: {"shape": (2, 2), "bounds": BOUNDS},
        {"shape": set(), "bounds": set(), "front_size": {"int"}, "num_objectives": {"int"}, "out_of_bounds": set()},
    ),
    "unstructured": Case(
        unstructured,
        lambda: {"capacity": 4, "bounds": BOUNDS, "min_distance": 0.1},
        {"capacity": {"int"}, "bounds": set(), "min_distance": {"int", "float"}, "out_of_bounds": set()},
    ),
    "GridConfig.make": Case(poet.GridConfig(shape=(2, 2)).make, dict, {"bounds": set()}),
    "CVTConfig.make": Case(poet.CVTConfig(num_cells=4).make, dict, {"bounds": set()}),
    "read_parquet": Case(files.read_parquet, dict, {"path": set()}),
    "check_generator": Case(
        check_generator, lambda: {"generator": generator()}, {"generator": set(), "report": FUNCTIONS}
    ),
    "check_problem": Case(check_problem, dict, {"problem": set()}),
    "check_environment": Case(
        check_environment,
        lambda: {"environment": generator().environment, "genomes": [generator().simplest()]},
        {"environment": set(), "genomes": set(), "deterministic": {"bool"}, "report": FUNCTIONS},
    ),
    "real": Case(
        real,
        lambda: {"low": 0.0, "high": 1.0, "step": 0.1},
        {"low": {"negative"}, "high": {"int", "float"}, "step": {"int", "float"}, "start": {"none"}},
    ),
    "integer": Case(
        integer,
        lambda: {"low": 0, "high": 3, "step": 1},
        {"low": {"negative"}, "high": {"int"}, "step": {"int", "float"}, "start": {"none"}},
    ),
}


@pytest.mark.parametrize(
    ("name", "argument"), [(name, argument) for name, case in CASES.items() for argument in case.taken]
)
def test_a_wrong_type_is_an_error_of_ours(
    name: str, argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    case = CASES[name]
    for kind in VALUES.keys() - case.taken[argument]:
        arguments = {**case.valid(), argument: VALUES[kind]}
        with pytest.raises(poet.PoetError):
            pytest.fail(f"took {VALUES[kind]!r} and gave {case.call(**arguments)!r}")
    assert not list(tmp_path.iterdir())
