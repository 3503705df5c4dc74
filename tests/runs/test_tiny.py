"""POET itself, end to end: killed at any moment, on any number of devices, extended, and still the same run."""

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

from poet.runs.diff import diff
from poet.runs.folder import CHECKPOINTS, JOURNAL
from poet.runs.presets import PRESETS
from poet.runs.read import list_niches, read_journal

ROOT = Path(__file__).parents[2]
ENV = {name: value for name, value in os.environ.items() if name != "JAX_NUM_CPU_DEVICES"}
ENV["PYTHONPATH"] = str(ROOT)

# Two births and transfers in five iterations of a second, most of which is start-up.
TINY = PRESETS["tiny"]
TINIER = dataclasses.replace(
    TINY,
    iterations=5,
    checkpoint_every=1,
    generator=dataclasses.replace(TINY.generator, horizon=30),
    policy=dataclasses.replace(TINY.policy, hidden=(8,)),
    es=dataclasses.replace(TINY.es, population=8),
    search=dataclasses.replace(TINY.search, reproduce_every=2, transfer_every=2),
    execution=dataclasses.replace(TINY.execution, lanes=16, devices=1),
)
LIBRARY = "import json, sys, poet; poet.run(poet.Config.from_dict(json.loads(sys.argv[2])), sys.argv[1])"
DYING = "import sys; from tests.runs.toy import {0}; from poet.cli import main; {0}({1}); main(sys.argv[1:])"


def library(path: Path) -> subprocess.Popen:
    words = [sys.executable, "-c", LIBRARY, str(path), json.dumps(TINIER.to_dict())]
    return subprocess.Popen(words, env=ENV, stdout=subprocess.DEVNULL)


def command(path: Path, *options: str, dying: str = "") -> subprocess.Popen:
    start = ["-c", dying] if dying else ["-m", "poet"]
    words = [sys.executable, *start, "run", "tiny", "--root", str(path.parent), "--name", path.name, *options]
    return subprocess.Popen(words, env=ENV, stdout=subprocess.DEVNULL)


def kill_in_iteration(process: subprocess.Popen, path: Path, iteration: int) -> None:
    """Kill while an iteration is under way."""
    while process.poll() is None:
        journal = path / JOURNAL
        if journal.exists() and journal.read_bytes().count(b'{"event":"iteration"') >= iteration:
            break
        time.sleep(0.001)
    time.sleep(random.random() * 0.05)
    process.kill()
    process.wait()


@pytest.mark.slow
def test_killed_twice_and_still_the_same(tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    for iteration in (2, 4):
        kill_in_iteration(library(killed), killed, iteration)
    assert library(killed).wait() == 0
    assert library(whole).wait() == 0
    assert diff(killed, whole) == []
    events = [row.get("event") for row in read_journal(whole)]
    assert events.count("iteration") == 5
    assert events.count("admission") >= 2
    assert "transfers" in events
    assert list_niches(killed) == list_niches(whole) == list(range(events.count("admission")))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """An uninterrupted run of the preset, and how long it takes with a warm cache."""
    root = tmp_path_factory.mktemp("runs")
    assert command(root / "cold").wait() == 0
    began = time.monotonic()
    assert command(root / "whole").wait() == 0
    assert diff(root / "cold", root / "whole") == []
    return root / "whole", time.monotonic() - began


@pytest.mark.slow
@pytest.mark.parametrize("round", range(5))
def test_killed_at_random_moments(whole: tuple[Path, float], round: int) -> None:
    path, seconds = whole
    killed = path.with_name(f"killed{round}")
    for _ in range(4):
        process = command(killed)
        time.sleep(random.uniform(0.0, seconds))
        process.kill()
        process.wait()
    assert command(killed).wait() == 0
    assert diff(killed, path) == []


@pytest.mark.slow
def test_killed_in_the_cache_and_in_a_checkpoint(whole: tuple[Path, float], tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    for dying in (DYING.format("_die_in_cache", ""), DYING.format("_die_in_save", "'checkpoints/4'")):
        assert command(killed, dying=dying).wait() == -signal.SIGKILL
    assert (killed / CHECKPOINTS / "4.tmp").is_dir()
    assert command(killed).wait() == 0
    assert diff(killed, whole[0]) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ["--execution.devices", "1"],
        ["--execution.devices", "2"],
        ["--execution.devices", "4"],
        ["--execution.queue", "128"],
        ["--execution.chunk", "7"],
    ],
    ids=" ".join,
)
def test_devices_and_blocks_in_flight_do_not_matter(whole: tuple[Path, float], options: list[str]) -> None:
    path = whole[0].with_name("-".join(options).replace("--", ""))
    assert command(path, *options).wait() == 0
    assert diff(path, whole[0]) == []


@pytest.mark.slow
def test_extended_is_long_from_the_start(whole: tuple[Path, float]) -> None:
    path = whole[0].with_name("extended")
    assert command(path, "--iterations", "5").wait() == 0
    assert command(path).wait() == 0
    assert diff(path, whole[0]) == []
