import dataclasses
import io
import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from poet.errors import RunError
from poet.runs import checkpoint, layout, runner
from poet.runs import repair as repairs
from poet.runs.checkpoint import steps
from poet.runs.diff import diff_runs
from poet.runs.fork import fork
from poet.runs.layout import CHECKPOINTS, CONFIG, JOURNAL, NICHES, RUN
from poet.runs.lock import is_alive
from poet.runs.progress import Reporter, duration
from poet.runs.provenance import OURS
from poet.runs.read import list_niches, read_journal, read_niche
from poet.runs.repair import examine, repair
from poet.runs.status import quantity, read_status
from poet.search.base import Record, Search
from poet.search.stall import stall
from poet.view.open import open_run
from tests.runs.toy import ToyConfig, toy_run, walk

SHORT = ToyConfig(iterations=6)
LONG = ToyConfig(iterations=11)


def recorded(terminal: bool = False) -> tuple[Reporter, io.StringIO]:
    text = io.StringIO()
    return Reporter(Console(file=text, force_terminal=terminal, width=100)), text


def events(path: Path) -> list[str]:
    return [row.get("event") or row["wall"]["event"] for row in read_journal(path)]


def test_a_run_writes_journal_niches_checkpoints_and_config(tmp_path: Path) -> None:
    outcome = toy_run(tmp_path, SHORT)
    assert outcome.finished
    assert outcome.iteration == 6
    assert [row["iteration"] for row in read_journal(tmp_path) if row.get("event") == "iteration"] == list(range(6))
    assert list_niches(tmp_path) == list(range(6))
    np.testing.assert_array_equal(read_niche(tmp_path, 5).arrays["admission"], np.asarray(outcome.state.position))
    assert steps(tmp_path / CHECKPOINTS) == [6, 4]
    assert events(tmp_path)[0] == "start"
    assert events(tmp_path)[-2:] == ["checkpoint", "finish"]
    assert json.loads((tmp_path / CONFIG).read_text()) == SHORT.to_dict()
    assert json.loads((tmp_path / RUN).read_text())["sessions"][0]["devices"]["platform"] == "cpu"


def test_nothing_outside_wall_depends_on_the_clock(tmp_path: Path) -> None:
    toy_run(tmp_path / "a", SHORT)
    toy_run(tmp_path / "b", SHORT, walk(SHORT, pause_s=0.01))
    assert diff_runs(tmp_path / "a", tmp_path / "b") == []


def test_an_extended_run_equals_one_that_was_long_from_the_start(tmp_path: Path) -> None:
    toy_run(tmp_path / "extended", SHORT)
    before = (tmp_path / "extended" / JOURNAL).read_bytes()
    reporter, text = recorded()
    toy_run(tmp_path / "extended", SHORT, reporter=reporter)
    assert "finished at iteration 6" in " ".join(text.getvalue().split())
    assert (tmp_path / "extended" / JOURNAL).read_bytes() == before
    toy_run(tmp_path / "extended", LONG)
    toy_run(tmp_path / "long", LONG)
    assert diff_runs(tmp_path / "extended", tmp_path / "long") == []
    assert list_niches(tmp_path / "extended") == list_niches(tmp_path / "long")


def test_environment_steps_can_end_a_run_too(tmp_path: Path) -> None:
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


def test_after_a_crash_a_run_is_resumed_from_its_newest_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        toy_run(tmp_path / "a", LONG, crash_after(LONG, 7, explode))
    with open(tmp_path / "a" / JOURNAL, "ab") as file:
        file.write(b'{"event":"iter')
    reporter, text = recorded()
    toy_run(tmp_path / "a", LONG, reporter=reporter)
    assert "resuming from iteration 6" in text.getvalue()
    toy_run(tmp_path / "b", LONG)
    assert diff_runs(tmp_path / "a", tmp_path / "b") == []


