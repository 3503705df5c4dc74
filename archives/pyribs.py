"""Conversion of elites to and from the data frames of pyribs (`ArchiveDataFrame` of 0.12): one row per elite, with the
columns solution_0, solution_1, ..., objective, measures_0, ..., index.

The objective is our fitness, the measures are our descriptor. The frame has no columns for ids, parents, emitters and
extra fields; parquet files keep those.

Axes: M elites.
"""

import re
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from poet.archives.base import Entries, entries
from poet.archives.files import EXTRA, Columns
from poet.archives.files import frame as as_frame
from poet.archives.table import RESERVED_COLUMNS
from poet.errors import ShapeError
from poet.types import PyTree

if TYPE_CHECKING:
    import pandas


def to_pyribs(columns: Columns) -> "pandas.DataFrame":
    """The frame of `columns`; the leaves of a payload are flattened and concatenated to one solution.

    `ribs.archives.ArchiveDataFrame(frame)` converts it to the class of pyribs. The index is our cell, which for a grid
    is also that of pyribs.
    Raises `ConfigError` if pandas is not installed.

    >>> elites = {"cell": np.array([2]), "fitness": np.ones(1), "descriptor": np.zeros((1, 2))}
    >>> frame = to_pyribs({**elites, "params": np.zeros((1, 2))})
    >>> list(frame)
    ['solution_0', 'solution_1', 'objective', 'measures_0', 'measures_1', 'index']
    >>> from_pyribs(frame, np.zeros(2, np.float32)).payload.tolist()
    [[0.0, 0.0]]
    """
    num = len(columns["fitness"])
    leaves = (columns[name] for name in columns if name not in RESERVED_COLUMNS and not name.startswith(EXTRA))
    payload = [column.reshape(num, int(np.prod(column.shape[1:]))) for column in leaves]
    return as_frame(
        {
            "solution": np.concatenate(payload, axis=1),
            "objective": columns["fitness"],
            "measures": columns.get("descriptor", np.zeros((num, 0))),
            "index": columns["cell"],
        }
    )


def from_pyribs(frame: "pandas.DataFrame", example: PyTree) -> Entries:
    """The elites of a pyribs frame with payloads like `example`, for `Archive.add` or `compare.merge`.

    The index of pyribs is ignored, since its cell borders differ slightly from ours. float64 becomes float32. Of
    equally fit elites for one cell, the first in the frame wins.
    Raises `ShapeError` where columns are missing, or solutions have another size than the example.
    """
    solution = _field(frame, "solution")
    leaves, structure = jax.tree.flatten(example)
    sizes = [int(np.prod(np.shape(leaf))) for leaf in leaves]
    if solution.shape[1] != sum(sizes):
        raise ShapeError(
            f"expected solutions of {sum(sizes)} numbers, as in the example; got {solution.shape[1]}: "
            "pass an example of the solutions in the frame"
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
    """A field as [M, width], from its single column or its numbered columns."""
    numbered = sorted((c for c in frame if re.fullmatch(rf"{name}_\d+", c)), key=lambda c: int(c.rsplit("_", 1)[1]))
    chosen = [name] if name in frame else numbered
    if not chosen:
        raise ShapeError(
            f"expected a frame of pyribs with {name!r} or '{name}_0', ...; got columns {', '.join(map(str, frame))}: "
            'pass archive.data(return_type="pandas")'
        )
    return frame[chosen].to_numpy()
