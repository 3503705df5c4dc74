"""Any archive as columns of NumPy arrays, and back. `poet.archives.files` writes columns to parquet and JSON.

Axes: M occupied rows, R rows, D descriptor.
"""

from typing import Any

import jax
import numpy as np

from poet.archives.base import NOBODY, Entries
from poet.archives.files import Columns
from poet.archives.layout import Spec, num_rows, row_cells, total
from poet.errors import ConfigError, ShapeError
from poet.types import PyTree

ALWAYS = ("cell", "fitness", "descriptor", "id", "parents", "emitter")
OWN = (*ALWAYS, "objectives")


def columns(spec: Spec, elites: Entries) -> dict[str, np.ndarray]:
    """The elites of an archive, `Archive.elites(state)`, as columns over its M occupied rows, in the order of rows.

    "cell" i32[M], "fitness" f32[M], "descriptor" f32[M, D], "id" u32[M, 2], "parents" u32[M, 2, 2], "emitter" i32[M],
    and one for each leaf of the payload: "params" for a payload that is one array, else the path of the leaf
    ("genome.pit"), after "payload." where a column of that name exists already. Of several objectives "fitness" is the
    sum, and "objectives" f32[M, objectives] stands beside it. Copies, never views.
    """
    elites = jax.device_get(elites)
    valid = np.asarray(elites.valid)
    leaves: dict[str, Any] = dict(zip(ALWAYS, (row_cells(spec), *elites[1:-1])))
    if elites.fitness.ndim > 1:
        leaves |= {"fitness": total(elites.fitness), "objectives": elites.fitness}
    leaves |= zip(payload_names(elites.payload), jax.tree.leaves(elites.payload))
    return {name: np.asarray(leaf)[valid] for name, leaf in leaves.items()}


def payload_names(payload: PyTree) -> list[str]:
    """The column of each leaf of a payload. Raises `ConfigError` where two leaves would share one."""
    paths = [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in jax.tree.leaves_with_path(payload)]
    names = [f"payload.{path}" if path in OWN else path or "params" for path in paths]
    if len(set(names)) < len(names):
        raise ConfigError(
            f"expected a payload whose leaves have names of their own, got {', '.join(names)}: rename one"
        )
    return names


def unpack(columns: Columns, example: PyTree) -> Entries:
    """Columns as M entries, all of them valid, with payloads like `example`; inverse of `columns` but for the places.

    Raises `ShapeError` where a column is missing, or is of another shape or dtype than the example's leaf.
    """
    num = len(columns["fitness"])
    leaves = []
    for name, like in zip(payload_names(example), jax.tree.leaves(example)):
        shape, dtype = (num, *np.shape(like)), np.dtype(jax.numpy.result_type(like))
        if name not in columns:
            raise ShapeError(f"expected a column {name!r} for the payload, got {', '.join(columns)}: give its example")
        if columns[name].shape != shape or columns[name].dtype != dtype:
            raise ShapeError(
                f"expected column {name!r} {dtype}{list(shape)}, as the example has it; "
                f"got {columns[name].dtype}{list(columns[name].shape)}"
            )
        leaves.append(columns[name])
    payload = jax.tree.unflatten(jax.tree.structure(example), leaves)
    fitness = columns.get("objectives", columns["fitness"])
    return Entries._make([payload, fitness, *(columns[name] for name in ALWAYS[2:]), np.ones(num, bool)])


def rows(spec: Spec, columns: Columns, example: PyTree) -> Entries:
    """All R rows, as `Archive.elites(state)` gives them: inverse of `columns`; what is free is as in an empty archive.

    Raises `ShapeError` as `unpack` does, and where cells are not those of the spec.
    """
    packed, cell, total = unpack(columns, example), columns["cell"], num_rows(spec)
    # the first row of its cell, and as many further as there are elites of that cell before it
    row = row_cells(spec).searchsorted(cell) + np.arange(len(cell)) - cell.searchsorted(cell)
    if (np.diff(cell) < 0).any() or not np.array_equal(row_cells(spec).take(row, mode="clip"), cell):
        raise ShapeError(
            f"expected cells in ascending order that have room in an archive of {total} rows, got other ones: "
            "give the spec that the table was made with; `compare.resize` moves elites to another archive"
        )

    def spread(column: np.ndarray, free: float) -> np.ndarray:
        out = np.full((total, *column.shape[1:]), free, column.dtype)
        out[row] = column
        return out

    free = Entries._make([jax.tree.map(lambda _: 0, example), -np.inf, 0, NOBODY, NOBODY, -1, False])
    return jax.tree.map(spread, packed, free)
