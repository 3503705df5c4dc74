"""Random actions that are repeated: exploration without a network (Ecoffet et al. 2021, arXiv 2004.12919)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from poet.agents.config import RandomActionsConfig
from poet.agents.policy import Policy
from poet.envs.base import Interface
from poet.envs.spaces import action_at, num_uniforms
from poet.types import Key, PyTree


class LastAction(NamedTuple):
    """The memory of the policy."""

    action: Array
    chosen: Bool[Array, ""]  # False before the first step


def random_actions(interface: Interface, config: RandomActionsConfig) -> Policy:
    """Actions drawn uniformly; each step repeats the last one with probability `config.repeat`. It has no weights.

    >>> from poet.agents.config import RandomActionsConfig
    >>> from poet.envs.base import Discrete, Interface
    >>> interface = Interface("arrows-v1", jax.ShapeDtypeStruct((1,), jnp.float32), Discrete(4), horizon=10)
    >>> policy = random_actions(interface, RandomActionsConfig(repeat=0.9))
    >>> action, memory = policy.act((), policy.init_memory(), jnp.zeros(1), jax.random.key(0))
    >>> action.shape, bool(memory.chosen)
    ((), True)
    """
    space, num = interface.action, num_uniforms(interface.action)

    def init_memory() -> LastAction:
        return LastAction(jnp.zeros_like(action_at(space, jnp.zeros(num))), jnp.bool_(False))

    def act(weights: PyTree, memory: LastAction, obs: PyTree, key: Key) -> tuple[Array, LastAction]:
        # One draw for all: keys of their own would take longer than many an environment.
        uniform = jax.random.uniform(key, (1 + num,))
        repeated = memory.chosen & (uniform[0] < config.repeat)
        drawn = action_at(space, uniform[1:])
        return (action := jnp.where(repeated, memory.action, drawn)), LastAction(action, jnp.bool_(True))

    return Policy(1, lambda key: jnp.zeros(1), lambda params: (), act, init_memory)
