"""How new an environment is: the mean distance to its nearest neighbours among all ever admitted."""

import numpy as np
from jaxtyping import Float


def novelty(features: Float[np.ndarray, "F"], ever: Float[np.ndarray, "H F"], neighbours: int) -> float:
    """Mean Euclidean distance to the `neighbours` nearest of `ever`, in raw features (fewer if there are fewer).

    Wang et al. 2019, arXiv 1901.01753 (k = 5). Infinite if nothing was ever admitted.
    """
    if len(ever) == 0:
        return float("inf")
    distances = np.sort(np.linalg.norm(ever.astype(np.float64) - features.astype(np.float64), axis=1))
    return float(distances[:neighbours].mean())
