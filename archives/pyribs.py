"""Elites to and from the data frames of pyribs (`ArchiveDataFrame` of 0.12): one row an elite, and the columns
solution_0, solution_1, ..., objective, measures_0, ..., index.

Its objective is our fitness, its measures are our descriptor. Ids, parents and emitters have no place there: parquet
keeps them.
"""

import re
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from poet.archives.base import Entries, entries
from poet.archives.files import Columns
from poet.archives.files import frame as as_frame
from poet.archives.table import OWN
from poet.errors import ShapeError
from poet.types import PyTree

if TYPE_CHECKING:
    import pandas


def to_pyribs(columns: Columns) -> "pandas.DataFrame":
    """The frame of `columns`; the leaves of a payload follow each other, flattened, as one solution.

    `ribs.archives.ArchiveDataFrame(frame)` makes it one of pyribs' own. Index is our cell, which for a grid is pyribs'.
    Raises `ConfigError` if pandas is not installed.
    """
    num = len(columns["fitness"])
    own = (column for name, column in columns.items() if name not in OWN)
    payload = [column.reshape(num, int(np.prod(column.shape[1:]))) for column in own]
    return as_frame(
        {
            "solution": np.concatenate(payload, axis=1),
            "objective": columns["fitness"],
            "measures": columns["descriptor"],
            "index": columns["cell"],
        }
    )


def from_pyribs(frame: "pandas.DataFrame", example: PyTree) -> Entries:
    """The elites of a pyribs frame with payloads like `example`, ready for `Archive.add` or `compare.resize`.

    Cells are found anew, since pyribs cuts at slightly other places. float64 becomes float32; of equals in one cell the
    one further up in the frame wins.
    Raises `ShapeError` where columns are missing, or there are more or fewer numbers than the example has.
    """
    solution = _field(frame, "solution")
    leaves, structure = jax.tree.flatten(example)
    sizes = [int(np.prod(np.shape(leaf))) for leaf in leaves]
    if solution.shape[1] != sum(sizes):
        raise ShapeError(
            f"expected solutions of {sum(sizes)} numbers, as the example has them; got {solution.shape[1]}: "
            "give the example of what pyribs was searching for"
        )
    parts = np.split(solution, np.cumsum(sizes)[:-1], axis=1)
    payload = [
        part.reshape(len(part), *np.shape(leaf)).astype(jnp.result_type(leaf)) for part, leaf in zip(parts, leaves)
    ]
    return entries(
        jax.tree.unflatten(structure, payload),
        jnp.asarray(_field(frame, "objective")[:, 0], jnp.float32),
        jnp.asarray(_field(frame, "measures"), jnp.float32),
    )


def _field(frame: "pandas.DataFrame", name: str) -> np.ndarray:
    """A field as [M, width], from its one column or its numbered ones."""
    numbered = sorted((c for c in frame if re.fullmatch(rf"{name}_\d+", c)), key=lambda c: int(c.rsplit("_", 1)[1]))
    wanted = [name] if name in frame else numbered
    if not wanted:
        raise ShapeError(
            f"expected a frame of pyribs with {name!r} or '{name}_0', ...; got columns {', '.join(map(str, frame))}: "
            'take archive.data(return_type="pandas")'
        )
    return frame[wanted].to_numpy()
