"""The record of truth: one JSON object a line, appended only. Knows no jax.

What depends on the clock or the machine is under one key, `wall`, so that histories can be compared. JSON has no NaN
and no infinity: they become null, and the row lists their places under `nonfinite`.
"""

import datetime
import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from poet.checksum import running_digest
from poet.errors import ContractError, RunError
from poet.files import open_regular
from poet.runs.layout import disk_errors


def encode(row: dict[str, Any]) -> bytes:
    """One line. Arrays become lists, NaN and infinity null with their dotted paths under `nonfinite`."""
    nonfinite: list[str] = []
    plain = _plain(row, "", nonfinite)
    if nonfinite:
        plain["nonfinite"] = nonfinite
    return json.dumps(plain, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _plain(value: Any, path: str, nonfinite: list[str]) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(item, _dotted(path, name), nonfinite) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, _dotted(path, place), nonfinite) for place, item in enumerate(value)]
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        nonfinite.append(path)
        return None
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise ContractError(f"a journal row holds numbers, text, lists and dicts; {path} is a {type(value).__name__}")
    return _plain(array.tolist(), path, nonfinite)


def _dotted(path: str, name: Any) -> str:
    return f"{path}.{name}" if path else str(name)


def decode(line: bytes) -> dict[str, Any] | None:
    """The row of a line; None for a line that a crash cut short."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and line.endswith(b"\n") else None


def as_read(row: dict[str, Any]) -> dict[str, Any]:
    """A row as a reader of the journal gets it."""
    return json.loads(encode(row))


class Mark(NamedTuple):
    """A place in a journal: what a checkpoint belongs to.

    Attributes:
      offset: bytes before it.
      digest: of these bytes.
    """

    offset: int
    digest: str


def digest_of_start(file: BinaryIO, size: int) -> Any:
    """The running digest of the first bytes of a file, at most `size`."""
    found, left = running_digest(), size
    while left and (part := file.read(min(left, 1 << 20))):
        found.update(part)
        left -= len(part)
    return found


def holds(path: Path, mark: Mark) -> bool:
    """Whether the journal at a path begins with the bytes before a mark. Reads only; raises `OSError`."""
    if not path.is_file():
        return mark == Mark(0, running_digest().hexdigest())
    with path.open("rb") as file:
        return path.stat().st_size >= mark.offset and digest_of_start(file, mark.offset).hexdigest() == mark.digest


class Journal:
    """The writing end. A kill of the process loses no appended row; a power cut loses none before the last `sync`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with disk_errors(path):
            self._handle = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW)
            self._digest = self._digest_of(self.offset)

    @property
    def offset(self) -> int:
        """Bytes so far."""
        return os.fstat(self._handle).st_size

    @property
    def mark(self) -> Mark:
        """The end of the journal."""
        return Mark(self.offset, self._digest.hexdigest())

    def require_in_place(self) -> None:
        """Raise `RunError` where the file at this path is not the one that is being written any more."""
        try:
            in_place = os.path.samestat(os.stat(self._path, follow_symlinks=False), os.fstat(self._handle))
        except OSError:
            in_place = False
        if not in_place:
            raise RunError(
                f"{self._path.parent} was moved, deleted or replaced while this process was writing it: it stops, and "
                "changes nothing there. Where the folder was moved, the run can be resumed in its new place"
            )

    def append(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add rows. Raises `RunError` where the disk is full."""
        data = memoryview(b"".join(encode(row) for row in rows))
        self._digest.update(data)
        with disk_errors(self._path):
            while data:
                data = data[os.write(self._handle, data) :]

    def holds(self, mark: Mark) -> bool:
        """Whether the journal begins with the bytes before a mark."""
        with disk_errors(self._path):
            return holds(self._path, mark)

    def trim(self, offset: int) -> None:
        """Remove what comes after an offset, including a last line that was cut short."""
        with disk_errors(self._path):
            os.ftruncate(self._handle, offset)
            self._digest = self._digest_of(offset)

    def _digest_of(self, offset: int) -> Any:
        with self._path.open("rb") as file:
            return digest_of_start(file, offset)

    def sync(self) -> None:
        """Return when every row is on disk."""
        with disk_errors(self._path):
            os.fsync(self._handle)

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


class ProcessLog:
    """Events about the process, not the history: when it started, resumed, saved. They sit under `wall`.

    Events that come before the journal is open are written once it is.
    """

    def __init__(self) -> None:
        self._journal: Journal | None = None
        self._waiting: list[dict[str, Any]] = []

    def append(self, event: str, fields: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Add an event with the time and the process."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        row = {"wall": {"event": event, "time": now, "pid": os.getpid(), **fields}}
        if self._journal is None:
            self._waiting.append(row)
        else:
            self._journal.append([row])

    def open(self, journal: Journal) -> None:
        """Write to a journal from now on."""
        journal.append(self._waiting)
        self._journal = journal
        self._waiting = []
