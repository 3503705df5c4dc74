"""Acceptance thresholds of CMA-MAE (Fontaine and Nikolaidis 2023, arXiv 2205.10752).

Each cell has a threshold besides its elite. The threshold moves towards the fitness of accepted entries at a learning
rate, and `AddInfo.improvement` is measured against it instead of against the elite. A search can therefore return to a
cell without exceeding its elite, for a reward that decreases each time. The elite of a cell is still the best entry
that was added to it, so that no second archive is needed for results.

Axes: B batch, C cells.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from poet.errors import ConfigError
from poet.typed_config import check_value


class ThresholdRule(NamedTuple):
    """How thresholds move.

    Attributes:
      threshold_min: their initial value.
      learning_rate: in [0, 1], the share of the distance to an accepted fitness by which a threshold moves.
    """

    threshold_min: float
    learning_rate: float


def check_threshold_rule(rule: ThresholdRule) -> ThresholdRule:
    """The rule itself. Raises `ConfigError` for a learning rate outside [0, 1] or a threshold that is not finite."""
    check_value("thresholds", ThresholdRule, rule)
    rule = ThresholdRule(*(check_value(f"thresholds.{name}", float, value) for name, value in rule._asdict().items()))
    if not 0 <= rule.learning_rate <= 1:
        raise ConfigError(f"thresholds.learning_rate expects a number in [0, 1], got {rule.learning_rate}")
    return rule


def update_thresholds(
    threshold: Float[Array, "C"],
    cell: Int[Array, "B"],
    fitness: Float[Array, "B"],
    accepted: Bool[Array, "B"],
    learning_rate: float,
) -> Float[Array, "C"]:
    """Thresholds after a batch: k accepted entries of mean m move a threshold t to m + (1 - rate)^k (t - m).

    Entries are sorted by cell and fitness before they are summed, so that the order of the batch does not matter. The
    sort takes B log B work.

    >>> cell, fitness, accepted = jnp.array([1, 1]), jnp.array([4.0, 8.0]), jnp.array([True, True])
    >>> jax.jit(update_thresholds)(jnp.zeros(2), cell, fitness, accepted, 0.5).tolist()
    [0.0, 4.5]
    """
    num_cells = threshold.shape[0]
    cell, fitness = jax.lax.sort((jnp.where(accepted, cell, num_cells), fitness), num_keys=2)
    if not cell.size:
        return threshold
    starts = jnp.concatenate([jnp.ones(1, bool), cell[1:] != cell[:-1]])
    fitness = jnp.where(cell < num_cells, fitness, 0.0)  # entries that are not accepted may be NaN
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
