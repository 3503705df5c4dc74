"""Cells around centroids that are spread evenly over the descriptor space, in any number of dimensions (CVT-MAP-Elites:
Vassiliades, Chatzilygeroudis and Mouret 2016, arXiv 1610.05729).

Axes: C cells, D descriptor, B batch.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.typing import ArrayLike

from poet.archives.base import Archive
from poet.archives.bounds import check_bounds, check_resolution
from poet.archives.centroids import CentroidIndex, build_index, cvt_centroids, nearest_cell
from poet.archives.config import OutOfBounds
from poet.archives.layout import layout
from poet.archives.tessellation import TessellationState, tessellation
from poet.archives.thresholds import ThresholdRule, check_threshold_rule
from poet.errors import ConfigError, ShapeError
from poet.typed_config import check_value


def cvt(
    num_cells: int,
    bounds: Sequence[Sequence[float]],
    *,
    seed: int = 0,
    samples: int = 100_000,
    centroids: ArrayLike | None = None,
    out_of_bounds: OutOfBounds = "clip",
    thresholds: ThresholdRule | None = None,
    tie_break: Sequence[str] = (),
) -> Archive[TessellationState]:
    """An archive whose cell c is the region nearest to centroid c; centroids and their index are leaves of its state.

    Args:
      num_cells: C.
      bounds: (low, high) of each of the D coordinates.
      seed: of the samples; the centroids depend on the seed, the bounds and both numbers only.
      samples: number of uniform samples whose k-means are the centroids; more samples give more even cells.
      centroids: user-defined centroids [C, D] instead; they become part of the spec.
      out_of_bounds: move descriptors outside the bounds to the bounds, or reject their entries; counted in both cases.
      thresholds: the acceptance thresholds of CMA-MAE; they require a sort of each batch.
      tie_break: extra fields that decide between equally fit entries, the smaller value first; then the smaller id.

    Raises `ConfigError` or `ShapeError` for impossible bounds, numbers or centroids.

    >>> from poet.archives import entries
    >>> archive = cvt(3, [(0, 1)], centroids=[[0.1], [0.5], [0.8]])
    >>> batch = entries(jnp.zeros((2, 10)), jnp.array([1.0, 2.0]), jnp.array([[0.0], [0.9]]))
    >>> state, info = jax.jit(archive.add)(archive.init(jnp.zeros(10)), batch)
    >>> info.cell.tolist()
    [0, 2]
    """
    low, high = check_bounds(bounds, out_of_bounds)
    tie_break = check_value("cvt: tie_break", tuple[str, ...], tie_break)
    num_cells = check_value("cvt: num_cells", int, num_cells)
    samples = check_value("cvt: samples", int, samples)
    seed = check_value("cvt: seed", int, seed)
    check_resolution(np.asarray(bounds, np.float64), math.ceil(max(num_cells, 1) ** (1 / len(low))))
    if centroids is None:
        chosen = cvt_centroids(num_cells, bounds, seed=seed, samples=samples)
    else:
        chosen = _check_centroids(centroids, num_cells, low, high)
    index = build_index(chosen, low, high)

    def find_cell(index: CentroidIndex, descriptor: Float[Array, "B D"]) -> Int[Array, "B"]:
        return nearest_cell(index, descriptor, low, high)

    def copy_index() -> CentroidIndex:
        # Each state has a copy: donating a state would delete an index that all states share.
        return jax.tree.map(jnp.array, index)

    spec = {
        "id": "cvt",
        "num_cells": num_cells,
        "bounds": [[float(l), float(h)] for l, h in zip(low, high)],
        "seed": seed,
        "samples": samples,
        "centroids": None if centroids is None else chosen.tolist(),
        "out_of_bounds": out_of_bounds,
        "thresholds": None if thresholds is None else check_threshold_rule(thresholds)._asdict(),
        "tie_break": list(tie_break),
        "layout": layout(num_cells, "centroids"),
    }
    return tessellation(
        num_cells,
        low,
        high,
        find_cell,
        copy_index,
        out_of_bounds=out_of_bounds,
        thresholds=thresholds,
        spec=spec,
        tie_break=tie_break,
    )


def _check_centroids(
    given: ArrayLike, num_cells: int, low: Float[np.ndarray, "D"], high: Float[np.ndarray, "D"]
) -> Float[np.ndarray, "C D"]:
    try:
        centroids = np.asarray(given, np.float32)
    except (TypeError, ValueError):
        raise ShapeError(f"expected centroids as numbers [{num_cells}, {len(low)}], got {given!r:.200}") from None
    if centroids.shape != (num_cells, len(low)) or not num_cells:
        raise ShapeError(
            f"expected centroids [{num_cells}, {len(low)}], a row for each cell and a number for each coordinate; "
            f"got {list(centroids.shape)}"
        )
    if not ((centroids >= low) & (centroids <= high)).all():
        raise ConfigError("centroids expects points within the bounds, got points outside: widen the bounds")
    if len(np.unique(centroids, axis=0)) < num_cells:
        raise ConfigError("centroids expects distinct points, got duplicates: one of two equal cells would stay empty")
    return centroids
