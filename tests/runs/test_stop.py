"""Rules that end a run at a target, or when it is stagnant."""

import dataclasses
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poet.errors import ConfigError
from poet.runs.diff import diff_runs
from poet.runs.layout import JOURNAL
from poet.runs.read import read_journal
from poet.runs.runner import RunOutcome
from poet.runs.status import read_status
from poet.runs.stop import StopRules
from poet.search.base import Search
from poet.search.config import StopConfig
from tests.runs import toy
from tests.runs.toy import ToyConfig, toy_run, walk

NAN, INF = math.nan, math.inf
RISING = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]


def config(**rule: Any) -> ToyConfig:
    return ToyConfig(iterations=8, stop=StopConfig(metric="score", **rule))


def ended_after(values: list[Any], **rule: Any) -> int | None:
    """The number of iterations after which the rules end a run with these values of the metric."""
    rules = StopRules(dataclasses.replace(config(**rule), iterations=10**6))
    for iteration, value in enumerate(values):
        rules.see({"event": "iteration", "iteration": iteration, "score": value})
        state = walk(ToyConfig()).init(None)._replace(iteration=np.asarray(iteration + 1))
        if rules.endings(state):
            return iteration + 1
    return None


@pytest.mark.parametrize(
    ("values", "rule", "expected"),
    [
        (RISING, {"at_least": 2.5}, 4),
        (RISING, {"at_least": 3.0}, 4),
        (RISING, {"at_least": 0.0}, 1),
        (RISING, {"at_least": 7.5}, None),
        ([NAN, NAN, 3.0], {"at_least": 1.0}, 3),
        ([NAN, NAN, NAN], {"at_least": 1.0}, None),
        ([INF, 0.0, 3.0], {"at_least": 1.0}, 3),
        ([0, 5, np.float32(9)], {"at_least": 6}, 3),
        ([5.0, 3.0, 1.0], {"at_most": 3.0}, 2),
        ([5.0, 3.0, 1.0], {"at_most": 0.5}, None),
        ([NAN, -INF, 1.0], {"at_most": 2.0}, 3),
        ([0.0, 0.0, 0.0, 0.0], {"stagnant": 2}, 3),
        ([0.0, 0.0, 1.0, 1.0, 1.0], {"stagnant": 2}, 5),
        (RISING, {"stagnant": 1}, None),
        ([3.0, 2.0, 2.9, 3.0], {"stagnant": 3}, 4),
        ([0.0, 0.4, 0.8, 1.2, 1.2], {"stagnant": 3, "min_change": 1.0}, None),
        ([0.0, 0.4, 0.8, 1.0, 1.2], {"stagnant": 3, "min_change": 1.0}, 4),
        ([NAN, NAN, NAN], {"stagnant": 2}, 2),
        ([1.0, NAN, NAN], {"stagnant": 2}, 3),
        ([NAN, 1.0, NAN], {"stagnant": 2}, None),
        ([3.0, 2.0, 2.0, 2.0], {"at_most": 0.0, "stagnant": 2}, 4),
        ([3.0, 2.0, 1.0, 0.0], {"at_most": 0.0, "stagnant": 2}, 4),
        ([3.0, 3.0, 3.0, 9.0], {"at_least": 9.0, "stagnant": 2}, 3),
        ([3.0, 3.0], {}, None),
    ],
)
def test_where_a_run_ends(values: list[Any], rule: dict[str, Any], expected: int | None) -> None:
    assert ended_after(values, **rule) == expected


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"at_least": 3.0}, "stop.metric is needed with"),
        ({"stagnant": 3}, "stop.metric is needed with"),
        ({"metric": "a", "at_least": 3.0, "at_most": 4.0}, "either at_least or at_most"),
        ({"metric": "a", "stagnant": 0}, "stop.stagnant expects at least 1 iteration, got 0"),
        ({"metric": "a", "stagnant": 2.5}, "stagnant expects an integer"),
        ({"metric": "a", "at_least": NAN}, "at_least expects a finite number"),
        ({"metric": "a", "stagnant": 2, "min_change": -1.0}, "min_change expects a number of at least 0"),
        ({"metric": 3}, "metric expects text"),
    ],
)
def test_impossible_rules(rule: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        StopConfig(**rule)


# --- in a run ---


def scripted(values: list[Any]) -> Search:
    """The toy with these values of a metric "score"."""
    search = walk(ToyConfig())

    def step(state: Any) -> Any:
        state, info = search.step(state)
        return state, info._replace(metrics={**info.metrics, "score": values[int(state.iteration) - 1]})

    return search._replace(step=step)


def scripted_run(path: Path, values: list[Any], **rule: Any) -> RunOutcome:
    return toy_run(path, config(**rule), scripted(values))


def process_events(path: Path) -> list[str]:
    return [row["wall"]["event"] for row in read_journal(path) if "event" not in row]


def test_a_run_that_reached_its_target_is_finished_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = scripted_run(tmp_path, RISING, at_least=2.5)
    assert outcome.finished
    assert outcome.iteration == 4
    assert outcome.reason == "score 3 is at least 2.5"
    assert outcome.extend == "--stop.at-least None"
    sentence = "has reached its target at iteration 4: score 3 is at least 2.5; a larger --stop.at-least resumes it"
    assert sentence in " ".join(capsys.readouterr().out.split())
    status = read_status(tmp_path)
    assert status.state == "finished: score 3 is at least 2.5"
    assert status.finished
    before = (tmp_path / JOURNAL).read_bytes()
    assert scripted_run(tmp_path, RISING, at_least=2.5)[1:] == outcome[1:]
    assert sentence in " ".join(capsys.readouterr().out.split())
    assert (tmp_path / JOURNAL).read_bytes() == before, "the same call does no iteration"


def test_it_is_a_prefix_of_one_without_the_rule_and_resumes_with_another_target(tmp_path: Path) -> None:
    scripted_run(tmp_path / "a", RISING, at_least=2.5)
    assert scripted_run(tmp_path / "a", RISING, at_least=5.0).iteration == 6
    assert scripted_run(tmp_path / "a", RISING).iteration == 8
    assert read_status(tmp_path / "a").state == "finished"
    scripted_run(tmp_path / "b", RISING)
    assert diff_runs(tmp_path / "a", tmp_path / "b") == []


def test_budget_and_target_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = scripted_run(tmp_path, RISING, at_least=7.0)
    assert (outcome.iteration, outcome.extend) == (8, "--iterations 16 --stop.at-least None")
    scripted_run(tmp_path, RISING, at_least=7.0)
    text = " ".join(capsys.readouterr().out.split())
    assert "is finished at iteration 8 and has reached its target at iteration 8" in text
    assert "; a larger --iterations and a larger --stop.at-least resume it" in text


def test_a_run_that_goes_on_without_its_rule_is_not_called_finished(tmp_path: Path) -> None:
    scripted_run(tmp_path, RISING, at_least=2.5)

    def die(state: Any) -> Any:
        raise ZeroDivisionError("on purpose")

    with pytest.raises(ZeroDivisionError):
        toy_run(tmp_path, config(), scripted(RISING)._replace(step=die))
    assert read_status(tmp_path).state == "stopped"


FLAT = [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0]


@pytest.mark.few(2)
@pytest.mark.parametrize("killed_at", [1, 2, 3, 4, 5])
def test_stagnation_is_judged_as_without_an_interruption(tmp_path: Path, killed_at: int) -> None:
    def search(dying: bool) -> Search:
        whole = scripted(FLAT)

        def step(state: Any) -> Any:
            if dying and int(state.iteration) == killed_at:
                raise ZeroDivisionError("on purpose")
            return whole.step(state)

        return whole._replace(step=step)

    rule = config(stagnant=4)
    with pytest.raises(ZeroDivisionError):
        toy_run(tmp_path / "a", rule, search(dying=True))
    outcome = toy_run(tmp_path / "a", rule, search(dying=False))
    assert outcome.iteration == toy_run(tmp_path / "b", rule, search(dying=False)).iteration == 6
    assert outcome.reason == "score has not improved on 1 for 4 iterations"
    assert diff_runs(tmp_path / "a", tmp_path / "b") == []


def test_a_longer_patience_resumes_a_stagnant_run(tmp_path: Path) -> None:
    first = scripted_run(tmp_path, FLAT, stagnant=2)
    assert (first.iteration, first.extend) == (4, "--stop.stagnant 4")
    assert scripted_run(tmp_path, FLAT, stagnant=4).iteration == 6


@pytest.mark.parametrize("values", [[[1.0, NAN]] * 8, [None] * 8, RISING])
def test_an_unknown_metric_is_an_error_that_lists_the_known_ones(tmp_path: Path, values: list[Any]) -> None:
    rule = ToyConfig(iterations=8, stop=StopConfig(metric="scor", at_least=1.0))
    with pytest.raises(ConfigError, match=r"unknown metric for --stop.metric: 'scor'.*Known: best/max, .*score"):
        toy_run(tmp_path, rule, scripted(values))
    assert toy_run(tmp_path, ToyConfig(iterations=8), scripted(values)).iteration == 8, "another command goes on"
    before = (tmp_path / JOURNAL).read_bytes()
    with pytest.raises(ConfigError, match="unknown metric"):
        toy_run(tmp_path, dataclasses.replace(rule, iterations=9), scripted(values))
    assert (tmp_path / JOURNAL).read_bytes() == before, "known from the history, before any work"


@pytest.mark.parametrize(("name", "reached"), [("score/min", 3), ("score/mean", 2), ("score/max", 1)])
def test_of_a_list_a_rule_names_the_part_to_judge(tmp_path: Path, name: str, reached: int) -> None:
    rule = ToyConfig(iterations=8, stop=StopConfig(metric=name, at_least=4.0))
    values = [[0.0, 4.0], [3.0, 5.0], [4.0, 9.0], *[[9.0, 9.0]] * 5]
    assert toy_run(tmp_path, rule, scripted(values)).iteration == reached


def test_what_depends_on_the_clock_is_no_metric(tmp_path: Path) -> None:
    rule = ToyConfig(stop=StopConfig(metric="wall/seconds", at_least=0.0))
    with pytest.raises(ConfigError, match="unknown metric"):
        toy_run(tmp_path, rule)


@pytest.mark.few(2)
@pytest.mark.parametrize("place", ["elites/2", "checkpoints/2", "checkpoints/4", "elites/5", "checkpoints/5"])
def test_killed_around_the_end_by_a_rule(tmp_path: Path, place: str) -> None:
    """Signal 9 just before a snapshot or a checkpoint is complete; the run ends after five iterations."""
    rule = ToyConfig(iterations=16, stop=StopConfig(metric="env_steps", at_least=500))
    root = str(Path(__file__).parents[2])
    command = [sys.executable, toy.__file__, str(tmp_path / "a"), "--iterations", "16", "--stop-at", "500"]
    killed = subprocess.run([*command, "--die-in-save", place], env={**os.environ, "PYTHONPATH": root}, check=False)
    assert killed.returncode == -signal.SIGKILL
    outcome = toy_run(tmp_path / "a", rule)
    assert outcome.iteration == toy_run(tmp_path / "b", rule).iteration == 5
    assert diff_runs(tmp_path / "a", tmp_path / "b") == []
    assert read_status(tmp_path / "a").state == "finished: env_steps 500 is at least 500"
