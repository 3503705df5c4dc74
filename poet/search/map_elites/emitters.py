"""Emitters: what makes the next solutions out of an archive. Here those that vary elites and remember nothing."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, UInt32

from poet.archives.base import NOBODY, AddInfo, Archive
from poet.search.map_elites import noise
from poet.search.map_elites.config import MapElitesConfig
from poet.types import Key, Params, PyTree


class Offspring(NamedTuple):
    """Solutions to be evaluated, from which elites they come, and which of an emitter's `names` made them."""

    params: Float[Array, "B G"]
    parents: UInt32[Array, "B 2 2"]
    emitter: Int[Array, "B"]


def orphans(params: Params) -> Offspring:
    """Solutions f32[B, G] that come from no elite and no emitter."""
    size = len(params)
    return Offspring(jnp.asarray(params), jnp.full((size, 2, 2), NOBODY), jnp.full(size, -1))


class Emitter(NamedTuple):
    """Pure functions; `archive` is the archive's state throughout.

    Attributes:
      names: of those who make solutions in it, for journals and pictures.
      batch: solutions that it emits each time.
      init: key -> state.
      emit: (key, state, archive) -> (state, Offspring).
      tell: (key, state, archive, params f32[B, G], fitness f32[B], AddInfo) -> state, once they were evaluated and
        offered to the archive.
    """

    names: tuple[str, ...]
    batch: int
    init: Callable[[Key], PyTree]
    emit: Callable[[Key, PyTree, PyTree], tuple[PyTree, Offspring]]
    tell: Callable[[Key, PyTree, PyTree, Float[Array, "B G"], Float[Array, "B"], AddInfo], PyTree]


def part(info: AddInfo, rows: Any) -> AddInfo:
    """What it tells of some entries of the batch; the counts stay those of the whole."""
    return AddInfo._make([*(each[rows] for each in info[:-1]), info.counts])


Prior = Callable[[Key], Params]  # draws one solution to begin with


def variation(name: str, config: MapElitesConfig, archive: Archive, prior: Prior, batch: int) -> Emitter:
    """An emitter that varies elites drawn uniformly, two for each child: `VARIATIONS` says how."""
    vary = VARIATIONS[name]

    def emit(key: Key, state: PyTree, kept: PyTree) -> tuple[PyTree, Offspring]:
        one, two = (archive.sample(jax.random.fold_in(key, which), kept, batch) for which in (0, 1))
        children = clip(config, vary(jax.random.fold_in(key, 2), config, one.payload, two.payload))
        from_prior = jax.random.split(jax.random.fold_in(key, 3), batch)
        params = lax.cond(one.valid[0], lambda: children, lambda: jax.vmap(prior)(from_prior))
        parents = jnp.stack([one.id, two.id if name in TWO_PARENTS else jnp.full_like(two.id, NOBODY)], axis=1)
        return state, Offspring(params, parents, jnp.zeros(batch, jnp.int32))

    return Emitter((name,), batch, lambda key: (), emit, lambda key, state, *_: state)


def clip(config: MapElitesConfig, params: Float[Array, "B G"]) -> Float[Array, "B G"]:
    """Within the bounds, if there are any."""
    return params if config.bounds is None else jnp.clip(params, *config.bounds)


def iso_line(key: Key, config: MapElitesConfig, one: Array, two: Array) -> Float[Array, "B G"]:
    """Noise on every parameter, and a random step along the line to another elite (arXiv 1804.03906)."""
    iso = noise.normal(jax.random.fold_in(key, 0), one.shape)
    line = noise.column(jax.random.fold_in(key, 1), one.shape[0])
    return one + config.iso_sigma * iso + config.line_sigma * line * (two - one)


def gaussian(key: Key, config: MapElitesConfig, one: Array, two: Array) -> Float[Array, "B G"]:
    """Noise on every parameter."""
    return one + config.sigma * noise.normal(key, one.shape)


def polynomial(key: Key, config: MapElitesConfig, one: Array, two: Array) -> Float[Array, "B G"]:
    """Deb's polynomial mutation of a share of the parameters: small steps likely, any step within bounds possible."""
    low, high = config.bounds or (0.0, 1.0)  # the config asks for bounds where this emitter is listed
    span = high - low
    below, above = (one - low) / span, (high - one) / span
    u = noise.uniform(jax.random.fold_in(key, 0), one.shape)
    down = (2 * u + (1 - 2 * u) * (1 - below) ** (config.eta + 1)) ** (1 / (config.eta + 1)) - 1
    up = 1 - (2 * (1 - u) + (2 * u - 1) * (1 - above) ** (config.eta + 1)) ** (1 / (config.eta + 1))
    changed = noise.uniform(jax.random.fold_in(key, 1), one.shape) < config.rate
    return jnp.where(changed, one + span * jnp.where(u < 0.5, down, up), one)


def crossover(key: Key, config: MapElitesConfig, one: Array, two: Array) -> Float[Array, "B G"]:
    """Each parameter from either parent (uniform crossover), then noise on a share of them."""
    mixed = jnp.where(noise.bits(jax.random.fold_in(key, 0), one.shape) >> 31 == 0, one, two)
    changed = noise.uniform(jax.random.fold_in(key, 1), one.shape) < config.rate
    return mixed + jnp.where(changed, config.sigma * noise.normal(jax.random.fold_in(key, 2), one.shape), 0.0)


VARIATIONS = {"iso_line": iso_line, "gaussian": gaussian, "polynomial": polynomial, "crossover": crossover}
TWO_PARENTS = ("iso_line", "crossover")