def test_after_a_crash_before_the_first_checkpoint_a_run_starts_again(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        toy_run(tmp_path / "a", SHORT, crash_after(SHORT, 1, explode))
    toy_run(tmp_path / "a", SHORT)
    toy_run(tmp_path / "b", SHORT)
    assert diff_runs(tmp_path / "a", tmp_path / "b") == []


def test_with_a_broken_checkpoint_a_run_is_resumed_from_the_one_before(tmp_path: Path) -> None:
    toy_run(tmp_path / "a", SHORT)
    (tmp_path / "a" / CHECKPOINTS / "6" / "notes.json").write_bytes(b"")
    reporter, text = recorded()
    toy_run(tmp_path / "a", LONG, reporter=reporter)
    assert "checkpoint 6 is damaged and is not used" in text.getvalue()
    assert "resuming from iteration 4" in text.getvalue()
    toy_run(tmp_path / "b", LONG)
    assert diff_runs(tmp_path / "a", tmp_path / "b") == []


def test_a_run_whose_checkpoints_are_all_damaged_is_not_started_again(tmp_path: Path) -> None:
    toy_run(tmp_path, SHORT)
    before = (tmp_path / JOURNAL).read_bytes()
    for step in steps(tmp_path / CHECKPOINTS):
        (tmp_path / CHECKPOINTS / str(step) / "notes.json").write_bytes(b"")
    for _ in range(2):  # the same command again
        with pytest.raises(RunError, match="all checkpoints in .* are damaged; they stay where they are"):
            toy_run(tmp_path, LONG)
    assert (tmp_path / JOURNAL).read_bytes() == before


@pytest.mark.few(2)
@pytest.mark.parametrize("journal", ["whole", "damaged", "empty", "gone"])
def test_a_run_that_lost_its_checkpoints_is_not_started_again(tmp_path: Path, journal: str) -> None:
    toy_run(tmp_path, SHORT)
    shutil.move(tmp_path / CHECKPOINTS, tmp_path / "moved")
    file = tmp_path / JOURNAL
    whole = file.read_bytes()
    changed = {"whole": whole, "damaged": b"not JSON\n" + whole, "empty": b""}
    file.unlink() if journal == "gone" else file.write_bytes(changed[journal])
    records = list_niches(tmp_path)
    for _ in range(2):  # the same command again
        with pytest.raises(RunError, match="has no checkpoint to resume from, but .*: put a checkpoint back"):
            toy_run(tmp_path, LONG)
    assert list_niches(tmp_path) == records
    shutil.move(tmp_path / "moved", tmp_path / CHECKPOINTS)
    file.write_bytes(whole)
    assert toy_run(tmp_path, LONG).iteration == 11


CHANGES = ["cut", "flipped", "line ends", "garbage", "duplicated", "empty", "gone"]


def change_journal(file: Path, change: str) -> None:
    whole = file.read_bytes()
    middle = len(whole) // 2
    changed = {
        "cut": whole[:middle],
        "flipped": whole[:middle] + bytes([whole[middle] ^ 0x80]) + whole[middle + 1 :],
        "line ends": whole.replace(b"\n", b"\r\n"),
        "garbage": b"garbage\n" + whole,
        "duplicated": whole.splitlines(keepends=True)[0] + whole,
        "empty": b"",
    }
    file.unlink() if change == "gone" else file.write_bytes(changed[change])


@pytest.mark.few(2)
@pytest.mark.parametrize("change", CHANGES)
def test_a_damaged_journal_costs_no_checkpoint(tmp_path: Path, change: str) -> None:
    toy_run(tmp_path / "a", SHORT)
    file = tmp_path / "a" / JOURNAL
    whole = file.read_bytes()
    change_journal(file, change)
    before = {path.name for path in (tmp_path / "a" / CHECKPOINTS).iterdir()}
    for _ in range(2):
        with pytest.raises(RunError, match="is not the journal that checkpoint 6 belongs to.* doctor .* --repair"):
            toy_run(tmp_path / "a", LONG)
    assert {path.name for path in (tmp_path / "a" / CHECKPOINTS).iterdir()} == before
    file.write_bytes(whole)
    toy_run(tmp_path / "a", LONG)
    toy_run(tmp_path / "b", LONG)
    assert diff_runs(tmp_path / "a", tmp_path / "b") == []


@pytest.mark.few(2)
@pytest.mark.parametrize("change", CHANGES)
def test_after_a_repair_a_run_continues_from_its_newest_checkpoint(tmp_path: Path, change: str) -> None:
    toy_run(tmp_path / "a", SHORT)
    file = tmp_path / "a" / JOURNAL
    change_journal(file, change)
    damaged = file.read_bytes() if file.exists() else None
    (finding,) = [finding for finding in examine(tmp_path / "a") if finding.advice]
    assert finding.part == JOURNAL
    assert "--repair" in finding.advice
    (action,) = repair(tmp_path / "a")
    assert f"wrote {JOURNAL} anew" in action
    if damaged is not None:
        assert (tmp_path / "a" / f"{JOURNAL}.damaged").read_bytes() == damaged
    assert not [finding for finding in examine(tmp_path / "a") if finding.advice]
    assert repair(tmp_path / "a") == []
    assert toy_run(tmp_path / "a", LONG).iteration == 11
    toy_run(tmp_path / "b", LONG)
    states = [checkpoint.notes(tmp_path / name / CHECKPOINTS, 11)["leaves"] for name in "ab"]
    assert states[0] == states[1]
    if change in ("line ends", "garbage", "duplicated"):  # no row was lost
        assert diff_runs(tmp_path / "a", tmp_path / "b") == []


def test_a_repair_that_was_killed_can_be_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy_run(tmp_path / "a", SHORT)
    change_journal(tmp_path / "a" / JOURNAL, "garbage")
    num_writes = len(steps(tmp_path / "a" / CHECKPOINTS)) + 1  # their notes, then the journal
    for killed_at in range(num_writes):
        written: list[Path] = []

        def write(path: Path, data: bytes, written: list[Path] = written, killed_at: int = killed_at) -> None:
            if len(written) == killed_at:
                raise ZeroDivisionError("killed")
            written.append(path)
            layout.atomic_write(path, data)

        monkeypatch.setattr(repairs, "atomic_write", write)
        with pytest.raises(ZeroDivisionError):
            repair(tmp_path / "a")
    monkeypatch.undo()
    assert repair(tmp_path / "a")
    toy_run(tmp_path / "a", LONG)
    toy_run(tmp_path / "b", LONG)
    assert diff_runs(tmp_path / "a", tmp_path / "b") == []


def test_a_repair_needs_an_intact_checkpoint_and_keeps_damaged_ones(tmp_path: Path) -> None:
    toy_run(tmp_path, SHORT)
    notes = [tmp_path / CHECKPOINTS / str(step) / "notes.json" for step in steps(tmp_path / CHECKPOINTS)]
    notes[0].write_bytes(b"")
    assert [finding.part for finding in examine(tmp_path) if finding.advice] == ["checkpoint 6"]
    assert repair(tmp_path) == ["renamed the damaged checkpoint 6 to 6.broken"]
    notes[1].write_bytes(b"")
    with pytest.raises(RunError, match="has no intact checkpoint"):
        repair(tmp_path)


def test_damaged_records_are_named(tmp_path: Path) -> None:
    toy_run(tmp_path, SHORT)
    (tmp_path / NICHES / "2.npz").write_bytes(b"PK")
    column = max((tmp_path / "elites" / "6").glob("*.npy"), key=lambda file: file.stat().st_size)
    column.write_bytes(column.read_bytes()[:-1] + b"x")
    assert {finding.part for finding in examine(tmp_path) if finding.advice} == {"niches/2", "elites/6"}


@pytest.mark.parametrize("how", ["moved", "replaced"])
def test_a_run_whose_folder_is_gone_stops_and_changes_nothing_there(tmp_path: Path, how: str) -> None:
    def vanish() -> None:
        os.rename(tmp_path / "a", tmp_path / "moved")
        if how == "replaced":
            toy_run(tmp_path / "a", SHORT)

    with pytest.raises(RunError, match="was moved, deleted or replaced"):
        toy_run(tmp_path / "a", LONG, crash_after(LONG, 5, vanish))
    if how == "replaced":
        toy_run(tmp_path / "b", SHORT)
        assert diff_runs(tmp_path / "a", tmp_path / "b") == []
    else:
        assert not (tmp_path / "a").exists()
    assert toy_run(tmp_path / "moved", LONG).iteration == 11


@pytest.mark.few(3)
@pytest.mark.parametrize(
    "name",
    [".DS_Store", "checkpoints/.DS_Store", "niches/.DS_Store", "niches/mine.json", "elites/.DS_Store", "elites/a b"],
)
def test_files_of_others_are_left_alone(tmp_path: Path, name: str) -> None:
    toy_run(tmp_path, SHORT)
    (tmp_path / name).write_text('{"born": 99}')
    assert toy_run(tmp_path, LONG).iteration == 11
    assert (tmp_path / name).read_text() == '{"born": 99}'


def test_a_full_disk_stops_the_run_and_the_same_command_resumes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(runner, "write_artifact", lambda path, record: None)

        def fill() -> None:
            patch.setattr(os, "write", full)

        with pytest.raises(RunError, match="no space left"):
            toy_run(tmp_path / "a", LONG, crash_after(LONG, 5, fill))
    assert steps(tmp_path / "a" / CHECKPOINTS) == [4, 2]
    toy_run(tmp_path / "a", LONG)
    toy_run(tmp_path / "b", LONG)
    assert diff_runs(tmp_path / "a", tmp_path / "b") == []


SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.few(1)
@pytest.mark.parametrize("number", SIGNALS)
def test_after_a_signal_the_iteration_is_finished_and_saved(tmp_path: Path, number: int) -> None:
    handlers = [signal.getsignal(each) for each in SIGNALS]
    reporter, text = recorded()
    search = crash_after(LONG, 4, lambda: os.kill(os.getpid(), number))
    if number == signal.SIGINT:  # a loop of runs in a notebook must end too
        with pytest.raises(KeyboardInterrupt, match="stopped at iteration 5, which is saved") as stopped:
            toy_run(tmp_path / "a", LONG, search, reporter=reporter)
        outcome = stopped.value.outcome  # type: ignore[attr-defined]
    else:
        outcome = toy_run(tmp_path / "a", LONG, search, reporter=reporter)
    assert not outcome.finished
    assert outcome.iteration == 5
    assert steps(tmp_path / "a" / CHECKPOINTS)[0] == 5
    assert "again to stop without saving" in text.getvalue()
    assert events(tmp_path / "a")[-1] == "stop"
    assert [signal.getsignal(each) for each in SIGNALS] == handlers
    toy_run(tmp_path / "a", LONG)
    toy_run(tmp_path / "b", LONG)
    assert diff_runs(tmp_path / "a", tmp_path / "b") == []


def test_a_second_interrupt_leaves_at_once_and_the_process_lives(tmp_path: Path) -> None:
    def twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as stopped:
        toy_run(tmp_path / "a", LONG, crash_after(LONG, 5, twice))
    assert not hasattr(stopped.value, "outcome"), "nothing more was saved"
    assert steps(tmp_path / "a" / CHECKPOINTS)[0] == 4
    assert not is_alive(tmp_path / "a")
    toy_run(tmp_path / "a", LONG)
    toy_run(tmp_path / "b", LONG)
    assert diff_runs(tmp_path / "a", tmp_path / "b") == []


def test_the_reason_of_a_stall_is_printed_and_shown_to_readers(tmp_path: Path) -> None:
    search = walk(LONG)

    def step(state: Any) -> Any:
        after, info = search.step(state)
        return after, info._replace(
            events=(*info.events, *stall(int(state.iteration), int(after.iteration), "no [way]"))
        )

    reporter, text = recorded()
    toy_run(tmp_path, LONG, search._replace(step=step), reporter=reporter)
    told = [line for line in text.getvalue().splitlines() if "no [way]" in line]
    assert told == [f"warning: iteration {iteration}: no [way]" for iteration in (0, 1, 3, 7)]
    assert open_run(tmp_path).warnings() == ["iteration 7: no [way]"]


def test_where_nothing_can_be_printed_a_run_goes_on(tmp_path: Path) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    reporter = Reporter(Console(file=Full()))
    assert toy_run(tmp_path, SHORT, reporter=reporter).finished


def test_a_checkpoint_is_saved_after_some_time_whatever_its_interval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "SAVE_AFTER_S", 0.0)
    toy_run(tmp_path / "a", dataclasses.replace(SHORT, checkpoint_every=100))
    assert events(tmp_path / "a").count("checkpoint") == 6
    monkeypatch.undo()
    toy_run(tmp_path / "b", SHORT)
    assert diff_runs(tmp_path / "a", tmp_path / "b") == []


