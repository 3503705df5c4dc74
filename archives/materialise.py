"""Values that a compiled program computes once and then reads from memory."""

import jax.numpy as jnp
from jaxtyping import Array


def materialise(values: Array) -> Array:
    """The same values [B, ...], written to memory.

    XLA recomputes cheap values at every place of use, and the copies may differ in the last bit. A fitness would then
    not equal itself, and a row of an archive could be overwritten in part. On CPUs XLA removes an optimisation barrier
    but keeps a scatter.

    >>> materialise(jnp.array([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """
    return jnp.zeros_like(values).at[jnp.arange(values.shape[0])].set(values, unique_indices=True)
