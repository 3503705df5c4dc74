"""One generation: emit, evaluate, add, tell. Two pure halves, so that what is evaluated in between may be anything."""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, UInt32

from archives.base import AddInfo, Archive, Counts, entries
from poet.search.map_elites.config import MapElitesConfig
from poet.search.map_elites.emitters import Emitter, Offspring, Prior, variation
from poet.search.map_elites.es_emitter import es_emitter
from poet.types import Key, PyTree


class Island(NamedTuple):
    """An archive and those who fill it: states of the archive and of each emitter."""

    archive: PyTree
    emitters: tuple[PyTree, ...]


class Tally(NamedTuple):
    """What became of offspring: the archive's counts, and added and improved by emitter, i32[K]."""

    counts: Counts
    added: Int[Array, "K"]
    improved: Int[Array, "K"]


class Generation(NamedTuple):
    """Pure functions on one island.

    Attributes:
      names: of the K emitters, in the order of the batch.
      batches: what each of them emits.
      init: (key, example of a solution) -> Island, nothing evaluated yet.
      emit: (key, island) -> (island, Offspring).
      absorb: (key, island, id of the first u32[2], offspring, fitness, descriptor) -> (island, Tally, AddInfo).
    """

    names: tuple[str, ...]
    batches: tuple[int, ...]
    init: Callable[[Key], Island]
    emit: Callable[[Key, Island], tuple[Island, Offspring]]
    absorb: Callable[
        [Key, Island, UInt32[Array, "2"], Offspring, Float[Array, "B"], Float[Array, "B D"]],
        tuple[Island, Tally, AddInfo],
    ]


def generation(config: MapElitesConfig, archive: Archive, prior: Prior, num_params: int) -> Generation:
    """What the config's emitters do together: equal ones act as one, strategies side by side under `vmap`."""
    share = config.batch // len(config.emitters)
    emitters: list[Emitter] = [
        es_emitter(config, archive, prior, num_params, count, share)
        if name == "es"
        else variation(name, config, archive, prior, count * share)
        for name, count in Counter(config.emitters).items()
    ]
    starts = [sum(emitter.batch for emitter in emitters[:k]) for k in range(len(emitters))]
    mine = [slice(start, start + emitter.batch) for start, emitter in zip(starts, emitters)]
    maker = jnp.concatenate([jnp.full(emitter.batch, k, jnp.int32) for k, emitter in enumerate(emitters)])

    def init(key: Key) -> Island:
        states = tuple(emitter.init(jax.random.fold_in(key, k)) for k, emitter in enumerate(emitters))
        return Island(archive.init(jax.ShapeDtypeStruct((num_params,), jnp.float32)), states)

    def emit(key: Key, island: Island) -> tuple[Island, Offspring]:
        states, offspring = [], []
        for k, emitter in enumerate(emitters):
            state, made = emitter.emit(jax.random.fold_in(key, k), island.emitters[k], island.archive)
            states.append(state)
            offspring.append(made)
        return island._replace(emitters=tuple(states)), jax.tree.map(lambda *parts: jnp.concatenate(parts), *offspring)

    def absorb(
        key: Key, island: Island, first: UInt32[Array, "2"], offspring: Offspring, fitness: Array, descriptor: Array
    ) -> tuple[Island, Tally, AddInfo]:
        batch = entries(offspring.params, fitness, descriptor, parents=offspring.parents, emitter=maker)
        batch = batch._replace(id=batch.id + first)
        kept, info = archive.add(island.archive, batch)
        states = tuple(
            emitter.tell(
                jax.random.fold_in(key, k),
                island.emitters[k],
                kept,
                offspring.params[mine[k]],
                fitness[mine[k]],
                info._replace(
                    **{name: getattr(info, name)[mine[k]] for name in ("status", "improvement", "stored", "cell")}
                ),
            )
            for k, emitter in enumerate(emitters)
        )
        new = info.status == 2
        added, improved = (
            jnp.stack([jnp.sum(which[own]) for own in mine]) for which in (info.stored & new, info.stored & ~new)
        )
        return Island(kept, states), Tally(info.counts, added, improved), info

    return Generation(
        tuple(emitter.name for emitter in emitters), tuple(emitter.batch for emitter in emitters), init, emit, absorb
    )
