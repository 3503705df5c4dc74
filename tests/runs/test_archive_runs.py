"""Runs that fill an archive, end to end: killed, on other devices or extended, they equal one that was not."""

import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from poet.archives.config import CellsConfig, CVTConfig, ParetoConfig, UnstructuredConfig
from poet.archives.selections import LeastChosenConfig
from poet.envs.functions.config import RastriginMultiConfig
from poet.runs.checkpoint import steps
from poet.runs.diff import diff_runs
from poet.runs.identity import claim
from poet.runs.launch import build_search
from poet.runs.layout import CHECKPOINTS, JOURNAL
from poet.runs.progress import Reporter
from poet.runs.read import list_elites, read_elites, read_journal
from poet.runs.runner import run_search
from poet.search.config import RunConfig, presets
from poet.search.map_elites.config import ESEmitterConfig, IsoLineConfig
from tests.golden.runs import PAIRS

ROOT = Path(__file__).parents[2]
ENV = {**os.environ, "PYTHONPATH": str(ROOT)}


def change(config: RunConfig, **options: object) -> RunConfig:
    """A config with other options; a dict changes options of a nested config."""
    changed = {
        name: dataclasses.replace(getattr(config, name), **value) if isinstance(value, dict) else value
        for name, value in options.items()
    }
    return dataclasses.replace(config, **changed)


ARM = change(
    presets.get("map-elites-tiny"),
    iterations=24,
    search={"islands": 2, "batch": 16},
    executor={"devices": 1},
    keep_every=10,
)
SMALL = {"policy": {"hidden": (8,)}, "engine": {"lanes": 16}, "checkpoint_every": 1}
RUNS = {
    "arm on islands": ARM,
    "arm, thresholds and strategies": change(
        ARM,
        search={
            "islands": 1,
            "emitters": (IsoLineConfig(), ESEmitterConfig(strategy="Sep_CMA_ES", ranking="improvement")),
        },
        archive=CVTConfig(num_cells=100, learning_rate=0.1),
    ),
    "arm without cells": change(ARM, archive=UnstructuredConfig(capacity=100)),
    "fronts": change(ARM, problem=RastriginMultiConfig(8), archive=ParetoConfig(shape=(16, 16), front_size=3)),
    "gaits": change(
        presets.get("map-elites-walker"),
        iterations=8,
        problem={"horizon": 40},
        search={"batch": 32, "initial": 32, "reevaluate": 2},
        **SMALL,
    ),
    "pairs of corridors": PAIRS,
    "corridors returned to": change(
        PAIRS,
        archive=CellsConfig(shape=(7, 6), capacity=20),
        search={"trainees_from": "elites", "selection": LeastChosenConfig("seen"), "max_training_steps": 3},
    ),
    "pairs of walkers": change(
        presets.get("paired-map-elites"),
        iterations=8,
        generator={"horizon": 40},
        learner={"population": 8},
        search={"training_score": -0.25, "max_training_steps": 3},
        **SMALL,
    ),
}
LIBRARY = (
    "import json, sys, poet, tests.envs.toy; poet.run(poet.RunConfig.from_dict(json.loads(sys.argv[2])), sys.argv[1])"
)


def start(config: RunConfig, path: Path, program: str = LIBRARY, **options: int) -> subprocess.Popen:
    config = dataclasses.replace(config, **options)
    command = [sys.executable, "-c", program, str(path), json.dumps(config.to_dict())]
    # The run cannot set this itself: tests.envs.toy has imported jax before.
    env = {**ENV, "JAX_NUM_CPU_DEVICES": str(config.executor.devices or 2)}
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process: subprocess.Popen, code: int = 0) -> str:
    """Wait for the end of a process; returns its output."""
    output = process.communicate()[0]
    assert process.returncode == code, output
    return output


def num_iterations(path: Path) -> int:
    """Number of iterations in the journal."""
    return (path / JOURNAL).read_bytes().count(b'{"event":"iteration"') if (path / JOURNAL).exists() else 0


