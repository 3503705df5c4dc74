"""Names for the trees that all packages use, and the one rule by which keys are derived.

Letters of axes: N niches, P population, E episodes, T time, B batch (lanes), C cells, D descriptor, F genome features,
G parameters. A module that uses others, or these for something else, says so at its top.
"""

from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
from jaxtyping import Array, Float, Integer, PRNGKeyArray, UInt32

from poet.errors import ConfigError

Key: TypeAlias = PRNGKeyArray
Keys: TypeAlias = jaxtyping.Key[Array, "B"]
PyTree: TypeAlias = Any
Genome: TypeAlias = Any  # a pytree of arrays: the parameters of one environment
Params: TypeAlias = Float[Array, "G"] | Float[np.ndarray, "G"]  # the weights of one agent, flat


Part: TypeAlias = int | Integer[Array, ""]


def derive_key(key: Key, phase: Part, iteration: Part = 0, niche: Part = 0, source: Part = 0, episode: Part = 0) -> Key:
    """The key of one piece of work of a search, from the key of the run and what the work is.

    Keys come from what work is, never from when or where it is done, so that lost work can be done again.

    Args:
      phase: the use of randomness, a number of an enumeration of the search.
      iteration: of the search.
      niche: the environment, child or island that the work is for.
      source: the agent, or whatever else comes from elsewhere.
      episode: the number of the episode, or of the repetition.

    Parts that do not apply are 0. Raises `ConfigError` for what is no key, and for parts that are not whole numbers of
    32 bits.

    >>> key = jax.random.key(0)
    >>> bool(derive_key(key, 3, 7) == derive_key(key, phase=3, iteration=7, episode=0))
    True
    """
    parts = (phase, iteration, niche, source, episode)
    try:
        for part in parts:
            if not is_integer(part):
                raise TypeError(f"got {part!r:.80}")
        # One transfer to the device, unless a part is already there or traced.
        concrete = not any(isinstance(part, jax.Array) for part in parts)
        return _fold_all(key, np.array(parts, np.uint32) if concrete else jnp.array(parts, jnp.uint32))
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"derive_key expects a key of jax.random.key and whole numbers: {error}") from error


@jax.jit
def _fold_all(key: Key, parts: UInt32[Array, "5"]) -> Key:
    for part in parts:
        key = jax.random.fold_in(key, part)
    return key


def numbered_keys(key: Key, num: int) -> Keys:
    """The keys of `num` things that differ by their number, from 0; each is the same for every `num`.

    >>> numbered_keys(jax.random.key(0), 3).shape
    (3,)
    """
    return jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(num, dtype=jnp.uint32))


def is_integer(value: Any) -> bool:
    """Whether this is an int or an array of integers."""
    return isinstance(value, int) or (hasattr(value, "dtype") and jax.numpy.issubdtype(value.dtype, np.integer))
