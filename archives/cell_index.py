"""Which row of an archive a cell has: an index of the cells that were met, by 64-bit keys or by small numbers.

Cells are numbered in the order in which they are met; within a batch by the rank of the first entry. A hash index has
open addressing with a second hash as the stride. All devices give the same bits, since only scatters are used whose
result does not depend on the order of their updates.

Axes: B batch, K entries of a block, D descriptor, S slots.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Int, UInt32

from poet.archives.blocks import for_blocks

FREE = np.int32(2**31 - 1)
CLAIM = np.int32(2**30)  # claims of a batch are numbers from here on; those of cells are smaller
MAX_LOAD = 3  # of 4 slots; a search for a key that is not there takes 4 probes on average at this load


class CellIndex(NamedTuple):
    """An index of the cells that were met.

    Attributes:
      number: of the cell in each slot; FREE where there is none.
      key: of the cell in each slot; None in a dense index, where the slot is the key.
      known: number of cells that were met.
    """

    number: Int[Array, "S"]
    key: UInt32[Array, "S 2"] | None
    known: Int[Array, ""]


def dense_index(num_cells: int) -> CellIndex:
    """An empty index for keys below `num_cells`."""
    return CellIndex(jnp.full(num_cells, FREE), None, jnp.int32(0))


def hash_index(capacity: int) -> CellIndex:
    """An empty index of four slots or more for each of `capacity` cells."""
    num_slots = 4 << max(capacity - 1, 1).bit_length()
    return CellIndex(jnp.full(num_slots, FREE), jnp.zeros((num_slots, 2), jnp.uint32), jnp.int32(0))


def max_batch(index: CellIndex) -> int:
    """The largest batch for which an empty hash index has slots."""
    return MAX_LOAD * index.number.shape[0] // 4


def number_cells(
    index: CellIndex, key: Int[Array, "B"] | UInt32[Array, "B 2"], order: Int[Array, "B"], valid: Bool[Array, "B"]
) -> tuple[CellIndex, Int[Array, "B"]]:
    """The number of the cell of each entry, where new cells get the next ones; FREE for an entry that is not valid.

    `order` is a permutation: new cells are numbered in the order of their first entries in it. A hash index in which
    too few slots are free for a whole batch learns no new cell, and gives FREE for it.
    """
    number = find_cells(index, key, valid)
    unknown = valid & (number == FREE)
    if index.key is not None:
        unknown &= 4 * (index.known + key.shape[0]) <= MAX_LOAD * index.number.shape[0]

    def claim(state: tuple[CellIndex, Array], entry: Int[Array, "K"], is_used: Bool[Array, "K"]) -> Any:
        index, number = state
        index, found = _claim(index, key[entry], is_used)
        return index, number.at[jnp.where(is_used, entry, number.shape[0])].set(found, mode="drop")

    return for_blocks(claim, (index, number), unknown, order)


def _claim(
    index: CellIndex, key: Int[Array, "K"] | UInt32[Array, "K 2"], valid: Bool[Array, "K"]
) -> tuple[CellIndex, Int[Array, "K"]]:
    """Number the cells of entries that are in the order in which new cells are numbered."""
    number, slots = index.number, index.number.shape[0]
    rank = jnp.arange(key.shape[0], dtype=jnp.int32)
    if index.key is None:
        keys, slot = None, jnp.where(valid, key, slots)
        number = number.at[slot].min(CLAIM + rank, mode="drop")
        slot = jnp.minimum(slot, slots - 1)
    else:
        number, keys, slot = _find_slots(index, key, rank, valid)
    found = jnp.where(valid, number[slot], FREE)
    first = found == CLAIM + rank
    new = index.known + jnp.cumsum(first) - 1
    number = number.at[jnp.where(first, slot, slots)].set(new, mode="drop", unique_indices=True)
    found = jnp.where(valid, number[slot], FREE)
    return CellIndex(number, keys, index.known + jnp.sum(first)), found


def _find_slots(
    index: CellIndex, key: UInt32[Array, "B 2"], rank: Int[Array, "B"], valid: Bool[Array, "B"]
) -> tuple[Int[Array, "S"], UInt32[Array, "S 2"], Int[Array, "B"]]:
    """The slot of each key, where free slots that were needed hold claims."""
    assert index.key is not None, "a hash index"
    slots = index.number.shape[0]
    stride = (key[:, 1] | 1).astype(jnp.uint32)
    claim = CLAIM + rank

    def probe(carry: tuple) -> tuple:
        number, keys, slot, place, done = carry
        slot = jnp.where(done, slot, (place & (slots - 1)).astype(jnp.int32))
        number = number.at[jnp.where(done, slots, slot)].min(claim, mode="drop")
        owner = number[slot]
        wins = ~done & (owner == CLAIM + rank)
        keys = keys.at[jnp.where(wins, slot, slots)].set(key, mode="drop", unique_indices=True)
        done |= _same(keys[slot], key)
        return number, keys, slot, place + stride, done

    start = (index.number, index.key, jnp.zeros_like(rank), key[:, 0], ~valid)
    number, keys, slot, _, _ = lax.while_loop(lambda carry: ~carry[-1].all(), probe, start)
    return number, keys, slot


def find_cells(
    index: CellIndex, key: Int[Array, "B"] | UInt32[Array, "B 2"], valid: Bool[Array, "B"]
) -> Int[Array, "B"]:
    """The numbers of cells; FREE for a cell that was not met, and where not valid."""
    number, slots = index.number, index.number.shape[0]
    if index.key is None:
        return jnp.where(valid, number[jnp.minimum(key, slots - 1)], FREE)
    keys = index.key

    def look(entry: Int[Array, "K"], step: Int[Array, ""] | int) -> tuple[Array, Array]:
        """Which entries are done after so many steps, and what was found."""
        own = key[entry]
        place = own[:, 0] + jnp.uint32(step) * (own[:, 1] | 1).astype(jnp.uint32)
        slot = (place & (slots - 1)).astype(jnp.int32)
        here = number[slot]
        return (here == FREE) | _same(keys[slot], own), here

    def rest(found: Int[Array, "B"], entry: Int[Array, "K"], is_used: Bool[Array, "K"]) -> Int[Array, "B"]:
        def probe(carry: tuple) -> tuple:
            step, at, done = carry
            ends, here = look(entry, step)
            return step + 1, jnp.where(~done & ends, here, at), done | ends

        _, at, _ = lax.while_loop(lambda carry: ~carry[2].all(), probe, (jnp.int32(1), found[entry], ~is_used))
        return found.at[jnp.where(is_used, entry, found.shape[0])].set(at, mode="drop")

    everyone = jnp.arange(key.shape[0], dtype=jnp.int32)
    done, here = look(everyone, 0)
    found = jnp.where(valid & done, here, FREE)
    return for_blocks(rest, found, valid & ~done, everyone)


def _same(a: UInt32[Array, "B 2"], b: UInt32[Array, "B 2"]) -> Bool[Array, "B"]:
    return (a[:, 0] == b[:, 0]) & (a[:, 1] == b[:, 1])


def hash_key(words: Int[Array, "B D"]) -> UInt32[Array, "B 2"]:
    """64 bits for each row of integers: of a million rows, two share their bits with a probability of 3e-8."""
    words = words.astype(jnp.uint32)
    position = np.arange(1, words.shape[1] + 1, dtype=np.uint32)
    halves = [_mix(_mix(words ^ _mix(position * seed)).sum(axis=1)) for seed in _SEEDS]
    return jnp.stack(halves, axis=1)


_SEEDS = (np.uint32(0x9E3779B1), np.uint32(0x85EBCA77))  # odd, so that positions stay apart


def _mix(x: Any) -> Any:
    """A bijection of arrays of 32 bits in which every bit depends on every other (the finaliser of MurmurHash3)."""
    x = (x ^ (x >> 16)) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * np.uint32(0xC2B2AE35)
    return x ^ (x >> 16)
