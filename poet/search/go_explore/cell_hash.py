"""A hash of many numbers as few coordinates of cells: for what distinguishes cells as a whole, such as a layout.

Axes: S bytes, W words of the hash.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, UInt8

from poet.archives.cell_index import hash_key

WORDS, BITS = 3, 22  # float32 has all integers of these bits


def to_bytes(array: Array) -> UInt8[Array, "S"]:
    """The bits of all numbers of an array."""
    array = array.astype(jnp.uint8) if array.dtype == jnp.bool_ else array
    return lax.bitcast_convert_type(array, jnp.uint8).reshape(-1)


def byte_hash(size: int) -> Callable[[UInt8[Array, "S"]], Float[Array, "W"]]:
    """A multilinear hash of `size` bytes: the high bits of sums of the bytes, each times a constant of 32 bits.

    Two different inputs have equal words with a probability of about 2**-66.

    >>> words = byte_hash(4)(jnp.arange(4, dtype=jnp.uint8))
    >>> words.shape, bool((words == words.round()).all()), bool((0 <= words).all() and (words < 2**BITS).all())
    ((3,), True, True)
    """
    with jax.ensure_compile_time_eval():  # also where a program is being traced
        constants = np.asarray(hash_key(jnp.arange(WORDS * size)[:, None]))[:, 0].reshape(WORDS, size)

    def words(data: UInt8[Array, "S"]) -> Float[Array, "W"]:
        # As a product of matrices, which XLA for CPU makes several times faster than sums. Whole numbers are exact.
        sums = jnp.matmul(constants, data.astype(jnp.uint32), preferred_element_type=jnp.uint32)
        return (sums >> (32 - BITS)).astype(jnp.float32)

    return words
