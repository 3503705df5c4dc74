"""Validation of a batch before its entries are assigned to rows: descriptors out of bounds, values not finite.

Axes: B batch, D descriptor, M objectives.
"""

import functools
import itertools
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from poet.archives.base import Entries
from poet.archives.config import OutOfBounds
from poet.archives.layout import total
from poet.archives.materialise import materialise
from poet.errors import ConfigError
from poet.typed_config import check_value

MAX_COLUMNS = 16  # of masks that are read column after column
MIN_SPAN, MAX_SPAN = 1e-15, 1e15  # of a coordinate: squared distances in archives are normal float32 numbers


def validate_batch(
    batch: Entries,
    low: Float[np.ndarray, "D"],
    high: Float[np.ndarray, "D"],
    out_of_bounds: OutOfBounds,
    tie_break: Sequence[str] = (),
) -> tuple[Entries, dict[str, Int[Array, ""]]]:
    """Set `valid` to False for entries that cannot be stored, and clip all descriptors to the bounds.

    Fitness, descriptor and the extra fields in `tie_break` must be finite.
    Returns the batch and four of the `Counts`: seen, not_finite, out_of_bounds and clipped.
    """
    batch = batch._replace(fitness=materialise(batch.fitness), descriptor=materialise(batch.descriptor))
    # The sum of finite objectives is not finite if it overflows; such an entry cannot be ranked by its sum.
    finite = jnp.isfinite(total(batch.fitness)) & ~any_of_row(~jnp.isfinite(batch.descriptor))
    compared = {name: materialise(batch.extra[name]) for name in tie_break}
    for value in compared.values():
        finite &= jnp.isfinite(value)
    outside = any_of_row((batch.descriptor < low) | (batch.descriptor > high))
    reject = out_of_bounds == "reject"
    num_outside = jnp.sum(batch.valid & finite & outside)
    counts = {
        "seen": jnp.sum(batch.valid),
        "not_finite": jnp.sum(batch.valid & ~finite),
        "out_of_bounds": num_outside if reject else jnp.int32(0),
        "clipped": jnp.int32(0) if reject else num_outside,
    }
    storable = batch.valid & finite & ~outside if reject else batch.valid & finite
    clipped = jnp.clip(batch.descriptor, low, high)
    return batch._replace(descriptor=clipped, valid=storable, extra={**batch.extra, **compared}), counts


def any_of_row(mask: Bool[Array, "B D"]) -> Bool[Array, "B"]:
    """Whether any element of each row is True; column after column, which is several times faster for few columns."""
    num = mask.shape[1]
    return functools.reduce(jnp.logical_or, (mask[:, d] for d in range(num))) if 0 < num <= MAX_COLUMNS else mask.any(1)


def check_resolution(bounds: Float[np.ndarray, "D 2"], *num_cells: int) -> None:
    """Raise `ConfigError` where float32 has too few numbers between the bounds of a coordinate for its cells.

    `num_cells` is for each coordinate, or for all of them.
    """
    for (low, high), cells in zip(bounds, itertools.cycle(num_cells)):
        spacing = float(np.spacing(np.float32(max(abs(low), abs(high)))))
        largest = int((high - low) / spacing)
        if largest < cells:
            closer = f", or subtract {low:g} from this coordinate" if low * high > 0 else ""
            raise ConfigError(
                f"bounds ({low:g}, {high:g}) are too close for {cells} cells of float32: "
                f"use at most {largest} cells there{closer}"
            )


def check_bounds(
    bounds: Sequence[Sequence[float]], out_of_bounds: str
) -> tuple[Float[np.ndarray, "D"], Float[np.ndarray, "D"]]:
    """Low and high of each coordinate, f32[D] each.

    Raises `ConfigError` unless bounds are finite, each low is below its high, float32 can tell points between them
    apart, and `out_of_bounds` is known.
    """
    try:
        exact = np.asarray(bounds, np.float64)
    except (TypeError, ValueError):
        exact = np.zeros(0)
    if exact.ndim != 2 or exact.shape[1:] != (2,) or not len(exact):
        raise ConfigError(f"bounds expects a pair (low, high) for each coordinate of the descriptor, got {bounds!r}")
    if not (np.isfinite(exact).all() and (exact[:, 0] < exact[:, 1]).all()):
        raise ConfigError(f"bounds expects finite numbers, each low below its high, got {bounds!r}")
    for pair in exact:
        low, high = float(np.min(pair)), float(np.max(pair))
        if not MIN_SPAN <= high - low <= MAX_SPAN or max(abs(low), abs(high)) > MAX_SPAN:
            raise ConfigError(
                f"bounds expects numbers up to {MAX_SPAN:g} that are at least {MIN_SPAN:g} apart, as descriptors are "
                f"float32; got {(low, high)}: give the descriptor in other units"
            )
    check_resolution(exact, 2)
    pairs = exact.astype(np.float32)
    check_value("out_of_bounds", OutOfBounds, out_of_bounds)
    return pairs[:, 0], pairs[:, 1]
