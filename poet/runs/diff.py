"""Do two runs have the same history and the same final state? What depends on clock or machine does not count."""

from pathlib import Path
from typing import Any

from poet.errors import RunError
from poet.runs import checkpoint
from poet.runs.folder import CHECKPOINTS, read_run
from poet.runs.read import read_journal

MAX_LINES = 10


def diff(a: Path, b: Path) -> list[str]:
    """Where two runs part, a line each; nothing if they are equal bit for bit.

    Raises `RunError` where one of them is no run folder, or its journal is damaged.
    """
    for path in (a, b):
        read_run(path)
    return _history(a, b) + _state(a, b)


def _history(a: Path, b: Path) -> list[str]:
    ours, theirs = _rows(a), _rows(b)
    if not ours and not theirs:
        raise RunError(f"{a} and {b} have no history to compare yet")
    for place, (mine, other) in enumerate(zip(ours, theirs)):
        if mine != other:
            names = [name for name in {**mine, **other} if mine.get(name) != other.get(name)]
            shown = [f"{name}: {_short(mine.get(name))} and {_short(other.get(name))}" for name in names[:MAX_LINES]]
            where = f"event {place} ({mine.get('event')} of iteration {mine.get('iteration')})"
            return [f"the histories part at {where}", *(f"  {line}" for line in shown)]
    if len(ours) != len(theirs):
        shorter, longer, rows = (a, b, theirs) if len(ours) < len(theirs) else (b, a, ours)
        first = rows[min(len(ours), len(theirs))]
        return [
            f"{shorter} ends after {min(len(ours), len(theirs))} events; {longer} goes on with "
            f"{first.get('event')} of iteration {first.get('iteration')}"
        ]
    return []


def _rows(path: Path) -> list[dict[str, Any]]:
    bare = ({name: value for name, value in row.items() if name != "wall"} for row in read_journal(path))
    return [row for row in bare if row]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."


def _state(a: Path, b: Path) -> list[str]:
    (step_a, ours), (step_b, theirs) = _newest(a), _newest(b)
    if step_a != step_b:
        return [f"the newest checkpoints are of different iterations: {step_a} and {step_b}"]
    names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    if not names:
        return []
    lines = [f"the states at iteration {step_a} differ in {len(names)} of {len({**ours, **theirs})} leaves"]
    return lines + [f"  state{name}" for name in names[:MAX_LINES]]


def _newest(path: Path) -> tuple[int | None, dict[str, Any]]:
    for step in checkpoint.steps(path / CHECKPOINTS):
        try:
            return step, checkpoint.notes(path / CHECKPOINTS, step)["leaves"]
        except ValueError as error:
            raise RunError(f"checkpoint {step} of {path} is broken: {error}") from error
    return None, {}
