"""Work on those entries of a batch that need it, in blocks of one size: a scatter takes time for each entry it drops.

Axes: B batch, K entries of a block.
"""

from collections.abc import Callable
from typing import TypeVar

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Int

BLOCK = 2**12

StateT = TypeVar("StateT")


def for_blocks(
    work: Callable[[StateT, Int[Array, "K"], Bool[Array, "K"]], StateT],
    state: StateT,
    mask: Bool[Array, "B"],
    order: Int[Array, "B"],
) -> StateT:
    """Give the entries of a mask to `work`, block after block, in the order of a permutation.

    `work` gets the state, the indices of K entries, and which of them count. A batch that is no larger than a block is
    given whole.

    >>> def work(total, entry, is_used):
    ...     return total + jnp.where(is_used, entry, 0).sum()
    >>> int(for_blocks(work, jnp.int32(0), jnp.arange(10_000) % 2 == 1, jnp.arange(10_000)))
    25000000
    """
    size = order.shape[0]
    if size <= BLOCK:
        return work(state, order, mask[order])
    padded = -(-size // BLOCK) * BLOCK
    used = mask[order]
    count = jnp.cumsum(used)
    place = jnp.where(used, count - 1, padded)
    waiting = jnp.full(padded, size, order.dtype).at[place].set(order, mode="drop", unique_indices=True)

    def block(carry: tuple[Array, StateT]) -> tuple[Array, StateT]:
        begin, state = carry
        entry = lax.dynamic_slice(waiting, (begin,), (BLOCK,))
        return begin + BLOCK, work(state, jnp.minimum(entry, size - 1), entry < size)

    return lax.while_loop(lambda carry: carry[0] < count[-1], block, (jnp.int32(0), state))[1]
