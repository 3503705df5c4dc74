import dataclasses
import io
import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from poet.errors import ContractError, RunError
from poet.runs import runner
from poet.runs.checkpoint import steps
from poet.runs.diff import diff
from poet.runs.folder import CHECKPOINTS, CONFIG, JOURNAL, NICHES, RUN
from poet.runs.fork import fork
from poet.runs.progress import Reporter, duration
from poet.runs.read import list_niches, quantity, read_journal, read_niche, read_status
from poet.search.base import Search
from tests.runs.toy import ToyConfig, toy_run, walk

SHORT = ToyConfig(iterations=6)
LONG = ToyConfig(iterations=11)


def heard(terminal: bool = False) -> tuple[Reporter, io.StringIO]:
    text = io.StringIO()
    return Reporter(Console(file=text, force_terminal=terminal, width=100)), text


def events(path: Path) -> list[str]:
    return [row.get("event") or row["wall"]["event"] for row in read_journal(path)]


def test_a_run_leaves_what_the_design_says(tmp_path: Path) -> None:
    outcome = toy_run(tmp_path, SHORT)
    assert outcome.finished
    assert outcome.iteration == 6
    assert [row["iteration"] for row in read_journal(tmp_path) if row.get("event") == "iteration"] == list(range(6))
    assert list_niches(tmp_path) == list(range(6))
    np.testing.assert_array_equal(read_niche(tmp_path, 5)[1]["admission"], np.asarray(outcome.state.position))
    assert steps(tmp_path / CHECKPOINTS) == [6, 4]
    assert events(tmp_path)[0] == "start"
    assert events(tmp_path)[-2:] == ["checkpoint", "finish"]
    assert json.loads((tmp_path / CONFIG).read_text()) == dataclasses.asdict(SHORT)
    assert json.loads((tmp_path / RUN).read_text())["sessions"][0]["devices"]["platform"] == "cpu"


def test_nothing_outside_wall_depends_on_the_clock(tmp_path: Path) -> None:
    toy_run(tmp_path / "a", SHORT)
    toy_run(tmp_path / "b", SHORT, walk(SHORT, pause_s=0.01))
    assert diff(tmp_path / "a", tmp_path / "b") == []


def test_a_finished_run_goes_on_as_one_that_was_long_from_the_start(tmp_path: Path) -> None:
    toy_run(tmp_path / "extended", SHORT)
    before = (tmp_path / "extended" / JOURNAL).read_bytes()
    reporter, text = heard()
    toy_run(tmp_path / "extended", SHORT, reporter=reporter)
    assert "finished at iteration 6" in " ".join(text.getvalue().split())
    assert (tmp_path / "extended" / JOURNAL).read_bytes() == before
    toy_run(tmp_path / "extended", LONG)
    toy_run(tmp_path / "long", LONG)
    assert diff(tmp_path / "extended", tmp_path / "long") == []
    assert list_niches(tmp_path / "extended") == list_niches(tmp_path / "long")


def test_steps_may_end_a_run_too(tmp_path: Path) -> None:
    outcome = toy_run(tmp_path, dataclasses.replace(LONG, max_env_steps=250))
    assert outcome.finished
    assert int(outcome.state.env_steps) == 300


def crash_after(config: ToyConfig, iteration: int, how: Any) -> Search:
    search = walk(config)

    def step(state):
        if int(state.iteration) == iteration:
            how()
        return search.step(state)

    return Search(search.init, step)


def explode() -> None:
    raise ZeroDivisionError("on purpose")


def test_a_crash_loses_no_more_than_the_work_since_the_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        toy_run(tmp_path / "a", LONG, crash_after(LONG, 7, explode))
    with open(tmp_path / "a" / JOURNAL, "ab") as file:
        file.write(b'{"event":"iter')
    reporter, text = heard()
    toy_run(tmp_path / "a", LONG, reporter=reporter)
    assert "going on from iteration 6" in text.getvalue()
    toy_run(tmp_path / "b", LONG)
    assert diff(tmp_path / "a", tmp_path / "b") == []


