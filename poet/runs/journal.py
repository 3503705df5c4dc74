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
from typing import Any

import numpy as np

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
        raise TypeError(f"a journal row holds numbers, text, lists and dicts; {path} is a {type(value).__name__}")
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


class Journal:
    """The writing end. A kill of the process loses no appended row; a power cut loses none before the last `sync`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with disk_errors(path):
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)

    @property
    def offset(self) -> int:
        """Bytes so far; each checkpoint stores the offset that it belongs to."""
        return os.fstat(self._handle).st_size

    def append(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add rows. Raises `RunError` where the disk is full."""
        data = memoryview(b"".join(encode(row) for row in rows))
        with disk_errors(self._path):
            while data:
                data = data[os.write(self._handle, data) :]

    def reaches(self, offset: int) -> bool:
        """Whether the journal has complete rows up to an offset."""
        return offset == 0 or (offset <= self.offset and os.pread(self._handle, 1, offset - 1) == b"\n")

    def trim(self, offset: int) -> None:
        """Remove what comes after an offset, including a last line that was cut short."""
        with disk_errors(self._path):
            os.ftruncate(self._handle, offset)

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
