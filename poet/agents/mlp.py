"""The multi-layer perceptron: POET's for continuous actions (Wang et al. 2019, arXiv 1901.01753), argmax for others."""

from typing import cast

from flax import linen as nn
from jaxtyping import Array, Float

from poet.agents.config import MLPConfig
from poet.agents.distributions import Distribution
from poet.agents.heads import ActionHead, action_head
from poet.agents.policy import Policy, flat_network
from poet.envs.base import Interface
from poet.envs.spaces import flatten, zero_observation
from poet.types import Key, PyTree


class MLP(nn.Module):
    """Layers of tanh units, including the last one."""

    units: tuple[int, ...]

    @nn.compact
    def __call__(self, x: Float[Array, "obs"]) -> Float[Array, "out"]:
        """Outputs in (-1, 1)."""
        for units in self.units:
            x = nn.tanh(nn.Dense(units)(x))
        return x


class ActorCriticMLP(nn.Module):
    """Two perceptrons with linear outputs: one for the distribution over actions, one for the value."""

    hidden: tuple[int, ...]
    num_outputs: int
    num_log_stds: int

    @nn.compact
    def __call__(self, x: Float[Array, "obs"]) -> tuple[Float[Array, "K"], Float[Array, "S"], Float[Array, ""]]:
        """Outputs of the action head, logarithms of standard deviations, and the value."""
        outputs = nn.Dense(self.num_outputs)(MLP(self.hidden)(x))
        value = nn.Dense(1)(MLP(self.hidden)(x))
        log_stds = self.param("log_stds", nn.initializers.zeros, (self.num_log_stds,))
        return outputs, cast(Array, log_stds), value[0]


def mlp(interface: Interface, config: MLPConfig) -> Policy:
    """The perceptron for an interface. Weights are f32[G]; observations are flattened.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from poet.agents.config import MLPConfig
    >>> from poet.envs.base import Box, Interface
    >>> interface = Interface("point-v1", jax.ShapeDtypeStruct((3,), jnp.float32), Box((2,)), horizon=10)
    >>> policy = mlp(interface, MLPConfig(hidden=(4,)))
    >>> policy.num_params
    26
    >>> weights = policy.unravel(policy.init(jax.random.key(0)))
    >>> action, memory = policy.act(weights, policy.init_memory(), jnp.zeros(3), jax.random.key(1))
    >>> action.shape, memory
    ((2,), ())
    """
    head = action_head(interface.action)
    obs = flatten(zero_observation(interface.obs))
    options = f"policy.hidden {config.hidden}"
    if config.actor_critic:
        return _actor_critic(head, obs, config, options)
    network = MLP((*config.hidden, head.num_outputs))
    flat = flat_network(network, (obs,), config.init_sigma, options)

    def act(weights: PyTree, memory: PyTree, obs: PyTree, key: Key) -> tuple[Array, PyTree]:
        return head.to_action(cast(Array, network.apply(weights, flatten(obs)))), memory

    return Policy(flat.num_params, flat.init, flat.unravel, act)


def _actor_critic(head: ActionHead, obs: Float[Array, "obs"], config: MLPConfig, options: str) -> Policy:
    network = ActorCriticMLP(config.hidden, head.num_outputs, head.num_log_stds)
    flat = flat_network(network, (obs,), config.init_sigma, options)

    def evaluate(weights: PyTree, memory: PyTree, obs: PyTree) -> tuple[Distribution, Float[Array, ""], PyTree]:
        outputs, log_stds, value = cast(tuple[Array, Array, Array], network.apply(weights, flatten(obs)))
        return head.to_distribution(outputs, log_stds), value, memory

    def act(weights: PyTree, memory: PyTree, obs: PyTree, key: Key) -> tuple[Array, PyTree]:
        distribution, _, memory = evaluate(weights, memory, obs)
        return distribution.sample(key), memory

    return Policy(flat.num_params, flat.init, flat.unravel, act, evaluate=evaluate)
