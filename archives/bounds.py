"""Validation of a batch before its entries are assigned to rows: descriptors out of bounds, values not finite.

Axes: B batch, D descriptor, M objectives.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from poet.archives.base import Entries
from poet.archives.config import OutOfBounds
from poet.archives.layout import total
from poet.archives.materialise import materialise
from poet.errors import ConfigError


def validate_batch(
    batch: Entries, low: Float[np.ndarray, "D"], high: Float[np.ndarray, "D"], out_of_bounds: OutOfBounds
) -> tuple[Entries, dict[str, Int[Array, ""]]]:
    """Set `valid` to False for entries that cannot be stored, and clip all descriptors to the bounds.

    Returns the batch and four of the `Counts`: seen, not_finite, out_of_bounds and clipped.
    """
    batch = batch._replace(fitness=materialise(batch.fitness), descriptor=materialise(batch.descriptor))
    # The sum of finite objectives is not finite if it overflows; such an entry cannot be ranked by its sum.
    finite = jnp.isfinite(total(batch.fitness)) & jnp.isfinite(batch.descriptor).all(1)
    outside = ((batch.descriptor < low) | (batch.descriptor > high)).any(1)
    reject = out_of_bounds == "reject"
    num_outside = jnp.sum(batch.valid & finite & outside)
    counts = {
        "seen": jnp.sum(batch.valid),
        "not_finite": jnp.sum(batch.valid & ~finite),
        "out_of_bounds": num_outside if reject else jnp.int32(0),
        "clipped": jnp.int32(0) if reject else num_outside,
    }
    storable = batch.valid & finite & ~outside if reject else batch.valid & finite
    return batch._replace(descriptor=jnp.clip(batch.descriptor, low, high), valid=storable), counts


def check_bounds(
    bounds: Sequence[Sequence[float]], out_of_bounds: str
) -> tuple[Float[np.ndarray, "D"], Float[np.ndarray, "D"]]:
    """Low and high of each coordinate, f32[D] each.

    Raises `ConfigError` unless bounds are finite, each low is below its high, and `out_of_bounds` is known.
    """
    pairs = np.asarray(bounds, np.float32)
    if pairs.ndim != 2 or pairs.shape[1:] != (2,) or not len(pairs):
        raise ConfigError(f"bounds expects a pair (low, high) for each coordinate of the descriptor, got {bounds!r}")
    low, high = pairs.T
    if not (np.isfinite(pairs).all() and (low < high).all()):
        raise ConfigError(f"bounds expects finite numbers, each low below its high, got {bounds!r}")
    if out_of_bounds not in ("clip", "reject"):
        raise ConfigError(f"out_of_bounds expects 'clip' or 'reject', got {out_of_bounds!r}")
    return low, high
