"""The soft acceptance rule of CMA-MAE (Fontaine and Nikolaidis 2023, arXiv 2205.10752).

Each cell has a threshold besides its elite, which follows what is accepted at a learning rate. A search is told how
far an entry lies above the threshold, so that a cell goes on paying a little, less each time, for what is no record.
The elite of a cell is still the best that ever came: no second archive is needed to keep it.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from poet.errors import ConfigError


class SoftRule(NamedTuple):
    """Where thresholds start, and the share of the way that they go towards an accepted fitness."""

    threshold_min: float
    learning_rate: float


def check_rule(rule: SoftRule) -> SoftRule:
    """Raises `ConfigError` for a learning rate outside [0, 1] or a threshold that is no number."""
    if not 0 <= rule.learning_rate <= 1:
        raise ConfigError(f"soft.learning_rate expects a number in [0, 1], got {rule.learning_rate}")
    if not abs(rule.threshold_min) < float("inf"):
        raise ConfigError(f"soft.threshold_min expects a finite number, got {rule.threshold_min}")
    return rule


def raise_thresholds(
    threshold: Float[Array, "C"],
    cell: Int[Array, "B"],
    fitness: Float[Array, "B"],
    accepted: Bool[Array, "B"],
    learning_rate: float,
) -> Float[Array, "C"]:
    """Thresholds after a batch: k accepted entries of mean m take one from t to m + (1 - rate)^k (t - m).

    Entries are sorted by cell and fitness before anything is added up, so that the batch's order does not matter:
    B log B work, the one thing about the soft rule that costs.
    """
    num_cells = threshold.shape[0]
    cell, fitness = jax.lax.sort((jnp.where(accepted, cell, num_cells), fitness), num_keys=2)
    if not cell.size:
        return threshold
    starts = jnp.concatenate([jnp.ones(1, bool), cell[1:] != cell[:-1]])
    fitness = jnp.where(cell < num_cells, fitness, 0.0)  # what is not accepted may be NaN
    _, total, count = jax.lax.associative_scan(_segmented_sum, (starts, fitness, jnp.ones_like(fitness)))
    ends = jnp.concatenate([starts[1:], jnp.ones(1, bool)])
    before = threshold[jnp.minimum(cell, num_cells - 1)]
    mean = total / count
    after = mean + (1 - learning_rate) ** count * (before - mean)
    return threshold.at[jnp.where(ends, cell, num_cells)].set(after, mode="drop", unique_indices=True)


def _segmented_sum(left: tuple[Array, ...], right: tuple[Array, ...]) -> tuple[Array, ...]:
    starts, total, count = right
    return (
        left[0] | starts,
        jnp.where(starts, total, left[1] + total),
        jnp.where(starts, count, left[2] + count),
    )
