"""Insertion of pairs into the archive.

Axes: B batch, the offers.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool

from poet.archives.base import AddInfo, Entries, entries
from poet.search.paired_map_elites.context import StepContext
from poet.search.paired_map_elites.state import Offer


def insert(context: StepContext, offers: Sequence[Offer], *, counted: bool = True) -> None:
    """Offer pairs to the archive; count those that were added, improved or rejected, and log the new elites.

    Unless `counted` is False, the counters of the selection count them too.
    """
    pairs = context.components.pairs
    for block in _blocks(context, offers):
        batch = _batch(context, block)
        if not counted:  # entries that have the counters count for nothing
            zeros = jnp.zeros(batch.valid.shape, jnp.int32)
            batch = batch._replace(extra={**batch.extra, **dict.fromkeys(pairs.counters, zeros)})
        archive, info = pairs.add(context.state.archive, batch)
        context.state = context.state._replace(archive=archive)
        context.num_offers += len(block)
        _log_insertion(context, block, batch, info)


def count_unoffered(context: StepContext, offers: Sequence[Offer]) -> None:
    """Let the counters of the selection count pairs that were evaluated and that may not be elites."""
    if not context.components.pairs.counters:
        return
    for block in _blocks(context, offers):
        archive = context.components.pairs.count(context.state.archive, _batch(context, block))
        context.state = context.state._replace(archive=archive)


def opens_cell(context: StepContext, offers: Sequence[Offer]) -> Bool[np.ndarray, "B"]:
    """Whether each of at most `config.children` offers would fill a cell that is free; the archive stays as it is."""
    _, info = context.components.pairs.add(context.state.archive, _batch(context, offers))
    return np.asarray(info.status)[: len(offers)] == 2


def _blocks(context: StepContext, offers: Sequence[Offer]) -> list[Sequence[Offer]]:
    size = context.components.config.children
    return [offers[start : start + size] for start in range(0, len(offers), size)]


def _batch(context: StepContext, offers: Sequence[Offer]) -> Entries:
    """Offers as a batch of `config.children` rows: with one shape for all batches, `add` compiles once."""
    components, size = context.components, context.components.config.children
    rows = [*offers, *[offers[0]] * (size - len(offers))]
    genomes = jax.tree.map(lambda *leaves: np.stack(leaves), *(offer.genome for offer in rows))
    payload, extra = {"genome": genomes, "params": np.stack([offer.candidate.params for offer in rows])}, {}
    if components.trains_elites:
        # What is only counted has no learner: nothing of it is stored.
        none = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), components.pairs.payload["learner"])
        learners = [none if offer.learner is None else offer.learner for offer in rows]
        payload["learner"] = jax.tree.map(lambda *leaves: np.stack(leaves), *learners)
        extra["solved"] = jnp.asarray([offer.solved for offer in rows], jnp.int32)
    batch = entries(
        payload,
        jnp.asarray([offer.fitness for offer in rows], jnp.float32),
        jnp.asarray(components.descriptors(genomes)),
        parents=jnp.asarray(np.stack([offer.candidate.parents for offer in rows])),
        emitter=jnp.asarray([offer.candidate.source for offer in rows], jnp.int32),
        valid=jnp.arange(size) < len(offers),
        extra=extra,
    )
    first_id = np.array([context.iteration, context.num_offers], np.uint32)
    return batch._replace(id=batch.id + first_id)


def _log_insertion(context: StepContext, offers: Sequence[Offer], batch: Entries, info: AddInfo) -> None:
    for name in context.counts:
        context.counts[name] += int(getattr(info.counts, name))
    for row, offer in enumerate(offers):
        if not info.stored[row]:
            continue
        source, new = offer.candidate.source.label, bool(info.added[row])
        context.counts_by_source[source]["added" if new else "improved"] += 1
        context.log_event(
            "elite",
            cell=int(info.cell[row]),
            id=[int(word) for word in batch.id[row]],
            via=source,
            fitness=offer.fitness,
            new=new,
            genome=context.components.generator.to_json(offer.genome),
            **({"solved": offer.solved} if context.components.trains_elites else {}),
        )
