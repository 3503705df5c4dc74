"""The progress of a run in numbers and words: iteration, speed, time left, how it ended."""

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from poet.files import checked_path
from poet.runs.layout import JOURNAL, read_run
from poet.runs.lock import is_alive
from poet.runs.read import Row, read_config, scan_journal


def headline(names: Iterable[str], row: Row) -> tuple[str, ...]:
    """The named metrics of an iteration's row in words, without those that it lacks.

    >>> headline(["active", "best_fitness", "qd_score"], {"active": 3, "best_fitness": 201.61, "qd_score": None})
    ('active 3', 'best fitness 201.6')
    """
    found = []
    for name in names:
        value = row.get(name)
        values = [x for x in (value if isinstance(value, list) else [value]) if isinstance(x, int | float) and x == x]
        if values:
            best = max(values)
            found.append(f"{name.replace('_', ' ')} {quantity(best) if abs(best) >= 1e4 else format(best, '.4g')}")
    return tuple(found)


def quantity(number: float) -> str:
    """A count in three digits: 950, 12.3 k, 4.56 M."""
    for size, unit in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(number) >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.3g}"


class Status(NamedTuple):
    """The progress of a run. Speeds and times are None before the second iteration."""

    name: str
    iteration: int
    iterations: int
    env_steps: int
    headline: tuple[str, ...]  # the most important metrics of the last iteration, in words
    steps_per_s: float | None
    left_s: float | None
    alive: bool
    finished: bool  # whether it has used its budget of iterations or of environment steps, or ended by a rule
    reason: str = ""  # why it ended before its budget, by a rule or a sink

    @property
    def state(self) -> str:
        """Whether a process is writing it, it is finished, or neither; then why it ended before its budget."""
        if self.alive:
            return "running"
        return ": ".join(filter(None, ("finished" if self.finished else "stopped", self.reason)))


def read_status(path: Path | str, rows: list[Row] | None = None) -> Status:
    """Iteration, speed and remaining time of a run, measured over its last iterations."""
    path = checked_path(path)
    run, config = read_run(path), read_config(path)
    if rows is None:
        rows = scan_journal(path)[0] if (path / JOURNAL).exists() else []
    done = [row for row in rows if row.get("event") == "iteration"]
    last = done[-1] if done else {}
    seconds, steps, counted = 0.0, 0, 0
    for before, row in list(itertools.pairwise(done))[-10:]:
        seconds += row.get("wall", {}).get("seconds", 0.0)
        steps += (row.get("env_steps") or 0) - (before.get("env_steps") or 0)
        counted += 1
    iteration = last.get("iteration", -1) + 1
    iterations = max(config["iterations"], iteration)  # a budget may have been lowered since
    env_steps, max_env_steps = last.get("env_steps") or 0, config.get("max_env_steps")
    ended, reason = _end(rows)
    left_s = (iterations - iteration) * seconds / counted if counted else None
    if left_s is not None and max_env_steps is not None and steps:
        left_s = min(left_s, max(max_env_steps - env_steps, 0) * seconds / steps)
    return Status(
        name=path.resolve().name,
        iteration=iteration,
        iterations=iterations,
        env_steps=env_steps,
        headline=headline(run["headline"], last),
        steps_per_s=steps / seconds if seconds else None,
        left_s=left_s,
        alive=is_alive(path),
        finished=iteration >= iterations
        or (max_env_steps is not None and env_steps >= max_env_steps)
        or (ended == "finish" and bool(reason)),
        reason=reason,
    )


def _end(rows: Sequence[Row]) -> tuple[str, str]:
    """How the last process ended, "finish" or "stop", and why if that was before its budget; else two empty texts."""
    for row in reversed(rows):
        wall = row.get("wall", {})
        if wall.get("event") in ("start", "resume", "stop", "finish"):
            return wall["event"], str(wall.get("reason", ""))
    return "", ""
