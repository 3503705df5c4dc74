"""Archives whose descriptor space is divided into cells with one elite each (MAP-Elites: Mouret and Clune 2015,
arXiv 1504.04909). `grid` and `cvt` differ only in how they find the cell of a descriptor.

Axes: C cells, D descriptor, B batch.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from poet.archives import store
from poet.archives.base import AddInfo, Archive, Entries, check_entries, check_extra, with_checked_states
from poet.archives.bounds import validate_batch
from poet.archives.config import OutOfBounds
from poet.archives.store import Store
from poet.archives.thresholds import ThresholdRule, update_thresholds
from poet.types import Key, PyTree


class TessellationState(NamedTuple):
    """The state of an archive of C cells.

    Attributes:
      store: row c is the elite of cell c.
      threshold: acceptance threshold of each cell; None without a threshold rule.
      index: what finds the cell of a descriptor besides the bounds: the centroids of `cvt`, None for `grid`.
    """

    store: Store
    threshold: Float[Array, "C"] | None
    index: PyTree


def tessellation(
    num_cells: int,
    low: Float[np.ndarray, "D"],
    high: Float[np.ndarray, "D"],
    find_cell: Callable[[PyTree, Float[Array, "B D"]], Int[Array, "B"]],
    make_index: Callable[[], PyTree],
    *,
    out_of_bounds: OutOfBounds,
    thresholds: ThresholdRule | None,
    spec: Mapping[str, Any],
    tie_break: Sequence[str] = (),
) -> Archive[TessellationState]:
    """An archive of cells; `find_cell(index, descriptor)` gives the cells of descriptors within the bounds.

    An entry replaces the elite of its cell if it is fitter. Of equally fit ones, the smaller value in the first of the
    extra fields `tie_break` in which they differ wins, and then the smaller id.
    """

    def init(example: PyTree, extra: Mapping[str, Any] = {}, /) -> TessellationState:
        threshold = None if thresholds is None else jnp.full(num_cells, thresholds.threshold_min, jnp.float32)
        rows = store.empty(example, num_cells, len(low), check_extra(extra, tie_break))
        return TessellationState(rows, threshold, make_index())

    def add(state: TessellationState, entries: Entries, /) -> tuple[TessellationState, AddInfo]:
        check_entries(entries, state.store.payload, len(low), extra=state.store.extra)
        batch, counts = validate_batch(entries, low, high, out_of_bounds, tie_break)
        cell = jnp.where(batch.valid, find_cell(state.index, batch.descriptor), num_cells)
        threshold = state.threshold
        if thresholds is None or threshold is None:  # both are
            updated, info = store.insert(state.store, batch, cell, tie_break=tie_break)
        else:
            reference = threshold[jnp.minimum(cell, num_cells - 1)]
            updated, info = store.insert(state.store, batch, cell, reference, tie_break)
            threshold = update_thresholds(threshold, cell, batch.fitness, info.status > 0, thresholds.learning_rate)
        state = TessellationState(updated, threshold, state.index)
        return state, info._replace(counts=info.counts._replace(**counts))

    def sample(key: Key, state: TessellationState, num: int, /) -> Entries:
        return store.sample(key, state.store, num)

    def elites(state: TessellationState, /) -> Entries:
        return store.as_entries(state.store)

    def with_extra(state: TessellationState, extra: Mapping[str, Array], /) -> TessellationState:
        return state._replace(store=state.store._replace(extra=dict(extra)))

    archive = Archive(init, add, sample, elites, spec, with_extra)
    return with_checked_states(archive, lambda state: (state.store.payload, state.store.extra))
