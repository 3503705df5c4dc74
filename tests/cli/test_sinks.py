"""`--sinks` and `--stop`, with a cheap search in place of those of the presets."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from poet.runs.layout import SINKS
from poet.runs.read import read_config
from poet.runs.status import read_status
from tests.cli.command import command
from tests.packages import Packages, packages_in

SOURCE = """
import dataclasses, json
from typing import ClassVar

import poet

@dataclasses.dataclass(frozen=True)
class TextFileConfig(poet.SinkConfig):
    "Rows as lines of a file."

    id: ClassVar[str] = "text-file"
    name: str = "rows.txt"

    def make(self, context):
        def write(rows):
            with (context.folder / self.name).open("a") as file:
                file.writelines(f"{row['iteration']}\\n" for row in rows if row["event"] == "iteration")

        return write
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    for packages in packages_in(tmp_path / "packages", monkeypatch):
        packages.install("poet-text", "1.0", {"poet.sinks": {"text-file": "poet_text:TextFileConfig"}}, source=SOURCE)
        yield packages


def lines(root: Path, name: str = "text-file", file: str = "rows.txt") -> list[int]:
    return [int(line) for line in (root / "tiny" / SINKS / name / file).read_text().split()]


# --- sinks ---


def test_a_sink_of_another_package_is_chosen_by_its_id(
    root: Path, packages: Packages, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("run", "tiny", "--iterations", "4", "--sinks", "text-file", "--sinks.0.name", "a.txt") == 0
    assert ", rows to text-file;" in capsys.readouterr().out.splitlines()[0]
    assert lines(root, file="a.txt") == [0, 1, 2, 3]
    assert command("run", "runs/tiny", "--iterations", "6") == 0, "the run remembers its sinks"
    assert lines(root, file="a.txt") == list(range(6))
    packages.install("poet-text", "2.0", {"poet.sinks": {"text-file": "poet_text:TextFileConfig"}}, source=SOURCE)
    assert command("run", "runs/tiny", "--iterations", "8") == 0, "of another version too"
    assert lines(root, file="a.txt") == list(range(8))


def test_several_sinks(root: Path, packages: Packages) -> None:
    assert command("run", "tiny", "--iterations", "2", "--sinks", "text-file", "text-file") == 0
    assert lines(root) == lines(root, "text-file-2") == [0, 1]


def test_a_run_goes_on_without_its_sinks(root: Path, packages: Packages, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("run", "tiny", "--iterations", "4", "--sinks", "text-file") == 0
    assert command("run", "runs/tiny", "--iterations", "6", "--sinks", "None") == 0
    assert read_config(root / "tiny")["sinks"] == []
    assert lines(root) == [0, 1, 2, 3]


def test_a_sink_that_is_gone_does_not_keep_a_run_from_going_on(
    root: Path, packages: Packages, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("run", "tiny", "--iterations", "4", "--sinks", "text-file") == 0
    packages.uninstall("poet-text")
    assert command("run", "runs/tiny", "--iterations", "6") == 2
    assert "unknown sink 'text-file'" in capsys.readouterr().err
    assert command("run", "runs/tiny", "--iterations", "6", "--sinks=None") == 0
    assert read_status(root / "tiny").iteration == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sinks", "tensorbord"], "unknown sink 'tensorbord'. Did you mean 'tensorboard'"),
        (["--sinks"], "--sinks expects an id of kind sink, got nothing"),
        (["--sinks", "tensorboard", "--sinks.0.step", "time"], "time"),
        (["--stop.at-least", "3"], "stop.metric is needed with"),
        (["--stop.metric", "best/max", "--stop.stagnant", "0"], "stop.stagnant expects at least 1"),
        (["--stop.metric", "best/max", "--stop.at-least", "high"], "high"),
    ],
    ids=" ".join,
)
def test_impossible_options(root: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str) -> None:
    assert command("run", "tiny", *options) == 2
    assert message in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert not root.exists()


@pytest.mark.parametrize("missing", ["tensorboard", "wandb"])
def test_a_tracker_that_is_not_installed_is_an_error_before_anything_starts(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    assert command("run", "tiny", "--iterations", "2") == 0
    before = {file: file.read_bytes() for file in root.rglob("*") if file.is_file()}
    monkeypatch.setitem(sys.modules, missing, None)
    for module in [name for name in sys.modules if name.startswith((f"{missing}.", f"poet.sinks.{missing}"))]:
        monkeypatch.delitem(sys.modules, module)
    for words in (["tiny"], ["tiny", "--name", "other"], ["runs/tiny"]):
        capsys.readouterr()
        assert command("run", *words, "--iterations", "4", "--sinks", missing) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"error: the extra {missing!r} is needed here and is not installed (")
        assert re.search(rf" install .*{missing}\S*$", error.strip()), error
    assert {file: file.read_bytes() for file in root.rglob("*") if file.is_file()} == before


@pytest.mark.ci
def test_a_sink_that_never_answers_does_not_keep_the_process(tmp_path: Path) -> None:
    program = """
import threading
from pathlib import Path
from poet.runs import sinks
from tests.runs.toy import ToyConfig, toy_run
sinks.FINISH_S = 0.5
print(toy_run(Path("a"), ToyConfig(), sinks=[lambda rows: threading.Event().wait()]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin"},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "RunOutcome(iteration=6, finished=True, state=...)" in done.stdout


# --- rules ---


def test_a_run_that_reached_its_target(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rule = ("--stop.metric", "env_steps", "--stop.at-least", "300")
    assert command("run", "tiny", *rule) == 0
    output = capsys.readouterr().out
    assert "has reached its target at iteration 3: env_steps 300 is at least 300" in output
    assert "extend:   poet run runs/tiny --stop.at-least None" in output
    assert command("status", "tiny") == 0
    assert "  finished: env_steps 300 is at least 300  best" in capsys.readouterr().out
    before = (root / "tiny" / "journal.jsonl").read_bytes()
    for words in (["tiny", *rule], ["runs/tiny"]):
        assert command("run", *words) == 0
        assert "a larger --stop.at-least resumes it" in " ".join(capsys.readouterr().out.split())
    assert (root / "tiny" / "journal.jsonl").read_bytes() == before
    assert command("run", "runs/tiny", "--stop.at-least", "None", "--iterations", "5") == 0
    assert read_status(root / "tiny").iteration == 5
    assert command("run", "tiny", "--iterations", "5", "--name", "plain") == 0
    assert command("diff", "tiny", "plain") == 0


def test_a_stagnant_run_resumes_with_what_the_summary_says(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rule = ("--stop.metric", "best/max", "--stop.stagnant", "1")
    assert command("run", "tiny", *rule) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("extend:")]
    ended = read_status(root / "tiny").iteration
    assert command(*line.split()[2:]) == 0
    assert read_status(root / "tiny").iteration > ended


def test_an_unknown_metric_lists_the_known_ones(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("run", "tiny", "--stop.metric", "best", "--stop.at-least", "3") == 2
    error = capsys.readouterr().err
    assert "unknown metric for --stop.metric: 'best'. Did you mean" in error
    assert "Known: best/max, best/mean, best/min, env_steps." in error
    assert command("run", "tiny", "--iterations", "2") == 0


def test_a_run_that_a_sink_stopped_says_so(root: Path, packages: Packages, capsys: pytest.CaptureFixture[str]) -> None:
    source = SOURCE + "            return poet.Stop('enough\\n seen') if rows[-1]['iteration'] == 2 else None\n"
    source = source.replace("        return write\n", "") + "\n        return write\n"
    packages.install("poet-text", "1.0", {"poet.sinks": {"text-file": "poet_text:TextFileConfig"}}, source=source)
    sys.modules.pop("poet_text", None)
    assert command("run", "tiny", "--sinks", "text-file", "--iterations", "5") == 0
    output = capsys.readouterr().out
    assert "saved at iteration 3; resume with: poet run runs/tiny" in output
    assert command("status") == 0
    assert "stopped: enough seen" in capsys.readouterr().out
    assert json.loads((root / "tiny" / SINKS / "text-file.json").read_text())["next"] == 3
    assert command("run", "runs/tiny") == 0
    assert lines(root) == list(range(5))
