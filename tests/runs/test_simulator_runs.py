"""Runs whose episodes are in simulators: killed and resumed, on any number of workers, they are equal."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from poet.cli.main import main
from poet.runs.diff import diff_runs
from poet.runs.layout import CHECKPOINTS

ROOT = Path(__file__).parents[2]
OPTIONS = (
    *("--engine", "host", "--engine.lanes", "8", "--generator", "gymnasium", "--generator.env", "Acrobot-v1"),
    *("--generator.horizon", "30", "--generator.return-range", "-30", "0", "--learner.population", "8"),
    *("--search.threshold-unit", "return", "--search.reproduce-threshold", "-100"),
    *("--search.mc-lower", "-100", "--search.mc-upper", "0", "--iterations", "6", "--checkpoint-every", "1"),
)
AGENTS = (
    *("--engine", "host", "--engine.lanes", "8", "--problem", "gymnasium", "--problem.env", "Acrobot-v1"),
    *("--problem.horizon", "30", "--problem.descriptor", "0", "2", "--problem.descriptor-bounds", "-1", "1"),
    *("--policy.hidden", "4", "--search.batch", "8", "--search.generations", "2", "--search.initial", "8"),
)


def start(root: Path, name: str, *options: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "poet", "run", "tiny", "--root", str(root), "--name", name, *OPTIONS, *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def workers_of(process: int) -> list[str]:
    """The worker processes whose parent was this process."""
    found = subprocess.run(["ps", "-eo", "ppid,args"], capture_output=True, text=True).stdout
    return [line for line in found.splitlines() if "poet.agents.worker" in line and line.split()[0] == str(process)]


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_bits_and_leaves_no_worker(tmp_path: Path) -> None:
    whole = start(tmp_path, "whole", "--engine.workers", "1")
    assert whole.wait() == 0
    killed = start(tmp_path, "killed")
    while not (tmp_path / "killed" / CHECKPOINTS / "2").exists() and killed.poll() is None:
        time.sleep(0.01)
    assert workers_of(killed.pid)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    time.sleep(2)
    assert not workers_of(killed.pid) + workers_of(1)
    assert start(tmp_path, "killed").wait() == 0
    assert diff_runs(tmp_path / "whole", tmp_path / "killed") == []


@pytest.mark.slow
def test_agents_in_a_simulator_fill_an_archive_and_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "agents")
    arguments = ["run", "map-elites-walker", "--root", str(tmp_path), "--name", "agents", *AGENTS]
    assert main([*arguments, "--iterations", "2"]) == 0
    assert main(["eval", folder, "--episodes", "2"]) == 0
    assert "mean" in capsys.readouterr().out
    assert main(["video", folder]) == 0
    assert list((tmp_path / "agents" / "media").glob("*.gif"))
