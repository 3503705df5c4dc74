"""What a policy is: pure functions of flat weights, with a memory of the episode so far."""

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from poet.agents.distributions import Distribution
from poet.errors import ShapeError
from poet.memory import require_memory
from poet.types import Key, Params, PyTree


class Act(Protocol):
    """One action."""

    def __call__(self, weights: PyTree, memory: PyTree, obs: PyTree, key: Key, /) -> tuple[Array, PyTree]:
        """An action of the interface's space, and the memory after it."""
        ...


class Evaluate(Protocol):
    """What learners that follow gradients need of a policy: all of it differentiable in the weights."""

    def __call__(
        self, weights: PyTree, memory: PyTree, obs: PyTree, /
    ) -> tuple[Distribution, Float[Array, ""], PyTree]:
        """The distribution that `act` draws from, an estimate of the return to come, and the memory after it."""
        ...


def _no_memory() -> tuple[()]:
    return ()


class Policy(NamedTuple):
    """A map from observations to actions, with G weights in one flat vector.

    A policy without weights has G = 1 and ignores it, since arrays of a state must not be empty.

    Attributes:
      num_params: G.
      init: key -> first weights f32[G].
      unravel: weights f32[G] -> the form that `act` takes; hoist it out of loops over time.
      act: (weights as `unravel` gives them, memory, obs, key) -> (action, memory).
      init_memory: () -> memory at the start of an episode, a pytree of arrays; `()` for a policy without memory.
      evaluate: (weights as `unravel` gives them, memory, obs) -> (distribution over actions, value, memory); None for
        a policy that has none, as it is the case for those without randomness.
    """

    num_params: int
    init: Callable[[Key], Params]
    unravel: Callable[[Params], PyTree]
    act: Act
    init_memory: Callable[[], PyTree] = _no_memory
    evaluate: Evaluate | None = None


def check_params(policy: Policy, params: Params, name: str = "params") -> None:
    """Raises `ShapeError` unless `params` are weights f32[G] of this policy."""
    if params.shape != (policy.num_params,) or params.dtype != jnp.float32:
        raise ShapeError(
            f"expected {name} f32[{policy.num_params}], got {params.dtype}{list(params.shape)}: "
            "these weights belong to a policy of another size or interface"
        )


class FlatNetwork(NamedTuple):
    """A flax network whose weights are one flat vector.

    Attributes:
      num_params: G.
      init: key -> weights f32[G], normal with the given standard deviation.
      unravel: weights f32[G] -> the tree that the network's `apply` takes.
    """

    num_params: int
    init: Callable[[Key], Params]
    unravel: Callable[[Params], PyTree]


def flat_network(network: nn.Module, inputs: tuple[Array, ...], init_sigma: float, options: str) -> FlatNetwork:
    """The flat form of a network for inputs like these.

    Raises `ConfigError` if this machine cannot hold the weights; `options` names what determines their number.
    """
    shapes = jax.eval_shape(network.init, jax.random.key(0), *inputs)
    size = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))
    require_memory(4 * size, f"{options}, {size} weights,")
    weights, unravel = ravel_pytree(network.init(jax.random.key(0), *inputs))

    def init(key: Key) -> Params:
        return init_sigma * jax.random.normal(key, weights.shape)

    return FlatNetwork(weights.size, init, lambda params: unravel(jnp.asarray(params)))
