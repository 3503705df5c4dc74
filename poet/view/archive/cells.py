"""The place and the shape of an archive's cells, read from its spec. Imports jax only to compute centroids.

The geometry in `spec["layout"]` is "grid", and the spec has the `shape` of a grid of equal cells; "centroids", and the
spec has `centroids`, or the `seed` and other options from which `cvt_centroids` computes them; or "points", if there
are no cells. An archive of any other geometry, or without these entries, is drawn as points.

Axes: C cells, M elites, D descriptor.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from poet.archives.layout import num_cells

Spec = Mapping[str, Any]


def geometry(spec: Spec) -> str:
    """How to draw an archive: as "grid", "centroids" or "points"."""
    named = spec["layout"]["geometry"]
    needed = {"grid": ("shape",), "centroids": ("centroids", "seed")}.get(named, ())
    return named if any(spec.get(name) is not None for name in needed) else "points"


def best_rows(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """The row of the fittest elite of each filled cell, i64[filled cells], in the order of cells."""
    order = np.lexsort((-np.asarray(columns["fitness"], float), columns["cell"]))
    first = np.unique(np.asarray(columns["cell"])[order], return_index=True)[1]
    return order[first]


def values_by_cell(spec: Spec, columns: Mapping[str, np.ndarray], values: np.ndarray) -> np.ndarray:
    """Values f64[M] of elites as f64[C]: that of the fittest elite in a cell, NaN in empty cells."""
    rows = best_rows(columns)
    cells = np.full(num_cells(spec), np.nan)
    cells[columns["cell"][rows]] = values[rows]
    return cells


def centroids(spec: Spec) -> np.ndarray:
    """Centroids f32[C, D]: those in the spec, or those that its options make."""
    if spec.get("centroids") is not None:
        return np.asarray(spec["centroids"], np.float32)
    from poet.archives.centroids import cvt_centroids  # imports jax

    options = {name: spec[name] for name in ("seed", "samples") if name in spec}
    return cvt_centroids(num_cells(spec), [tuple(pair) for pair in spec["bounds"]], **options)


def voronoi_cells(spec: Spec) -> list[np.ndarray]:
    """The cells around centroids in the plane as polygons f64[corners, 2], clipped to the bounds."""
    points = np.asarray(centroids(spec), np.float64)
    return _voronoi_cells(points.tobytes(), tuple(tuple(map(float, pair)) for pair in spec["bounds"]))


@lru_cache(maxsize=4)
def _voronoi_cells(centroids: bytes, bounds: tuple[tuple[float, float], ...]) -> list[np.ndarray]:
    from scipy.spatial import Voronoi

    low, high = np.transpose(bounds)
    points, edge = np.frombuffer(centroids).reshape(-1, 2), 1e-6 * (high - low)
    points = np.clip(points, low + edge, high - edge)  # a point on a border would be its own mirror image
    # Each point has a mirror image beyond each border: the border is then half-way, and all cells are closed.
    images = [points]
    for axis, pair in enumerate(bounds):
        for border in pair:
            image = points.copy()
            image[:, axis] = 2 * border - image[:, axis]
            images.append(image)
    diagram = Voronoi(np.concatenate(images))
    regions = (diagram.regions[diagram.point_region[cell]] for cell in range(len(points)))
    return [np.clip(diagram.vertices[region], low, high) for region in regions]


def cell_polygons(spec: Spec, cells: np.ndarray) -> list[np.ndarray]:
    """These cells in the plane as polygons f64[corners, 2]; for a grid or centroids of two coordinates."""
    if geometry(spec) == "centroids":
        polygons = voronoi_cells(spec)
        return [polygons[cell] for cell in cells]
    low, high = np.transpose(np.asarray(spec["bounds"], float))
    step = (high - low) / spec["shape"]
    corners = low + np.transpose(np.unravel_index(cells, spec["shape"])) * step
    return [np.array([a, [a[0] + step[0], a[1]], a + step, [a[0], a[1] + step[1]]]) for a in corners]
