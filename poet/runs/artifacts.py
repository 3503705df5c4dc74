"""Records of a run folder as two plain files each: ID.npz (arrays by name) and ID.json (all the rest, and digests that
tell which ID.npz belongs to it).

POET keeps every environment ever admitted in this way, in niches/.
"""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from poet.checksum import digest
from poet.errors import RunError
from poet.runs.journal import encode
from poet.runs.layout import DIGESTS, atomic_write, disk_errors, read_json, refuse_links

if TYPE_CHECKING:
    from poet.search.base import Record


def write_artifact(path: Path, record: "Record") -> None:
    """Write or replace the files of a record, PATH.json and PATH.npz.

    The JSON comes first, and names the arrays before and after: whatever a kill leaves, they belong together.
    """
    packed, arrays = io.BytesIO(), path.with_name(f"{path.name}.npz")
    np.savez(packed, allow_pickle=False, **{name: np.asarray(array) for name, array in record.arrays.items()})
    with disk_errors(path):
        refuse_links(path.parent)
        path.parent.mkdir(exist_ok=True)
        before = [digest(arrays.read_bytes())] if arrays.is_file() else []
    meta = {**record.meta, DIGESTS: [*before, digest(packed.getvalue())]}
    atomic_write(path.with_name(f"{path.name}.json"), encode(meta))
    atomic_write(arrays, packed.getvalue())


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
            meta = read_json(path, object)
            born = meta.get("born") if isinstance(meta, dict) else None
        except RunError:  # cut short by a power cut; it is written again with the work that is done again
            born = iteration
        if isinstance(born, int) and born >= iteration:
            with disk_errors(path):
                path.unlink()
                arrays.unlink(missing_ok=True)
