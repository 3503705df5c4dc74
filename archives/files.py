"""Columns of elites (`poet.archives.table.columns`) as a pandas frame, a parquet file, JSON; needs no jax.

Axes: M elites.
"""

import importlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from poet.errors import ConfigError

if TYPE_CHECKING:
    import pandas

Columns = Mapping[str, np.ndarray]
KEY = b"poet"  # where parquet keeps what is not a column


def frame(columns: Columns) -> "pandas.DataFrame":
    """One row an elite; a column of several numbers becomes several: "descriptor_0", "parents_1_0".

    Raises `ConfigError` if pandas is not installed.
    """
    pandas = _need("pandas")
    flat = {}
    for name, column in columns.items():
        for index in np.ndindex(column.shape[1:]):
            flat["_".join([name, *map(str, index)])] = column[(slice(None), *index)]
    return pandas.DataFrame(flat)


def write_parquet(path: str | os.PathLike[str], meta: Mapping[str, Any], columns: Columns) -> None:
    """Write columns with `meta` (JSON-ready; its "spec" is that of the archive) beside them.

    A column of several numbers becomes one of fixed-size lists, in C order. The file appears whole or not at all.
    Raises `ConfigError` if pyarrow is not installed.
    """
    pyarrow, parquet = _need("pyarrow"), _need("pyarrow.parquet")
    shapes = {name: column.shape[1:] for name, column in columns.items()}
    arrays = {}
    for name, column in columns.items():
        values = pyarrow.array(column.ravel())
        width = int(np.prod(column.shape[1:]))
        arrays[name] = pyarrow.FixedSizeListArray.from_arrays(values, width) if shapes[name] else values
    table = pyarrow.table(arrays).replace_schema_metadata({KEY: json.dumps({"meta": meta, "shapes": shapes})})
    path = Path(path)
    part = path.with_name(path.name + ".part")
    parquet.write_table(table, part)
    part.replace(path)


def read_parquet(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Meta data and columns of a file of `write_parquet`, bit for bit.

    Raises `ConfigError` if the file is another's, or pyarrow is not installed.
    """
    table = _need("pyarrow.parquet").read_table(path)
    kept = (table.schema.metadata or {}).get(KEY)
    if kept is None:
        raise ConfigError(f"{path} was not written by write_parquet: it names no archive; read it with pandas")
    about = json.loads(kept)
    columns = {}
    for name, shape in about["shapes"].items():
        column = table[name].combine_chunks()
        values = column.flatten() if shape else column
        columns[name] = values.to_numpy(zero_copy_only=False).reshape(len(table), *shape).copy()
    return about["meta"], columns


def to_json(meta: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    """Columns and meta data, ready for `json.dumps(..., allow_nan=False)`; NaN and infinity become their names."""
    return {
        "meta": dict(meta),
        "columns": {
            name: {"dtype": column.dtype.name, "shape": list(column.shape), "values": _plain(column)}
            for name, column in columns.items()
        },
    }


def from_json(data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Inverse of `to_json`, bit for bit. Raises `ConfigError` where something is missing."""
    try:
        columns = {
            name: np.asarray(column["values"], column["dtype"]).reshape(column["shape"])
            for name, column in data["columns"].items()
        }
        return dict(data["meta"]), columns
    except (KeyError, TypeError) as err:
        raise ConfigError(f"expected an archive written by to_json, with meta and columns; {err!r} went wrong") from err


def _plain(column: np.ndarray) -> list[Any]:
    values = column.ravel().tolist()
    if np.isfinite(column).all():
        return values
    return [value if np.isfinite(value) else str(value) for value in values]


def _need(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as err:
        raise ConfigError(
            f"this needs {name.split('.')[0]}, which is not installed: pip install 'poet-evolution[tables]'"
        ) from err
