"""Which cells a round returns to.

Axes: B batch, R rows of the archive.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Int

from poet.archives.base import Archive
from poet.archives.cells import CellsState
from poet.archives.select import Selection, draw_rows
from poet.search.go_explore.bonus import bonus
from poet.search.go_explore.config import BonusConfig, GoExploreConfig
from poet.search.go_explore.state import Counters
from poet.types import Key

# Counters of a cell that is returned to; it is entered as well.
CHOSEN = ("chosen", "chosen_since_new", "seen")

Choose = Callable[[Key, CellsState, Counters], tuple[Counters, Int[Array, "B"]]]


def choose(config: GoExploreConfig, selection: Selection, archive: Archive[CellsState], names: Sequence[str]) -> Choose:
    """(key, archive, counters) -> (counters, rows to return to); those chosen first count before the next are drawn."""
    bonus_of = None if config.bonus == BonusConfig() else bonus(config.bonus, archive, names)

    def choose_rows(key: Key, state: CellsState, counters: Counters) -> tuple[Counters, Int[Array, "B"]]:
        elites = archive.elites(state)
        given = None if bonus_of is None else bonus_of(state, elites)

        def draw(counters: Counters, number: Int[Array, ""]) -> tuple[Counters, Int[Array, "_"]]:
            rows = elites._replace(extra={**elites.extra, **counters._asdict()})
            weights = jnp.ones(elites.valid.shape) if selection.weights is None else selection.weights(rows)
            weights = weights if given is None else given.apply(weights)
            chosen = draw_rows(jax.random.fold_in(key, number), weights, elites.valid, config.draw)
            used = (number * config.draw + jnp.arange(config.draw) < config.batch).astype(jnp.int32)
            return counters._replace(**{name: getattr(counters, name).at[chosen].add(used) for name in CHOSEN}), chosen

        counters, rows = lax.scan(draw, counters, jnp.arange(-(-config.batch // config.draw)))
        return counters, rows.reshape(-1)[: config.batch]

    return choose_rows