def test_a_crash_before_the_first_checkpoint_starts_again(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        toy_run(tmp_path / "a", SHORT, crash_after(SHORT, 1, explode))
    toy_run(tmp_path / "a", SHORT)
    toy_run(tmp_path / "b", SHORT)
    assert diff(tmp_path / "a", tmp_path / "b") == []


def test_a_broken_checkpoint_is_done_again_from_the_one_before(tmp_path: Path) -> None:
    toy_run(tmp_path / "a", SHORT)
    (tmp_path / "a" / CHECKPOINTS / "6" / "notes.json").write_bytes(b"")
    reporter, text = heard()
    toy_run(tmp_path / "a", LONG, reporter=reporter)
    assert "checkpoint 6 is broken" in text.getvalue()
    assert "going on from iteration 4" in text.getvalue()
    toy_run(tmp_path / "b", LONG)
    assert diff(tmp_path / "a", tmp_path / "b") == []


@pytest.mark.parametrize("broken", [True, False])
def test_a_run_that_lost_its_checkpoints_is_not_started_afresh(tmp_path: Path, broken: bool) -> None:
    toy_run(tmp_path, SHORT)
    before = (tmp_path / JOURNAL).read_bytes()
    for step in steps(tmp_path / CHECKPOINTS):
        if broken:
            (tmp_path / CHECKPOINTS / str(step) / "notes.json").write_bytes(b"")
        else:
            shutil.move(tmp_path / CHECKPOINTS / str(step), tmp_path / f"{step}.aside")
    if broken:
        with pytest.raises(RunError, match="none of the checkpoints"):
            toy_run(tmp_path, LONG)
    for _ in range(2):  # the same command again
        with pytest.raises(RunError, match="no checkpoint to go on from, but .* tells of some: put one back"):
            toy_run(tmp_path, LONG)
    assert (tmp_path / JOURNAL).read_bytes() == before
    if not broken:
        shutil.move(tmp_path / "4.aside", tmp_path / CHECKPOINTS / "4")
        assert toy_run(tmp_path, LONG).iteration == 11


def test_a_full_disk_stops_the_run_and_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(runner, "write_niche", lambda folder, niche, record: None)

        def fill() -> None:
            patch.setattr(os, "write", full)

        with pytest.raises(RunError, match="no room left"):
            toy_run(tmp_path / "a", LONG, crash_after(LONG, 5, fill))
    assert steps(tmp_path / "a" / CHECKPOINTS) == [4, 2]
    toy_run(tmp_path / "a", LONG)
    toy_run(tmp_path / "b", LONG)
    assert diff(tmp_path / "a", tmp_path / "b") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_iteration_saves_and_leaves(tmp_path: Path, number: int) -> None:
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    reporter, text = heard()
    search = crash_after(LONG, 4, lambda: os.kill(os.getpid(), number))
    outcome = toy_run(tmp_path / "a", LONG, search, reporter=reporter)
    assert not outcome.finished
    assert outcome.iteration == 5
    assert steps(tmp_path / "a" / CHECKPOINTS)[0] == 5
    assert "once more to leave at once" in text.getvalue()
    assert events(tmp_path / "a")[-1] == "stop"
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
    toy_run(tmp_path / "a", LONG)
    toy_run(tmp_path / "b", LONG)
    assert diff(tmp_path / "a", tmp_path / "b") == []


def test_a_checkpoint_does_not_get_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "SAVE_AFTER_S", 0.0)
    toy_run(tmp_path / "a", dataclasses.replace(SHORT, checkpoint_every=100))
    assert events(tmp_path / "a").count("checkpoint") == 6
    monkeypatch.undo()
    toy_run(tmp_path / "b", SHORT)
    assert diff(tmp_path / "a", tmp_path / "b") == []


def test_pictures_come_early_at_milestones_and_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "MEDIA_SHARE", 1e9)
    moments = []

    def media(path: Path, moment: str) -> None:
        moments.append((moment, len(list_niches(path))))

    toy_run(tmp_path, SHORT, media=media)
    assert moments == [("early", 1), ("milestone", 1), ("milestone", 4), ("end", 6)]


def test_milestones_do_not_spend_the_run_on_pictures(tmp_path: Path) -> None:
    moments = []
    toy_run(tmp_path, LONG, media=lambda path, moment: (moments.append(moment), __import__("time").sleep(0.2)))
    assert moments == ["early", "end"]


def test_pictures_and_sinks_may_fail(tmp_path: Path) -> None:
    got = []

    def broken_media(path: Path, moment: str) -> None:
        raise OSError("no fonts")

    def broken_sink(rows: Any) -> None:
        raise ConnectionError("no network")

    reporter, text = heard()
    sinks = [broken_sink, lambda rows: got.append(len(rows))]
    toy_run(tmp_path, SHORT, media=broken_media, sinks=sinks, reporter=reporter)
    assert "not all early pictures were made: OSError('no fonts')" in text.getvalue()
    assert text.getvalue().count("no network") == 1
    assert got == [2, 1, 1, 2, 1, 1]


def test_a_state_that_cannot_be_saved_is_refused_in_its_first_step(tmp_path: Path) -> None:
    search = walk(SHORT)

    def step(state):
        after, info = search.step(state)
        return after._replace(env_steps=np.int64(3)), info

    with pytest.raises(ContractError, match=r"state\.env_steps"):
        toy_run(tmp_path, SHORT, Search(search.init, step))
    assert not steps(tmp_path / CHECKPOINTS)


