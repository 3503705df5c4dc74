"""Where the cells of an archive lie. Knows no jax but for centroids that have to be worked out.

Axes: C cells, M elites, D descriptor.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from poet.archives.layout import num_cells

Spec = Mapping[str, Any]


def best_rows(spec: Spec, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """The row of the fittest elite of each cell that has one, i64[cells with an elite], in the order of cells."""
    order = np.lexsort((-np.asarray(columns["fitness"], float), columns["cell"]))
    first = np.unique(np.asarray(columns["cell"])[order], return_index=True)[1]
    return order[first]


def grid(spec: Spec, columns: Mapping[str, np.ndarray], values: np.ndarray) -> np.ndarray:
    """Values of elites f64[M] as an array of the archive's shape; that of the fittest in a cell, NaN in empty ones."""
    rows = best_rows(spec, columns)
    cells = np.full(num_cells(spec), np.nan)
    cells[columns["cell"][rows]] = values[rows]
    return cells.reshape(spec["shape"])


def centroids(spec: Spec) -> np.ndarray:
    """Centroids f32[C, D] of a cvt: somebody's own, or those that its options make."""
    if spec.get("centroids") is not None:
        return np.asarray(spec["centroids"], np.float32)
    from poet.archives.centroids import cvt_centroids  # imports jax

    options = {name: spec[name] for name in ("seed", "samples") if name in spec}
    return cvt_centroids(spec["num_cells"], [tuple(pair) for pair in spec["bounds"]], **options)


def voronoi(spec: Spec) -> list[np.ndarray]:
    """The cells of a cvt in the plane as polygons f64[corners, 2], clipped to the bounds."""
    points = np.asarray(centroids(spec), np.float64)
    return _voronoi(points.tobytes(), tuple(tuple(map(float, pair)) for pair in spec["bounds"]))


@lru_cache(maxsize=4)
def _voronoi(centroids: bytes, bounds: tuple[tuple[float, float], ...]) -> list[np.ndarray]:
    from scipy.spatial import Voronoi

    low, high = np.transpose(bounds)
    points, edge = np.frombuffer(centroids).reshape(-1, 2), 1e-6 * (high - low)
    points = np.clip(points, low + edge, high - edge)  # one on a border would be its own mirror image
    # Every point has a mirror image beyond each border: the border then lies half-way, and all cells are closed.
    images = [points]
    for axis, pair in enumerate(bounds):
        for border in pair:
            image = points.copy()
            image[:, axis] = 2 * border - image[:, axis]
            images.append(image)
    diagram = Voronoi(np.concatenate(images))
    regions = (diagram.regions[diagram.point_region[cell]] for cell in range(len(points)))
    return [np.clip(diagram.vertices[region], low, high) for region in regions]


def corners(spec: Spec, cells: np.ndarray) -> list[np.ndarray]:
    """These cells of a grid or cvt in the plane as polygons f64[corners, 2]."""
    if spec["kind"] == "cvt":
        whole = voronoi(spec)
        return [whole[cell] for cell in cells]
    low, high = np.transpose(np.asarray(spec["bounds"], float))
    step = (high - low) / spec["shape"]
    begin = low + np.transpose(np.unravel_index(cells, spec["shape"])) * step
    return [np.array([a, [a[0] + step[0], a[1]], a + step, [a[0], a[1] + step[1]]]) for a in begin]
