"""Observation and action spaces as arrays: flat observations, bounds and random actions."""

import math
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from poet.envs.base import Box, Discrete, MultiDiscrete, Observation, Space
from poet.errors import ConfigError
from poet.types import PyTree

Action: TypeAlias = Array


def zero_observation(space: Observation) -> PyTree:
    """An observation of zeros.

    >>> zero_observation(jax.ShapeDtypeStruct((2,), jnp.int32))
    Array([0, 0], dtype=int32)
    """
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), space)


def flatten(obs: PyTree) -> Float[Array, "size"]:
    """All numbers of one observation in a vector, the arrays of a NamedTuple one after the other.

    >>> flatten(jnp.array([[1, 2], [3, 4]]))
    Array([1., 2., 3., 4.], dtype=float32)
    """
    leaves = [jnp.asarray(leaf, jnp.float32).reshape(-1) for leaf in jax.tree.leaves(obs)]
    return leaves[0] if len(leaves) == 1 else jnp.concatenate(leaves)


def bounds(space: Box) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    """The least and the greatest value of each element of an action, as f64 arrays.

    Raises `ConfigError` for bounds that do not fit the shape or are no bounds.

    >>> bounds(Box((2,), low=0.0, high=(1.0, 5.0)))
    (array([0., 0.]), array([1., 5.]))
    """
    size = math.prod(space.shape)
    arrays = []
    for name, values in (("low", space.low), ("high", space.high)):
        if isinstance(values, tuple) and len(values) != size:
            raise ConfigError(
                f"Box.{name} expects a number, or a tuple of {size} numbers for the shape {space.shape}, got {values}"
            )
        flat = np.broadcast_to(np.asarray(values, np.float64), (size,))
        arrays.append(flat.reshape(space.shape))
    low, high = arrays
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
        raise ConfigError(f"Box expects finite numbers low < high, got {space.low} and {space.high}")
    return low, high


def num_uniforms(space: Space) -> int:
    """How many numbers `action_at` takes."""
    return len(space.nums) if isinstance(space, MultiDiscrete) else math.prod(getattr(space, "shape", ()))


def action_at(space: Space, uniform: Float[Array, "N"]) -> Action:
    """The action at N numbers from [0, 1), drawn uniformly if these are; fewer than 2**24 actions of each kind.

    >>> action_at(Box((2,), 3.0, 5.0), jnp.array([0.0, 0.5])).tolist()
    [3.0, 4.0]
    """
    if isinstance(space, Discrete):
        return (uniform[0] * space.num).astype(jnp.int32)
    if isinstance(space, MultiDiscrete):
        return (uniform * jnp.array(space.nums)).astype(jnp.int32)
    low, high = (jnp.asarray(values, jnp.float32) for values in bounds(space))
    return low + (high - low) * uniform.reshape(space.shape)
