"""Archives beside each other: what several hold together, what one holds in other cells, how two differ. On the host.

Axes: C cells, M elites.
"""

import math
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Int

from poet.archives.base import AddInfo, Archive, Entries
from poet.archives.layout import Spec, best_of_cells
from poet.errors import ConfigError, ShapeError
from poet.types import PyTree


class Diff(NamedTuple):
    """Two archives a and b of one spec, cell by cell: indices of cells, ascending, and one number.

    Attributes:
      only_a: cells with an elite in a alone.
      only_b: cells with an elite in b alone.
      better_a: cells with one in both, the fitter one in a.
      better_b: cells with one in both, the fitter one in b.
      equal: cells with elites of the same fitness in both.
      qd_score: that of a minus that of b, exact and rounded once.
    """

    only_a: Int[np.ndarray, "_"]
    only_b: Int[np.ndarray, "_"]
    better_a: Int[np.ndarray, "_"]
    better_b: Int[np.ndarray, "_"]
    equal: Int[np.ndarray, "_"]
    qd_score: float


def merge(archive: Archive, elites: Entries, *others: Entries) -> tuple[PyTree, AddInfo]:
    """A new state of `archive` with the elites of all, and what became of them, in the order of their ids.

    The order of the arguments does not matter, nor that of rows: ties go to the smaller id, and where two runs gave the
    same id to different things, to the one whose bytes come first. What is in several of them counts once. Thresholds
    of a soft rule start afresh. To go on with a state, `archive.add(state, elites)` is enough.

    Raises `ShapeError` unless all have payloads of one structure, shape and dtype, and descriptors of the archive's.
    """
    hosts = [jax.device_get(each) for each in (elites, *others)]
    try:
        every = jax.tree.map(lambda *leaves: np.concatenate([*leaves]), *hosts)
    except ValueError as err:
        raise ShapeError(f"expected archives of the same kind of elites, to be merged into one: {err}") from err
    keys = {}
    leaves = jax.tree.leaves(every)
    for row in np.flatnonzero(every.valid):
        keys[(*every.id[row].tolist(), b"".join(leaf[row].tobytes() for leaf in leaves))] = row
    chosen = [keys[key] for key in sorted(keys)] or [0]  # where there is no elite at all, a row that is not valid
    state = archive.init(jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), every.payload))
    return jax.jit(archive.add)(state, jax.tree.map(lambda leaf: leaf[np.array(chosen)], every))


def resize(archive: Archive, elites: Entries) -> tuple[PyTree, AddInfo]:
    """A new state of `archive` with the elites of another one put in again by descriptor, and what became of them.

    Where several meet in one cell the fittest stays: a coarser archive holds fewer. Beyond the bounds of `archive` its
    own rule holds, counted in `AddInfo`.
    Raises `ShapeError` where descriptors are not the archive's.
    """
    return merge(archive, elites)


def diff(spec: Spec, a: Any, b: Any) -> Diff:
    """How two archives of one spec differ, given as rows or columns; of cells with several elites the best one counts.

    Raises `ConfigError` for an unstructured archive, which has no cells.
    """
    if spec.get("kind") == "unstructured":
        raise ConfigError("unstructured archives have no cells to compare: `resize` both to a grid, and diff those")
    (fit_a, in_a), (fit_b, in_b) = (best_of_cells(spec, jax.device_get(each)) for each in (a, b))
    both = in_a & in_b
    cells = (in_a & ~in_b, in_b & ~in_a, both & (fit_a > fit_b), both & (fit_b > fit_a), both & (fit_a == fit_b))
    return Diff._make([*map(np.flatnonzero, cells), math.fsum([*fit_a, *-fit_b])])
