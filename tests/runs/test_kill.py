"""After signal 9 at any moment, the same command resumes the run, which then equals one that was not interrupted."""

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
from poet.runs.diff import diff_runs
from poet.runs.layout import CHECKPOINTS, JOURNAL
from poet.runs.lock import is_alive
from poet.runs.read import list_elites
from tests.runs import toy
from tests.runs.toy import ToyConfig, toy_run

CONFIG = ToyConfig(iterations=16)


def start(path: Path, *options: str) -> subprocess.Popen:
    command = [sys.executable, toy.__file__, str(path), "--iterations", "16", *options]
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": root}, stdout=subprocess.PIPE, text=True)


def kill_after(process: subprocess.Popen, path: Path, num_bytes: int, delay_s: float) -> None:
    """Kill `delay_s` seconds after the journal has grown by `num_bytes`."""
    size = (path / JOURNAL).stat().st_size if (path / JOURNAL).exists() else 0
    while process.poll() is None:
        if (path / JOURNAL).exists() and (path / JOURNAL).stat().st_size >= size + num_bytes:
            break
        time.sleep(0.002)
    time.sleep(delay_s)
    process.kill()
    process.communicate()


def finish(path: Path, root: Path) -> None:
    toy_run(path, CONFIG)
    toy_run(root / "uninterrupted", CONFIG)
    assert diff_runs(path, root / "uninterrupted") == []
    assert steps(path / CHECKPOINTS) == steps(root / "uninterrupted" / CHECKPOINTS)
    assert list_elites(path) == sorted(steps(path / CHECKPOINTS))
    assert not list(path.glob("*/*.tmp"))


def test_killed_while_writing_the_cache_a_snapshot_a_checkpoint_and_in_between(tmp_path: Path) -> None:
    path = tmp_path / "killed"
    for options in (["--die-in-cache"], ["--die-in-save", "elites/4"], ["--die-in-save", "checkpoints/6"]):
        process = start(path, *options)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert list_elites(path) == sorted(steps(path / CHECKPOINTS)) or "checkpoints/6" in options
    assert (path / CHECKPOINTS / "6.tmp").is_dir()
    assert steps(path / CHECKPOINTS) == [4, 2]
    assert list_elites(path) == [2, 4, 6]
    kill_after(start(path, "--pause", "0.02"), path, 1200, random.random() * 0.2)
    assert not is_alive(path)
    finish(path, tmp_path)


@pytest.mark.slow
def test_killed_twenty_times(tmp_path: Path) -> None:
    for round in range(5):
        path = tmp_path / f"killed{round}"
        for _ in range(4):
            kill_after(start(path, "--pause", "0.05"), path, random.randrange(1500), random.random() * 0.3)
        finish(path, tmp_path)


def test_a_second_writer_is_refused_and_a_second_signal_ends_the_process_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with start(path, "--pause", "20") as process:
        assert process.stdout is not None
        while "compiling" not in process.stdout.readline():
            assert process.poll() is None
        with pytest.raises(RunError, match=f"is being written by process {process.pid}"):
            toy_run(path, CONFIG)
        process.send_signal(signal.SIGTERM)
        while "press Ctrl-C again" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == -signal.SIGINT  # which a shell reports as 130
    assert not is_alive(path)
