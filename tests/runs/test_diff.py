import json
import shutil
from pathlib import Path

import pytest

from poet.errors import RunError
from poet.runs.checkpoint import NOTES
from poet.runs.diff import diff_runs
from poet.runs.identity import claim
from poet.runs.layout import CHECKPOINTS, JOURNAL
from tests.runs.toy import ToyConfig, toy_run


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    for name in "ab":
        toy_run(root / name, ToyConfig(iterations=3))
    return root


@pytest.fixture
def runs(pair: Path, tmp_path: Path) -> tuple[Path, Path]:
    shutil.copytree(pair, tmp_path, dirs_exist_ok=True)
    return tmp_path / "a", tmp_path / "b"


def change_iteration(path: Path, iteration: int, **fields: object) -> None:
    rows = [json.loads(line) for line in (path / JOURNAL).read_text().splitlines()]
    iterations = [row for row in rows if row.get("event") == "iteration"]
    iterations[iteration].update(fields)
    (path / JOURNAL).write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_equal_runs_are_equal(runs: tuple[Path, Path]) -> None:
    assert diff_runs(*runs) == []


def test_the_clock_does_not_count(runs: tuple[Path, Path]) -> None:
    change_iteration(runs[0], 1, wall={"seconds": 1e9})
    assert diff_runs(*runs) == []


def test_the_first_difference_of_the_histories_is_shown(runs: tuple[Path, Path]) -> None:
    change_iteration(runs[1], 2, env_steps=301)
    assert diff_runs(*runs) == [
        "the histories differ from event 3 (iteration of iteration 2)",
        "  env_steps: 300 and 301",
    ]


def test_a_shorter_history_is_named(runs: tuple[Path, Path]) -> None:
    lines = (runs[1] / JOURNAL).read_text().splitlines(keepends=True)
    (runs[1] / JOURNAL).write_text("".join(line for line in lines if '"iteration":2,"env_steps"' not in line))
    assert diff_runs(*runs) == [f"{runs[1]} ends after 3 events; {runs[0]} continues with iteration of iteration 2"]


def test_of_a_different_state_the_leaves_are_named(tmp_path: Path, runs: tuple[Path, Path]) -> None:
    toy_run(tmp_path / "c", ToyConfig(iterations=3, seed=5))
    shutil.rmtree(runs[1] / CHECKPOINTS)
    shutil.copytree(tmp_path / "c" / CHECKPOINTS, runs[1] / CHECKPOINTS)
    assert diff_runs(*runs) == ["the states at iteration 3 differ in 2 of 5 leaves", "  state.key", "  state.position"]


def test_runs_of_different_length_differ(tmp_path: Path, runs: tuple[Path, Path]) -> None:
    toy_run(runs[1], ToyConfig(iterations=4))
    lines = diff_runs(*runs)
    assert f"{runs[0]} ends after 4 events" in lines[0]
    assert lines[1] == "the newest checkpoints are of different iterations: 3 and 4"


def test_a_broken_checkpoint_is_an_error(runs: tuple[Path, Path]) -> None:
    (runs[1] / CHECKPOINTS / "3" / NOTES).write_bytes(b"{")
    with pytest.raises(RunError, match="checkpoint 3 of .*b is broken"):
        diff_runs(*runs)


def test_a_folder_without_run_or_without_history_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        diff_runs(tmp_path, tmp_path)
    with claim(tmp_path / "new", ToyConfig()):
        (tmp_path / "new" / JOURNAL).touch()
    with pytest.raises(RunError, match="no history"):
        diff_runs(tmp_path / "new", tmp_path / "new")
