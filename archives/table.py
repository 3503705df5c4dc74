"""Elites of any archive as columns of NumPy arrays, and back. `poet.archives.files` writes columns to parquet and JSON.

Axes: M occupied rows, R rows, D descriptor.
"""

from typing import Any

import jax
import numpy as np

from poet.archives.base import Entries
from poet.archives.files import EXTRA, Columns
from poet.archives.layout import NO_PARENT, Spec, num_rows, row_cells, total
from poet.errors import ConfigError, ShapeError
from poet.types import PyTree

FIXED_COLUMNS = ("cell", "fitness", "descriptor", "id", "parents", "emitter")
RESERVED_COLUMNS = (*FIXED_COLUMNS, "objectives")


def columns(spec: Spec, elites: Entries) -> dict[str, np.ndarray]:
    """The elites of an archive, `Archive.elites(state)`, as columns over its M occupied rows, in the order of rows.

    "cell" i32[M], "fitness" f32[M], "descriptor" f32[M, D], "id" u32[M, 2], "parents" u32[M, 2, 2], "emitter" i32[M],
    a column for each extra field ("extra.length"), and one for each leaf of the payload: "params" for a payload that is
    one array, else the path of the leaf ("genome.pit"), prefixed by "payload." where it equals the name of another
    column. With several objectives "fitness" is their sum, and "objectives" is f32[M, number of objectives]. An archive
    without descriptors has no such column. Columns are copies, never views.

    >>> from poet.archives import GridConfig, compare, entries
    >>> archive = GridConfig(shape=(4,)).make([(0, 1)])
    >>> batch = entries(jax.numpy.zeros((1, 10)), jax.numpy.ones(1), jax.numpy.full((1, 1), 0.3))
    >>> state, info = compare.merge(archive, batch)
    >>> found = columns(archive.spec, archive.elites(state))
    >>> found["cell"].tolist(), found["params"].shape
    ([1], (1, 10))
    """
    elites = jax.device_get(elites)
    valid = np.asarray(elites.valid)
    leaves: dict[str, Any] = {name: getattr(elites, name, None) for name in FIXED_COLUMNS} | {"cell": row_cells(spec)}
    if not elites.descriptor.shape[1]:
        del leaves["descriptor"]
    if elites.fitness.ndim > 1:
        leaves |= {"fitness": total(elites.fitness), "objectives": elites.fitness}
    leaves |= {f"{EXTRA}{name}": value for name, value in elites.extra.items()}
    leaves |= zip(payload_names(elites.payload), jax.tree.leaves(elites.payload))
    return {name: np.asarray(leaf)[valid] for name, leaf in leaves.items()}


def payload_names(payload: PyTree) -> list[str]:
    """The column of each leaf of a payload. Raises `ConfigError` where two leaves have the same name.

    >>> payload_names({"agent": np.zeros(2), "id": np.zeros(3)})
    ['agent', 'payload.id']
    """
    paths = [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in jax.tree.leaves_with_path(payload)]
    taken = [path in RESERVED_COLUMNS or path.startswith(EXTRA) for path in paths]
    names = [f"payload.{path}" if is_taken else path or "params" for path, is_taken in zip(paths, taken)]
    if len(set(names)) < len(names):
        raise ConfigError(f"expected a payload whose leaves have distinct names, got {', '.join(names)}: rename one")
    return names


def entries_from_columns(columns: Columns, example: PyTree) -> Entries:
    """Columns as M valid entries with payloads like `example`.

    Raises `ShapeError` where a column is missing, or has another shape or dtype than the leaf of the example.

    >>> fixed = {"fitness": np.ones(1), "descriptor": np.zeros((1, 2)), "id": np.zeros((1, 2), np.uint32)}
    >>> fixed |= {"parents": np.zeros((1, 2, 2), np.uint32), "emitter": np.zeros(1, np.int32)}
    >>> entries_from_columns({**fixed, "params": np.zeros((1, 10), np.float32)}, np.zeros(10, np.float32)).payload.shape
    (1, 10)
    """
    num = len(columns["fitness"])
    leaves = []
    for name, like in zip(payload_names(example), jax.tree.leaves(example)):
        shape, dtype = (num, *np.shape(like)), np.dtype(jax.numpy.result_type(like))
        if name not in columns:
            raise ShapeError(
                f"expected a column {name!r} for the payload, got {', '.join(columns)}: "
                "pass the example of the payload that the columns were made from"
            )
        if columns[name].shape != shape or columns[name].dtype != dtype:
            raise ShapeError(
                f"expected column {name!r} {dtype}{list(shape)}, as in the example; "
                f"got {columns[name].dtype}{list(columns[name].shape)}"
            )
        leaves.append(columns[name])
    fields = {"descriptor": np.zeros((num, 0), np.float32), **columns}
    payload = jax.tree.unflatten(jax.tree.structure(example), leaves)
    fitness, others = columns.get("objectives", columns["fitness"]), (fields[name] for name in FIXED_COLUMNS[2:])
    extra = {name.removeprefix(EXTRA): columns[name] for name in columns if name.startswith(EXTRA)}
    return Entries._make([payload, fitness, *others, np.ones(num, bool), extra])


def rows_from_columns(spec: Spec, columns: Columns, example: PyTree) -> Entries:
    """All R rows, as `Archive.elites(state)` returns them: the inverse of `columns`, free rows included.

    Raises `ShapeError` as `entries_from_columns` does, and where the cells do not fit the spec.

    >>> from poet.archives.layout import layout
    >>> spec = {"id": "grid", "shape": [3], "bounds": [[0, 1]], "layout": layout(3, "grid")}
    >>> fixed = {"cell": np.array([2]), "fitness": np.ones(1), "descriptor": np.ones((1, 1))}
    >>> fixed |= {"id": np.zeros((1, 2)), "parents": np.zeros((1, 2, 2)), "emitter": np.zeros(1)}
    >>> example = np.zeros(10, np.float32)
    >>> rows_from_columns(spec, {**fixed, "params": example[None]}, example).valid.tolist()
    [False, False, True]
    """
    entries, cell, count = entries_from_columns(columns, example), columns["cell"], num_rows(spec)
    # the first row of the cell, plus the number of elites of the same cell that precede this one
    row = row_cells(spec).searchsorted(cell) + np.arange(len(cell)) - cell.searchsorted(cell)
    if (np.diff(cell) < 0).any() or not np.array_equal(row_cells(spec).take(row, mode="clip"), cell):
        raise ShapeError(
            f"expected cells in ascending order that fit into an archive of {count} rows: "
            "pass the spec of the table; `compare.merge` moves elites to another archive"
        )

    def spread(column: np.ndarray, free: float) -> np.ndarray:
        out = np.full((count, *column.shape[1:]), free, column.dtype)
        out[row] = column
        return out

    zeros = jax.tree.map(lambda _: 0, entries)
    free = zeros._replace(fitness=-np.inf, id=NO_PARENT, parents=NO_PARENT, emitter=-1, valid=False)
    return jax.tree.map(spread, entries, free)
