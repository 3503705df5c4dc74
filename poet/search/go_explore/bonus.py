"""What is known of a domain in the weights of cells: missing neighbours, levels, keys (Ecoffet et al. 2021).

With W the weight of the selection, the weight of a cell is factor^(L - l) * (W + bonus), where l is its level, L the
highest level in the archive, and the bonus a sum of what `BonusConfig` names. Neighbours are found by the positions of
cells; the first code of the authors (2019) compared a room with a tuple, so that its bonus was the same for all cells.

Axes: R rows of the archive, D coordinates.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from poet.archives.base import Archive, Entries
from poet.archives.cell_index import find_cells
from poet.archives.cells import CellsState, cell_key
from poet.archives.grid import equal_parts
from poet.errors import ConfigError
from poet.search.go_explore.config import BonusConfig


class Bonus(NamedTuple):
    """Of each row: what is added to the weight, and what the sum is multiplied by."""

    add: Float[Array, "R"]
    factor: Float[Array, "R"]

    def apply(self, weights: Float[Array, "R"]) -> Float[Array, "R"]:
        """The weights with the bonus."""
        return self.factor * (weights + self.add)


def bonus(
    config: BonusConfig, archive: Archive[CellsState], names: Sequence[str]
) -> Callable[[CellsState, Entries], Bonus]:
    """(state, elites) -> the bonus of each row; `names` are those of the coordinates.

    Raises `ConfigError` for a coordinate that the cells do not have.
    """
    spec = archive.spec
    shape, (low, high) = tuple(spec["shape"]), np.asarray(spec["bounds"], np.float32).T
    positions_of = equal_parts(shape, low, high)
    axis = {name: number for number, name in enumerate(names)}
    for name in (*config.neighbours, *config.values, *filter(None, (config.level, config.most))):
        if name not in axis:
            raise ConfigError(f"search.bonus expects coordinates of the cells, {', '.join(names)}; got {name!r}")

    def missing(state: CellsState, position: Int[Array, "R D"], coordinate: int) -> Int[Array, "R"]:
        """How many of the two neighbours along a coordinate are not in the archive; none is beyond the bounds."""
        count = jnp.zeros(position.shape[0], jnp.int32)
        for step in (-1, 1):
            there = position.at[:, coordinate].add(step)
            inside = (there[:, coordinate] >= 0) & (there[:, coordinate] < shape[coordinate])
            number = find_cells(state.cells, cell_key(shape, jnp.where(inside[:, None], there, position)), inside)
            count += inside & (number >= spec["capacity"])
        return count

    def of_rows(state: CellsState, elites: Entries) -> Bonus:
        position = jnp.stack(positions_of(elites.descriptor), axis=1)
        add, factor = jnp.zeros(position.shape[0]), jnp.ones(position.shape[0])
        for name, weight in zip(config.neighbours, itertools.cycle(config.neighbour_weights)):
            add += weight * missing(state, position, axis[name])
        for name, weight in zip(config.values, itertools.cycle(config.value_weights)):
            add += weight * position[:, axis[name]]
        if config.most:
            add += config.most_weight * _has_most(position, axis[config.most], elites.valid)
        if config.level:
            level = jnp.where(elites.valid, position[:, axis[config.level]], 0)
            factor = config.level_factor ** (level.max() - level).astype(jnp.float32)
        return Bonus(add, factor)

    return of_rows


def _has_most(position: Int[Array, "R D"], coordinate: int, valid: Bool[Array, "R"]) -> Bool[Array, "R"]:
    """Whether a cell has the largest value of a coordinate among all cells that are equal in the others."""
    others = position.at[:, coordinate].set(jnp.where(valid, 0, -1))
    order = jnp.lexsort((position[:, coordinate], *others.T))
    in_order = others[order]
    last = jnp.concatenate([(in_order[1:] != in_order[:-1]).any(axis=1), jnp.ones(1, bool)])
    return jnp.zeros(position.shape[0], bool).at[order].set(last) & valid
