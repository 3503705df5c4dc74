"""The keys of one episode, each from the key of the episode and what it is for.

Those of a step and of an action also name the number of steps before it, so that an episode that continues from a
stored state has the random numbers that it would have had.
"""

import jax
from jaxtyping import Array, Int

from poet.types import Key

_LEVEL, _RESET, _STEP, _ACTION = range(4)


def level_key(key: Key) -> Key:
    """For `Environment.build`."""
    return jax.random.fold_in(key, _LEVEL)


def reset_key(key: Key) -> Key:
    """For `Environment.reset`, and for the seed of a simulator."""
    return jax.random.fold_in(key, _RESET)


def step_key(key: Key, length: Int[Array, ""] | int) -> Key:
    """For `Environment.step` after `length` steps."""
    return jax.random.fold_in(jax.random.fold_in(key, _STEP), length)


def action_key(key: Key, length: Int[Array, ""] | int) -> Key:
    """For `Policy.act` after `length` steps."""
    return jax.random.fold_in(jax.random.fold_in(key, _ACTION), length)
