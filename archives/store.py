"""A fixed number of rows, updated by masked scatters: the base of all archives with one elite per row.

A batch is inserted without a sort and without an array of size B x R: a scatter with maximum finds the best fitness of
each row, then a scatter with minimum finds the smallest id among the entries that have this fitness. Of a large batch
only entries that are better than the elite of their row are offered to it, block after block.

Axes: B batch, K entries of a block, R rows, D descriptor, W words of 32 rows.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, Shaped, UInt32

from poet.archives.base import AddInfo, Counts, Entries, free_rows
from poet.archives.blocks import BLOCK, for_blocks
from poet.archives.layout import NO_PARENT
from poet.types import Key, PyTree

WORD_BITS = 32


class Store(NamedTuple):
    """R rows; a row is free while its fitness is -inf.

    Attributes:
      payload: [R, ...].
      fitness: f32[R].
      emitter: i32[R].
      tag: T = 6 + D words: id, parents and the bits of the descriptor, in one row so that one scatter writes them all.
      occupied: one bit per row, so that sampling does not read every row.
      extra: extra fields by name, [R, ...].
    """

    payload: PyTree
    fitness: Float[Array, "R"]
    emitter: Int[Array, "R"]
    tag: UInt32[Array, "R T"]
    occupied: UInt32[Array, "W"]
    extra: Mapping[str, Shaped[Array, "R ..."]] = {}


def empty(example: PyTree, num_rows: int, num_descriptors: int, extra: Mapping[str, Any] = {}) -> Store:
    """A store of free rows, for payloads like `example` and extra fields like those in `extra`."""
    return Store(
        free_rows(example, num_rows),
        jnp.full(num_rows, -jnp.inf, jnp.float32),
        jnp.full(num_rows, -1, jnp.int32),
        jnp.concatenate(
            [jnp.full((num_rows, 6), NO_PARENT), jnp.zeros((num_rows, num_descriptors), jnp.uint32)], axis=1
        ),
        jnp.zeros(-(-num_rows // WORD_BITS), jnp.uint32),
        free_rows(extra, num_rows),
    )


def as_entries(store: Store) -> Entries:
    """All R rows as entries; `valid` is True for the occupied ones."""
    return _unpack(store.payload, store.fitness, store.emitter, store.tag, store.extra)


def _unpack(payload: PyTree, fitness: Array, emitter: Array, tag: Array, extra: Mapping[str, Array]) -> Entries:
    descriptor = lax.bitcast_convert_type(tag[:, 6:], jnp.float32)
    parents = tag[:, 2:6].reshape(-1, 2, 2)
    return Entries(payload, fitness, descriptor, tag[:, :2], parents, emitter, fitness > -jnp.inf, extra)


def insert(
    store: Store,
    batch: Entries,
    row: Int[Array, "B"],
    threshold: Float[Array, "B"] | None = None,
    tie_break: Sequence[str] = (),
) -> tuple[Store, AddInfo]:
    """Offer each entry to its row, R for none; a row stores the fittest, and of equally fit ones the smallest id.

    `tie_break` names extra fields: of equally fit entries the one with the smallest value wins, before the ids count.

    `status` and `improvement` are measured against `threshold` where it is given, else against the elite of the row.
    Of the counts only added, improved and rejected are set; the others are 0.
    """
    num_rows, size = store.fitness.shape[0], row.shape[0]
    has_row = row < num_rows
    safe_row = jnp.minimum(row, num_rows - 1)
    old_fitness = store.fitness[safe_row]
    free = old_fitness == -jnp.inf
    reference = old_fitness if threshold is None else threshold

    def contest(state: tuple[Store, Array], entry: Int[Array, "K"], is_used: Bool[Array, "K"]) -> Any:
        store, stored = state
        part = jax.tree.map(lambda leaf: leaf[entry], batch)
        store, wins = _contest(store, part, jnp.where(is_used, row[entry], num_rows), tie_break)
        return store, stored.at[jnp.where(is_used, entry, size)].set(wins, mode="drop")

    if size <= BLOCK:
        store, wins = _contest(store, batch, row, tie_break)
    else:
        better, order = has_row & _is_better(store, batch, safe_row, tie_break), jnp.arange(size, dtype=jnp.int32)
        store, wins = for_blocks(contest, (store, jnp.zeros(size, bool)), better, order)
        # An entry of a later block may have taken the row since.
        tag = store.tag[safe_row, :2]
        wins &= (tag[:, 0] == batch.id[:, 0]) & (tag[:, 1] == batch.id[:, 1])
    exceeds = has_row & (batch.fitness > reference)
    zero = jnp.int32(0)
    info = AddInfo(
        status=jnp.where(exceeds, jnp.where(free, 2, 1), 0),
        improvement=jnp.where(has_row, batch.fitness - jnp.where(jnp.isfinite(reference), reference, 0.0), -jnp.inf),
        stored=wins,
        added=wins & free,
        cell=jnp.where(has_row, row, -1),
        counts=Counts(zero, jnp.sum(wins & free), jnp.sum(wins & ~free), jnp.sum(has_row & ~wins), zero, zero, zero),
    )
    return store, info


def _is_better(store: Store, batch: Entries, row: Int[Array, "B"], tie_break: Sequence[str]) -> Bool[Array, "B"]:
    """Whether each entry would replace the elite of its row."""
    smaller = _smaller_id(batch.id, store.tag[row, :2])
    for name in reversed(tie_break):
        new, old = batch.extra[name], store.extra[name][row]
        smaller = (new < old) | ((new == old) & smaller)
    fitness = store.fitness[row]
    return (batch.fitness > fitness) | ((batch.fitness == fitness) & smaller)


def _contest(
    store: Store, batch: Entries, row: Int[Array, "B"], tie_break: Sequence[str]
) -> tuple[Store, Bool[Array, "B"]]:
    """Store the best entry of each row, where it is better than the elite there; and which entries these are."""
    num_rows = store.fitness.shape[0]
    safe_row = jnp.minimum(row, num_rows - 1)
    free = store.fitness[safe_row] == -jnp.inf
    wins = (row < num_rows) & _is_better(store, batch, safe_row, tie_break)
    contested = jnp.where(wins, row, num_rows)
    best_fitness = store.fitness.at[contested].max(batch.fitness, mode="drop")
    wins &= batch.fitness == best_fitness[safe_row]
    extra = dict(store.extra)
    for name in tie_break:  # contested rows are overwritten below, so their old values need not be kept
        contested = jnp.where(wins, row, num_rows)
        cleared = extra[name].at[contested].set(_largest(extra[name].dtype), mode="drop")
        extra[name] = cleared.at[contested].min(batch.extra[name], mode="drop")
        wins &= batch.extra[name] == extra[name][safe_row]
    # Contested rows are overwritten below, so their emitter column can hold ranks until then. A separate array would
    # have to be filled for each batch, which takes longer than the insertion in an archive of a million rows. Ranks
    # start at the lowest integer, below the number of any emitter.
    rank = rank_by_id(batch.id) + jnp.iinfo(jnp.int32).min
    contested = jnp.where(wins, row, num_rows)
    lowest_rank = store.emitter.at[contested].min(rank, mode="drop")
    wins &= rank == lowest_rank[safe_row]
    # Only the results of the scatters may be read below: a read of the old columns would force XLA to copy them.
    scattered = store._replace(fitness=best_fitness, emitter=lowest_rank, extra=extra)
    return _overwrite(scattered, batch, jnp.where(wins, row, num_rows), free), wins


def _largest(dtype: jnp.dtype) -> float | int:
    return jnp.inf if jnp.issubdtype(dtype, jnp.floating) else jnp.iinfo(dtype).max


def overwrite(store: Store, batch: Entries, row: Int[Array, "B"]) -> Store:
    """Write each entry to its row, R for none; at most one entry per row."""
    safe_row = jnp.minimum(row, store.fitness.shape[0] - 1)
    return _overwrite(store, batch, row, store.fitness[safe_row] == -jnp.inf)


def _overwrite(store: Store, batch: Entries, row: Int[Array, "B"], free: Bool[Array, "B"]) -> Store:
    newly_occupied = (row < store.fitness.shape[0]) & free
    bit = jnp.uint32(1) << (row % WORD_BITS).astype(jnp.uint32)
    descriptor = lax.bitcast_convert_type(batch.descriptor, jnp.uint32)
    tag = jnp.concatenate([batch.id, batch.parents.reshape(-1, 4), descriptor], axis=1)

    def scatter(column: Array, values: Array) -> Array:
        return column.at[row].set(values, mode="drop", unique_indices=True)

    return Store(
        jax.tree.map(scatter, store.payload, batch.payload),
        scatter(store.fitness, batch.fitness),
        scatter(store.emitter, batch.emitter),
        scatter(store.tag, tag),
        store.occupied.at[jnp.where(newly_occupied, row // WORD_BITS, store.occupied.shape[0])].add(bit, mode="drop"),
        jax.tree.map(scatter, dict(store.extra), dict(batch.extra)),
    )


def sample(key: Key, store: Store, num: int) -> Entries:
    """`num` occupied rows, uniformly and with replacement; `valid` is False everywhere if there are none."""
    row = sample_rows(key, store.occupied, num)
    return _unpack(*jax.tree.map(lambda leaf: leaf[row], (*store[:4], store.extra)))


def sample_rows(key: Key, occupied: UInt32[Array, "W"], num: int) -> Int[Array, "num"]:
    """Indices of set bits, uniformly and with replacement; 0 if none is set."""
    per_word = lax.population_count(occupied).astype(jnp.int32)
    cumulative = jnp.cumsum(per_word)

    def draw() -> Int[Array, "num"]:
        nth = jax.random.randint(key, (num,), 0, cumulative[-1])
        word = jnp.searchsorted(cumulative, nth, side="right", method="scan_unrolled")
        return WORD_BITS * word + _nth_set_bit(occupied[word], nth - (cumulative[word] - per_word[word]))

    # The branch also keeps XLA from recomputing the draw of a row for every element that is gathered from the row.
    return lax.cond(cumulative[-1] > 0, draw, lambda: jnp.zeros(num, jnp.int32))


def _nth_set_bit(word: UInt32[Array, "B"], nth: Int[Array, "B"]) -> Int[Array, "B"]:
    """Position of the nth set bit, by bisection on the number of set bits in the lower half."""
    position = jnp.zeros_like(nth)
    for width in (16, 8, 4, 2, 1):
        lower = (word >> position.astype(jnp.uint32)) & jnp.uint32((1 << width) - 1)
        num_lower = lax.population_count(lower).astype(jnp.int32)
        in_upper = nth >= num_lower
        nth = jnp.where(in_upper, nth - num_lower, nth)
        position = jnp.where(in_upper, position + width, position)
    return position


def order_by_id(id: UInt32[Array, "B 2"]) -> Int[Array, "B"]:
    """The entries in the order of their ids."""
    return _unless_ascending(id, _sorted)


def rank_by_id(id: UInt32[Array, "B 2"]) -> Int[Array, "B"]:
    """The rank of each entry in the order of ids."""
    return _unless_ascending(id, lambda id: jnp.argsort(_sorted(id)).astype(jnp.int32))


def _unless_ascending(id: UInt32[Array, "B 2"], compute: Callable[[Array], Array]) -> Int[Array, "B"]:
    """0, 1, ... for ascending ids, as those of a search are, without what is computed for others."""
    position = jnp.arange(id.shape[0], dtype=jnp.int32)
    return lax.cond(jnp.any(_smaller_id(id[1:], id[:-1])), lambda: compute(id), lambda: position)


def _sorted(id: Array) -> Int[Array, "B"]:
    return jnp.lexsort(id.T[::-1]).astype(jnp.int32)


def _smaller_id(a: UInt32[Array, "B 2"], b: UInt32[Array, "B 2"]) -> Bool[Array, "B"]:
    return (a[:, 0] < b[:, 0]) | ((a[:, 0] == b[:, 0]) & (a[:, 1] < b[:, 1]))
