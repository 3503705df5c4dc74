"""POET end to end: killed at any moment, on other devices or extended, a run equals one that was not."""

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

from poet.runs.diff import diff_runs
from poet.runs.layout import CHECKPOINTS, JOURNAL
from poet.runs.read import list_niches, read_journal
from poet.search.config import presets

ROOT = Path(__file__).parents[2]
ENV = {name: value for name, value in os.environ.items() if name != "JAX_NUM_CPU_DEVICES"}
ENV["PYTHONPATH"] = str(ROOT)

# Two admissions, and transfers, in five iterations that take a second together.
TINY = presets.get("tiny")
TINIER = dataclasses.replace(
    TINY,
    iterations=5,
    checkpoint_every=1,
    generator=dataclasses.replace(TINY.generator, horizon=30),
    policy=dataclasses.replace(TINY.policy, hidden=(8,)),
    learner=dataclasses.replace(TINY.learner, population=8),
    search=dataclasses.replace(TINY.search, reproduce_every=2, transfer_every=2),
    engine=dataclasses.replace(TINY.engine, lanes=16),
    executor=dataclasses.replace(TINY.executor, devices=1),
)
LIBRARY = "import json, sys, poet; poet.run(poet.RunConfig.from_dict(json.loads(sys.argv[2])), sys.argv[1])"
DYING = "import sys; from tests.runs.toy import {0}; from poet.cli.main import main; {0}({1}); main(sys.argv[1:])"


def library(path: Path) -> subprocess.Popen:
    arguments = [sys.executable, "-c", LIBRARY, str(path), json.dumps(TINIER.to_dict())]
    return subprocess.Popen(arguments, env=ENV, stdout=subprocess.DEVNULL)


def command(path: Path, *options: str, dying: str = "") -> subprocess.Popen:
    start = ["-c", dying] if dying else ["-m", "poet"]
    arguments = [sys.executable, *start, "run", "tiny", "--root", str(path.parent), "--name", path.name, *options]
    return subprocess.Popen(arguments, env=ENV, stdout=subprocess.DEVNULL)


def kill_in_iteration(process: subprocess.Popen, path: Path, iteration: int) -> None:
    """Kill during an iteration."""
    while process.poll() is None:
        journal = path / JOURNAL
        if journal.exists() and journal.read_bytes().count(b'{"event":"iteration"') >= iteration:
            break
        time.sleep(0.001)
    time.sleep(random.random() * 0.05)
    process.kill()
    process.wait()


@pytest.mark.slow
def test_a_run_that_was_killed_twice_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    killed, uninterrupted = tmp_path / "killed", tmp_path / "uninterrupted"
    for iteration in (2, 4):
        kill_in_iteration(library(killed), killed, iteration)
    assert library(killed).wait() == 0
    assert library(uninterrupted).wait() == 0
    assert diff_runs(killed, uninterrupted) == []
    events = [row.get("event") for row in read_journal(uninterrupted)]
    assert events.count("iteration") == 5
    assert events.count("admission") >= 2
    assert "transfers" in events
    assert list_niches(killed) == list_niches(uninterrupted) == list(range(events.count("admission")))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """An uninterrupted run of the preset, and how many seconds it takes with a warm cache."""
    root = tmp_path_factory.mktemp("runs")
    assert command(root / "cold").wait() == 0
    began = time.monotonic()
    assert command(root / "uninterrupted").wait() == 0
    assert diff_runs(root / "cold", root / "uninterrupted") == []
    return root / "uninterrupted", time.monotonic() - began


@pytest.mark.slow
@pytest.mark.parametrize("round", range(5))
def test_killed_at_random_moments(uninterrupted: tuple[Path, float], round: int) -> None:
    path, seconds = uninterrupted
    killed = path.with_name(f"killed{round}")
    for _ in range(4):
        process = command(killed)
        time.sleep(random.uniform(0.0, seconds))
        process.kill()
        process.wait()
    assert command(killed).wait() == 0
    assert diff_runs(killed, path) == []


@pytest.mark.slow
def test_killed_while_writing_the_cache_and_a_checkpoint(uninterrupted: tuple[Path, float], tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    for dying in (DYING.format("_die_in_cache", ""), DYING.format("_die_in_save", "'checkpoints/4'")):
        assert command(killed, dying=dying).wait() == -signal.SIGKILL
    assert (killed / CHECKPOINTS / "4.tmp").is_dir()
    assert command(killed).wait() == 0
    assert diff_runs(killed, uninterrupted[0]) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ["--executor.devices", "1"],
        ["--executor.devices", "2"],
        ["--executor.devices", "4"],
        ["--executor.queue", "128"],
        ["--engine.chunk", "7"],
    ],
    ids=" ".join,
)
def test_devices_queue_and_chunk_change_no_bit(uninterrupted: tuple[Path, float], options: list[str]) -> None:
    path = uninterrupted[0].with_name("-".join(options).replace("--", ""))
    assert command(path, *options).wait() == 0
    assert diff_runs(path, uninterrupted[0]) == []


@pytest.mark.slow
def test_an_extended_run_equals_one_that_was_long_from_the_start(uninterrupted: tuple[Path, float]) -> None:
    path = uninterrupted[0].with_name("extended")
    assert command(path, "--iterations", "5").wait() == 0
    assert command(path).wait() == 0
    assert diff_runs(path, uninterrupted[0]) == []