def interrupt(process: subprocess.Popen, path: Path, iteration: int, number: int = signal.SIGKILL) -> str:
    """Send a signal during an iteration; returns the output of the process."""
    while process.poll() is None and num_iterations(path) < iteration:
        time.sleep(0.001)
    time.sleep(random.random() * 0.03)
    process.send_signal(number)
    # After Ctrl-C, `poet.run` raises `Interrupted`, which ends the program.
    return finish(process, -signal.SIGKILL if number == signal.SIGKILL else 1)


def assert_equal_runs(path: Path, other: Path) -> None:
    """The same history, state and snapshots, bit for bit."""
    assert diff_runs(path, other) == []
    assert list_elites(path) == list_elites(other) == sorted(steps(path / CHECKPOINTS))
    for iteration in list_elites(path):
        first, second = read_elites(path, iteration), read_elites(other, iteration)
        assert first.meta == second.meta
        assert first.arrays.keys() == second.arrays.keys()
        for name, column in first.arrays.items():
            assert column.tobytes() == second.arrays[name].tobytes(), name


@pytest.mark.ci
def test_a_run_that_was_killed_twice_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    killed, uninterrupted = tmp_path / "killed", tmp_path / "uninterrupted"
    for iteration in (3, 13):
        interrupt(start(ARM, killed), killed, iteration)
    search = build_search(ARM)  # in this process, which has more devices; compiled once for both
    for path in (killed, uninterrupted):
        with claim(path, ARM) as run:
            run_search(search, ARM, path, run, reporter=Reporter())
    assert_equal_runs(killed, uninterrupted)
    assert list_elites(uninterrupted) == [10, 20, 22, 24]
    assert 100 < len(read_elites(uninterrupted).arrays["fitness"]) <= 256
    assert [row["wall"]["iteration"] for row in read_journal(killed) if row.get("wall", {}).get("event") == "resume"]


@pytest.fixture(scope="module", params=RUNS)
def uninterrupted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunConfig, Path]:
    """An uninterrupted run of each kind; its compilation cache is used by all others."""
    path = tmp_path_factory.mktemp("runs") / "uninterrupted"
    finish(start(RUNS[request.param], path))
    return RUNS[request.param], path


@pytest.mark.slow
def test_a_run_that_was_killed_three_times_equals_an_uninterrupted_one(uninterrupted: tuple[RunConfig, Path]) -> None:
    config, path = uninterrupted
    killed = path.with_name("killed")
    for _ in range(3):
        before = num_iterations(killed)
        interrupt(start(config, killed), killed, min(before + random.randint(1, 6), config.iterations - 1))
    finish(start(config, killed))
    assert_equal_runs(killed, path)


@pytest.mark.slow
def test_a_stopped_run_is_resumed(uninterrupted: tuple[RunConfig, Path]) -> None:
    config, path = uninterrupted
    stopped = path.with_name("stopped")
    assert "again to stop without saving" in interrupt(start(config, stopped), stopped, 2, signal.SIGINT)
    finish(start(config, stopped))
    assert diff_runs(stopped, path) == []


@pytest.mark.slow
def test_devices_change_no_bit(uninterrupted: tuple[RunConfig, Path]) -> None:
    config, path = uninterrupted
    for devices in (1, 2):
        output = finish(start(change(config, executor={"devices": devices}), path.with_name(f"devices{devices}")))
        assert f"on {devices} x cpu" in output
        assert_equal_runs(path.with_name(f"devices{devices}"), path)


@pytest.mark.slow
def test_an_extended_run_equals_one_that_was_long_from_the_start(uninterrupted: tuple[RunConfig, Path]) -> None:
    config, path = uninterrupted
    extended = path.with_name("extended")
    finish(start(config, extended, iterations=config.iterations // 2 + 1))
    finish(start(config, extended))
    assert diff_runs(extended, path) == []
