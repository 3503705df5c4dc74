"""Where cells are in their grid, and which of them have a neighbour that was not met. Imports no jax.

Axes: M cells, D coordinates.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def positions(spec: Mapping[str, Any], descriptors: np.ndarray) -> np.ndarray:
    """Along each coordinate the number of the part in which descriptors f[M, D] are, i64[M, D].

    Computed in float32 like `poet.archives.grid.equal_parts`, so that the parts are those of the archive.
    """
    low, high = np.asarray(spec["bounds"], np.float32).T
    shape = np.asarray(spec["shape"], np.int64)
    scale = (shape / (high - low).astype(float)).astype(np.float32)
    place = np.floor((np.asarray(descriptors, np.float32) - low) * scale).astype(np.int64)
    return np.clip(place, 0, shape - 1)


def frontier(shape: Sequence[int], position: np.ndarray, along: Sequence[int] | None = None) -> np.ndarray:
    """Whether a cell has a neighbour that is not among the cells, bool[M].

    A neighbour is one part further along one coordinate, up or down, and the same in all others; beyond the bounds
    there is none. Cells are sorted along each coordinate in turn: then a neighbour that is there is the next one.

    Args:
      shape: parts along each coordinate.
      position: i[M, D], the parts of each cell; all different.
      along: numbers of the coordinates along which to look; by default all.
    """
    found = np.zeros(len(position), bool)
    for d in [] if not len(position) else range(len(shape)) if along is None else along:
        others = np.delete(position, d, axis=1)
        order = np.lexsort((position[:, d], *others.T))
        place, others = position[order, d], others[order]
        adjacent = (np.diff(place) == 1) & (others[1:] == others[:-1]).all(axis=1)
        above = np.append(adjacent, False) | (place == shape[d] - 1)
        below = np.insert(adjacent, 0, False) | (place == 0)
        found[order] |= ~(above & below)
    return found


def parts_in_use(spec: Mapping[str, Any], position: np.ndarray, narrow: float = 0.5) -> np.ndarray:
    """The range of each coordinate that a map shows, f64[D, 2].

    It is that of the cells, with one part more at both ends, if it is less than `narrow` of the bounds; otherwise the
    bounds.
    """
    low, high = np.asarray(spec["bounds"], float).T
    shape = np.asarray(spec["shape"])
    step = (high - low) / shape
    if not len(position):
        return np.stack([low, high], axis=1)
    first, last = np.maximum(position.min(axis=0) - 1, 0), np.minimum(position.max(axis=0) + 2, shape)
    in_use = np.stack([low + first * step, low + last * step], axis=1)
    return np.where((last - first < narrow * shape)[:, None], in_use, np.stack([low, high], axis=1))
