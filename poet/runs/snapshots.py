"""Records beside each checkpoint, as plain arrays that can be mapped into memory. Archives keep elites/ in this way.

    elites/N/ archive.json COLUMN.npy ...

There is a snapshot for exactly each iteration that has a checkpoint: those of the checkpoints that are kept for good
show how the archive developed.
"""

import contextlib
import io
import os
import shutil
import urllib.parse
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from poet.checked import NATURAL
from poet.checksum import digest, dump_checksummed
from poet.files import sync
from poet.runs.layout import (
    INCOMPLETE,
    disk_errors,
    numbered_entries,
    refuse_links,
    remove_incomplete,
)

if TYPE_CHECKING:
    from poet.search.base import Record

ARCHIVE = "archive.json"
ARCHIVE_FORM = {"meta": {}, "columns": {str: {"shape": [NATURAL], "dtype": str, "digest": str}}}


def column_file(name: str) -> str:
    """The file of a column; its name is quoted, since leaves of a payload may have any name."""
    return urllib.parse.quote(name, safe="") + ".npy"


def write_snapshot(folder: Path, iteration: int, record: "Record") -> None:
    """Write a snapshot; it is complete and on disk once there is a folder of that name.

    Raises `RunError` with all earlier ones intact.
    """
    draft, final = folder / f"{iteration}{INCOMPLETE}", folder / str(iteration)
    columns = {name: np.ascontiguousarray(column) for name, column in record.arrays.items()}
    headers = {
        name: {"shape": column.shape, "dtype": column.dtype.str, "digest": digest(column)}
        for name, column in columns.items()
    }
    with disk_errors(final):
        refuse_links(folder, draft, final)
        try:
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            for name, column in columns.items():
                _write(draft / column_file(name), _header(column), column.tobytes())
            _write(draft / ARCHIVE, dump_checksummed({"meta": record.meta, "columns": headers}))
            _remove(final)
            os.rename(draft, final)
            sync(folder)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise


def keep_snapshots(folder: Path, iterations: Collection[int]) -> None:
    """Remove all snapshots except those of some iterations, and incomplete ones that a kill left."""
    refuse_links(folder)
    remove_incomplete(folder)
    for iteration in numbered_entries(folder):
        if iteration not in iterations:
            _remove(folder / str(iteration))


def _remove(path: Path) -> None:
    """Remove a snapshot as far as that is possible, but never a part of one that is still listed."""
    refuse_links(path)
    with contextlib.suppress(OSError):
        (path / ARCHIVE).unlink(missing_ok=True)
        shutil.rmtree(path, ignore_errors=True)


def _header(column: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(column))
    return file.getvalue()


def _write(path: Path, *parts: bytes) -> None:
    with open(path, "wb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
