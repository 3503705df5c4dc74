"""Rows at fixed capacity, filled by one masked scatter pass; below every archive whose elites have a place.

A batch goes in without a sort and without an array of batch x rows: a scatter of the maximum finds the best fitness
of each row, a scatter of the minimum the smallest id among those that have it, and what is left has one entry a row.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, UInt32

from poet.archives.base import NOBODY, AddInfo, Counts, Entries
from poet.types import Key, PyTree

WORD = 32


class Store(NamedTuple):
    """R rows; a row is free while its fitness is -inf.

    Attributes:
      payload: [R, ...].
      fitness: f32[R].
      emitter: i32[R].
      tag: id, parents and the bits of the descriptor in one row, so that one scatter writes them.
      taken: one bit per row, so that sampling need not look at every row.
    """

    payload: PyTree
    fitness: Float[Array, "R"]
    emitter: Int[Array, "R"]
    tag: UInt32[Array, "R 6+D"]
    taken: UInt32[Array, "W"]


def empty(example: PyTree, num_rows: int, num_descriptors: int) -> Store:
    """A store of free rows, for payloads like `example`."""
    return Store(
        jax.tree.map(lambda leaf: jnp.zeros((num_rows, *jnp.shape(leaf)), jnp.result_type(leaf)), example),
        jnp.full(num_rows, -jnp.inf, jnp.float32),
        jnp.full(num_rows, -1, jnp.int32),
        jnp.concatenate([jnp.full((num_rows, 6), NOBODY), jnp.zeros((num_rows, num_descriptors), jnp.uint32)], axis=1),
        jnp.zeros(-(-num_rows // WORD), jnp.uint32),
    )


def rows(store: Store) -> Entries:
    """All rows as entries; `valid` says which are taken."""
    return _entries(store.payload, store.fitness, store.emitter, store.tag)


def _entries(payload: PyTree, fitness: Array, emitter: Array, tag: Array) -> Entries:
    descriptor = lax.bitcast_convert_type(tag[:, 6:], jnp.float32)
    parents = tag[:, 2:6].reshape(-1, 2, 2)
    return Entries(payload, fitness, descriptor, tag[:, :2], parents, emitter, fitness > -jnp.inf)


def put(
    store: Store, batch: Entries, row: Int[Array, "B"], threshold: Float[Array, "B"] | None = None
) -> tuple[Store, AddInfo]:
    """Offer each entry its row, R for those that have none; a row keeps the fittest, of equals that of smallest id.

    `threshold` takes the place of what stands in the row as the measure of `status` and `improvement`. Of the counts
    only added, improved and beaten are known here.
    """
    num_rows = store.fitness.shape[0]
    placed = row < num_rows
    here = jnp.minimum(row, num_rows - 1)
    old = store.fitness[here]
    free = old == -jnp.inf

    wins = placed & ((batch.fitness > old) | ((batch.fitness == old) & _smaller(batch.id, store.tag[here, :2])))
    contested = jnp.where(wins, row, num_rows)
    top = store.fitness.at[contested].max(batch.fitness, mode="drop")
    wins &= batch.fitness == top[here]
    # Contested rows are about to be overwritten, so a column of theirs can hold ranks meanwhile: an array of its own
    # would have to be filled for every batch, which takes longer than the batch once there are a million rows. Ranks
    # count from the lowest integer, below the number of any emitter.
    rank = rank_by_id(batch.id) + jnp.iinfo(jnp.int32).min
    contested = jnp.where(wins, row, num_rows)
    first = store.emitter.at[contested].min(rank, mode="drop")
    wins &= rank == first[here]

    bar = old if threshold is None else threshold
    beats = placed & (batch.fitness > bar)
    none = jnp.int32(0)
    info = AddInfo(
        status=jnp.where(beats, jnp.where(free, 2, 1), 0),
        improvement=jnp.where(placed, batch.fitness - jnp.where(jnp.isfinite(bar), bar, 0.0), -jnp.inf),
        stored=wins,
        added=wins & free,
        cell=jnp.where(placed, row, -1),
        counts=Counts(none, jnp.sum(wins & free), jnp.sum(wins & ~free), jnp.sum(placed & ~wins), none, none, none),
    )
    # From here on only what the scatters made may be read: to look at the old columns again would copy them.
    return _write(store._replace(fitness=top, emitter=first), batch, jnp.where(wins, row, num_rows), free), info


def write(store: Store, batch: Entries, row: Int[Array, "B"]) -> Store:
    """Overwrite rows, at most one entry each; R means none."""
    here = jnp.minimum(row, store.fitness.shape[0] - 1)
    return _write(store, batch, row, store.fitness[here] == -jnp.inf)


def _write(store: Store, batch: Entries, row: Int[Array, "B"], free: Bool[Array, "B"]) -> Store:
    new = (row < store.fitness.shape[0]) & free
    bit = jnp.uint32(1) << (row % WORD).astype(jnp.uint32)
    descriptor = lax.bitcast_convert_type(batch.descriptor, jnp.uint32)
    tag = jnp.concatenate([batch.id, batch.parents.reshape(-1, 4), descriptor], axis=1)

    def put_in(old: Array, entry: Array) -> Array:
        return old.at[row].set(entry, mode="drop", unique_indices=True)

    return Store(
        jax.tree.map(put_in, store.payload, batch.payload),
        put_in(store.fitness, batch.fitness),
        put_in(store.emitter, batch.emitter),
        put_in(store.tag, tag),
        store.taken.at[jnp.where(new, row // WORD, store.taken.shape[0])].add(bit, mode="drop"),
    )


def sample(key: Key, store: Store, num: int) -> Entries:
    """`num` taken rows, uniformly and with replacement; `valid` is False everywhere if there is none."""
    row = sample_rows(key, store.taken, num)
    return _entries(*jax.tree.map(lambda leaf: leaf[row], store[:4]))


def sample_rows(key: Key, taken: UInt32[Array, "W"], num: int) -> Int[Array, "num"]:
    """Indices of set bits, uniformly and with replacement; 0 if none is set."""
    per_word = lax.population_count(taken).astype(jnp.int32)
    upto = jnp.cumsum(per_word)

    def draw() -> Int[Array, "num"]:
        nth = jax.random.randint(key, (num,), 0, upto[-1])
        word = jnp.searchsorted(upto, nth, side="right", method="scan_unrolled")
        return WORD * word + _nth_bit(taken[word], nth - (upto[word] - per_word[word]))

    # A branch also keeps XLA from drawing a row anew for each of its numbers that is gathered.
    return lax.cond(upto[-1] > 0, draw, lambda: jnp.zeros(num, jnp.int32))


def _nth_bit(word: UInt32[Array, "B"], nth: Int[Array, "B"]) -> Int[Array, "B"]:
    """Place of the nth set bit, by halving: are there enough of them in the lower half?"""
    place = jnp.zeros_like(nth)
    for width in (16, 8, 4, 2, 1):
        low = (word >> place.astype(jnp.uint32)) & jnp.uint32((1 << width) - 1)
        below = lax.population_count(low).astype(jnp.int32)
        up = nth >= below
        nth = jnp.where(up, nth - below, nth)
        place = jnp.where(up, place + width, place)
    return place


def rank_by_id(id: UInt32[Array, "B 2"]) -> Int[Array, "B"]:
    """Each entry's place in the order of ids; free of a sort where they come in order, as those of a search do."""
    place = jnp.arange(id.shape[0], dtype=jnp.int32)

    def sort() -> Int[Array, "B"]:
        order = jnp.lexsort((id[:, 1], id[:, 0]))
        return jnp.zeros_like(place).at[order].set(place, unique_indices=True)

    return lax.cond(jnp.all(_smaller(id[:-1], id[1:])), lambda: place, sort)


def _smaller(a: UInt32[Array, "B 2"], b: UInt32[Array, "B 2"]) -> Bool[Array, "B"]:
    return (a[:, 0] < b[:, 0]) | ((a[:, 0] == b[:, 0]) & (a[:, 1] < b[:, 1]))
