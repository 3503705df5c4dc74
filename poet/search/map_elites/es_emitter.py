"""Evolution strategies as emitters: CMA-ME (Fontaine et al. 2020, arXiv 1912.02400), CMA-MAE (2022, arXiv 2205.10752)
and ES-based MAP-Elites (Colas et al. 2020, arXiv 2003.01825), with any strategy of evosax.

Each strategy starts from an elite, is told how its candidates did by what they brought to the archive, and starts
again from another elite when it brings no more.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, UInt32

from poet.archives.base import NOBODY, AddInfo, Archive
from poet.archives.once import once
from poet.learners.config import ESConfig
from poet.learners.es import es
from poet.search.map_elites.config import MapElitesConfig
from poet.search.map_elites.emitters import Emitter, Offspring, Prior, clip
from poet.types import Key, Params, PyTree

COLLAPSED, RUNAWAY = 1e-6, 1e6  # spread of the candidates, as a share of what it was at the start


class Strategies(NamedTuple):
    """K strategies side by side.

    Attributes:
      learner: leaves [K, ...].
      origin: id of the elite that each started from.
      age: generations since.
    """

    learner: PyTree
    origin: UInt32[Array, "K 2"]
    age: Int[Array, "K"]


def es_emitter(
    config: MapElitesConfig, archive: Archive, prior: Prior, num_params: int, count: int, population: int
) -> Emitter:
    """`count` strategies of `population` candidates each. Raises `ConfigError` for a strategy that evosax lacks."""
    learner = es(ESConfig(strategy=config.strategy, population=population, sigma=config.sigma), num_params)

    def begin(key: Key, params: Params, origin: UInt32[Array, "K 2"]) -> Strategies:
        keys = jax.random.split(key, count)
        return Strategies(jax.vmap(learner.init)(keys, params), origin, jnp.zeros(count, jnp.int32))

    def init(key: Key) -> Strategies:
        start = jax.vmap(prior)(jax.random.split(jax.random.fold_in(key, 0), count))
        return begin(jax.random.fold_in(key, 1), start, jnp.full((count, 2), NOBODY))

    def emit(key: Key, state: Strategies, kept: PyTree) -> tuple[Strategies, Offspring]:
        asked, candidates = jax.vmap(learner.ask)(jax.random.split(key, count), state.learner)
        # The strategy learns from what was evaluated, so it is told the candidates as clipped here.
        params = once(clip(config, candidates.reshape(count * population, num_params)))
        origin = jnp.repeat(state.origin, population, axis=0)
        parents = jnp.stack([origin, jnp.full_like(origin, NOBODY)], axis=1)
        return state._replace(learner=asked), Offspring(params, parents, jnp.zeros(len(params), jnp.int32))

    def tell(
        key: Key,
        state: Strategies,
        kept: PyTree,
        params: Float[Array, "B G"],
        fitness: Float[Array, "B"],
        info: AddInfo,
    ) -> Strategies:
        status, gain, fitness = (each.reshape(count, population) for each in (info.status, info.improvement, fitness))
        candidates = params.reshape(count, population, num_params)
        worth = jax.vmap(standing)(status, gain) if config.climb == "improvement" else gain
        keys = jax.random.split(jax.random.fold_in(key, 0), count)
        told = jax.vmap(learner.tell)(keys, state.learner, candidates, fitness if config.climb == "fitness" else worth)
        spread = jnp.std(candidates, axis=1).max(axis=1) / max(config.sigma, 1e-12)
        over = (spread < COLLAPSED) | ~(spread < RUNAWAY) | ~jnp.isfinite(jax.vmap(learner.params)(told)).all(axis=1)
        if config.restart == "stalled":
            over |= (status == 0).all(axis=1)
        if config.patience:
            over |= state.age + 1 >= config.patience
        going_on = Strategies(told, state.origin, state.age + 1)

        def restart() -> Strategies:
            elites = archive.sample(jax.random.fold_in(key, 1), kept, count)
            fresh = begin(jax.random.fold_in(key, 2), elites.payload, elites.id)
            over_with_elite = over & elites.valid
            return jax.tree.map(
                lambda new, old: jnp.where(over_with_elite.reshape(-1, *(1,) * (new.ndim - 1)), new, old),
                fresh,
                going_on,
            )

        return lax.cond(over.any(), restart, lambda: going_on)

    return Emitter(("es",), count * population, init, emit, tell)


def standing(status: Int[Array, "P"], gain: Float[Array, "P"]) -> Float[Array, "P"]:
    """Places from 0 (worst) to P - 1: what opened a cell before what improved one before the rest, each by gain."""
    order = jnp.lexsort((gain, status))
    return jnp.zeros(order.shape).at[order].set(jnp.arange(order.shape[0], dtype=jnp.float32), unique_indices=True)
