"""From the outputs of a network to an action, or to a distribution over actions, for each action space."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from poet.agents.distributions import Categorical, ClippedNormal, Distribution, MultiCategorical
from poet.envs.base import Box, Discrete, MultiDiscrete, Space
from poet.envs.spaces import bounds


class ActionHead(NamedTuple):
    """How the outputs of a network become an action.

    Attributes:
      num_outputs: K, outputs of the network that an action needs.
      num_log_stds: weights that do not depend on the observation: a standard deviation for each element of a `Box`.
      to_action: outputs f32[K] in (-1, 1) -> the action itself, for policies without randomness.
      to_distribution: (outputs f32[K] of any size, log_stds f32[num_log_stds]) -> distribution over actions.
    """

    num_outputs: int
    num_log_stds: int
    to_action: Callable[[Float[Array, "K"]], Array]
    to_distribution: Callable[[Float[Array, "K"], Float[Array, "S"]], Distribution]


def action_head(space: Space) -> ActionHead:
    """The head of an action space: argmax and categorical for discrete ones, scaled and normal for a `Box`.

    >>> head = action_head(Box((2,), low=0.0, high=4.0))
    >>> head.num_outputs, head.to_action(jnp.array([0.0, 0.5])).tolist()
    (2, [2.0, 3.0])
    """
    if isinstance(space, Discrete):
        return ActionHead(
            space.num, 0, lambda out: jnp.argmax(out).astype(jnp.int32), lambda out, log_stds: Categorical(out)
        )
    if isinstance(space, MultiDiscrete):
        return _multi_discrete_head(space.nums)
    return _box_head(space)


def _multi_discrete_head(nums: Sequence[int]) -> ActionHead:
    cuts: Any = np.cumsum(nums)[:-1]

    def to_action(out: Float[Array, "K"]) -> Array:
        return jnp.stack([jnp.argmax(part) for part in jnp.split(out, cuts)]).astype(jnp.int32)

    def to_distribution(out: Float[Array, "K"], log_stds: Array) -> Distribution:
        return MultiCategorical(tuple(Categorical(part) for part in jnp.split(out, cuts)))

    return ActionHead(sum(nums), 0, to_action, to_distribution)


def _box_head(space: Box) -> ActionHead:
    low, high = bounds(space)
    centre, half = (np.float32(values).reshape(-1) for values in ((high + low) / 2, (high - low) / 2))
    size = math.prod(space.shape)

    def to_action(out: Float[Array, "K"]) -> Array:
        return jnp.reshape(centre + half * out, space.shape)

    def to_distribution(out: Float[Array, "K"], log_stds: Float[Array, "K"]) -> Distribution:
        log_std = (jnp.log(half) + log_stds).reshape(space.shape)  # in units of half the range
        return ClippedNormal(to_action(jnp.tanh(out)), log_std, low.astype(np.float32), high.astype(np.float32))

    return ActionHead(size, size, to_action, to_distribution)
