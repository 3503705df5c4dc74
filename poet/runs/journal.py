"""The record of truth: one JSON object a line, appended only. Knows no jax.

What depends on the clock or the machine sits under one key, `wall`, so that histories compare. JSON has no NaN and
no infinity: they become null, and the row lists where under `nonfinite`.
"""

import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from poet.runs.folder import disk_errors


def encode(row: dict[str, Any]) -> bytes:
    """One line. Arrays become lists, NaN and infinity null with their dotted paths under `nonfinite`."""
    nonfinite: list[str] = []
    plain = _plain(row, "", nonfinite)
    if nonfinite:
        plain["nonfinite"] = nonfinite
    return json.dumps(plain, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _plain(value: Any, path: str, nonfinite: list[str]) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(item, _join(path, name), nonfinite) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, _join(path, place), nonfinite) for place, item in enumerate(value)]
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


def _join(path: str, name: Any) -> str:
    return f"{path}.{name}" if path else str(name)


def decode(line: bytes) -> dict[str, Any] | None:
    """The row of a line; None for one that a crash has torn."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and line.endswith(b"\n") else None


class Journal:
    """The writing end. A kill of the process loses no appended row; a power cut none before the last `sync`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with disk_errors(path):
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)

    @property
    def offset(self) -> int:
        """Bytes so far; a checkpoint remembers the offset that it belongs to."""
        return os.fstat(self._handle).st_size

    def append(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add rows. Raises `RunError` where the disk is full."""
        data = memoryview(b"".join(encode(row) for row in rows))
        with disk_errors(self._path):
            while data:
                data = data[os.write(self._handle, data) :]

    def reaches(self, offset: int) -> bool:
        """Whether whole rows lead up to an offset."""
        return offset == 0 or (offset <= self.offset and os.pread(self._handle, 1, offset - 1) == b"\n")

    def trim(self, offset: int) -> None:
        """Forget what comes after an offset, a torn last line included."""
        with disk_errors(self._path):
            os.ftruncate(self._handle, offset)

    def sync(self) -> None:
        """Return when every row is on the disk."""
        with disk_errors(self._path):
            os.fsync(self._handle)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._handle)
