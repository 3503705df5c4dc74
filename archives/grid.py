"""A grid of equal cells over the descriptor space (MAP-Elites: Mouret and Clune 2015, arXiv 1504.04909).

Axes: C cells, D descriptor, B batch.
"""

import math
from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from poet.archives.base import Archive
from poet.archives.bounds import check_bounds, check_resolution
from poet.archives.config import OutOfBounds
from poet.archives.layout import grid_layout
from poet.archives.tessellation import TessellationState, tessellation
from poet.archives.thresholds import ThresholdRule, check_threshold_rule
from poet.errors import ConfigError
from poet.typed_config import check_value

MAX_CELLS = 2**31 - 1


def grid(
    shape: Sequence[int],
    bounds: Sequence[Sequence[float]],
    *,
    out_of_bounds: OutOfBounds = "clip",
    thresholds: ThresholdRule | None = None,
    tie_break: Sequence[str] = (),
) -> Archive[TessellationState]:
    """An archive of `shape` equal cells; the cell of a descriptor is computed without a search.

    Args:
      shape: cells along each of the D coordinates; the last coordinate varies fastest.
      bounds: (low, high) of each coordinate.
      out_of_bounds: move descriptors outside the bounds to the bounds, or reject their entries; counted in both cases.
      thresholds: the acceptance thresholds of CMA-MAE; they require a sort of each batch.
      tie_break: extra fields that decide between equally fit entries, the smaller value first; then the smaller id.

    Raises `ConfigError` for impossible bounds or an impossible shape.

    >>> import jax
    >>> from poet.archives import entries
    >>> archive = grid((2, 3), [(-1, 1), (0, 3)])
    >>> batch = entries(jnp.zeros((2, 10)), jnp.array([1.0, 2.0]), jnp.array([[-0.5, 2.5], [0.5, 0.5]]))
    >>> state, info = jax.jit(archive.add)(archive.init(jnp.zeros(10)), batch)
    >>> info.cell.tolist()
    [2, 3]
    """
    low, high = check_bounds(bounds, out_of_bounds)
    tie_break = check_value("grid: tie_break", tuple[str, ...], tie_break)
    shape = check_value("grid: shape", tuple[int, ...], shape)
    num_cells, find_cell = equal_cells(shape, low, high)
    spec = {
        "id": "grid",
        "shape": list(shape),
        "bounds": [[float(l), float(h)] for l, h in zip(low, high)],
        "out_of_bounds": out_of_bounds,
        "thresholds": None if thresholds is None else check_threshold_rule(thresholds)._asdict(),
        "tie_break": list(tie_break),
        "layout": grid_layout(shape),
    }
    return tessellation(
        num_cells,
        low,
        high,
        lambda _, descriptor: find_cell(descriptor),
        lambda: None,
        out_of_bounds=out_of_bounds,
        thresholds=thresholds,
        spec=spec,
        tie_break=tie_break,
    )


def equal_cells(
    shape: Sequence[int], low: Float[np.ndarray, "D"], high: Float[np.ndarray, "D"]
) -> tuple[int, Callable[[Float[Array, "B D"]], Int[Array, "B"]]]:
    """The number of cells, and a function that gives the cells of descriptors within the bounds.

    Raises `ConfigError` for an impossible shape, and for more cells than can be numbered.
    """
    find_positions = equal_parts(shape, low, high)
    num_cells = math.prod(shape)
    if num_cells > MAX_CELLS:
        raise ConfigError(f"shape {tuple(shape)} has {num_cells} cells, more than the maximum {MAX_CELLS}")

    def find_cell(descriptor: Float[Array, "B D"]) -> Int[Array, "B"]:
        cell = jnp.zeros(descriptor.shape[0], jnp.int32)
        for cells, position in zip(shape, find_positions(descriptor)):
            cell = cells * cell + position
        return cell

    return num_cells, find_cell


def equal_parts(
    shape: Sequence[int], low: Float[np.ndarray, "D"], high: Float[np.ndarray, "D"]
) -> Callable[[Float[Array, "B D"]], list[Int[Array, "B"]]]:
    """A function that gives, along each coordinate, the number of the part in which descriptors are.

    Raises `ConfigError` for an impossible shape.
    """
    if len(shape) != len(low) or min(shape, default=0) < 1:
        raise ConfigError(f"shape expects a number of cells, at least 1, for each of {len(low)} bounds, got {shape!r}")
    check_resolution(np.stack([low, high], axis=1).astype(np.float64), *shape)
    scale = [cells / float(h - l) for cells, l, h in zip(shape, low, high)]

    def find_positions(descriptor: Float[Array, "B D"]) -> list[Int[Array, "B"]]:
        return [
            jnp.clip(jnp.floor((descriptor[:, d] - low[d]) * scale[d]).astype(jnp.int32), 0, cells - 1)
            for d, cells in enumerate(shape)
        ]

    return find_positions
