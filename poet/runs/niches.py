"""Every environment ever admitted as two plain files: ID.npz (weights by occasion) and ID.json (all the rest)."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from poet.errors import RunError
from poet.runs.folder import atomic_write, disk_errors, read_json
from poet.runs.journal import encode

if TYPE_CHECKING:
    from poet.search.base import NicheRecord


def write_niche(folder: Path, niche: int, record: "NicheRecord") -> None:
    """Write or replace the files of a niche; the JSON comes last, so whoever finds it finds both."""
    with disk_errors(folder):
        folder.mkdir(exist_ok=True)
    packed = io.BytesIO()
    np.savez(packed, allow_pickle=False, **{name: np.asarray(agent) for name, agent in record.agents.items()})
    atomic_write(folder / f"{niche}.npz", packed.getvalue())
    atomic_write(folder / f"{niche}.json", encode(record.meta))


def forget_from(folder: Path, iteration: int) -> None:
    """Remove niches born in an iteration or later: work that was lost and is about to be done again."""
    for path in folder.glob("*.json"):
        try:
            born = read_json(path).get("born")
        except RunError:  # torn by a power cut; it is written anew with the work that is done again
            born = iteration
        if isinstance(born, int) and born >= iteration:
            with disk_errors(path):
                path.unlink()
                path.with_suffix(".npz").unlink(missing_ok=True)
