"""Cells around centroids that fill the descriptor space evenly, however many coordinates it has (Vassiliades,
Chatzilygeroudis and Mouret 2016, arXiv 1610.05729).
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.typing import ArrayLike

from poet.archives.base import Archive
from poet.archives.bounds import OutOfBounds, check_bounds
from poet.archives.centroids import Index, cvt_centroids, index_of, nearest
from poet.archives.soft import SoftRule, check_rule
from poet.archives.tessellation import tessellation
from poet.errors import ConfigError, ShapeError


def cvt(
    num_cells: int,
    bounds: Sequence[Sequence[float]],
    *,
    seed: int = 0,
    samples: int = 100_000,
    centroids: ArrayLike | None = None,
    out_of_bounds: OutOfBounds = "clip",
    soft: SoftRule | None = None,
) -> Archive:
    """An archive whose cell c is what lies nearest to centroid c; centroids and their index are leaves of its state.

    Args:
      num_cells: C.
      bounds: (low, high) of each of the D coordinates.
      seed: of the samples; what the centroids are depends on it, the bounds and both numbers alone.
      samples: uniform ones, whose k-means the centroids are; more give cells that are more even in size.
      centroids: your own [C, D], instead of those; they become part of the spec.
      out_of_bounds: move descriptors beyond the bounds to them, or reject their entries; counted either way.
      soft: the acceptance rule of CMA-MAE; costs a sort of each batch.

    Raises `ConfigError` or `ShapeError` for bounds, numbers or centroids that cannot be.
    """
    low, high = check_bounds(bounds, out_of_bounds)
    if centroids is None:
        chosen = cvt_centroids(num_cells, bounds, seed=seed, samples=samples)
    else:
        chosen = _check(np.asarray(centroids, np.float32), num_cells, low, high)
    index = index_of(chosen, low, high)

    def find(index: Index, descriptor: Float[Array, "B D"]) -> Int[Array, "B"]:
        return nearest(index, descriptor, low, high)

    def own_index() -> Index:
        # A copy for every state: to donate one state would take a shared index away from all others.
        return jax.tree.map(jnp.array, index)

    spec = {
        "kind": "cvt",
        "num_cells": num_cells,
        "bounds": [[float(l), float(h)] for l, h in zip(low, high)],
        "seed": seed,
        "samples": samples,
        "centroids": None if centroids is None else chosen.tolist(),
        "out_of_bounds": out_of_bounds,
        "soft": None if soft is None else check_rule(soft)._asdict(),
    }
    return tessellation(num_cells, low, high, find, own_index, out_of_bounds=out_of_bounds, soft=soft, spec=spec)


def _check(
    centroids: Float[np.ndarray, "C D"], num_cells: int, low: Float[np.ndarray, "D"], high: Float[np.ndarray, "D"]
) -> Float[np.ndarray, "C D"]:
    if centroids.shape != (num_cells, len(low)) or not num_cells:
        raise ShapeError(
            f"expected centroids [{num_cells}, {len(low)}], one row for each cell and a number for each coordinate; "
            f"got {list(centroids.shape)}"
        )
    if not ((centroids >= low) & (centroids <= high)).all():
        raise ConfigError("centroids expects points within the bounds, got some beyond: widen the bounds")
    if len(np.unique(centroids, axis=0)) < num_cells:
        raise ConfigError("centroids expects distinct points, got some twice: nothing could ever be nearest to both")
    return centroids
