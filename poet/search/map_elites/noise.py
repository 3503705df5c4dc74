"""Random numbers for variation, from the same keys as everywhere but by a cheaper generator.

Two rounds of a 32-bit mixing permutation of the counter, each keyed with a word of the key. Threefry, which makes the
keys, is built for streams that must be independent however keys are chosen; within one key a batch of noise needs only
to look random, and this costs a tenth.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt32

from poet.archives.once import once
from poet.types import Key

# sin(2 pi x) on [-1/4, 1/4] as an odd polynomial: Taylor's, off by less than 2e-6.
_SINE = [(-1) ** n * (2 * math.pi) ** (2 * n + 1) / math.factorial(2 * n + 1) for n in range(6)]


def bits(key: Key, shape: tuple[int, ...]) -> UInt32[Array, "..."]:
    """Random words."""
    word = jax.random.key_data(key).astype(jnp.uint32)
    counter = jax.lax.iota(jnp.uint32, math.prod(shape)).reshape(shape)
    return _mix(_mix(counter + word[0]) ^ word[-1])


def uniform(key: Key, shape: tuple[int, ...]) -> Float[Array, "..."]:
    """Uniform in (0, 1), never 0 nor 1."""
    return _share(bits(key, shape))


def normal(key: Key, shape: tuple[int, ...]) -> Float[Array, "..."]:
    """Standard normal; the last axis is filled in halves (Box and Muller 1958)."""
    half = (*shape[:-1], -(-shape[-1] // 2))
    word = bits(key, half)
    radius = jnp.sqrt(-2 * jnp.log(_share(word)))
    turn = _share(_mix(word + jnp.uint32(0x9E3779B9))) - 0.5
    quarter = turn + 0.25
    both = [radius * _sine(turn), radius * _sine(jnp.where(quarter > 0.5, quarter - 1, quarter))]
    return jnp.concatenate(both, axis=-1)[..., : shape[-1]]


def column(key: Key, size: int) -> Float[Array, "size 1"]:
    """Standard normals to be broadcast along rows."""
    # Else XLA:CPU would draw a number anew for each place that it is broadcast to.
    return once(normal(key, (size, 2))[:, 0])[:, None]


def _mix(word: UInt32[Array, "..."]) -> UInt32[Array, "..."]:
    """A permutation of 32-bit words in which every bit of the input decides every bit of the output."""
    word = (word ^ (word >> 16)) * jnp.uint32(0x7FEB352D)
    word = (word ^ (word >> 15)) * jnp.uint32(0x846CA68B)
    return word ^ (word >> 16)


def _share(word: UInt32[Array, "..."]) -> Float[Array, "..."]:
    return ((word >> 9).astype(jnp.float32) + 0.5) * np.float32(2**-23)


def _sine(turn: Float[Array, "..."]) -> Float[Array, "..."]:
    """sin(2 pi turn) for turns in [-1/2, 1/2]."""
    turn = jnp.where(jnp.abs(turn) > 0.25, jnp.sign(turn) * 0.5 - turn, turn)
    square, value = turn * turn, np.float32(_SINE[-1])
    for factor in _SINE[-2::-1]:
        value = value * square + np.float32(factor)
    return turn * value
