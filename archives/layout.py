"""How an archive's rows lie in its cells, read from its spec; needs no jax, so that pictures and tables can use it.

Axes: R rows, C cells, M occupied rows.
"""

import functools
import math
import operator
from collections.abc import Mapping
from typing import Any

import numpy as np

from poet.errors import ConfigError

Spec = Mapping[str, Any]


def num_cells(spec: Spec) -> int:
    """C; of an unstructured archive, which has no cells, its capacity. Raises `ConfigError` for an unknown kind."""
    kind = spec.get("kind")
    if kind in ("grid", "pareto"):
        return math.prod(spec["shape"])
    if kind == "cvt":
        return spec["num_cells"]
    if kind == "unstructured":
        return spec["capacity"]
    raise ConfigError(
        f"expected the spec of an archive, of kind grid, cvt, unstructured or pareto; got kind {kind!r}: "
        "take `archive.spec`, or the spec in the meta data of a table"
    )


def num_rows(spec: Spec) -> int:
    """R, the number of elites there is room for."""
    return num_cells(spec) * spec.get("front", 1)


def row_cells(spec: Spec) -> np.ndarray:
    """The cell of each row, i32[R]: rows of one cell lie side by side; without cells each row is its own."""
    return np.repeat(np.arange(num_cells(spec), dtype=np.int32), spec.get("front", 1))


def num_objectives(spec: Spec) -> int:
    """M: above 1 a fitness is f32[M], and where one number is asked for it is their sum."""
    return spec.get("num_objectives", 1)


def check_objectives(spec: Spec, wanted: int) -> None:
    """Raises `ConfigError` unless an archive is for as many objectives as there are to search for."""
    kept = num_objectives(spec)
    if kept != wanted:
        advice = "archive.kind grid, or another of one elite in a cell"
        if wanted > 1:
            advice = f"archive.kind pareto with archive.num_objectives {wanted}"
        raise ConfigError(
            f"expected an archive of as many objectives as there are to search for, {wanted}; "
            f"got kind {spec['kind']!r} of {kept}: take {advice}"
        )


def total(fitness: Any) -> Any:
    """The sum of the objectives, [B] from [B, M]; a fitness that is one number is itself.

    Added from the left, so that NumPy and every device give the same.
    """
    if fitness.ndim == 1:
        return fitness
    return functools.reduce(operator.add, (fitness[:, m] for m in range(fitness.shape[1])))


def best_of_cells(spec: Spec, elites: Any) -> tuple[Any, Any]:
    """The best fitness of each cell, [C], and whether there is one, bool[C]; 0 and False where there is none.

    `elites` are rows (`Archive.elites(state)`), of jax arrays or NumPy's, or columns (`table.columns`).
    A fitness that is not finite counts as none, one of several objectives is their sum. NumPy gives float64.
    """
    if isinstance(elites, Mapping):
        known = np.isfinite(elites["fitness"])
        best = np.full(num_cells(spec), -np.inf)
        np.maximum.at(best, elites["cell"][known], elites["fitness"][known])
    else:
        xp = elites.fitness.__array_namespace__()
        fitness = total(elites.fitness)
        known = elites.valid & xp.isfinite(fitness)
        fitness = fitness.astype(xp.result_type(float))
        best = xp.where(known, fitness, -xp.inf).reshape(num_cells(spec), -1).max(axis=1)
    there = best > -np.inf
    return best.__array_namespace__().where(there, best, 0), there
