"""Names for the trees that all packages use, and the one rule by which keys are derived.

Letters of axes: N niches, P population, E episodes, T time, B batch (lanes), C cells, D descriptor, F genome features,
G parameters. A module that uses others, or these for something else, says so at its top.
"""

from typing import Any, TypeAlias

import jax
import jaxtyping
import numpy as np
from jaxtyping import Array, Float, Integer, PRNGKeyArray

from poet.errors import ConfigError

Key: TypeAlias = PRNGKeyArray
Keys: TypeAlias = jaxtyping.Key[Array, "B"]
PyTree: TypeAlias = Any
Genome: TypeAlias = Any  # a pytree of arrays: the parameters of one environment
Params: TypeAlias = Float[Array, "G"] | Float[np.ndarray, "G"]  # the weights of one agent, flat


def derive_key(key: Key, *identity: int | Integer[Array, ""]) -> Key:
    """The key of whatever `identity` names: (phase, iteration, niche, source, episode), in that order.

    Keys come from what work is, never from when or where it is done, so that lost work can be done again.
    Raises `ConfigError` for what is no key, and for parts that are not whole numbers.
    """
    try:
        for part in identity:
            if not is_integer(part):
                raise TypeError(f"got {part!r:.80}")
            key = jax.random.fold_in(key, part)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"derive_key expects a key of jax.random.key and whole numbers: {error}") from error
    return key


def is_integer(value: Any) -> bool:
    """Whether this is an int or an array of integers."""
    return isinstance(value, int) or (hasattr(value, "dtype") and jax.numpy.issubdtype(value.dtype, np.integer))
