"""Records of a run folder as two plain files each: ID.npz (arrays by name) and ID.json (all the rest).

POET keeps every environment ever admitted in this way, in niches/.
"""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from poet.errors import RunError
from poet.runs.journal import encode
from poet.runs.layout import atomic_write, disk_errors, read_json, refuse_links

if TYPE_CHECKING:
    from poet.search.base import Record


def write_artifact(path: Path, record: "Record") -> None:
    """Write or replace the files of a record, PATH.npz and PATH.json.

    The JSON comes last, so that a reader who finds it finds both.
    """
    with disk_errors(path):
        refuse_links(path.parent)
        path.parent.mkdir(exist_ok=True)
    packed = io.BytesIO()
    np.savez(packed, allow_pickle=False, **{name: np.asarray(array) for name, array in record.arrays.items()})
    atomic_write(path.with_name(f"{path.name}.npz"), packed.getvalue())
    atomic_write(path.with_name(f"{path.name}.json"), encode(record.meta))


def remove_born_since(folder: Path, iteration: int) -> None:
    """Remove records born in an iteration or later: that work was lost and will be done again.

    Only pairs of files with a "born" are records; any others are left alone.
    """
    refuse_links(folder)
    for path in folder.glob("*.json"):
        arrays = path.with_suffix(".npz")
        if not arrays.is_file():
            continue
        try:
            meta = read_json(path)
            born = meta.get("born") if isinstance(meta, dict) else None
        except RunError:  # cut short by a power cut; it is written again with the work that is done again
            born = iteration
        if isinstance(born, int) and born >= iteration:
            with disk_errors(path):
                path.unlink()
                arrays.unlink(missing_ok=True)
