"""Progress of a run or of a command: updated in place on a terminal, plain lines elsewhere."""

import contextlib
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from poet import activity
from poet.runs.status import headline, quantity
from poet.terminal import discard_output, new_console, printable

PLAIN_EVERY_S = 5.0  # not a line for each of 25,200 iterations
SILENT_S = 3.0  # after so long without a line, the next one says what is being done
PLAIN_SILENT_S = 60.0  # the same for an iteration that takes long, where lines stay
TICK_S = 0.5


def duration(seconds: float) -> str:
    """Seconds in a natural unit: 45 s, 12 min, 3.5 h, 2.1 days."""
    for size, unit, digits in ((86400, "days", 1), (3600, "h", 1), (60, "min", 0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds:.0f} s"


class Reporter:
    """Prints what a run does and, from `open` to `close`, what takes time (`poet.activity`).

    `console` finds out itself whether it is a terminal. Where nothing can be printed any more, a run goes on.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or new_console(soft_wrap=True)
        self._closed: threading.Event | None = None
        self._live: Live | None = None
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._window: deque[tuple[float, int]] = deque(maxlen=10)  # seconds and environment steps of iterations
        self._env_steps: int | None = None
        self._headline: Sequence[str] = ()
        self._iterated_at: float | None = None
        self._updated_at = -PLAIN_EVERY_S
        self._said_at = activity.clock()

    def __enter__(self) -> "Reporter":
        self.open()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def message(self, text: str) -> None:
        """Print one line, above what is updated in place."""
        self._said_at = activity.clock()
        with _printing():
            self.console.print(printable(text, keep="\n"), markup=False, emoji=False)

    def open(self) -> None:
        """Begin to show what takes time, twice a second; nothing if that has begun."""
        if self._closed is not None:
            return
        self._closed = threading.Event()
        if self.console.is_terminal and not self.console.is_dumb_terminal:
            self._live = Live(
                get_renderable=self._picture,
                console=self.console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=_is_terminal(sys.stdout),
                redirect_stderr=_is_terminal(sys.stderr),
            )
            with _printing():
                self._live.start()
        threading.Thread(target=self._watch, args=(self._closed,), name="reporter", daemon=True).start()

    def start(self, iteration: int, iterations: int, headline: Sequence[str] = ()) -> None:
        """Open, and on a terminal show a bar; `headline` names the metrics to show."""
        self.open()
        self._headline = headline
        self._iterated_at = activity.clock()
        if self._live is not None:
            columns = (
                TextColumn("{task.completed}/{task.total}"),
                BarColumn(24),
                TextColumn("{task.description}", markup=False),
            )
            self._bar = Progress(*columns, console=self.console, auto_refresh=False)
            self._task = self._bar.add_task("", completed=iteration, total=iterations)

    def update(self, row: dict[str, Any], iteration: int, iterations: int, seconds: float) -> None:
        """Show an iteration by its journal row; metrics that a search does not report are left out."""
        env_steps = int(row.get("env_steps", 0))
        if self._env_steps is not None:  # the first iteration compiles, so its speed is not that of the run
            self._window.append((seconds, env_steps - self._env_steps))
        self._env_steps = env_steps
        self._iterated_at = activity.clock()
        text = self._describe(row, env_steps, iterations - iteration)
        if self._bar is not None:
            self._bar.update(self._task, completed=iteration, total=iterations, description=printable(text))
        elif activity.clock() - self._updated_at >= PLAIN_EVERY_S or iteration == iterations:
            self._updated_at = activity.clock()
            self.message(f"{iteration}/{iterations}  {text}")

    def _describe(self, row: dict[str, Any], env_steps: int, remaining: int) -> str:
        unit = "evaluations" if row.get("evaluations") == env_steps else "steps"
        parts = [f"{quantity(env_steps)} {unit}"] if env_steps else []
        spent = sum(seconds for seconds, _ in self._window)
        if spent and env_steps:
            parts.append(f"{quantity(sum(steps for _, steps in self._window) / spent)} {unit}/s")
        parts += headline(self._headline, row)
        if spent:
            parts.append(f"{duration(remaining * spent / len(self._window))} left")
        return ", ".join(parts) or "running"

    def close(self) -> None:
        """Remove what is updated in place, and restore the terminal."""
        if self._closed is not None:
            self._closed.set()
        if self._live is not None:
            with _printing():
                self._live.stop()
        self._closed = self._live = self._bar = self._iterated_at = None

    def tick(self) -> None:
        """Update the terminal; elsewhere print a line if there was none for some time."""
        live, text = self._live, activity.describe()
        patience = SILENT_S if text else PLAIN_SILENT_S
        text = text or self._describe_iteration()
        if live is not None:
            with _printing():
                live.refresh()
        elif text and activity.clock() - self._said_at >= patience:
            self.message(text)

    def _watch(self, closed: threading.Event) -> None:
        while not closed.wait(TICK_S):
            self.tick()

    def _picture(self) -> RenderableType:
        """What is updated in place: the bar, and below it what is being done."""
        bar, text = self._bar, activity.describe() or self._describe_iteration()
        line = Text(printable(text), no_wrap=True, overflow="ellipsis")
        return line if bar is None else Group(bar, line) if text else bar

    def _describe_iteration(self) -> str:
        """How long the iteration takes, if it takes long."""
        seconds = 0.0 if self._iterated_at is None else activity.clock() - self._iterated_at
        return f"next iteration, {duration(seconds)}" if seconds >= SILENT_S else ""


def _is_terminal(stream: Any) -> bool:
    """Whether it is one. What is printed to a file or a pipe must not be redirected to the terminal."""
    return stream is not None and stream.isatty()


@contextlib.contextmanager
def _printing() -> Iterator[None]:
    """Ignore that something cannot be printed: a closed stream, a full disk, a pipe without a reader."""
    try:
        yield
    except BrokenPipeError:
        discard_output()
    except (OSError, ValueError, SystemExit):  # the last one comes from consoles of rich, which discard by themselves
        pass
