"""A grid with cells that grow by a factor of two."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from poet.archives.base import Archive
from poet.archives.bounds import check_bounds
from poet.archives.config import OutOfBounds
from poet.archives.tessellation import tessellation


def log_grid(cells_per_axis: int, bounds: Sequence[Sequence[float]], out_of_bounds: OutOfBounds = "clip") -> Archive:
    """`cells_per_axis` cells along each coordinate, each twice as wide as the one before."""
    low, high = check_bounds(bounds, out_of_bounds)
    num_cells = cells_per_axis ** len(low)

    def find_cell(index, descriptor):
        share = (descriptor - low) / (high - low)
        place = jnp.floor(jnp.log2(1 + share * (2**cells_per_axis - 1))).astype(jnp.int32)
        place = jnp.clip(place, 0, cells_per_axis - 1)
        return sum(place[:, d] * cells_per_axis**d for d in range(len(low)))

    spec = {
        "id": "log-grid",
        "cells_per_axis": cells_per_axis,
        "out_of_bounds": out_of_bounds,
        "bounds": np.transpose([low, high]).astype(float).tolist(),
        "layout": {"cells": num_cells, "rows_per_cell": 1, "geometry": "other"},
    }
    return tessellation(
        num_cells,
        low,
        high,
        find_cell,
        lambda: None,
        out_of_bounds=out_of_bounds,
        thresholds=None,
        spec=spec,
    )
