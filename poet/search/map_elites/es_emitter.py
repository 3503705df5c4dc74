"""Evolution strategies as emitters: CMA-ME (Fontaine et al. 2020, arXiv 1912.02400), CMA-MAE (2022, arXiv 2205.10752)
and ES-based MAP-Elites (Colas et al. 2020, arXiv 2003.01825), with any strategy of evosax.

Each strategy starts from an elite, ranks its candidates by what they contributed to the archive, and restarts from
another elite when it no longer improves the archive.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, UInt32

from poet.archives.base import AddInfo
from poet.archives.layout import NO_PARENT
from poet.archives.materialise import materialise
from poet.learners.base import Learner
from poet.learners.config import ESConfig
from poet.learners.es import es
from poet.search.map_elites.base import Emitter, EmitterContext, Offspring
from poet.search.map_elites.config import ESEmitterConfig
from poet.types import Key, PyTree, numbered_keys

# Spread of the candidates, as a share of the spread at the start, at which a strategy has collapsed or diverged.
MIN_SPREAD, MAX_SPREAD = 1e-6, 1e6


class ESEmitterState(NamedTuple):
    """K strategies side by side.

    Attributes:
      learner: states of the strategies, leaves [K, ...].
      origin: id of the elite that each started from.
      age: generations since its start.
    """

    learner: PyTree
    origin: UInt32[Array, "K 2"]
    age: Int[Array, "K"]


def es_emitter(config: ESEmitterConfig, context: EmitterContext) -> Emitter[ESEmitterState]:
    """`context.num_parallel` strategies of `context.population` candidates each.

    Raises `ConfigError` for an odd population, and for a strategy that evosax lacks.

    >>> from poet.archives.config import GridConfig
    >>> archive = GridConfig(shape=(4,)).make([(0.0, 1.0)])
    >>> context = EmitterContext(archive, lambda key: jnp.zeros(3), num_params=3, population=4, num_parallel=2)
    >>> emitter = es_emitter(ESEmitterConfig(strategy="SNES"), context)
    >>> state = jax.jit(emitter.init)(jax.random.key(0))
    >>> state, offspring = jax.jit(emitter.emit)(jax.random.key(1), state, archive.init(jnp.zeros(3)))
    >>> offspring.params.shape, state.age.shape
    ((8, 3), (2,))
    """
    config.check(context.population, context.bounds)
    count, population, num_params = context.num_parallel, context.population, context.num_params
    learner = es(ESConfig(strategy=config.strategy, population=population, sigma=config.sigma), num_params)

    def start(key: Key, params: Float[Array, "K G"], origin: UInt32[Array, "K 2"]) -> ESEmitterState:
        keys = numbered_keys(key, count)
        return ESEmitterState(jax.vmap(learner.init)(keys, params), origin, jnp.zeros(count, jnp.int32))

    def init(key: Key) -> ESEmitterState:
        params = jax.vmap(context.sample)(numbered_keys(jax.random.fold_in(key, 0), count))
        return start(jax.random.fold_in(key, 1), jnp.asarray(params), jnp.full((count, 2), NO_PARENT))

    def emit(key: Key, state: ESEmitterState, archive_state: PyTree) -> tuple[ESEmitterState, Offspring]:
        asked, candidates = jax.vmap(learner.ask)(numbered_keys(key, count), state.learner)
        # `tell` gets the candidates as they are evaluated, so they are clipped here.
        params = materialise(context.clip(candidates.reshape(count * population, num_params)))
        origin = jnp.repeat(state.origin, population, axis=0)
        parents = jnp.stack([origin, jnp.full_like(origin, NO_PARENT)], axis=1)
        return state._replace(learner=asked), Offspring(params, parents, jnp.zeros(len(params), jnp.int32))

    def tell(
        key: Key,
        state: ESEmitterState,
        archive_state: PyTree,
        params: Float[Array, "B G"],
        fitness: Float[Array, "B"],
        info: AddInfo,
    ) -> ESEmitterState:
        status, improvement, fitness = (
            each.reshape(count, population) for each in (info.status, info.improvement, fitness)
        )
        candidates = params.reshape(count, population, num_params)
        if config.ranking == "two_stage_improvement":
            improvement = jax.vmap(improvement_rank)(status, improvement)
        keys = numbered_keys(jax.random.fold_in(key, 0), count)
        objective = fitness if config.ranking == "fitness" else improvement
        updated = jax.vmap(learner.tell)(keys, state.learner, candidates, objective)
        restarts = _needs_restart(config, learner, updated, state.age, candidates, status)
        continued = ESEmitterState(updated, state.origin, state.age + 1)

        def restart() -> ESEmitterState:
            elites = context.archive.sample(jax.random.fold_in(key, 1), archive_state, count)
            restarted = start(jax.random.fold_in(key, 2), elites.payload, elites.id)
            chosen = restarts & elites.valid
            return jax.tree.map(
                lambda new, old: jnp.where(chosen.reshape(-1, *(1,) * (new.ndim - 1)), new, old), restarted, continued
            )

        return lax.cond(restarts.any(), restart, lambda: continued)

    return Emitter(count * population, init, emit, tell)


def _needs_restart(
    config: ESEmitterConfig,
    learner: Learner,
    updated: PyTree,
    age: Int[Array, "K"],
    candidates: Float[Array, "K P G"],
    status: Int[Array, "K P"],
) -> Bool[Array, "K"]:
    spread = jnp.std(candidates, axis=1).max(axis=1) / max(config.sigma, 1e-12)
    finite = jnp.isfinite(jax.vmap(learner.params)(updated)).all(axis=1)
    restarts = (spread < MIN_SPREAD) | ~(spread < MAX_SPREAD) | ~finite
    if config.restart == "stalled":
        restarts |= (status == 0).all(axis=1)
    if config.max_generations:
        restarts |= age + 1 >= config.max_generations
    return restarts


def improvement_rank(status: Int[Array, "P"], improvement: Float[Array, "P"]) -> Float[Array, "P"]:
    """Ranks from 0 (worst) to P - 1: candidates that filled a free cell, then those that improved an elite.

    The others rank lowest; within each of the three groups the larger improvement ranks higher (the two-stage ranking
    of CMA-ME).

    >>> improvement_rank(jnp.array([0, 2, 1, 1]), jnp.array([-3.0, 0.1, 0.5, 0.7])).tolist()
    [0.0, 3.0, 1.0, 2.0]
    """
    order = jnp.lexsort((improvement, status))
    return jnp.zeros(order.shape).at[order].set(jnp.arange(order.shape[0], dtype=jnp.float32), unique_indices=True)
