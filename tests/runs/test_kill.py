"""Signal 9 at any moment: the same command goes on, and nothing can be told from an uninterrupted run."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from poet.errors import RunError
from poet.runs.checkpoint import steps
from poet.runs.diff import diff
from poet.runs.folder import CHECKPOINTS, JOURNAL, is_alive
from poet.runs.read import list_elites
from tests.runs import toy
from tests.runs.toy import ToyConfig, toy_run

CONFIG = ToyConfig(iterations=16)


def start(path: Path, *options: str) -> subprocess.Popen:
    command = [sys.executable, toy.__file__, str(path), "--iterations", "16", *options]
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": root}, stdout=subprocess.PIPE, text=True)


def kill_at(process: subprocess.Popen, path: Path, grown: int, delay_s: float) -> None:
    """Kill once the journal has grown by so many bytes, and a little later."""
    size = (path / JOURNAL).stat().st_size if (path / JOURNAL).exists() else 0
    while process.poll() is None:
        if (path / JOURNAL).exists() and (path / JOURNAL).stat().st_size >= size + grown:
            break
        time.sleep(0.002)
    time.sleep(delay_s)
    process.kill()
    process.communicate()


def finish(path: Path, root: Path) -> None:
    toy_run(path, CONFIG)
    toy_run(root / "whole", CONFIG)
    assert diff(path, root / "whole") == []
    assert steps(path / CHECKPOINTS) == steps(root / "whole" / CHECKPOINTS)
    assert list_elites(path) == sorted(steps(path / CHECKPOINTS))
    assert not list(path.glob("*/*.tmp"))


def test_killed_in_the_cache_in_a_checkpoint_and_in_between(tmp_path: Path) -> None:
    path = tmp_path / "killed"
    for options in (["--die-in-cache"], ["--die-in-save", "elites/4"], ["--die-in-save", "checkpoints/6"]):
        process = start(path, *options)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert list_elites(path) == sorted(steps(path / CHECKPOINTS)) or "checkpoints/6" in options
    assert (path / CHECKPOINTS / "6.tmp").is_dir()
    assert steps(path / CHECKPOINTS) == [4, 2]
    assert list_elites(path) == [2, 4, 6]
    kill_at(start(path, "--pause", "0.02"), path, 1200, random.random() * 0.2)
    assert not is_alive(path)
    finish(path, tmp_path)


@pytest.mark.slow
def test_killed_twenty_times(tmp_path: Path) -> None:
    for round in range(5):
        path = tmp_path / f"killed{round}"
        for _ in range(4):
            kill_at(start(path, "--pause", "0.05"), path, random.randrange(1500), random.random() * 0.3)
        finish(path, tmp_path)


def test_a_second_writer_is_refused_and_a_second_signal_leaves_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with start(path, "--pause", "20") as process:
        assert process.stdout is not None
        while "compiling" not in process.stdout.readline():
            assert process.poll() is None
        with pytest.raises(RunError, match=f"is being written by process {process.pid}"):
            toy_run(path, CONFIG)
        process.send_signal(signal.SIGTERM)
        while "once more" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == -signal.SIGINT  # which a shell reports as 130
    assert not is_alive(path)
