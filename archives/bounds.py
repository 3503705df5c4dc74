"""What an archive does with descriptors before they have a place: bounds, and what is not a number."""

from collections.abc import Sequence
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from poet.archives.base import Entries
from poet.archives.layout import total
from poet.archives.once import once
from poet.errors import ConfigError

OutOfBounds = Literal["clip", "reject"]


def sift(
    batch: Entries, low: Float[np.ndarray, "D"], high: Float[np.ndarray, "D"], out_of_bounds: OutOfBounds
) -> tuple[Entries, dict[str, Int[Array, ""]]]:
    """Sort out what cannot be stored: `valid` is False for it then, and all descriptors lie within the bounds.

    Returns the batch and the counts seen, not_finite, outside and clipped.
    """
    batch = batch._replace(fitness=once(batch.fitness), descriptor=once(batch.descriptor))
    # A sum of objectives is finite where they all are, unless it overflows: then they cannot be ranked by it.
    finite = jnp.isfinite(total(batch.fitness)) & jnp.isfinite(batch.descriptor).all(1)
    strays = ((batch.descriptor < low) | (batch.descriptor > high)).any(1)
    rejects = out_of_bounds == "reject"
    num_strays = jnp.sum(batch.valid & finite & strays)
    counts = {
        "seen": jnp.sum(batch.valid),
        "not_finite": jnp.sum(batch.valid & ~finite),
        "outside": num_strays if rejects else jnp.int32(0),
        "clipped": jnp.int32(0) if rejects else num_strays,
    }
    fits = batch.valid & finite & ~strays if rejects else batch.valid & finite
    return batch._replace(descriptor=jnp.clip(batch.descriptor, low, high), valid=fits), counts


def check_bounds(
    bounds: Sequence[Sequence[float]], out_of_bounds: str
) -> tuple[Float[np.ndarray, "D"], Float[np.ndarray, "D"]]:
    """Low and high of each coordinate. Raises `ConfigError` unless every low is finite and below its high."""
    pairs = np.asarray(bounds, np.float32)
    if pairs.ndim != 2 or pairs.shape[1:] != (2,) or not len(pairs):
        raise ConfigError(f"bounds expects a (low, high) for each coordinate of the descriptor, got {bounds!r}")
    low, high = pairs.T
    if not (np.isfinite(pairs).all() and (low < high).all()):
        raise ConfigError(f"bounds expects finite numbers, each low below its high, got {bounds!r}")
    if out_of_bounds not in ("clip", "reject"):
        raise ConfigError(f"out_of_bounds expects 'clip' or 'reject', got {out_of_bounds!r}")
    return low, high
