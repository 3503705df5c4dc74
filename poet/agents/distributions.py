"""Distributions over actions, one for each action space: what a policy gives to learners that follow gradients.

Each is a pytree of arrays for one action; `jax.vmap` gives batches.
"""

from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm
from jaxtyping import Array, Float, Int

from poet.types import Key


class Distribution(Protocol):
    """A distribution over the actions of one space."""

    def sample(self, key: Key, /) -> Array:
        """An action at random."""
        ...

    def log_prob(self, action: Array, /) -> Float[Array, ""]:
        """Logarithm of the probability or of the density of an action, summed over its elements."""
        ...

    def entropy(self) -> Float[Array, ""]:
        """In nats, summed over the elements of an action."""
        ...

    def mode(self) -> Array:
        """The most probable action."""
        ...


class Categorical(NamedTuple):
    """One of K choices, an i32[]; for `Discrete`.

    >>> choice = Categorical(jnp.log(jnp.array([0.25, 0.75])))
    >>> int(choice.mode()), round(float(jnp.exp(choice.log_prob(jnp.int32(0)))), 3)
    (1, 0.25)
    """

    logits: Float[Array, "K"]

    def sample(self, key: Key, /) -> Int[Array, ""]:
        """A choice at random."""
        return jax.random.categorical(key, self.logits).astype(jnp.int32)

    def log_prob(self, action: Int[Array, ""], /) -> Float[Array, ""]:
        """Logarithm of the probability of a choice."""
        return jax.nn.log_softmax(self.logits)[action]

    def entropy(self) -> Float[Array, ""]:
        """In nats."""
        log_probs = jax.nn.log_softmax(self.logits)
        return -jnp.sum(jnp.exp(log_probs) * log_probs)

    def mode(self) -> Int[Array, ""]:
        """The most probable choice."""
        return jnp.argmax(self.logits).astype(jnp.int32)


class MultiCategorical(NamedTuple):
    """Several independent choices, an i32[n]; for `MultiDiscrete`."""

    choices: tuple[Categorical, ...]

    def sample(self, key: Key, /) -> Int[Array, "n"]:
        """Choices at random."""
        return jnp.stack([each.sample(jax.random.fold_in(key, i)) for i, each in enumerate(self.choices)])

    def log_prob(self, action: Int[Array, "n"], /) -> Float[Array, ""]:
        """Logarithm of the probability of these choices together."""
        return jnp.sum(jnp.stack([each.log_prob(action[i]) for i, each in enumerate(self.choices)]))

    def entropy(self) -> Float[Array, ""]:
        """In nats, the sum over the choices."""
        return jnp.sum(jnp.stack([each.entropy() for each in self.choices]))

    def mode(self) -> Int[Array, "n"]:
        """The most probable choices."""
        return jnp.stack([each.mode() for each in self.choices])


class ClippedNormal(NamedTuple):
    """Independent normal distributions, clipped to the bounds of a `Box`.

    All samples beyond a bound become that bound, which so has a probability: `log_prob` of it is the logarithm of that
    probability, inside it is that of the density. Gradients of it are unbiased and vary less than those of the
    density that was not clipped (Fujita and Maeda 2018, arXiv 1802.07564).

    >>> normal = ClippedNormal(jnp.zeros(1), jnp.zeros(1), np.float32([-1.0]), np.float32([1.0]))
    >>> round(float(jnp.exp(normal.log_prob(jnp.ones(1)))), 3)  # the probability of 1 or more
    0.159
    """

    mean: Float[Array, "*shape"]
    log_std: Float[Array, "*shape"]
    low: Float[np.ndarray, "*shape"] | Float[Array, "*shape"]
    high: Float[np.ndarray, "*shape"] | Float[Array, "*shape"]

    def sample(self, key: Key, /) -> Float[Array, "*shape"]:
        """An action at random."""
        noise = jax.random.normal(key, self.mean.shape)
        return jnp.clip(self.mean + jnp.exp(self.log_std) * noise, self.low, self.high)

    def log_prob(self, action: Float[Array, "*shape"], /) -> Float[Array, ""]:
        """Logarithm of the density inside the bounds, and of the probability at a bound."""
        std = jnp.exp(self.log_std)
        below = norm.logcdf(self.low, self.mean, std)
        above = norm.logcdf(-self.high, -self.mean, std)
        inside = norm.logpdf(action, self.mean, std)
        return jnp.sum(jnp.where(action <= self.low, below, jnp.where(action >= self.high, above, inside)))

    def entropy(self) -> Float[Array, ""]:
        """In nats, before clipping."""
        return jnp.sum(self.log_std + 0.5 * jnp.log(2 * jnp.pi * jnp.e))

    def mode(self) -> Float[Array, "*shape"]:
        """The mean, clipped."""
        return jnp.clip(self.mean, self.low, self.high)
