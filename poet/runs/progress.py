"""Progress of a run: a bar on a terminal, plain lines elsewhere."""

import contextlib
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from poet.runs.read import headline, quantity
from poet.terminal import new_console, printable

PLAIN_EVERY_S = 5.0  # not a line for each of 25,200 iterations


def duration(seconds: float) -> str:
    """Seconds in a natural unit: 45 s, 12 min, 3.5 h, 2.1 days."""
    for size, unit, digits in ((86400, "days", 1), (3600, "h", 1), (60, "min", 0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds:.0f} s"


class Reporter:
    """Prints what a run does. `console` finds out itself whether it is a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or new_console(soft_wrap=True)
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._window: deque[tuple[float, int]] = deque(maxlen=10)  # seconds and environment steps of iterations
        self._env_steps: int | None = None
        self._headline: Sequence[str] = ()
        self._printed_at = -PLAIN_EVERY_S

    def message(self, text: str) -> None:
        """Print one line, above the bar if there is one; where nothing can be printed any more, a run goes on."""
        # Closed, a full disk, a pipe without a reader: for the last rich raises SystemExit, and is silent from then on.
        with contextlib.suppress(OSError, ValueError, SystemExit):
            self.console.print(printable(text, keep="\n"), markup=False, emoji=False)

    def start(self, iteration: int, iterations: int, headline: Sequence[str] = ()) -> None:
        """Show the bar, if this is a terminal; `headline` names the metrics to show."""
        self._headline = headline
        if self.console.is_terminal:
            columns = (
                TextColumn("{task.completed}/{task.total}"),
                BarColumn(24),
                TextColumn("{task.description}", markup=False),
            )
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task("compiling", completed=iteration, total=iterations)
            self._bar.start()

    def update(self, row: dict[str, Any], iteration: int, iterations: int, seconds: float) -> None:
        """Show an iteration by its journal row; metrics that a search does not report are left out."""
        env_steps = int(row.get("env_steps", 0))
        if self._env_steps is not None:  # the first iteration compiles, so its speed is not that of the run
            self._window.append((seconds, env_steps - self._env_steps))
        self._env_steps = env_steps
        text = self._describe(row, env_steps, iterations - iteration)
        if self._bar is not None:
            self._bar.update(self._task, completed=iteration, total=iterations, description=printable(text))
        elif time.monotonic() - self._printed_at >= PLAIN_EVERY_S or iteration == iterations:
            self._printed_at = time.monotonic()
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
        """Remove the bar and restore the terminal."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
