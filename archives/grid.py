"""A grid of equal cells over the descriptor space (Mouret and Clune 2015, arXiv 1504.04909)."""

import math
from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from poet.archives.base import Archive
from poet.archives.bounds import OutOfBounds, check_bounds
from poet.archives.soft import SoftRule, check_rule
from poet.archives.tessellation import tessellation
from poet.errors import ConfigError

MAX_CELLS = 2**31 - 1


def grid(
    shape: Sequence[int],
    bounds: Sequence[Sequence[float]],
    *,
    out_of_bounds: OutOfBounds = "clip",
    soft: SoftRule | None = None,
) -> Archive:
    """An archive of `shape` cells, the last coordinate running fastest; a cell's index is computed, not searched.

    Args:
      shape: cells along each of the D coordinates.
      bounds: (low, high) of each coordinate.
      out_of_bounds: move descriptors beyond the bounds to them, or reject their entries; counted either way.
      soft: the acceptance rule of CMA-MAE; costs a sort of each batch.

    Raises `ConfigError` for bounds or a shape that cannot be.
    """
    low, high = check_bounds(bounds, out_of_bounds)
    num_cells, find = equal_cells(shape, low, high)
    spec = {
        "kind": "grid",
        "shape": list(shape),
        "bounds": [[float(l), float(h)] for l, h in zip(low, high)],
        "out_of_bounds": out_of_bounds,
        "soft": None if soft is None else check_rule(soft)._asdict(),
    }
    return tessellation(
        num_cells,
        low,
        high,
        lambda _, descriptor: find(descriptor),
        lambda: None,
        out_of_bounds=out_of_bounds,
        soft=soft,
        spec=spec,
    )


def equal_cells(
    shape: Sequence[int], low: Float[np.ndarray, "D"], high: Float[np.ndarray, "D"]
) -> tuple[int, Callable[[Float[Array, "B D"]], Int[Array, "B"]]]:
    """How many cells `shape` makes, and what computes the cells of descriptors within the bounds.

    Raises `ConfigError` for a shape that cannot be.
    """
    if len(shape) != len(low) or min(shape) < 1:
        raise ConfigError(f"shape expects a number of cells, at least 1, for each of {len(low)} bounds, got {shape!r}")
    num_cells = math.prod(shape)
    if num_cells > MAX_CELLS:
        raise ConfigError(f"shape {tuple(shape)} makes {num_cells} cells, more than {MAX_CELLS}")
    scale = [cells / float(h - l) for cells, l, h in zip(shape, low, high)]

    def find(descriptor: Float[Array, "B D"]) -> Int[Array, "B"]:
        cell = jnp.zeros(descriptor.shape[0], jnp.int32)
        for d, cells in enumerate(shape):
            place = jnp.floor((descriptor[:, d] - low[d]) * scale[d]).astype(jnp.int32)
            cell = cells * cell + jnp.clip(place, 0, cells - 1)
        return cell

    return num_cells, find
