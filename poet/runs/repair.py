"""What is whole in a run folder, what is not, and a repair that deletes nothing. Behind `poet doctor RUN`."""

import datetime
import functools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from poet.checksum import digest, dump_checksummed
from poet.command_line import command
from poet.errors import RunError
from poet.runs import checkpoint
from poet.runs.journal import Mark, decode, holds
from poet.runs.layout import (
    CHECKPOINTS,
    CONFIG,
    JOURNAL,
    RUN,
    atomic_write,
    disk_errors,
    read_run,
    refuse_links,
    unused_name,
    write_json,
)
from poet.runs.lock import lock
from poet.runs.read import (
    Record,
    describe_damage,
    describe_edit,
    list_artifacts,
    list_snapshots,
    read_artifact,
    read_config,
    read_listed,
    read_snapshot,
    scan_journal,
)

RESTORE = "restore it from a backup"
T = TypeVar("T")


class Finding(NamedTuple):
    """One part of a run folder.

    Attributes:
      part: as "journal.jsonl", "checkpoint 6".
      state: what was found, in words.
      advice: what to do; empty if the part is whole.
    """

    part: str
    state: str
    advice: str = ""


def examine(path: Path) -> list[Finding]:
    """Every part of a run folder; reads all of it and changes nothing.

    Raises `RunError` for a folder that is no run.
    """
    run = read_run(path)
    intact, damaged = _read_checkpoints(path)
    return [
        Finding(RUN, "whole"),
        _config(path),
        *(Finding(f"checkpoint {step}", "whole") for step in intact),
        *(Finding(f"checkpoint {step}", problem, RESTORE) for step, problem in damaged.items()),
        _journal(path, intact),
        *(
            finding
            for kind, numbers_in, read in (
                ("artifacts", list_artifacts, read_artifact),
                ("snapshots", list_snapshots, read_snapshot),
            )
            for folder in run[kind]
            for finding in _records(
                folder, functools.partial(numbers_in, path, folder), functools.partial(read, path, folder)
            )
        ),
    ]


def repair(path: Path) -> list[str]:
    """Repair a run whose journal or checkpoints are damaged, so that it can be resumed; returns what was done.

    The journal gets the rows that can be read and belong to iterations before the newest intact checkpoint; the old
    one is kept under another name, as are damaged checkpoints. Raises `RunError` where no checkpoint is intact, or
    while the run is written.
    """
    path = Path(os.path.realpath(path))
    refuse_links(path / CHECKPOINTS)
    with lock(path):
        run, actions = read_run(path), []
        intact, damaged = _read_checkpoints(path)
        if not intact:
            raise RunError(f"{path} has no intact checkpoint: restore one from a backup, or start another run")
        if not holds(path / JOURNAL, _mark(intact[max(intact)])):
            actions.append(_rebuild_journal(path, intact))
        for step in damaged:
            aside = unused_name(path / CHECKPOINTS / f"{step}.broken")
            with disk_errors(aside):
                os.rename(path / CHECKPOINTS / str(step), aside)
            actions.append(f"renamed the damaged checkpoint {step} to {aside.name}")
        if actions:
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            run["repairs"] = [*run.get("repairs", []), {"time": now, "actions": actions}]
            write_json(path / RUN, run)
        return actions


def _rebuild_journal(path: Path, intact: dict[int, dict[str, Any]]) -> str:
    lines = _readable_lines(path / JOURNAL, max(intact))
    data = b"".join(line for _, line in lines)
    aside = unused_name(path / f"{JOURNAL}.damaged")
    with disk_errors(aside):
        if (path / JOURNAL).exists():
            shutil.copyfile(path / JOURNAL, aside)
    # The journal last, in one step: until then the run is refused as before, and the repair can be done again.
    for step, noted in intact.items():
        ends = [end for iteration, end in _ends(lines) if iteration < step]
        offset = max(ends, default=0)
        noted = noted | {"journal": [offset, digest(data[:offset])]}
        atomic_write(path / CHECKPOINTS / str(step) / checkpoint.NOTES, dump_checksummed(noted))
    atomic_write(path / JOURNAL, data)
    lost = max(intact) - len({iteration for iteration, _ in lines if iteration >= 0})
    missing = f"; those of {lost} of {max(intact)} iterations are lost" if lost else ""
    return f"wrote {JOURNAL} anew with {len(lines)} rows{missing}. The old one is {aside.name}"


