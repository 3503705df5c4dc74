"""Policies: flax networks as functions of one flat weight vector."""

import math
from collections.abc import Callable
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from poet.agents.config import MLPConfig
from poet.envs.base import Box, Discrete, Interface, MultiDiscrete, Space
from poet.errors import ShapeError
from poet.memory import require_memory
from poet.types import Key, Params, PyTree


class Policy(NamedTuple):
    """A deterministic map from observations to actions.

    Attributes:
      num_params: G.
      init: key -> first weights f32[G], normal.
      unravel: weights f32[G] -> the tree that `apply` takes; hoist it out of loops over time.
      apply: (tree, obs) -> action of the interface's space.
    """

    num_params: int
    init: Callable[[Key], Params]
    unravel: Callable[[Params], PyTree]
    apply: Callable[[PyTree, Array], Array]


class MLP(nn.Module):
    """Layers of tanh units, including the last one (Wang et al. 2019, arXiv 1901.01753)."""

    units: tuple[int, ...]

    @nn.compact
    def __call__(self, x: Float[Array, "obs"]) -> Float[Array, "out"]:
        """Outputs in (-1, 1)."""
        for units in self.units:
            x = nn.tanh(nn.Dense(units)(x))
        return x


def mlp(interface: Interface, config: MLPConfig) -> Policy:
    """The multi-layer perceptron for an interface: POET's for continuous actions, argmax for discrete ones.

    Weights are f32[G]; observations are flattened.

    >>> from poet.agents.config import MLPConfig
    >>> from poet.envs.base import Box, Interface
    >>> interface = Interface("point-v1", jax.ShapeDtypeStruct((3,), jnp.float32), Box((2,)), horizon=10)
    >>> policy = mlp(interface, MLPConfig(hidden=(4,)))
    >>> policy.num_params
    26
    >>> params = policy.init(jax.random.key(0))
    >>> policy.apply(policy.unravel(params), jnp.zeros(3)).shape
    (2,)
    """
    num_outputs, to_action = action_head(interface.action)
    module = MLP((*config.hidden, num_outputs))
    obs = jnp.zeros(interface.obs.shape, interface.obs.dtype)
    shapes = jax.eval_shape(module.init, jax.random.key(0), _flat(obs))
    size = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))
    require_memory(4 * size, f"policy.hidden {config.hidden}, {size} weights,")
    template = module.init(jax.random.key(0), _flat(obs))
    weights, unravel = ravel_pytree(template)

    def init(key: Key) -> Params:
        return config.init_sigma * jax.random.normal(key, weights.shape)

    def apply(tree: PyTree, obs: Array) -> Array:
        return to_action(cast(Array, module.apply(tree, _flat(obs))))

    return Policy(weights.size, init, lambda params: unravel(jnp.asarray(params)), apply)


def check_params(policy: Policy, params: Params, name: str = "params") -> None:
    """Raises `ShapeError` unless `params` are weights f32[G] of this policy."""
    if params.shape != (policy.num_params,) or params.dtype != jnp.float32:
        raise ShapeError(
            f"expected {name} f32[{policy.num_params}], got {params.dtype}{list(params.shape)}: "
            "these weights belong to a policy of another size or interface"
        )


def _flat(obs: Array) -> Float[Array, "obs"]:
    return jnp.asarray(obs, jnp.float32).reshape(-1)


def action_head(space: Space) -> tuple[int, Callable[[Array], Array]]:
    """How many outputs a network needs for an action space, and the function from outputs in (-1, 1) to an action.

    >>> num_outputs, to_action = action_head(Box((2,), low=0.0, high=4.0))
    >>> num_outputs, to_action(jnp.array([0.0, 0.5])).tolist()
    (2, [2.0, 3.0])
    """
    if isinstance(space, Discrete):
        return space.num, lambda out: jnp.argmax(out).astype(jnp.int32)
    if isinstance(space, MultiDiscrete):
        cuts = [sum(space.nums[: i + 1]) for i in range(len(space.nums) - 1)]
        return sum(space.nums), lambda out: jnp.stack([jnp.argmax(p) for p in jnp.split(out, cuts)]).astype(jnp.int32)
    return _box_head(space)


def _box_head(space: Box) -> tuple[int, Callable[[Array], Array]]:
    size = 1
    for length in space.shape:
        size *= length
    centre, half = (space.high + space.low) / 2, (space.high - space.low) / 2
    return size, lambda out: (centre + half * out).reshape(space.shape)
