"""Runs that fill an archive, end to end: killed at any moment, on any number of devices, extended, still the same."""

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

from poet.agents.config import PolicyConfig
from poet.archives.config import ArchiveConfig
from poet.envs.functions.config import RastriginMultiConfig
from poet.executors.config import ExecutionConfig
from poet.learners.config import ESConfig
from poet.runs.build import build
from poet.runs.checkpoint import steps
from poet.runs.config import Config, PairsRun
from poet.runs.diff import diff
from poet.runs.folder import CHECKPOINTS, JOURNAL, claim
from poet.runs.presets import PRESETS
from poet.runs.progress import Reporter
from poet.runs.read import list_elites, read_elites, read_journal
from poet.runs.runner import drive
from poet.search.pairs.config import PairsConfig
from tests.envs.toy import CorridorConfig

ROOT = Path(__file__).parents[2]
ENV = {**os.environ, "PYTHONPATH": str(ROOT)}


def change(config: Config, **parts: object) -> Config:
    """A config with other options; those of a part as a dict."""
    made = {
        name: dataclasses.replace(getattr(config, name), **part) if isinstance(part, dict) else part
        for name, part in parts.items()
    }
    return dataclasses.replace(config, **made)


ARM = change(
    PRESETS["map-elites-tiny"],
    iterations=24,
    search={"islands": 2, "batch": 16},
    execution={"devices": 1},
    keep_every=10,
)
PAIRS = PairsRun(
    iterations=24,
    checkpoint_every=2,
    generator=CorridorConfig(),
    policy=PolicyConfig(hidden=(8,)),
    es=ESConfig(population=16, learning_rate=0.1, sigma=0.2),
    archive=ArchiveConfig(shape=(7, 6)),
    search=PairsConfig(solved=90.0, pupil_score=20.0, children=6, variants=4, neighbours=2, pupils=2, patience=8),
    execution=ExecutionConfig(lanes=16),
)
SMALL = {"policy": {"hidden": (8,)}, "execution": {"lanes": 16}, "checkpoint_every": 1}
RUNS = {
    "arm on islands": ARM,
    "arm, soft rule and strategies": change(
        ARM,
        search={"islands": 1, "emitters": ("iso_line", "es"), "climb": "gain", "strategy": "Sep_CMA_ES"},
        archive={"kind": "cvt", "num_cells": 100, "learning_rate": 0.1},
    ),
    "arm without cells": change(ARM, archive={"kind": "unstructured", "capacity": 100}),
    "fronts": change(
        dataclasses.replace(ARM, problem=RastriginMultiConfig(8)),
        archive={"kind": "pareto", "front": 3, "num_objectives": 2},
    ),
    "gaits": change(
        PRESETS["map-elites-walker"],
        iterations=8,
        problem={"horizon": 40},
        search={"batch": 32, "initial": 32, "reevaluate": 2},
        **SMALL,
    ),
    "pairs of corridors": PAIRS,
    "pairs of walkers": change(
        PRESETS["map-elites-pairs"],
        iterations=8,
        generator={"horizon": 40},
        es={"population": 8},
        search={"pupil_score": -200.0, "patience": 3},
        **SMALL,
    ),
}
LIBRARY = (
    "import json, sys, poet, tests.envs.toy; poet.run(poet.Config.from_dict(json.loads(sys.argv[2])), sys.argv[1])"
)


def start(config: Config, path: Path, program: str = LIBRARY, **options: int) -> subprocess.Popen:
    config = dataclasses.replace(config, **options)
    words = [sys.executable, "-c", program, str(path), json.dumps(config.to_dict())]
    env = {**ENV, "JAX_NUM_CPU_DEVICES": str(config.execution.devices or 2)}  # the toy wakes jax before the run could
    return subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process: subprocess.Popen, code: int = 0) -> str:
    """What it said."""
    said = process.communicate()[0]
    assert process.returncode == code, said
    return said


def ticks(path: Path) -> int:
    """Iterations in the journal."""
    return (path / JOURNAL).read_bytes().count(b'{"event":"iteration"') if (path / JOURNAL).exists() else 0


def interrupt(process: subprocess.Popen, path: Path, iteration: int, number: int = signal.SIGKILL) -> str:
    """Send a signal while an iteration is under way; returns what the process said."""
    while process.poll() is None and ticks(path) < iteration:
        time.sleep(0.001)
    time.sleep(random.random() * 0.03)
    process.send_signal(number)
    return finish(process, -signal.SIGKILL if number == signal.SIGKILL else 0)


def assert_same(path: Path, other: Path) -> None:
    """The same history, state and snapshots, bit for bit."""
    assert diff(path, other) == []
    assert list_elites(path) == list_elites(other) == sorted(steps(path / CHECKPOINTS))
    for iteration in list_elites(path):
        ours, theirs = read_elites(path, iteration), read_elites(other, iteration)
        assert ours.meta == theirs.meta
        assert ours.columns.keys() == theirs.columns.keys()
        for name, column in ours.columns.items():
            assert column.tobytes() == theirs.columns[name].tobytes(), name


def test_killed_twice_and_still_the_same(tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    for iteration in (3, 13):
        interrupt(start(ARM, killed), killed, iteration)
    search = build(ARM)  # in this process, which has more devices, for both: compiled but once
    for path in (killed, whole):
        with claim(path, ARM.to_dict()) as run:
            drive(search, ARM, path, run, reporter=Reporter())
    assert_same(killed, whole)
    assert list_elites(whole) == [10, 20, 22, 24]
    assert 100 < len(read_elites(whole).columns["fitness"]) <= 256
    assert [row["wall"]["iteration"] for row in read_journal(killed) if row.get("wall", {}).get("event") == "resume"]


@pytest.fixture(scope="module", params=RUNS)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Path]:
    """A run of each kind, uninterrupted; the cache beside it serves all others."""
    path = tmp_path_factory.mktemp("runs") / "whole"
    finish(start(RUNS[request.param], path))
    return RUNS[request.param], path


@pytest.mark.slow
def test_killed_three_times(whole: tuple[Config, Path]) -> None:
    config, path = whole
    killed = path.with_name("killed")
    for _ in range(3):
        done = ticks(killed)
        interrupt(start(config, killed), killed, min(done + random.randint(1, 6), config.iterations - 1))
    finish(start(config, killed))
    assert_same(killed, path)


@pytest.mark.slow
def test_asked_to_stop_and_gone_on(whole: tuple[Config, Path]) -> None:
    config, path = whole
    stopped = path.with_name("stopped")
    assert "once more to leave at once" in interrupt(start(config, stopped), stopped, 2, signal.SIGINT)
    finish(start(config, stopped))
    assert diff(stopped, path) == []


@pytest.mark.slow
def test_devices_do_not_matter(whole: tuple[Config, Path]) -> None:
    config, path = whole
    for devices in (1, 2):
        said = finish(start(change(config, execution={"devices": devices}), path.with_name(f"devices{devices}")))
        assert f"on {devices} x cpu" in said
        assert_same(path.with_name(f"devices{devices}"), path)


@pytest.mark.slow
def test_extended_is_long_from_the_start(whole: tuple[Config, Path]) -> None:
    config, path = whole
    extended = path.with_name("extended")
    finish(start(config, extended, iterations=config.iterations // 2 + 1))
    finish(start(config, extended))
    assert diff(extended, path) == []
