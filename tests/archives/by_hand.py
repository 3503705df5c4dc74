"""Specs and elites written by hand, for tests of the functions that read any archive."""

import numpy as np

from poet.archives.base import NO_PARENT, Entries
from poet.archives.layout import grid_layout

GRID = {
    "id": "grid",
    "shape": [4, 5],
    "bounds": [[-1.0, 1.0], [0.0, 2.0]],
    "out_of_bounds": "clip",
    "thresholds": None,
    "layout": grid_layout([4, 5]),
}
FRONTS = {
    "id": "pareto",
    "shape": [2, 5],
    "bounds": GRID["bounds"],
    "front_size": 2,
    "layout": grid_layout([2, 5], rows_per_cell=2),
}
NUM = 20


def rows(fitness: dict[int, float], payload=None, seed: int = 0, num: int = NUM) -> Entries:
    """All rows of an archive with `num` rows; `fitness` maps the occupied rows to the fitness of their elites."""
    rng = np.random.default_rng(seed)
    occupied = np.isin(np.arange(num), list(fitness))
    scores = np.full(num, -np.inf, np.float32)
    for row, value in fitness.items():
        scores[row] = value

    def where_occupied(filled, free):
        mask = occupied.reshape(-1, *[1] * (filled.ndim - 1))
        return np.where(mask, filled, np.asarray(free, filled.dtype))

    payload = rng.normal(size=(num, 3)).astype(np.float32) if payload is None else payload
    return Entries(
        where_occupied(payload, 0),
        scores,
        where_occupied(rng.uniform(-1, 1, (num, 2)).astype(np.float32), 0),
        where_occupied(np.stack([np.full(num, seed), np.arange(num)], 1).astype(np.uint32), NO_PARENT),
        where_occupied(rng.integers(0, 9, (num, 2, 2)).astype(np.uint32), NO_PARENT),
        where_occupied(rng.integers(0, 3, num).astype(np.int32), -1),
        occupied,
    )
