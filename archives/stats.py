"""Numbers about an archive: how much of it is filled, how well, and by whom.

Every function takes elites as rows (`Archive.elites(state)`) or as columns (`table.columns`). Rows of jax arrays may be
traced and give jax scalars; NumPy gives NumPy. Where a cell holds several elites its best one counts, and a fitness
that is not finite counts as none.

Numerics: compiled sums are f32, added in pairs: a fixed tree of single additions, so that no compiler, device or
sharding chooses the order, and the error grows with the logarithm of the number of cells. On NumPy sums are exact and
then rounded once, to float64.

Axes: B batch, C cells, K emitters.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from poet.archives.layout import Spec, best_of_cells, num_cells, row_cells
from poet.errors import ConfigError

Number = Any  # f32[] or i32[] of jax, or a NumPy scalar


class Summary(NamedTuple):
    """An archive in five numbers; NaN stands for what an empty archive does not have.

    Attributes:
      filled: cells with an elite.
      coverage: their share of all cells; of an archive without cells, the share of its capacity that is taken.
      qd_score: sum of fitness - offset over them, so that an empty cell counts as one of fitness `offset`.
      best: greatest fitness.
      mean: mean fitness of filled cells.
    """

    filled: Number
    coverage: Number
    qd_score: Number
    best: Number
    mean: Number


class Sources(NamedTuple):
    """What became of a batch, by the emitter that made it: i32[K] each."""

    evaluations: Any
    added: Any
    improved: Any


def summary(spec: Spec, elites: Any, offset: float = 0.0) -> Summary:
    """All five at once; `offset` is the worst fitness that can be."""
    fitness, there = best_of_cells(spec, elites)
    xp = fitness.__array_namespace__()
    filled = there.sum()
    some = filled > 0
    return Summary(
        filled,
        filled / there.size,
        _total(xp.where(there, fitness - offset, 0)),
        xp.where(some, xp.where(there, fitness, -np.inf).max(), np.nan)[()],
        xp.where(some, _total(fitness) / xp.maximum(filled, 1), np.nan)[()],
    )


def normalised_qd_score(spec: Spec, elites: Any, fitness_bounds: tuple[float, float]) -> Number:
    """Sum of (fitness - low) / (high - low) over all cells, divided by their number: 1 where every cell is perfect."""
    low, high = fitness_bounds
    fitness, there = best_of_cells(spec, elites)
    share = (fitness - low) / (high - low)
    return _total(fitness.__array_namespace__().where(there, share, 0)) / there.size


def solved(spec: Spec, elites: Any, threshold: float) -> Number:
    """Cells whose best fitness reaches `threshold`, i32[].

    With environments as elites and one cell for all that are alike this is ANNECS, the number of new environments that
    were solved in the end (Wang et al. 2020, arXiv 2003.08536). It never falls where the best of a cell never does;
    an archive that replaces elites by other rules needs the running count of what was new, kept by the search.
    """
    fitness, there = best_of_cells(spec, elites)
    return (there & (fitness >= threshold)).sum()


def hypervolume(spec: Spec, elites: Any, reference: tuple[float, float]) -> np.ndarray:
    """Area that the front of each cell dominates beyond `reference`, f64[C], of two objectives; 0 for an empty cell.

    Its sum is the MOQD score (Pierrot et al. 2022, arXiv 2202.03057). On the host.
    Raises `ConfigError` for an archive of more or fewer objectives.
    """
    if isinstance(elites, Mapping):
        cell, objectives = elites["cell"], elites.get("objectives", elites["fitness"])
    else:
        valid = np.asarray(elites.valid)
        cell, objectives = row_cells(spec)[valid], np.asarray(elites.fitness)[valid]
    if objectives.shape[1:] != (2,):
        raise ConfigError(
            f"hypervolume expects elites of 2 objectives, got fitness of shape {objectives.shape}: "
            "take a pareto archive with num_objectives 2"
        )
    beyond = np.maximum(objectives.astype(np.float64) - reference, 0)
    area, top = np.zeros((2, num_cells(spec)))
    # Along the first objective, falling, each adds what it has more of the second one than all before it.
    for row in np.lexsort((-beyond[:, 1], -beyond[:, 0])):
        width, height = beyond[row]
        area[cell[row]] += width * max(height - top[cell[row]], 0)
        top[cell[row]] = max(height, top[cell[row]])
    return area


def moqd_score(spec: Spec, elites: Any, reference: tuple[float, float]) -> np.float64:
    """Sum of the `hypervolume` of all cells, exact and rounded once."""
    return _total(hypervolume(spec, elites, reference))


def made_by(elites: Any, num_emitters: int) -> Any:
    """How many elites each emitter made, i32[K]; a cell's elites count one by one."""
    if isinstance(elites, Mapping):
        return _count(elites["emitter"], np.ones(len(elites["emitter"]), bool), num_emitters)
    return _count(elites.emitter, elites.valid, num_emitters)


def entropy(counts: Any) -> Number:
    """Bits of the distribution that `counts` describe, in [0, log2 K]; 0 where they are all 0.

    Meant for `made_by`: 0 says that one emitter made every elite, log2 K that all share the archive evenly. Over cells
    it would say no more than coverage, since a cell counts once.
    """
    xp = counts.__array_namespace__()
    share = counts / xp.maximum(counts.sum(), 1)
    return -(share * xp.log2(xp.where(share > 0, share, 1))).sum()


def sources(batch: Any, info: Any, num_emitters: int) -> Sources:
    """What became of `batch` (`Entries`) according to the `AddInfo` of its insertion, by emitter; exact."""
    return Sources(
        _count(batch.emitter, batch.valid, num_emitters),
        _count(batch.emitter, info.added, num_emitters),
        _count(batch.emitter, info.stored & ~info.added, num_emitters),
    )


def _count(emitter: Any, which: Any, num_emitters: int) -> Any:
    return (which[:, None] & (emitter[:, None] == np.arange(num_emitters))).sum(axis=0)


def _total(values: Any) -> Number:
    """Sum of [C], by the rule of this file."""
    if isinstance(values, np.ndarray):
        return np.float64(math.fsum(values))
    while (size := values.shape[0]) > 1:
        half = (size + 1) // 2
        added = values[: size - half] + values[half:]
        values = values.__array_namespace__().concatenate([added, values[size - half : half]])
    return values[0]