def _readable_lines(file: Path, iterations: int) -> list[tuple[int, bytes]]:
    """Lines before an iteration with the iteration of each, -1 for events of the process; repeated ones once."""
    lines: list[tuple[int, bytes]] = []
    seen: set[bytes] = set()
    for line in file.read_bytes().splitlines() if file.is_file() else []:
        row = decode(line + b"\n")
        if row is None or line in seen:
            continue
        iteration = row.get("iteration", -1)
        if not isinstance(iteration, int) or iteration >= iterations:
            break
        seen.add(line)
        lines.append((iteration, line + b"\n"))
    return lines


def _ends(lines: list[tuple[int, bytes]]) -> list[tuple[int, int]]:
    """Of each row of an iteration: the iteration, and the offset at which the row ends."""
    ends, offset = [], 0
    for iteration, line in lines:
        offset += len(line)
        if iteration >= 0:
            ends.append((iteration, offset))
    return ends


def _config(path: Path) -> Finding:
    try:
        edited = describe_edit(path, read_config(path), read_run(path))
    except RunError as error:
        return Finding(CONFIG, str(error), RESTORE)
    return Finding(CONFIG, edited, f"undo the change, or {RESTORE}") if edited else Finding(CONFIG, "whole")


def _records(folder: str, numbers: Callable[[], list[int]], read: Callable[[int], Record]) -> list[Finding]:
    def read_whole(number: int) -> bool:
        return all(array is not None for array in read(number).arrays.values())  # columns are compared when first used

    whole, damaged = _read_all(numbers, read_whole)
    return [
        Finding(f"{folder}/{number}", damaged.get(number, "whole"), RESTORE if number in damaged else "")
        for number in sorted({*whole, *damaged})
    ]


def _read_all(numbers: Callable[[], list[int]], read: Callable[[int], T]) -> tuple[dict[int, T], dict[int, str]]:
    """What can be read, and what is wrong with the rest; without what a running search has removed meanwhile."""
    whole, damaged = {}, {}
    for number in numbers():
        try:
            found = read_listed(number, numbers, read)
        except (RunError, ValueError) as error:
            damaged[number] = str(error)
        else:
            whole |= {} if found is None else {number: found}
    return whole, damaged


def _journal(path: Path, intact: dict[int, dict[str, Any]]) -> Finding:
    try:
        rows, damaged = scan_journal(path) if os.path.lexists(path / JOURNAL) else ([], [])
    except RunError as error:
        return Finding(JOURNAL, str(error), RESTORE)
    advice = f"continue with what can be read: {command('doctor', path, '--repair')}"
    if intact and not holds(path / JOURNAL, _mark(intact[max(intact)])):
        state = f"is not what checkpoint {max(intact)} belongs to; {len(rows)} rows can be read"
        return Finding(JOURNAL, state, f"put the old one back, or {advice}")
    if damaged:
        return Finding(JOURNAL, describe_damage(path, damaged), advice)
    return Finding(JOURNAL, f"{len(rows)} rows")


def _read_checkpoints(path: Path) -> tuple[dict[int, dict[str, Any]], dict[int, str]]:
    """By iteration: the notes of the checkpoints that are intact, and what is wrong with the others."""
    folder = path / CHECKPOINTS
    return _read_all(functools.partial(checkpoint.steps, folder), functools.partial(checkpoint.notes, folder))


def _mark(noted: dict[str, Any]) -> Mark:
    return Mark(*noted["journal"])
