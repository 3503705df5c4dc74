"""Whether two runs have the same history and the same final state. What depends on clock or machine does not count."""

import functools
from pathlib import Path
from typing import Any

from poet.errors import RunError
from poet.files import checked_path
from poet.runs import checkpoint
from poet.runs.layout import CHECKPOINTS, read_run
from poet.runs.read import describe_damage, read_journal, read_listed, scan_journal

MAX_LINES = 10


def diff_runs(a: Path | str, b: Path | str) -> list[str]:
    """Where two runs begin to differ, in lines; no line if they are equal bit for bit.

    Raises `RunError` where one of them is no run folder, or its journal is damaged.
    """
    a, b = checked_path(a, "a"), checked_path(b, "b")
    for path in (a, b):
        read_run(path)
        if damaged := scan_journal(path)[1]:
            raise RunError(f"{describe_damage(path, damaged)}: runs with a damaged journal cannot be compared")
    return _history(a, b) + _state(a, b)


def _history(a: Path, b: Path) -> list[str]:
    rows_a, rows_b = _rows(a), _rows(b)
    if not rows_a and not rows_b:
        raise RunError(f"{a} and {b} have no history to compare yet")
    for number, (first, second) in enumerate(zip(rows_a, rows_b)):
        if first != second:
            names = [name for name in {**first, **second} if first.get(name) != second.get(name)]
            shown = [f"{name}: {_short(first.get(name))} and {_short(second.get(name))}" for name in names[:MAX_LINES]]
            where = f"event {number} ({first.get('event')} of iteration {first.get('iteration')})"
            return [f"the histories differ from {where}", *(f"  {line}" for line in shown)]
    if len(rows_a) != len(rows_b):
        shorter, longer, rows = (a, b, rows_b) if len(rows_a) < len(rows_b) else (b, a, rows_a)
        num = min(len(rows_a), len(rows_b))
        return [
            f"{shorter} ends after {num} events; {longer} continues with "
            f"{rows[num].get('event')} of iteration {rows[num].get('iteration')}"
        ]
    return []


def _rows(path: Path) -> list[dict[str, Any]]:
    bare = ({name: value for name, value in row.items() if name != "wall"} for row in read_journal(path))
    return [row for row in bare if row]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."


def _state(a: Path, b: Path) -> list[str]:
    (step_a, leaves_a), (step_b, leaves_b) = _newest(a), _newest(b)
    if step_a != step_b:
        return [f"the newest checkpoints are of different iterations: {step_a} and {step_b}"]
    names = [name for name in {**leaves_a, **leaves_b} if leaves_a.get(name) != leaves_b.get(name)]
    if not names:
        return []
    lines = [f"the states at iteration {step_a} differ in {len(names)} of {len({**leaves_a, **leaves_b})} leaves"]
    return lines + [f"  state{name}" for name in names[:MAX_LINES]]


def _newest(path: Path) -> tuple[int | None, dict[str, Any]]:
    folder = path / CHECKPOINTS
    steps, read = functools.partial(checkpoint.steps, folder), functools.partial(checkpoint.notes, folder)
    while found := steps():
        try:
            notes = read_listed(found[0], steps, read)
        except ValueError as error:
            raise RunError(f"checkpoint {found[0]} of {path} is broken: {error}") from error
        if notes is not None:
            return found[0], notes["leaves"]
    return None, {}
