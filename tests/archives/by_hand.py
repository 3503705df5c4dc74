"""Elites made by hand, for tests of what can be asked of any archive."""

import numpy as np

from poet.archives.base import NOBODY, Entries

GRID = {"kind": "grid", "shape": [4, 5], "bounds": [[-1.0, 1.0], [0.0, 2.0]], "out_of_bounds": "clip", "soft": None}
NUM = 20


def rows(fitness: dict[int, float], payload=None, seed: int = 0, num: int = NUM) -> Entries:
    """All rows of an archive of `num` cells, of which those named have an elite of that fitness."""
    rng = np.random.default_rng(seed)
    taken = np.isin(np.arange(num), list(fitness))
    scores = np.full(num, -np.inf, np.float32)
    for row, value in fitness.items():
        scores[row] = value

    def where(filled, free):
        mask = taken.reshape(-1, *[1] * (filled.ndim - 1))
        return np.where(mask, filled, np.asarray(free, filled.dtype))

    payload = rng.normal(size=(num, 3)).astype(np.float32) if payload is None else payload
    return Entries(
        where(payload, 0),
        scores,
        where(rng.uniform(-1, 1, (num, 2)).astype(np.float32), 0),
        where(np.stack([np.full(num, seed), np.arange(num)], 1).astype(np.uint32), NOBODY),
        where(rng.integers(0, 9, (num, 2, 2)).astype(np.uint32), NOBODY),
        where(rng.integers(0, 3, num).astype(np.int32), -1),
        taken,
    )