def test_pictures_are_made_early_at_milestones_and_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "MEDIA_SHARE", 1e9)
    moments = []

    def media(path: Path, moment: str) -> None:
        moments.append((moment, len(list_niches(path))))

    toy_run(tmp_path, SHORT, media=media)
    assert moments == [("early", 1), ("milestone", 1), ("milestone", 4), ("end", 6)]


def test_pictures_of_milestones_take_a_small_share_of_the_time(tmp_path: Path) -> None:
    moments = []
    toy_run(tmp_path, LONG, media=lambda path, moment: (moments.append(moment), __import__("time").sleep(0.2)))
    assert moments == ["early", "end"]


def test_a_run_survives_pictures_and_sinks_that_fail(tmp_path: Path) -> None:
    num_rows = []

    def broken_media(path: Path, moment: str) -> None:
        raise OSError("no fonts")

    def broken_sink(rows: Any) -> None:
        raise ConnectionError("no network")

    reporter, text = recorded()
    sinks = [broken_sink, lambda rows: num_rows.append(len(rows))]
    toy_run(tmp_path, SHORT, media=broken_media, sinks=sinks, reporter=reporter)
    assert "some early pictures could not be made: OSError('no fonts')" in text.getvalue()
    assert text.getvalue().count("no network") == 1
    assert num_rows == [2, 1, 1, 2, 1, 1]


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("group", "name"),
    [("packages", "jax"), ("packages", OURS), ("settings", "XLA_FLAGS"), ("settings", "jax_optimization_level")],
)
def test_a_change_of_what_decides_bits_is_reported(tmp_path: Path, group: str, name: str) -> None:
    toy_run(tmp_path, SHORT)
    run = json.loads((tmp_path / RUN).read_text())
    run["sessions"][-1][group][name] = "0.0.1"
    (tmp_path / RUN).write_text(json.dumps(run))
    reporter, text = recorded()
    toy_run(tmp_path, LONG, reporter=reporter)
    assert re.search(f"warning: {name} changed since the last session, '0.0.1' -> ", text.getvalue())


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(tmp_path: Path) -> None:
    reporter, text = recorded()
    toy_run(tmp_path / "lines", SHORT, reporter=reporter)
    assert "1/6  100 steps, best " in text.getvalue()
    assert "6/6  600 steps, " in text.getvalue()
    assert "\x1b" not in text.getvalue()
    reporter, text = recorded(terminal=True)
    toy_run(tmp_path / "bar", SHORT, reporter=reporter)
    assert "━" in text.getvalue()


