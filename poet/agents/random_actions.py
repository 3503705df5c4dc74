"""Random actions that are repeated: exploration without a network (Ecoffet et al. 2021, arXiv 2004.12919)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from poet.agents.config import RandomActionsConfig
from poet.agents.policy import Policy
from poet.envs.base import Interface
from poet.envs.spaces import random_action
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
    space = interface.action

    def init_memory() -> LastAction:
        return LastAction(jnp.zeros_like(random_action(jax.random.key(0), space)), jnp.bool_(False))

    def act(weights: PyTree, memory: LastAction, obs: PyTree, key: Key) -> tuple[Array, LastAction]:
        repeated = memory.chosen & (jax.random.uniform(jax.random.fold_in(key, 0)) < config.repeat)
        drawn = random_action(jax.random.fold_in(key, 1), space)
        return (action := jnp.where(repeated, memory.action, drawn)), LastAction(action, jnp.bool_(True))

    return Policy(1, lambda key: jnp.zeros(1), lambda params: (), act, init_memory)
