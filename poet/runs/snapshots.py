"""Records beside each checkpoint, as plain arrays that can be mapped into memory. Archives keep elites/ in this way.

    elites/N/ archive.json COLUMN.npy ...

There is a snapshot for exactly each iteration that has a checkpoint: those of the checkpoints that are kept for good
show how the archive developed.
"""

import io
import os
import shutil
import urllib.parse
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from poet.checksum import digest, dump_checksummed
from poet.runs.layout import (
    INCOMPLETE,
    disk_errors,
    numbered_entries,
    refuse_links,
    remove_folder,
    remove_incomplete,
    sync_folder,
)

if TYPE_CHECKING:
    from poet.search.base import Record

ARCHIVE = "archive.json"


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
            remove_folder(final)  # of work that was lost and is done again
            draft.mkdir(parents=True)
            for name, column in columns.items():
                _write(draft / column_file(name), _header(column), column.tobytes())
            _write(draft / ARCHIVE, dump_checksummed({"meta": record.meta, "columns": headers}))
            os.rename(draft, final)
            sync_folder(folder)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise


def keep_snapshots(folder: Path, iterations: Collection[int]) -> None:
    """Remove all snapshots except those of some iterations, and incomplete ones that a kill left."""
    refuse_links(folder)
    remove_incomplete(folder)
    for iteration in numbered_entries(folder):
        if iteration not in iterations:
            refuse_links(folder / str(iteration))
            remove_folder(folder / str(iteration))


def _header(column: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(column))
    return file.getvalue()


def _write(path: Path, *parts: bytes) -> None:
    with open(path, "wb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
