"""Nothing slow is silent: what takes time is named, on a terminal and elsewhere. A stream that fails ends nothing."""

import io
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from poet import activity
from poet.activity import describe, doing
from poet.cli import main as cli
from poet.runs import progress
from poet.runs.progress import SILENT_S, Reporter
from poet.search.base import Search
from poet.terminal import new_console
from tests.runs.toy import ToyConfig, toy_run, walk
from tests.test_activity import Clock

SHORT = ToyConfig(iterations=3)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time stands still, and nothing is shown unless a test calls `tick`."""
    clock = Clock()
    monkeypatch.setattr(activity, "clock", clock)
    monkeypatch.setattr(progress, "TICK_S", 3600.0)
    return clock


def recorded(terminal: bool = False) -> tuple[Reporter, io.StringIO]:
    text = io.StringIO()
    return Reporter(new_console(file=text, force_terminal=terminal, width=60)), text


def test_where_there_is_no_terminal_silence_is_followed_by_a_line(clock: Clock) -> None:
    reporter, text = recorded()
    with reporter, doing("compiling the learner"):
        for _ in range(4):
            reporter.tick()
            clock.now += SILENT_S / 2
        reporter.message("a line")
        clock.now += SILENT_S / 2
        reporter.tick()
    clock.now += 10 * SILENT_S
    reporter.tick()
    assert text.getvalue().splitlines() == [f"compiling the learner, {SILENT_S:.0f} s", "a line"]


def test_where_there_is_no_terminal_a_long_iteration_has_a_line_a_minute(clock: Clock) -> None:
    reporter, text = recorded()
    reporter.start(0, 9)
    reporter.update({}, 1, 9, 1.0)
    for _ in range(130):
        clock.now += 1
        reporter.tick()
    reporter.update({}, 2, 9, 130.0)
    for _ in range(59):
        clock.now += 1
        reporter.tick()
    reporter.close()
    clock.now += 300
    reporter.tick()
    lines = [line.strip() for line in text.getvalue().splitlines()]
    assert [line for line in lines if "/9" not in line] == ["next iteration, 60 s", "next iteration, 2 min"]


def test_on_a_terminal_it_is_updated_in_place_and_then_removed(clock: Clock) -> None:
    reporter, text = recorded(terminal=True)
    with reporter:
        with doing("compiling the learner"):
            clock.now += 1
            reporter.tick()
            reporter.message("a line")
            clock.now += 1
            reporter.tick()
        assert on_screen(text.getvalue()) == ["a line", "compiling the learner, 2 s"]
        reporter.tick()
    assert on_screen(text.getvalue()) == ["a line"]


def test_it_stands_below_the_bar_of_a_run(clock: Clock) -> None:
    reporter, text = recorded(terminal=True)
    reporter.start(0, 9, ["best"])
    with doing("first iteration"):
        reporter.tick()
        bar, below = on_screen(text.getvalue())
        assert bar.startswith("0/9")
        assert below == "first iteration, 0 s"
    reporter.update({"env_steps": 7, "best": 3}, 1, 9, 1.0)
    clock.now += 9
    reporter.tick()
    bar, below = on_screen(text.getvalue())
    assert re.search("^1/9 .* 7 steps, best 3$", bar)
    assert below == "next iteration, 9 s"
    reporter.close()
    assert on_screen(text.getvalue()) == []


def on_screen(text: str) -> list[str]:
    """The lines that a terminal shows, without those that are empty at the end."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[^\x1b]", text):
        if part == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif part == "\r":
            column = 0
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part == "\x1b[1A":
            row -= 1
        elif not part.startswith("\x1b"):
            lines[row] = lines[row][:column].ljust(column) + part + lines[row][column + 1 :]
            column += 1
    while lines and not lines[-1].strip():
        lines.pop()
    return [line.rstrip() for line in lines]


class Failing(io.StringIO):
    """A stream to which nothing can be written."""

    def __init__(self, error: Exception, terminal: bool) -> None:
        super().__init__()
        self.error, self.terminal = error, terminal

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        raise self.error


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize(
    "error", [BrokenPipeError(), OSError(28, "No space left on device"), ValueError("closed file")]
)
def test_a_stream_that_fails_ends_nothing(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, error: Exception, terminal: bool
) -> None:
    monkeypatch.setattr("sys.stdout", Failing(error, terminal))
    monkeypatch.setenv("TERM", "xterm")
    reporter = Reporter()
    with reporter, doing("compiling the learner"):
        clock.now += 60
        reporter.tick()
        reporter.message("a line")
        reporter.start(0, 9)
        reporter.tick()
    assert describe() == ""


def test_nobody_has_to_call_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    said = threading.Event()

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            if text.startswith("compiling the learner"):
                said.set()
            return super().write(text)

    monkeypatch.setattr(progress, "TICK_S", 0.01)
    monkeypatch.setattr(progress, "SILENT_S", 0.0)
    with Reporter(new_console(file=Stream())), doing("compiling the learner"):
        assert said.wait(60)


def test_a_run_names_what_takes_time(tmp_path: Path, clock: Clock) -> None:
    search, seen = walk(SHORT), []

    def init(key: Any) -> Any:
        seen.append(describe())
        return search.init(key)

    def step(state: Any) -> Any:
        seen.append(describe())
        return search.step(state)

    toy_run(tmp_path, SHORT, Search(init, step), media=lambda path, moment: seen.append(f"{moment}: {describe()}"))
    assert seen == [
        "preparing the state, 0 s",
        "first iteration, 0 s",
        "early: making pictures, 0 s",
        "",
        "",
        "end: making pictures, 0 s",
    ]


def test_a_command_says_what_it_does_on_standard_error(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def slow() -> None:
        with doing("reading"):
            clock.now += 60
            reporters[0].tick()
        print("result")

    reporters = []
    opened = Reporter.open
    monkeypatch.setattr(Reporter, "open", lambda self: (reporters.append(self), opened(self))[0])
    cli._call(slow, "list", [])
    shown = capsys.readouterr()
    assert shown.err == "list: reading, 60 s\n"
    assert shown.out == "result\n"


def test_a_console_without_a_reader_raises_as_print_does() -> None:
    with pytest.raises(BrokenPipeError):
        new_console(file=Failing(BrokenPipeError(), terminal=False)).print("a table")
