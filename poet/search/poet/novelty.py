"""Novelty of an environment: the mean distance to its nearest neighbours among all ever admitted."""

import numpy as np
from jaxtyping import Float


def novelty(features: Float[np.ndarray, "F"], known: Float[np.ndarray, "H F"], num_neighbours: int) -> float:
    """Mean Euclidean distance to the nearest `known` environments, in raw features; to all if there are fewer.

    Infinite if there are none. Wang et al. 2019, arXiv 1901.01753, with 5 neighbours.

    >>> novelty(np.array([0.0, 0.0]), np.array([[3.0, 4.0], [0.0, 1.0], [6.0, 8.0]]), num_neighbours=2)
    3.0
    """
    if len(known) == 0:
        return float("inf")
    distances = np.sort(np.linalg.norm(known.astype(np.float64) - features.astype(np.float64), axis=1))
    return float(distances[:num_neighbours].mean())
