"""A linear policy."""

import jax
import jax.numpy as jnp

from poet.agents.heads import action_head
from poet.agents.policy import Policy
from poet.envs.base import Interface
from poet.envs.spaces import flatten, zero_observation
from poet.types import Key


def linear(interface: Interface, init_sigma: float) -> Policy:
    """action = head(tanh(W obs + b)), for any observations and actions."""
    num_obs, head = flatten(zero_observation(interface.obs)).size, action_head(interface.action)
    num_params = (num_obs + 1) * head.num_outputs

    def init(key: Key) -> jax.Array:
        return init_sigma * jax.random.normal(key, (num_params,))

    def unravel(params):
        return jnp.asarray(params).reshape(num_obs + 1, head.num_outputs)

    def act(matrix, memory, obs, key):
        return head.to_action(jnp.tanh(flatten(obs) @ matrix[:-1] + matrix[-1])), memory

    return Policy(num_params, init, unravel, act)
