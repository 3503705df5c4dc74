"""An archive's elites beside each checkpoint, as plain arrays that can be mapped into memory: elites/N/.

    elites/N/ archive.json COLUMN.npy ...

There are snapshots of exactly the iterations that there are checkpoints of: those of the checkpoints kept for good
show how the archive came about.
"""

import io
import os
import shutil
import urllib.parse
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from poet.runs.folder import disk_errors
from poet.seal import digest, seal

if TYPE_CHECKING:
    from poet.search.base import Snapshot

ARCHIVE = "archive.json"


def column_file(name: str) -> str:
    """The file of a column, whatever a payload's leaves are called."""
    return urllib.parse.quote(name, safe="") + ".npy"


def write_elites(folder: Path, iteration: int, snapshot: "Snapshot") -> None:
    """Write a snapshot; it is whole and on the disk once there is a folder of that name.

    Raises `RunError` with all earlier ones intact.
    """
    draft, place = folder / f"{iteration}.tmp", folder / str(iteration)
    columns = {name: np.ascontiguousarray(column) for name, column in snapshot.columns.items()}
    about = {
        name: {"shape": column.shape, "dtype": column.dtype.str, "digest": digest(column)}
        for name, column in columns.items()
    }
    with disk_errors(place):
        try:
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            for name, column in columns.items():
                _write(draft / column_file(name), _header(column), column.tobytes())
            _write(draft / ARCHIVE, seal({"meta": snapshot.meta, "columns": about}))
            _remove(place)
            os.rename(draft, place)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise


def keep_elites(folder: Path, iterations: Collection[int]) -> None:
    """Remove all snapshots but those of some iterations, and what a kill left half done."""
    if folder.is_dir():
        for entry in folder.iterdir():
            if not (entry.name.isdigit() and int(entry.name) in iterations):
                _remove(entry)


def _remove(place: Path) -> None:
    (place / ARCHIVE).unlink(missing_ok=True)  # first, so that nobody takes a half removed one for whole
    shutil.rmtree(place, ignore_errors=True)


def _header(column: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(column))
    return file.getvalue()


def _write(path: Path, *parts: bytes) -> None:
    with open(path, "wb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
