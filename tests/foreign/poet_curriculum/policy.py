"""A linear policy."""

import math

import jax
import jax.numpy as jnp

from poet.agents.policy import Policy, action_head
from poet.envs.base import Interface
from poet.types import Key


def linear(interface: Interface, init_sigma: float) -> Policy:
    """action = head(tanh(W obs + b)), for any observations and actions."""
    num_obs = math.prod(interface.obs.shape)
    num_outputs, to_action = action_head(interface.action)
    num_params = (num_obs + 1) * num_outputs

    def init(key: Key) -> jax.Array:
        return init_sigma * jax.random.normal(key, (num_params,))

    def apply(matrix: jax.Array, obs: jax.Array) -> jax.Array:
        flat = jnp.asarray(obs, jnp.float32).reshape(-1)
        return to_action(jnp.tanh(flat @ matrix[:-1] + matrix[-1]))

    return Policy(num_params, init, lambda params: jnp.asarray(params).reshape(num_obs + 1, num_outputs), apply)
