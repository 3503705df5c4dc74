"""A recurrent policy with gated recurrent units (Cho et al. 2014, arXiv 1406.1078), for tasks that need memory."""

from typing import cast

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from poet.agents.config import GRUConfig
from poet.agents.distributions import Distribution
from poet.agents.heads import action_head
from poet.agents.policy import Policy, flat_network
from poet.envs.base import Interface
from poet.envs.spaces import flatten, zero_observation
from poet.types import Key, PyTree


class GRU(nn.Module):
    """One layer of gated recurrent units, and linear outputs of its state."""

    units: int
    num_outputs: int
    num_log_stds: int
    with_value: bool

    @nn.compact
    def __call__(
        self, memory: Float[Array, "units"], x: Float[Array, "obs"]
    ) -> tuple[Float[Array, "units"], Float[Array, "K"], Float[Array, "S"], Float[Array, ""]]:
        """Memory, outputs of the action head, logarithms of standard deviations, and the value, 0 without one."""
        memory, state = nn.GRUCell(self.units)(memory, x)
        outputs = nn.Dense(self.num_outputs)(state)
        if not self.with_value:
            return memory, outputs, jnp.zeros(self.num_log_stds), jnp.float32(0.0)
        log_stds = self.param("log_stds", nn.initializers.zeros, (self.num_log_stds,))
        return memory, outputs, cast(Array, log_stds), nn.Dense(1)(state)[0]


def gru(interface: Interface, config: GRUConfig) -> Policy:
    """The recurrent policy for an interface. Weights are f32[G], the memory is f32[units]; observations are flattened.

    >>> import jax
    >>> from poet.agents.config import GRUConfig
    >>> from poet.envs.base import Discrete, Interface
    >>> interface = Interface("bit-v1", jax.ShapeDtypeStruct((1,), jnp.float32), Discrete(2), horizon=10)
    >>> policy = gru(interface, GRUConfig(units=4))
    >>> weights = policy.unravel(policy.init(jax.random.key(0)))
    >>> action, memory = policy.act(weights, policy.init_memory(), jnp.ones(1), jax.random.key(1))
    >>> action.shape, memory.shape
    ((), (4,))
    """
    head = action_head(interface.action)
    network = GRU(config.units, head.num_outputs, head.num_log_stds, config.actor_critic)
    inputs = (jnp.zeros(config.units), flatten(zero_observation(interface.obs)))
    flat = flat_network(network, inputs, config.init_sigma, f"policy.units {config.units}")

    def apply(weights: PyTree, memory: PyTree, obs: PyTree) -> tuple[Array, Array, Array, Array]:
        return cast(tuple[Array, Array, Array, Array], network.apply(weights, memory, flatten(obs)))

    def evaluate(weights: PyTree, memory: PyTree, obs: PyTree) -> tuple[Distribution, Float[Array, ""], PyTree]:
        memory, outputs, log_stds, value = apply(weights, memory, obs)
        return head.to_distribution(outputs, log_stds), value, memory

    def act(weights: PyTree, memory: PyTree, obs: PyTree, key: Key) -> tuple[Array, PyTree]:
        if config.actor_critic:
            distribution, _, memory = evaluate(weights, memory, obs)
            return distribution.sample(key), memory
        memory, outputs, _, _ = apply(weights, memory, obs)
        return head.to_action(jnp.tanh(outputs)), memory

    return Policy(
        flat.num_params,
        flat.init,
        flat.unravel,
        act,
        lambda: jnp.zeros(config.units),
        evaluate if config.actor_critic else None,
    )
