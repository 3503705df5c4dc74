"""Progress on the outer clock: a bar on a terminal, plain lines elsewhere."""

import time
from collections import deque
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from poet.runs.read import quantity, standing

PLAIN_EVERY_S = 5.0  # not a line for each of 25,200 iterations


def duration(seconds: float) -> str:
    """Seconds as people say them: 45 s, 12 min, 3.5 h, 2.1 days."""
    for size, unit, digits in ((86400, "days", 1), (3600, "h", 1), (60, "min", 0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds:.0f} s"


class Reporter:
    """Says what a run does. `console` decides by itself whether it is a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._window: deque[tuple[float, int]] = deque(maxlen=10)  # seconds and environment steps of iterations
        self._env_steps: int | None = None
        self._said = -PLAIN_EVERY_S

    def say(self, text: str) -> None:
        """One line, above the bar if there is one."""
        self.console.print(escape(text))

    def start(self, iteration: int, iterations: int) -> None:
        """Show the bar, if this is a terminal."""
        if self.console.is_terminal:
            columns = (TextColumn("{task.completed}/{task.total}"), BarColumn(24), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task("compiling", completed=iteration, total=iterations)
            self._bar.start()

    def tick(self, row: dict[str, Any], iteration: int, iterations: int, seconds: float) -> None:
        """Tell of an iteration by its journal row; what a search does not report is left out."""
        env_steps = int(row.get("env_steps", 0))
        if self._env_steps is not None:  # the first iteration here compiles: its speed says nothing
            self._window.append((seconds, env_steps - self._env_steps))
        self._env_steps = env_steps
        text = self._describe(row, env_steps, iterations - iteration)
        if self._bar is not None:
            self._bar.update(self._task, completed=iteration, total=iterations, description=escape(text))
        elif time.monotonic() - self._said >= PLAIN_EVERY_S or iteration == iterations:
            self._said = time.monotonic()
            self.say(f"{iteration}/{iterations}  {text}")

    def _describe(self, row: dict[str, Any], env_steps: int, remaining: int) -> str:
        unit = "evaluations" if row.get("evaluations") == env_steps else "steps"
        parts = [f"{quantity(env_steps)} {unit}"] if env_steps else []
        spent = sum(seconds for seconds, _ in self._window)
        if spent and env_steps:
            parts.append(f"{quantity(sum(steps for _, steps in self._window) / spent)} {unit}/s")
        parts += standing(row)
        if spent:
            parts.append(f"{duration(remaining * spent / len(self._window))} left")
        return ", ".join(parts) or "running"

    def close(self) -> None:
        """Take the bar away and give the terminal back."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
