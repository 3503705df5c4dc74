"""Emitters that vary elites drawn from the archive, and keep no state."""

from typing import Protocol, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from poet.archives.layout import NO_PARENT
from poet.search.map_elites import noise
from poet.search.map_elites.base import Emitter, EmitterContext, Offspring
from poet.search.map_elites.config import CrossoverConfig, GaussianConfig, IsoLineConfig, PolynomialConfig
from poet.types import Key, PyTree, numbered_keys


class Vary(Protocol):
    """A variation operator."""

    def __call__(self, key: Key, first: Float[Array, "B G"], second: Float[Array, "B G"], /) -> Float[Array, "B G"]:
        """One child of each pair of parents; an operator with one parent ignores the second."""
        ...


def variation(vary: Vary, context: EmitterContext, num_parents: int) -> Emitter[tuple[()]]:
    """An emitter that applies an operator to elites, clips the children, and draws from the prior in an empty archive.

    Args:
      vary: the operator.
      context: of the search.
      num_parents: 1 or 2, how many of the two elites of each child are recorded as its parents.

    >>> from poet.archives.config import GridConfig
    >>> archive = GridConfig(shape=(4,)).make([(0.0, 1.0)])
    >>> context = EmitterContext(archive, lambda key: jnp.zeros(3), num_params=3, population=8)
    >>> emitter = variation(lambda key, first, second: (first + second) / 2, context, num_parents=2)
    >>> _, offspring = jax.jit(emitter.emit)(jax.random.key(0), (), archive.init(jnp.zeros(3)))
    >>> offspring.params.shape
    (8, 3)
    """
    batch = context.num_parallel * context.population

    def emit(key: Key, state: tuple[()], archive_state: PyTree) -> tuple[tuple[()], Offspring]:
        first, second = (context.archive.sample(jax.random.fold_in(key, n), archive_state, batch) for n in (0, 1))
        children = context.clip(vary(jax.random.fold_in(key, 2), first.payload, second.payload))

        def from_prior() -> PyTree:
            return jax.vmap(context.sample)(numbered_keys(jax.random.fold_in(key, 3), batch))

        params = lax.cond(first.valid[0], lambda: children, from_prior)
        second_id = second.id if num_parents == 2 else jnp.full_like(second.id, NO_PARENT)
        parents = jnp.stack([first.id, second_id], axis=1)
        return state, Offspring(params, parents, jnp.zeros(batch, jnp.int32))

    return Emitter(batch, lambda key: (), emit, lambda key, state, *_: state)


def iso_line(config: IsoLineConfig, context: EmitterContext) -> Emitter[tuple[()]]:
    """Noise on every parameter and along the line to another elite (Vassiliades and Mouret 2018, arXiv 1804.03906).

    >>> from poet.archives.config import GridConfig
    >>> archive = GridConfig(shape=(4,)).make([(0.0, 1.0)])
    >>> context = EmitterContext(archive, lambda key: jnp.zeros(3), num_params=3, population=8)
    >>> iso_line(IsoLineConfig(), context).batch
    8
    """

    def vary(key: Key, first: Float[Array, "B G"], second: Float[Array, "B G"]) -> Float[Array, "B G"]:
        iso = noise.normal(jax.random.fold_in(key, 0), first.shape)
        line = noise.column(jax.random.fold_in(key, 1), first.shape[0])
        return first + config.iso_sigma * iso + config.line_sigma * line * (second - first)

    return variation(vary, context, num_parents=2)


def gaussian(config: GaussianConfig, context: EmitterContext) -> Emitter[tuple[()]]:
    """Noise on every parameter.

    >>> from poet.archives.config import GridConfig
    >>> archive = GridConfig(shape=(4,)).make([(0.0, 1.0)])
    >>> context = EmitterContext(archive, lambda key: jnp.zeros(3), num_params=3, population=8)
    >>> gaussian(GaussianConfig(), context).batch
    8
    """

    def vary(key: Key, first: Float[Array, "B G"], second: Float[Array, "B G"]) -> Float[Array, "B G"]:
        return first + config.sigma * noise.normal(key, first.shape)

    return variation(vary, context, num_parents=1)


def polynomial(config: PolynomialConfig, context: EmitterContext) -> Emitter[tuple[()]]:
    """Polynomial mutation (Deb 2001): small steps are likely, any step within the bounds is possible.

    Raises `ConfigError` if the context has no bounds.

    >>> from poet.archives.config import GridConfig
    >>> archive = GridConfig(shape=(4,)).make([(0.0, 1.0)])
    >>> context = EmitterContext(archive, lambda key: jnp.zeros(3), num_params=3, population=8, bounds=(0.0, 1.0))
    >>> polynomial(PolynomialConfig(), context).batch
    8
    """
    config.check(context.population, context.bounds)
    low, high = cast(tuple[float, float] | tuple[np.ndarray, np.ndarray], context.bounds)
    span = high - low

    def vary(key: Key, first: Float[Array, "B G"], second: Float[Array, "B G"]) -> Float[Array, "B G"]:
        below, above = (first - low) / span, (high - first) / span
        u = noise.uniform(jax.random.fold_in(key, 0), first.shape)
        down = (2 * u + (1 - 2 * u) * (1 - below) ** (config.eta + 1)) ** (1 / (config.eta + 1)) - 1
        up = 1 - (2 * (1 - u) + (2 * u - 1) * (1 - above) ** (config.eta + 1)) ** (1 / (config.eta + 1))
        changed = noise.uniform(jax.random.fold_in(key, 1), first.shape) < config.rate
        return jnp.where(changed, first + span * jnp.where(u < 0.5, down, up), first)

    return variation(vary, context, num_parents=1)


def crossover(config: CrossoverConfig, context: EmitterContext) -> Emitter[tuple[()]]:
    """Each parameter from either parent with equal probability (uniform crossover), then noise on a share of them.

    >>> from poet.archives.config import GridConfig
    >>> archive = GridConfig(shape=(4,)).make([(0.0, 1.0)])
    >>> context = EmitterContext(archive, lambda key: jnp.zeros(3), num_params=3, population=8)
    >>> crossover(CrossoverConfig(), context).batch
    8
    """

    def vary(key: Key, first: Float[Array, "B G"], second: Float[Array, "B G"]) -> Float[Array, "B G"]:
        mixed = jnp.where(noise.bits(jax.random.fold_in(key, 0), first.shape) >> 31 == 0, first, second)
        changed = noise.uniform(jax.random.fold_in(key, 1), first.shape) < config.rate
        step = config.sigma * noise.normal(jax.random.fold_in(key, 2), first.shape)
        return mixed + jnp.where(changed, step, 0.0)

    return variation(vary, context, num_parents=2)