def test_status_shows_the_progress(tmp_path: Path) -> None:
    toy_run(tmp_path, SHORT)
    now, rows = read_status(tmp_path), read_journal(tmp_path)
    seconds = [row["wall"]["seconds"] for row in rows if row.get("event") == "iteration"][1:]
    assert (now.iteration, now.iterations, now.env_steps, now.alive) == (6, 6, 600, False)
    assert now.steps_per_s == pytest.approx(100 * len(seconds) / sum(seconds))
    assert now.left_s == 0
    assert now.headline == (f"best {read_journal(tmp_path)[-3]['best'][0]:.4g}",)


def test_a_fork_continues_like_its_source(tmp_path: Path) -> None:
    toy_run(tmp_path / "a", SHORT)
    for _ in range(2):  # the same command again
        fork(tmp_path / "a", tmp_path / "b", LONG)
        toy_run(tmp_path / "b", LONG)
    toy_run(tmp_path / "a", LONG)
    assert diff_runs(tmp_path / "a", tmp_path / "b") == []
    assert json.loads((tmp_path / "b" / RUN).read_text())["forked_from"] == str(tmp_path / "a")
    assert not list(tmp_path.glob(".*"))


def test_a_fork_can_have_other_settings(tmp_path: Path) -> None:
    toy_run(tmp_path / "a", SHORT)
    other = dataclasses.replace(LONG, step_size=9.0)
    fork(tmp_path / "a", tmp_path / "b", other)
    toy_run(tmp_path / "b", other)
    toy_run(tmp_path / "a", LONG)
    assert "iteration 6" in diff_runs(tmp_path / "a", tmp_path / "b")[0]


