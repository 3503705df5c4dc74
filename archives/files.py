"""Columns of elites (`poet.archives.table.columns`) as a pandas frame, a parquet file or JSON; needs no jax.

Axes: M elites.
"""

import io
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from poet.errors import ConfigError
from poet.extras import import_extra
from poet.files import checked_path, read_bytes, replace_file

if TYPE_CHECKING:
    import pandas

Columns = Mapping[str, np.ndarray]
EXTRA = "extra."  # before the name of an extra field of entries, in the name of its column
METADATA_KEY = b"poet"  # of the parquet metadata that holds the shapes of columns and `meta`


def frame(columns: Columns) -> "pandas.DataFrame":
    """One row per elite; a column of arrays becomes several columns: "descriptor_0", "parents_1_0".

    Raises `ConfigError` if pandas is not installed.

    >>> list(frame({"fitness": np.zeros(3), "descriptor": np.zeros((3, 2))}))
    ['fitness', 'descriptor_0', 'descriptor_1']
    """
    pandas = import_extra("tables", "pandas")
    flat = {}
    for name, column in columns.items():
        for index in np.ndindex(column.shape[1:]):
            flat["_".join([name, *map(str, index)])] = column[(slice(None), *index)]
    return pandas.DataFrame(flat)


def write_parquet(path: str | os.PathLike[str], meta: Mapping[str, Any], columns: Columns) -> None:
    """Write columns and `meta` (JSON-ready; its "spec" is that of the archive) to a parquet file, atomically.

    A column of arrays becomes a column of fixed-size lists, in C order.
    Raises `ConfigError` if pyarrow is not installed.

    >>> import tempfile
    >>> path = f"{tempfile.mkdtemp()}/archive.parquet"
    >>> write_parquet(path, {"iteration": 100}, {"fitness": np.arange(3.0)})
    >>> meta, columns = read_parquet(path)
    >>> meta, columns["fitness"].tolist()
    ({'iteration': 100}, [0.0, 1.0, 2.0])
    """
    pyarrow, parquet = import_extra("tables", "pyarrow"), import_extra("tables", "pyarrow.parquet")
    shapes = {name: column.shape[1:] for name, column in columns.items()}
    arrays = {}
    for name, column in columns.items():
        values = pyarrow.array(column.ravel())
        width = int(np.prod(column.shape[1:]))
        arrays[name] = pyarrow.FixedSizeListArray.from_arrays(values, width) if shapes[name] else values
    header = {METADATA_KEY: json.dumps({"meta": meta, "shapes": shapes})}
    table = pyarrow.table(arrays).replace_schema_metadata(header)
    packed = io.BytesIO()
    parquet.write_table(table, packed)
    replace_file(checked_path(path), packed.getvalue())


def read_parquet(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Meta data and columns of a file, as `write_parquet` received them, bit for bit; for an example see there.

    Raises `ConfigError` if there is no such file, it is damaged or another program wrote it, or pyarrow is not
    installed.
    """
    path = checked_path(path)
    pyarrow, parquet = import_extra("tables", "pyarrow"), import_extra("tables", "pyarrow.parquet")
    try:
        table = parquet.read_table(io.BytesIO(read_bytes(path)))
    except (OSError, pyarrow.ArrowException) as error:
        raise ConfigError(f"{path} cannot be read as a parquet file: {error}") from error
    text = (table.schema.metadata or {}).get(METADATA_KEY)
    if text is None:
        raise ConfigError(f"{path} was not written by write_parquet, so its archive is unknown: read it with pandas")
    header = json.loads(text)
    columns = {}
    for name, shape in header["shapes"].items():
        column = table[name].combine_chunks()
        values = column.flatten() if shape else column
        columns[name] = values.to_numpy(zero_copy_only=False).reshape(len(table), *shape).copy()
    return header["meta"], columns


def to_json(meta: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    """Columns and meta data, ready for `json.dumps(..., allow_nan=False)`; NaN and infinity become strings.

    >>> to_json({}, {"fitness": np.array([1.5, np.nan])})["columns"]
    {'fitness': {'dtype': 'float64', 'shape': [2], 'values': [1.5, 'nan']}}
    """
    return {
        "meta": dict(meta),
        "columns": {
            name: {"dtype": column.dtype.name, "shape": list(column.shape), "values": _json_values(column)}
            for name, column in columns.items()
        },
    }


def from_json(data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Inverse of `to_json`, bit for bit. Raises `ConfigError` where something is missing.

    >>> from_json(to_json({}, {"fitness": np.array([1.5, np.nan])}))
    ({}, {'fitness': array([1.5, nan])})
    """
    try:
        columns = {
            name: np.asarray(column["values"], column["dtype"]).reshape(column["shape"])
            for name, column in data["columns"].items()
        }
        return dict(data["meta"]), columns
    except (KeyError, TypeError) as err:
        raise ConfigError(f"expected an archive written by to_json, with meta and columns; got error {err!r}") from err


def _json_values(column: np.ndarray) -> list[Any]:
    values = column.ravel().tolist()
    if np.isfinite(column).all():
        return values
    return [value if np.isfinite(value) else str(value) for value in values]
