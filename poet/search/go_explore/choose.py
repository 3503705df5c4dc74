"""Which cells a round returns to.

Axes: B batch, R rows of the archive.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Int

from poet.archives.base import Entries
from poet.archives.select import Selection, draw_rows
from poet.search.go_explore.config import GoExploreConfig
from poet.search.go_explore.state import Counters
from poet.types import Key

Choose = Callable[[Key, Entries, Counters], tuple[Counters, Int[Array, "B"]]]


def choose(config: GoExploreConfig, selection: Selection) -> Choose:
    """(key, elites, counters) -> (counters, rows to return to); those chosen first count before the next are drawn."""

    def choose_rows(key: Key, elites: Entries, counters: Counters) -> tuple[Counters, Int[Array, "B"]]:
        def draw(counters: Counters, number: Int[Array, ""]) -> tuple[Counters, Int[Array, "_"]]:
            rows = elites._replace(extra={**elites.extra, **counters._asdict()})
            weights = jnp.ones(elites.valid.shape) if selection.weights is None else selection.weights(rows)
            chosen = draw_rows(jax.random.fold_in(key, number), weights, elites.valid, config.draw)
            used = (number * config.draw + jnp.arange(config.draw) < config.batch).astype(jnp.int32)
            return jax.tree.map(lambda counter: counter.at[chosen].add(used), counters), chosen

        counters, rows = lax.scan(draw, counters, jnp.arange(-(-config.batch // config.draw)))
        return counters, rows.reshape(-1)[: config.batch]

    return choose_rows
