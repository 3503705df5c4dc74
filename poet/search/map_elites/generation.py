"""One generation: emit, evaluate, add, tell. Two pure halves, so that what is evaluated in between may be anything."""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from poet.archives.base import AddInfo, Archive, Counts, entries
from poet.archives.layout import total
from poet.archives.stats import Sources, sources
from poet.search.map_elites.bandit import bandit
from poet.search.map_elites.config import MapElitesConfig
from poet.search.map_elites.emitters import Emitter, Offspring, Prior, part, variation
from poet.search.map_elites.es_emitter import es_emitter
from poet.types import Key, PyTree


class Island(NamedTuple):
    """An archive and those who fill it: states of the archive and of each emitter."""

    archive: PyTree
    emitters: tuple[PyTree, ...]


class Tally(NamedTuple):
    """What became of offspring: the archive's counts, and the same by emitter."""

    counts: Counts
    sources: Sources


class Generation(NamedTuple):
    """Pure functions on one island.

    Attributes:
      names: of the K emitters.
      init: (key, example of a solution) -> Island, nothing evaluated yet.
      emit: (key, island) -> (island, Offspring).
      absorb: (key, island, id of the first u32[2], offspring, fitness, descriptor) -> (island, Tally, AddInfo).
    """

    names: tuple[str, ...]
    init: Callable[[Key], Island]
    emit: Callable[[Key, Island], tuple[Island, Offspring]]
    absorb: Callable[
        [Key, Island, UInt32[Array, "2"], Offspring, Float[Array, "B"], Float[Array, "B D"]],
        tuple[Island, Tally, AddInfo],
    ]


def generation(config: MapElitesConfig, archive: Archive, prior: Prior, num_params: int) -> Generation:
    """What the config's emitters do together: equal ones act as one, strategies side by side under `vmap`."""

    def emitter(name: str, count: int) -> Emitter:
        if name == "es":
            return es_emitter(config, archive, prior, num_params, count, config.share)
        return variation(name, config, archive, prior, count * config.share)

    counts = Counter(config.emitters)
    if config.active is None:
        emitters = [emitter(name, count) for name, count in counts.items()]
    else:
        emitters = [bandit([emitter(name, 1) for name in counts], list(counts.values()), config.active)]
    names = [emitter.names for emitter in emitters]
    offsets = [sum(map(len, names[:k])) for k in range(len(names))]
    starts = [sum(emitter.batch for emitter in emitters[:k]) for k in range(len(emitters))]
    mine = [slice(start, start + emitter.batch) for start, emitter in zip(starts, emitters)]

    def init(key: Key) -> Island:
        states = tuple(emitter.init(jax.random.fold_in(key, k)) for k, emitter in enumerate(emitters))
        return Island(archive.init(jax.ShapeDtypeStruct((num_params,), jnp.float32)), states)

    def emit(key: Key, island: Island) -> tuple[Island, Offspring]:
        states, offspring = [], []
        for k, emitter in enumerate(emitters):
            state, made = emitter.emit(jax.random.fold_in(key, k), island.emitters[k], island.archive)
            states.append(state)
            offspring.append(made._replace(emitter=made.emitter + offsets[k]))
        return island._replace(emitters=tuple(states)), jax.tree.map(lambda *parts: jnp.concatenate(parts), *offspring)

    def absorb(
        key: Key, island: Island, first: UInt32[Array, "2"], offspring: Offspring, fitness: Array, descriptor: Array
    ) -> tuple[Island, Tally, AddInfo]:
        batch = entries(offspring.params, fitness, descriptor, parents=offspring.parents, emitter=offspring.emitter)
        batch = batch._replace(id=batch.id + first)
        kept, info = archive.add(island.archive, batch)
        states = tuple(
            emitter.tell(
                jax.random.fold_in(key, k),
                island.emitters[k],
                kept,
                offspring.params[mine[k]],
                total(fitness)[mine[k]],
                part(info, mine[k]),
            )
            for k, emitter in enumerate(emitters)
        )
        tally = Tally(info.counts, sources(batch, info, sum(map(len, names))))
        return Island(kept, states), tally, info

    return Generation(sum(names, ()), init, emit, absorb)