@pytest.mark.parametrize(
    ("prepare", "config", "message"),
    [
        (lambda root: None, SHORT, "not a run folder"),
        (lambda root: toy_run(root / "a", SHORT), ToyConfig(seed=3), "seed cannot change"),
        (lambda root: (toy_run(root / "a", SHORT), toy_run(root / "b", SHORT)), SHORT, "no fork of"),
        (lambda root: (toy_run(root / "a", SHORT), (root / "b").mkdir(), (root / "b/x").touch()), SHORT, "not empty"),
    ],
    ids=["nothing there", "other seed", "another run", "another folder"],
)
def test_an_impossible_fork_is_refused(tmp_path: Path, prepare: Any, config: ToyConfig, message: str) -> None:
    prepare(tmp_path)
    with pytest.raises(RunError, match=message):
        fork(tmp_path / "a", tmp_path / "b", config)
    assert not list(tmp_path.glob(".*"))


def test_records_of_lost_iterations_are_removed(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        toy_run(tmp_path, LONG, crash_after(LONG, 3, explode))
    (tmp_path / NICHES / "77.json").write_text('{"id": 77, "born": 5}')
    shutil.copy(tmp_path / NICHES / "0.npz", tmp_path / NICHES / "77.npz")
    toy_run(tmp_path, LONG)
    assert list_niches(tmp_path) == list(range(11))


def test_records_are_made_only_when_they_are_written(tmp_path: Path) -> None:
    search = walk(SHORT)
    made: list[tuple[str, int]] = []

    def step(state):
        iteration = int(state.iteration)
        state, info = search.step(state)

        def niche() -> Record:
            made.append(("niche", iteration))
            return Record({"id": 0, "born": 0, "iteration": iteration}, {"current": np.asarray(state.position)})

        def elites() -> Record:
            made.append(("elites", iteration))
            return info.snapshots["elites"]()

        return state, info._replace(artifacts={"niches/0": niche}, snapshots={"elites": elites})

    outcome = toy_run(tmp_path, SHORT, Search(search.init, step))
    assert made == [(kind, iteration) for iteration in (1, 3, 5) for kind in ("niche", "elites")]
    niche = read_niche(tmp_path, 0)
    assert niche.meta["iteration"] == 5
    np.testing.assert_array_equal(niche.arrays["current"], np.asarray(outcome.state.position))


def test_a_record_that_no_later_iteration_replaces_is_written_with_its_own_values(tmp_path: Path) -> None:
    positions = []
    search = walk(SHORT)

    def step(state):
        state, info = search.step(state)
        positions.append(np.asarray(state.position))
        return state, info

    toy_run(tmp_path, dataclasses.replace(SHORT, checkpoint_every=100), Search(search.init, step))
    for iteration, position in enumerate(positions):
        np.testing.assert_array_equal(read_niche(tmp_path, iteration).arrays["admission"], position)


def test_the_row_of_an_iteration_comes_after_its_events(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    toy_run(tmp_path, SHORT, sinks=[rows.extend])
    assert [(row["event"], row["iteration"]) for row in rows[:3]] == [
        ("milestone", 0),
        ("iteration", 0),
        ("iteration", 1),
    ]
    first = rows[1]
    assert list(first) == ["event", "iteration", "env_steps", "best", "wall", "nonfinite"]
    assert rows == [row for row in read_journal(tmp_path) if "event" in row], "as a reader of the journal gets them"
    assert list(first["wall"]) == ["time", "seconds", "rollout_s"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(3, "3 s"), (89, "89 s"), (100, "2 min"), (9000, "2.5 h"), (200_000, "2.3 days")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("number", "text"), [(950, "950"), (12_340, "12.3 k"), (4.561e6, "4.56 M"), (2e9, "2 G")])
def test_quantities(number: float, text: str) -> None:
    assert quantity(number) == text


def test_what_a_killed_fork_left_is_removed_by_the_next(tmp_path: Path) -> None:
    toy_run(tmp_path / "a", SHORT)
    process = subprocess.Popen(["true"])
    process.wait()
    for number in (process.pid, os.getppid()):
        (tmp_path / f".b.fork-{number}" / CHECKPOINTS).mkdir(parents=True)
    (tmp_path / ".b.fork-notes").mkdir()
    fork(tmp_path / "a", tmp_path / "b", LONG)
    left = {path.name for path in tmp_path.glob(".b.fork-*")}
    assert left == {f".b.fork-{os.getppid()}", ".b.fork-notes"}