def test_a_step_that_does_not_count_is_refused(tmp_path: Path) -> None:
    search = walk(SHORT)
    with pytest.raises(ContractError, match="raise state.iteration by one, from 0; got 0"):
        toy_run(tmp_path, SHORT, Search(search.init, lambda state: (state, search.step(state)[1])))


def test_a_change_of_packages_is_told(tmp_path: Path) -> None:
    toy_run(tmp_path, SHORT)
    run = json.loads((tmp_path / RUN).read_text())
    run["sessions"][-1]["packages"]["jax"] = "0.0.1"
    (tmp_path / RUN).write_text(json.dumps(run))
    reporter, text = heard()
    toy_run(tmp_path, LONG, reporter=reporter)
    assert "warning: packages changed" in text.getvalue()


def test_a_terminal_gets_a_bar_and_a_pipe_gets_lines(tmp_path: Path) -> None:
    reporter, text = heard()
    toy_run(tmp_path / "lines", SHORT, reporter=reporter)
    assert "1/6  100 steps, best " in text.getvalue()
    assert "6/6  600 steps, " in text.getvalue()
    assert "\x1b" not in text.getvalue()
    reporter, text = heard(terminal=True)
    toy_run(tmp_path / "bar", SHORT, reporter=reporter)
    assert "━" in text.getvalue()


def test_status_tells_how_far(tmp_path: Path) -> None:
    toy_run(tmp_path, SHORT, walk(SHORT, pause_s=0.01))
    now = read_status(tmp_path)
    assert (now.iteration, now.iterations, now.env_steps, now.alive) == (6, 6, 600, False)
    assert now.steps_per_s == pytest.approx(100 / 0.012, rel=0.5)
    assert now.left_s == 0
    assert now.standing == (f"best {read_journal(tmp_path)[-3]['best'][0]:.4g}",)


def test_a_fork_goes_on_like_its_source(tmp_path: Path) -> None:
    toy_run(tmp_path / "a", SHORT)
    for _ in range(2):  # the same command again
        fork(tmp_path / "a", tmp_path / "b", dataclasses.asdict(LONG))
        toy_run(tmp_path / "b", LONG)
    toy_run(tmp_path / "a", LONG)
    assert diff(tmp_path / "a", tmp_path / "b") == []
    assert json.loads((tmp_path / "b" / RUN).read_text())["forked_from"] == str(tmp_path / "a")
    assert not list(tmp_path.glob(".*"))


def test_a_fork_may_have_other_settings(tmp_path: Path) -> None:
    toy_run(tmp_path / "a", SHORT)
    other = dataclasses.replace(LONG, step_size=9.0)
    fork(tmp_path / "a", tmp_path / "b", dataclasses.asdict(other))
    toy_run(tmp_path / "b", other)
    toy_run(tmp_path / "a", LONG)
    assert "iteration 6" in diff(tmp_path / "a", tmp_path / "b")[0]


@pytest.mark.parametrize(
    ("prepare", "config", "message"),
    [
        (lambda root: None, SHORT, "not a run folder"),
        (lambda root: toy_run(root / "a", SHORT), ToyConfig(seed=3), "seed cannot change"),
        (lambda root: (toy_run(root / "a", SHORT), toy_run(root / "b", SHORT)), SHORT, "no fork of"),
        (lambda root: (toy_run(root / "a", SHORT), (root / "b").mkdir(), (root / "b/x").touch()), SHORT, "not empty"),
    ],
    ids=["nothing there", "other seed", "another run", "somebody's folder"],
)
def test_a_fork_that_cannot_be_is_refused(tmp_path: Path, prepare: Any, config: ToyConfig, message: str) -> None:
    prepare(tmp_path)
    with pytest.raises(RunError, match=message):
        fork(tmp_path / "a", tmp_path / "b", dataclasses.asdict(config))
    assert not list(tmp_path.glob(".*"))


def test_lost_niches_are_forgotten(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        toy_run(tmp_path, LONG, crash_after(LONG, 3, explode))
    (tmp_path / NICHES / "77.json").write_text('{"id": 77, "born": 5}')
    toy_run(tmp_path, LONG)
    assert list_niches(tmp_path) == list(range(11))


@pytest.mark.parametrize(
    ("seconds", "text"), [(3, "3 s"), (89, "89 s"), (100, "2 min"), (9000, "2.5 h"), (200_000, "2.3 days")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("number", "text"), [(950, "950"), (12_340, "12.3 k"), (4.561e6, "4.56 M"), (2e9, "2 G")])
def test_quantities(number: float, text: str) -> None:
    assert quantity(number) == text
