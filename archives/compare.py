"""Operations on several archives: merge them, move elites to another archive, list the differences. On the host.

Axes: C cells, M elites.
"""

import math
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Int

from poet.archives.base import AddInfo, Archive, Entries, StateT, examples_of
from poet.archives.layout import Spec, best_of_cells, geometry
from poet.archives.selections import COUNTERS
from poet.errors import ConfigError, ShapeError


class Diff(NamedTuple):
    """The differences of two archives a and b of one spec: ascending indices of cells, and one number.

    Attributes:
      only_a: cells with an elite only in a.
      only_b: cells with an elite only in b.
      better_a: cells with an elite in both, fitter in a.
      better_b: cells with an elite in both, fitter in b.
      equal: cells with elites of equal fitness in both.
      qd_score_difference: QD score of a minus that of b, exact and rounded once.
    """

    only_a: Int[np.ndarray, "_"]
    only_b: Int[np.ndarray, "_"]
    better_a: Int[np.ndarray, "_"]
    better_b: Int[np.ndarray, "_"]
    equal: Int[np.ndarray, "_"]
    qd_score_difference: float


def merge(archive: Archive[StateT], elites: Entries, *others: Entries) -> tuple[StateT, AddInfo]:
    """A new state of `archive` with the elites of one or more others, and what happened to each, in the order of ids.

    Elites are inserted by descriptor: `archive` may have other cells and bounds than the archives they are from.

    Neither the order of the arguments nor that of their rows matters: ties go to the smaller id, and if two runs gave
    one id to different elites, to the one whose bytes are smaller. An elite that is in several archives counts once,
    with the largest of its counters (`poet.archives.select`).
    Acceptance thresholds start at their initial value. `archive.add(state, elites)` adds to an existing state instead.

    Raises `ShapeError` unless all payloads and extra fields have the same structure, shapes and dtypes, and descriptors
    fit the archive.

    >>> from poet.archives import GridConfig, entries
    >>> archive = GridConfig(shape=(4,)).make([(0, 1)])
    >>> batch = entries(jax.numpy.zeros((1, 2)), jax.numpy.ones(1), jax.numpy.full((1, 1), 0.3))
    >>> state, info = merge(archive, batch, batch._replace(descriptor=batch.descriptor + 0.5))
    >>> archive.elites(state).valid.tolist()
    [False, True, False, True]
    """
    on_host = [jax.device_get(each) for each in (elites, *others)]
    try:
        combined = jax.tree.map(_concatenate, *on_host)
    except ValueError as err:
        raise ShapeError(
            "expected elites whose payloads and extra fields have the same structure, shapes and dtypes in all "
            f"archives: {err}"
        ) from err
    row_of = {}
    counters = {name: np.array(column) for name, column in combined.extra.items() if name in COUNTERS}
    extra = {name: column for name, column in combined.extra.items() if name not in counters}
    leaves = jax.tree.leaves(combined._replace(extra=extra))
    for row in np.flatnonzero(combined.valid):
        identity = (*combined.id[row].tolist(), b"".join(leaf[row].tobytes() for leaf in leaves))
        for column in counters.values():
            column[row] = max(column[row], column[row_of.get(identity, row)])
        row_of[identity] = row
    combined = combined._replace(extra=extra | counters)
    chosen = [row_of[identity] for identity in sorted(row_of)] or [0]  # without elites, a row that is not valid
    state = archive.init(*examples_of((combined.payload, combined.extra)))
    return jax.jit(archive.add)(state, jax.tree.map(lambda leaf: leaf[np.array(chosen)], combined))


def diff(spec: Spec, a: Any, b: Any) -> Diff:
    """The differences of two archives of one spec, given as rows or columns; the best elite of a cell counts.

    Raises `ConfigError` for an archive without cells.

    >>> from poet.archives.layout import layout
    >>> spec = {"id": "grid", "shape": [3], "bounds": [[0, 1]], "layout": layout(3, "grid")}
    >>> a = {"cell": np.array([0, 1]), "fitness": np.array([5.0, 2.0])}
    >>> b = {"cell": np.array([1, 2]), "fitness": np.array([3.0, 1.0])}
    >>> found = diff(spec, a, b)
    >>> found.only_a.tolist(), found.only_b.tolist(), found.better_b.tolist(), found.qd_score_difference
    ([0], [2], [1], 3.0)
    """
    if geometry(spec) == "points":
        raise ConfigError(
            f"archive {spec.get('id')!r} has no cells to compare: `merge` the elites of each into a "
            "grid, and compare the grids"
        )
    (fitness_a, filled_a), (fitness_b, filled_b) = (best_of_cells(spec, jax.device_get(each)) for each in (a, b))
    both = filled_a & filled_b
    cells = (
        filled_a & ~filled_b,
        filled_b & ~filled_a,
        both & (fitness_a > fitness_b),
        both & (fitness_b > fitness_a),
        both & (fitness_a == fitness_b),
    )
    return Diff._make([*map(np.flatnonzero, cells), math.fsum([*fitness_a, *-fitness_b])])


def _concatenate(*leaves: np.ndarray) -> np.ndarray:
    if len(dtypes := {str(leaf.dtype) for leaf in leaves}) > 1:
        raise ValueError(f"got the dtypes {', '.join(sorted(dtypes))} for one array")
    return np.concatenate(leaves)
