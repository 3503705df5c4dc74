"""The layout of an archive, read from its spec: how many cells it has, and to which cell each row belongs.

Needs neither jax nor the archive itself: tables and pictures also work where the archive's package is not installed.

A spec is a JSON-ready mapping that describes an archive. It holds "id", "bounds" (a pair low, high for each coordinate
of the descriptor), the options of the archive, "num_objectives" if the archive is for more than one objective, and
"layout": {"cells": C, "rows_per_cell": k, "geometry": ...}, where there are R = C x k rows and the geometry is one of

- "grid": cells are equal boxes. `spec["shape"]` is the number of cells along each coordinate; the last coordinate
  varies fastest.
- "centroids": a cell is the region nearest to its centroid. `spec["centroids"]` are the centroids [C, D]; if they are
  absent or None, `poet.archives.centroids.cvt_centroids` makes them from "bounds", "seed" and (if present) "samples".
- "other": cells have another form, which pictures do not show.
- "points": elites have no cells. C is the capacity, and each row counts as a cell of its own.

Axes: R rows, C cells, M objectives.
"""

import functools
import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from poet.errors import ConfigError

Spec = Mapping[str, Any]
Geometry = Literal["grid", "centroids", "other", "points"]

NO_PARENT = np.uint32(0xFFFFFFFF)  # both words of an id that names no entry: a missing parent, or a free row


def layout(num_cells: int, geometry: Geometry, rows_per_cell: int = 1) -> dict[str, Any]:
    """The "layout" of a spec.

    >>> layout(400, "grid")
    {'cells': 400, 'rows_per_cell': 1, 'geometry': 'grid'}
    """
    return {"cells": num_cells, "rows_per_cell": rows_per_cell, "geometry": geometry}


def grid_layout(shape: Sequence[int], rows_per_cell: int = 1) -> dict[str, Any]:
    """The "layout" of a spec whose cells form a grid of this shape."""
    return layout(math.prod(shape), "grid", rows_per_cell)


def num_cells(spec: Spec) -> int:
    """C; for geometry "points", which has no cells, the capacity. Raises `ConfigError` for a spec without layout."""
    return _read(spec, "cells")


def num_rows(spec: Spec) -> int:
    """R, the maximum number of elites. Raises `ConfigError` for a spec without layout."""
    return num_cells(spec) * _read(spec, "rows_per_cell")


def geometry(spec: Spec) -> Geometry:
    """The form of the cells; see the module. Raises `ConfigError` for a spec without layout."""
    return _read(spec, "geometry")


def row_cells(spec: Spec) -> np.ndarray:
    """The cell of each row, i32[R]; rows of one cell are adjacent. Raises `ConfigError` for a spec without layout.

    >>> row_cells({"id": "pareto", "layout": layout(3, "grid", rows_per_cell=2)}).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    return np.repeat(np.arange(num_cells(spec), dtype=np.int32), _read(spec, "rows_per_cell"))


def num_objectives(spec: Spec) -> int:
    """M. If it is above 1, fitness is f32[B, M], and their sum stands for it wherever one number is needed."""
    return spec.get("num_objectives", 1)


def check_objectives(spec: Spec, wanted: int) -> None:
    """Raises `ConfigError` unless the archive is for `wanted` objectives, the number that the search has."""
    found = num_objectives(spec)
    if found != wanted:
        advice = "archive 'grid', or another archive with one elite per cell"
        if wanted > 1:
            advice = f"archive 'pareto' with archive.num_objectives {wanted}"
        raise ConfigError(
            f"expected an archive for the number of objectives of the search, {wanted}; "
            f"archive {spec.get('id')!r} is for {found}: choose {advice}"
        )


def total(fitness: Any) -> Any:
    """The sum of the objectives, [B] from [B, M]; a fitness [B] is returned as it is.

    Added from left to right, so that NumPy and every device give the same bits.
    """
    if fitness.ndim == 1:
        return fitness
    return functools.reduce(operator.add, (fitness[:, m] for m in range(fitness.shape[1])))


def best_of_cells(spec: Spec, elites: Any) -> tuple[Any, Any]:
    """The best fitness of each cell, [C], and whether the cell has an elite, bool[C]; 0 and False for an empty cell.

    `elites` are rows (`Archive.elites(state)`) of jax or NumPy arrays, or columns (`table.columns`). An elite whose
    fitness is not finite is ignored; several objectives are summed. NumPy arrays give float64.
    """
    if isinstance(elites, Mapping):
        finite = np.isfinite(elites["fitness"])
        best = np.full(num_cells(spec), -np.inf)
        np.maximum.at(best, elites["cell"][finite], elites["fitness"][finite])
    else:
        xp = elites.fitness.__array_namespace__()
        fitness = total(elites.fitness)
        finite = elites.valid & xp.isfinite(fitness)
        fitness = fitness.astype(xp.result_type(float))
        best = xp.where(finite, fitness, -xp.inf).reshape(num_cells(spec), -1).max(axis=1)
    filled = best > -np.inf
    return best.__array_namespace__().where(filled, best, 0), filled


def _read(spec: Spec, name: str) -> Any:
    try:
        return spec["layout"][name]
    except (KeyError, TypeError) as error:
        raise ConfigError(
            "expected the spec of an archive, with a 'layout' of 'cells', 'rows_per_cell' and 'geometry'; "
            f"archive {spec.get('id')!r} has layout {spec.get('layout')!r}: pass `archive.spec`, "
            "or the 'spec' in the meta data of a table"
        ) from error
