"""A grid with cells that grow by a factor of two."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from poet.archives.base import Archive
from poet.archives.bounds import check_bounds
from poet.archives.config import OutOfBounds
from poet.archives.tessellation import tessellation


def log_grid(cells: int, bounds: Sequence[Sequence[float]], out_of_bounds: OutOfBounds = "clip") -> Archive:
    """`cells` cells along each coordinate, each twice as wide as the one before."""
    low, high = check_bounds(bounds, out_of_bounds)
    num_cells = cells ** len(low)

    def find(geometry, descriptor):
        share = (descriptor - low) / (high - low)
        place = jnp.floor(jnp.log2(1 + share * (2**cells - 1))).astype(jnp.int32)
        place = jnp.clip(place, 0, cells - 1)
        return sum(place[:, d] * cells**d for d in range(len(low)))

    spec = {
        "id": "log-grid",
        "cells": cells,
        "out_of_bounds": out_of_bounds,
        "bounds": np.transpose([low, high]).astype(float).tolist(),
        "layout": {"cells": num_cells, "rows_per_cell": 1, "geometry": "points"},
    }
    return tessellation(
        num_cells,
        low,
        high,
        find,
        lambda: None,
        out_of_bounds=out_of_bounds,
        thresholds=None,
        spec=spec,
    )
