"""The sinks of a run: what they get, what they may ask for, and that none of them disturbs the run."""

import dataclasses
import json
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from poet.errors import ContractError, RunError
from poet.registry import register
from poet.runs import feed, sinks
from poet.runs.diff import diff_runs
from poet.runs.fork import fork
from poet.runs.layout import SINKS
from poet.runs.read import read_journal
from poet.runs.runner import RunOutcome
from poet.runs.sinks import check_sinks
from poet.runs.status import read_status
from poet.sinks.base import Row, Stop
from poet.sinks.config import SinkConfig, SinkContext
from tests.runs.toy import ToyConfig, toy_run, walk

SHORT = ToyConfig(iterations=6)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that does not wait for calls of its sinks."""
    monkeypatch.setattr(feed, "CALL_S", 0.01)
    monkeypatch.setattr(sinks, "FINISH_S", 0.2)


def iterations(rows: Sequence[Row]) -> list[int]:
    return [row["iteration"] for row in rows if row["event"] == "iteration"]


# --- functions ---


def failing(rows: Sequence[Row]) -> None:
    raise ConnectionError("no network")


def ending(rows: Sequence[Row]) -> None:
    sys.exit(3)


def crashing(rows: Sequence[Row]) -> None:
    raise KeyboardInterrupt


class Hanging:
    """Never answers, in its first call or when it is closed."""

    release = threading.Event()

    def __call__(self, rows: Sequence[Row]) -> None:
        self.release.wait()


class HangingAtTheEnd:
    def __init__(self) -> None:
        self.rows: list[Row] = []

    def __call__(self, rows: Sequence[Row]) -> None:
        self.rows += rows

    def close(self) -> None:
        Hanging.release.wait()


@pytest.mark.few(2)
@pytest.mark.parametrize(
    "bad",
    [failing, ending, crashing, Hanging(), HangingAtTheEnd()],
    ids=lambda sink: getattr(sink, "__name__", type(sink).__name__),
)
def test_no_sink_disturbs_a_run_or_another_sink(
    tmp_path: Path, impatient: None, capsys: pytest.CaptureFixture[str], bad: Any
) -> None:
    rows: list[Row] = []
    outcome = toy_run(tmp_path / "a", SHORT, sinks=[bad, rows.extend])
    Hanging.release.set()
    Hanging.release = threading.Event()
    assert outcome.finished
    assert iterations(rows) == list(range(6))
    assert f"warning: sink {getattr(bad, '__name__', type(bad).__name__)} " in capsys.readouterr().out
    toy_run(tmp_path / "b", SHORT)
    assert diff_runs(tmp_path / "a", tmp_path / "b") == []


def test_a_slow_sink_gets_everything_in_order(tmp_path: Path, impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "FINISH_S", 30.0)
    rows: list[Row] = []
    calls = []

    def slow(new: Sequence[Row]) -> None:
        threading.Event().wait(0.05)
        calls.append(len(new))
        rows.extend(new)

    toy_run(tmp_path, SHORT, sinks=[slow])
    assert rows == [row for row in read_journal(tmp_path) if "event" in row]
    assert len(calls) < 6, "what came during a call is given at once"


def test_a_sink_is_closed_once_it_has_all_rows(tmp_path: Path) -> None:
    sink = HangingAtTheEnd()
    closed = []
    sink.close = lambda: closed.append(iterations(sink.rows))  # type: ignore[method-assign]
    toy_run(tmp_path, SHORT, sinks=[sink])
    assert closed == [list(range(6))]


@pytest.mark.parametrize("what", [3, "tensorboard", None])
def test_what_is_no_sink_is_refused(what: Any) -> None:
    with pytest.raises(ContractError, match="sinks expects functions of journal rows, or configs of sinks"):
        check_sinks([what])


# --- stop ---


def stopping(rows: Sequence[Row]) -> Stop | None:
    return Stop("a plateau") if rows[-1]["iteration"] == 2 else None


def test_a_sink_may_ask_to_stop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = toy_run(tmp_path / "a", SHORT, sinks=[stopping, list])
    assert outcome == RunOutcome(outcome.state, 3, False, "a plateau")
    assert "was stopped by a sink: a plateau" in capsys.readouterr().out
    assert read_journal(tmp_path / "a")[-1]["wall"].items() >= {"event": "stop", "reason": "a plateau"}.items()
    status = read_status(tmp_path / "a")
    assert (status.state, status.iteration, status.finished) == ("stopped: a plateau", 3, False)
    assert toy_run(tmp_path / "a", SHORT, sinks=[stopping]).finished
    assert read_status(tmp_path / "a").state == "finished"
    toy_run(tmp_path / "b", SHORT)
    assert diff_runs(tmp_path / "a", tmp_path / "b") == [], "a stopped run is a prefix"


def test_a_stop_that_comes_with_the_last_iteration_is_none(tmp_path: Path) -> None:
    outcome = toy_run(tmp_path, ToyConfig(iterations=3), sinks=[stopping])
    assert (outcome.finished, outcome.reason) == (True, "")


@pytest.mark.parametrize("answer", [True, "stop", 0])
def test_other_answers_mean_nothing_and_are_named_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: Any
) -> None:
    assert toy_run(tmp_path, SHORT, sinks=[lambda rows: answer]).finished
    assert capsys.readouterr().out.count(f"returned {answer!r}: only None and poet.Stop(reason) have a meaning") == 1


@pytest.mark.parametrize("reason", ["", "  ", None, 3])
def test_a_stop_has_a_reason(reason: Any) -> None:
    with pytest.raises(ContractError, match="Stop expects a reason in words"):
        Stop(reason)


# --- sinks that are made from configs ---


@register
@dataclasses.dataclass(frozen=True)
class DiaryConfig(SinkConfig):
    """Keeps rows by the id of the run."""

    id: ClassVar[str] = "diary"
    books: ClassVar[dict[str, list[Row]]] = {}
    contexts: ClassVar[list[SinkContext]] = []
    away: ClassVar[bool] = False

    colour: str = "red"

    def make(self, context: SinkContext) -> Any:
        self.contexts.append(context)

        def write(rows: Sequence[Row]) -> None:
            if DiaryConfig.away:
                raise ConnectionError("no network")
            self.books.setdefault(context.id, []).extend(rows)

        return write


@pytest.fixture(autouse=True)
def empty_diaries() -> Iterator[None]:
    yield
    DiaryConfig.books.clear()
    DiaryConfig.contexts.clear()
    DiaryConfig.away = False


def with_diary(iterations: int = 6, *more: SinkConfig) -> ToyConfig:
    return ToyConfig(iterations=iterations, sinks=(DiaryConfig(), *more))


def diary() -> list[int]:
    (rows,) = DiaryConfig.books.values()
    return iterations(rows)


def test_a_sink_gets_its_context_and_the_same_id_after_a_resume(tmp_path: Path) -> None:
    toy_run(tmp_path / "mine", with_diary())
    toy_run(tmp_path / "mine", with_diary(8))
    first, second = DiaryConfig.contexts
    assert (first.run, first.folder) == ("mine", tmp_path / "mine" / SINKS / "diary")
    assert first.folder.is_dir()
    assert first.id == second.id
    assert (first.config["iterations"], second.config["iterations"]) == (6, 8)
    assert diary() == list(range(8))


def test_a_fork_has_another_id_and_the_whole_history(tmp_path: Path) -> None:
    toy_run(tmp_path / "mine", with_diary())
    fork(tmp_path / "mine", tmp_path / "other", with_diary(8))
    toy_run(tmp_path / "other", with_diary(8))
    assert [iterations(rows) for rows in DiaryConfig.books.values()] == [list(range(6)), list(range(8))]


def test_rows_of_an_outage_that_lasted_to_the_end_come_with_the_next_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy_run(tmp_path, with_diary(3))
    DiaryConfig.away = True
    toy_run(tmp_path, with_diary(6))
    assert "warning: sink diary did not take the last 4 rows" in capsys.readouterr().out
    assert diary() == [0, 1, 2]
    DiaryConfig.away = False
    before = read_journal(tmp_path)
    toy_run(tmp_path, with_diary(6))
    assert diary() == list(range(6)), "of a finished run too"
    assert read_journal(tmp_path) == before
    toy_run(tmp_path, with_diary(9))
    assert diary() == list(range(9))


def test_a_sink_that_comes_later_gets_the_whole_history(tmp_path: Path) -> None:
    toy_run(tmp_path, ToyConfig(iterations=4))
    toy_run(tmp_path, with_diary(6))
    assert diary() == list(range(6))


@pytest.mark.parametrize("crash_at", [1, 3, 4, 5])
def test_after_a_crash_a_sink_gets_again_what_is_done_again(tmp_path: Path, crash_at: int) -> None:
    whole = walk(SHORT)

    def step(state: Any) -> Any:
        if int(state.iteration) == crash_at:
            raise ZeroDivisionError("on purpose")
        return whole.step(state)

    with pytest.raises(ZeroDivisionError):
        toy_run(tmp_path, with_diary(), whole._replace(step=step))
    toy_run(tmp_path, with_diary())
    saved = crash_at // 2 * 2
    assert diary() == [*range(crash_at), *range(saved, 6)]


def test_a_sink_that_knows_what_it_has_gets_the_whole_history_at_every_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DiaryConfig, "skips_known", True)
    toy_run(tmp_path, with_diary(3))
    toy_run(tmp_path, with_diary(6))
    assert diary() == [*range(3), *range(6)]


def test_rows_that_were_lost_come_with_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "MAX_WAITING", 3)
    DiaryConfig.away = True
    toy_run(tmp_path, with_diary(5))
    DiaryConfig.away = False
    toy_run(tmp_path, with_diary(6))
    assert diary() == list(range(6))


@pytest.mark.parametrize("note", ["", "[]", '{"id": "a"}', '{"id": "a", "next": "soon"}'])
def test_a_damaged_note_costs_only_the_id(tmp_path: Path, note: str) -> None:
    toy_run(tmp_path, with_diary(3))
    (tmp_path / SINKS / "diary.json").write_text(note)
    toy_run(tmp_path, with_diary(6))
    assert [iterations(rows) for rows in DiaryConfig.books.values()] == [[0, 1, 2], list(range(6))]
    assert json.loads((tmp_path / SINKS / "diary.json").read_text())["next"] == 6


def test_two_of_one_kind_have_names_of_their_own(tmp_path: Path) -> None:
    toy_run(tmp_path, with_diary(3, DiaryConfig(colour="blue")))
    assert [context.folder.name for context in DiaryConfig.contexts] == ["diary", "diary-2"]
    assert [iterations(rows) for rows in DiaryConfig.books.values()] == [[0, 1, 2]] * 2


def test_sinks_are_no_part_of_the_identity(tmp_path: Path) -> None:
    toy_run(tmp_path / "a", with_diary(3))
    toy_run(tmp_path / "a", ToyConfig(iterations=4, sinks=(DiaryConfig(colour="blue"),)))
    toy_run(tmp_path / "a", ToyConfig(iterations=6))
    toy_run(tmp_path / "b", ToyConfig(iterations=6))
    assert diff_runs(tmp_path / "a", tmp_path / "b") == []


@pytest.mark.parametrize("place", [SINKS, f"{SINKS}/diary"])
def test_nothing_is_written_through_links(tmp_path: Path, place: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    toy_run(tmp_path / "a", ToyConfig(iterations=3))
    (tmp_path / "a" / place).parent.mkdir(exist_ok=True)
    (tmp_path / "a" / place).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="is a link"):
        toy_run(tmp_path / "a", with_diary(6))
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("error", [ZeroDivisionError(), KeyError("a"), OSError("no network")])
def test_an_error_in_the_code_of_a_sink_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*given: Any) -> None:
        raise error

    monkeypatch.setattr(DiaryConfig, "make", fail)
    with pytest.raises(ContractError, match=f"sink diary raises {type(error).__name__}"):
        toy_run(tmp_path, with_diary())
    monkeypatch.setattr(DiaryConfig, "check", fail)
    with pytest.raises(ContractError, match=f"sink diary raises {type(error).__name__}"):
        check_sinks([DiaryConfig()])
