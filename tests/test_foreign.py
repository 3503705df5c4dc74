"""A package of another author adds a search with its preset and view, a policy, a learner and an archive.

It is tests/foreign, found by its entry points. Every command works on its runs, also after a kill, in a new process,
without the package, and after the package was renamed.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.plugins import environment, install, poet_command

RENAMES = {"poet-curriculum": "poet-syllabus", "poet_curriculum": "poet_syllabus", "curriculum": "syllabus"}


class Shell:
    """Runs `poet` in a folder, with or without the package."""

    def __init__(self, folder: Path, *sites: Path) -> None:
        self.folder = folder
        self.environment = environment(*sites)

    def __call__(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            poet_command(*words), cwd=self.folder, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def kill_after(self, iterations: int, *words: str) -> None:
        """Start a run and kill it without warning once its journal has so many iterations."""
        process = subprocess.Popen(
            poet_command(*words), cwd=self.folder, env=self.environment, stdout=subprocess.DEVNULL
        )
        journal = self.folder / "runs" / words[words.index("--name") + 1] / "journal.jsonl"
        while process.poll() is None:
            if journal.exists() and journal.read_text().count('"event":"iteration"') >= iterations:
                os.kill(process.pid, signal.SIGKILL)
                break
            time.sleep(0.01)
        assert process.wait() == -signal.SIGKILL, "the run ended before it could be killed"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory, site: Path) -> Shell:
    """A folder with one finished run of the foreign search, which was killed in the middle."""
    shell = Shell(tmp_path_factory.mktemp("work"), site)
    shell.kill_after(3, "run", "curriculum-tiny", "--name", "a", "--iterations", "40")
    shell("run", "runs/a", "--iterations", "41")
    return shell


def test_listed_with_its_package(site: Path, tmp_path: Path) -> None:
    lines = Shell(tmp_path, site)("list").splitlines()
    rows = {line.split()[0]: line for line in lines if line.startswith("  ") and len(line.split()) > 1}
    for id in ("linear", "random-search", "log-grid", "curriculum"):
        assert "poet-curriculum 1.0" in rows[id]
    assert "curriculum: maze with a linear policy, 8 iterations" in rows["curriculum-tiny"]


@pytest.mark.slow
def test_killed_and_resumed_it_is_the_same_run(shell: Shell) -> None:
    shell("run", "curriculum-tiny", "--name", "b", "--iterations", "41")
    assert "equal: same history, same state" in shell("diff", "a", "b")
    run = json.loads((shell.folder / "runs/a/run.json").read_text())
    assert run["plugins"]["learner"] == {
        "kind": "learner",
        "id": "random-search",
        "package": "poet-curriculum",
        "version": "1.0",
    }
    assert run["identity"]["interface"]["id"] == "maze-v1"
    assert len(run["sessions"]) == 2


@pytest.mark.slow
def test_every_reading_command_works(shell: Shell) -> None:
    assert "finished  stage" in shell("status", "a")
    assert "solved: stage 0" in shell("inspect", "a", "--last", "50")
    assert "warning" not in shell("inspect", "a")
    assert "staircase.png" in shell("plot", "a")
    refused = shell("video", "a", code=2)
    assert "the view 'curriculum', which has no command 'video'" in refused
    program = f"""
import poet
run = poet.open_run({str(shell.folder / "runs/a")!r})
print(type(run).__name__, run.default_agent(), run.agent(0).shape, len(run.frame("stages")), run.policy().num_params)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env=shell.environment, capture_output=True, text=True, check=True
    )
    name, agent, size, count, num_params = done.stdout.replace("(", "").replace(",)", "").split()
    assert (name, int(agent) + 1, size) == ("CurriculumView", int(count), num_params)


@pytest.mark.slow
def test_without_the_package_its_runs_stay_readable(shell: Shell) -> None:
    bare = Shell(shell.folder)
    assert "finished  stage" in bare("status", "a")
    shown = bare("inspect", "a")
    assert "view 'curriculum'" in shown
    assert "overview.png" in bare("plot", "a")
    assert "unknown search 'curriculum'" in bare("run", "runs/a", "--iterations", "42", code=2)
    assert "presets" in bare("list")


@pytest.mark.slow
def test_a_renamed_package_resumes_its_runs(shell: Shell, tmp_path: Path) -> None:
    renamed = Shell(shell.folder, install(tmp_path, RENAMES))
    assert "unknown search 'curriculum'" in renamed("run", "runs/a", "--iterations", "43", code=2)
    half = ("--plugin", "curriculum=syllabus")
    refused = renamed("run", "runs/a", "--iterations", "43", *half, code=2)
    assert "plugins.policy.package: poet-curriculum -> poet-syllabus" in refused
    renamed("run", "runs/a", "--iterations", "43", *half, "--plugin", "poet-curriculum=poet-syllabus")
    run = json.loads((shell.folder / "runs/a/run.json").read_text())
    assert run["renamed"] == {"curriculum": "syllabus", "poet-curriculum": "poet-syllabus"}
    renamed("run", "runs/a", "--iterations", "44")
    assert "staircase.png" in renamed("plot", "a")
