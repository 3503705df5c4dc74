"""Archives whose descriptor space is cut into cells, each with room for one elite (Mouret and Clune 2015,
arXiv 1504.04909): what grid and cvt have in common. They differ in how they find the cell of a descriptor.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from poet.archives import store
from poet.archives.base import AddInfo, Archive, Entries, check_entries
from poet.archives.bounds import OutOfBounds, sift
from poet.archives.soft import SoftRule, raise_thresholds
from poet.archives.store import Store
from poet.types import Key, PyTree


class State(NamedTuple):
    """C cells.

    Attributes:
      store: row c is the elite of cell c.
      threshold: of the soft rule; None without it.
      geometry: whatever finds the cell of a descriptor.
    """

    store: Store
    threshold: Float[Array, "C"] | None
    geometry: PyTree


def tessellation(
    num_cells: int,
    low: Float[np.ndarray, "D"],
    high: Float[np.ndarray, "D"],
    find: Callable[[PyTree, Float[Array, "B D"]], Int[Array, "B"]],
    geometry: Callable[[], PyTree],
    *,
    out_of_bounds: OutOfBounds,
    soft: SoftRule | None,
    spec: Mapping[str, Any],
) -> Archive:
    """An archive of cells; `find(geometry, descriptors)` gives the cells of descriptors within the bounds."""

    def init(example: PyTree) -> State:
        threshold = None if soft is None else jnp.full(num_cells, soft.threshold_min, jnp.float32)
        return State(store.empty(example, num_cells, len(low)), threshold, geometry())

    def add(state: State, entries: Entries) -> tuple[State, AddInfo]:
        check_entries(entries, state.store.payload, len(low))
        batch, counts = sift(entries, low, high, out_of_bounds)
        cell = jnp.where(batch.valid, find(state.geometry, batch.descriptor), num_cells)
        threshold = state.threshold
        if soft is None or threshold is None:
            kept, info = store.put(state.store, batch, cell)
        else:
            kept, info = store.put(state.store, batch, cell, threshold[jnp.minimum(cell, num_cells - 1)])
            threshold = raise_thresholds(threshold, cell, batch.fitness, info.status > 0, soft.learning_rate)
        return State(kept, threshold, state.geometry), info._replace(counts=info.counts._replace(**counts))

    def sample(key: Key, state: State, num: int) -> Entries:
        return store.sample(key, state.store, num)

    return Archive(init, add, sample, lambda state: store.rows(state.store), spec)
