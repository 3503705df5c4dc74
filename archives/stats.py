"""Statistics of an archive: coverage, QD score, and which emitters its elites come from.

Every function takes elites as rows (`Archive.elites(state)`) or as columns (`table.columns`). Rows of jax arrays may be
traced and give jax scalars; NumPy arrays give NumPy scalars. Of several elites in a cell only the best counts, and an
elite whose fitness is not finite is ignored.

Numerics: compiled sums are float32 and pairwise, a fixed tree of additions. The compiler, the device and the sharding
therefore do not change the order, and the error grows with the logarithm of the number of cells. Sums of NumPy arrays
are exact and then rounded once, to float64.

Axes: B batch, C cells, M elites, K emitters.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from poet.archives.layout import Spec, best_of_cells, num_cells, row_cells
from poet.errors import ConfigError

Number = Any  # f32[] or i32[] of jax, or a NumPy scalar


class Summary(NamedTuple):
    """An archive in five numbers; `best` and `mean` of an empty archive are NaN.

    Attributes:
      filled: number of cells with an elite.
      coverage: their share of all cells; for an archive without cells, of its capacity.
      qd_score: sum of fitness - qd_offset over filled cells.
      best: maximum fitness.
      mean: mean fitness of filled cells.
    """

    filled: Number
    coverage: Number
    qd_score: Number
    best: Number
    mean: Number


class EmitterCounts(NamedTuple):
    """What happened to a batch, by emitter: i32[K] each."""

    evaluations: Any
    added: Any
    improved: Any


def summary(spec: Spec, elites: Any, qd_offset: float = 0.0) -> Summary:
    """All five numbers; `qd_offset` is the lowest possible fitness.

    >>> from poet.archives.layout import layout
    >>> spec = {"id": "grid", "shape": [4], "bounds": [[0, 1]], "layout": layout(4, "grid")}
    >>> found = summary(spec, {"cell": np.array([1, 3]), "fitness": np.array([2.0, 4.0])}, qd_offset=-10.0)
    >>> float(found.coverage), float(found.qd_score), float(found.best), float(found.mean)
    (0.5, 26.0, 4.0, 3.0)
    """
    fitness, filled = best_of_cells(spec, elites)
    xp = fitness.__array_namespace__()
    num_filled = filled.sum()
    any_filled = num_filled > 0
    return Summary(
        num_filled,
        num_filled / filled.size,
        _sum(xp.where(filled, fitness - qd_offset, 0)),
        xp.where(any_filled, xp.where(filled, fitness, -np.inf).max(), np.nan)[()],
        xp.where(any_filled, _sum(fitness) / xp.maximum(num_filled, 1), np.nan)[()],
    )


def normalised_qd_score(spec: Spec, elites: Any, fitness_bounds: tuple[float, float]) -> Number:
    """Mean of (fitness - low) / (high - low) over all cells, where empty cells count as 0: at most 1.

    >>> from poet.archives.layout import layout
    >>> spec = {"id": "grid", "shape": [4], "bounds": [[0, 1]], "layout": layout(4, "grid")}
    >>> elites = {"cell": np.array([1, 3]), "fitness": np.array([50.0, 100.0])}
    >>> float(normalised_qd_score(spec, elites, (0.0, 100.0)))
    0.375
    """
    low, high = fitness_bounds
    fitness, filled = best_of_cells(spec, elites)
    share = (fitness - low) / (high - low)
    return _sum(fitness.__array_namespace__().where(filled, share, 0)) / filled.size


def solved(spec: Spec, elites: Any, threshold: float) -> Number:
    """Number of cells whose best fitness is at least `threshold`, i32[].

    With environments as elites, and one cell for all similar environments, this is ANNECS: the number of new
    environments that were solved (Wang et al. 2020, arXiv 2003.08536). It never decreases in an archive where the best
    fitness of a cell never decreases. For other archives the search must count new solved environments itself.

    >>> from poet.archives.layout import layout
    >>> spec = {"id": "grid", "shape": [4], "bounds": [[0, 1]], "layout": layout(4, "grid")}
    >>> int(solved(spec, {"cell": np.array([1, 3]), "fitness": np.array([2.0, 4.0])}, 3.0))
    1
    """
    fitness, filled = best_of_cells(spec, elites)
    return (filled & (fitness >= threshold)).sum()


def hypervolume(spec: Spec, elites: Any, reference: tuple[float, float]) -> np.ndarray:
    """Area between `reference` and the Pareto front of each cell, f64[C], for two objectives; 0 for an empty cell.

    The sum over cells is the MOQD score (Pierrot et al. 2022, arXiv 2202.03057). Computed on the host.
    Raises `ConfigError` for elites with another number of objectives.

    >>> from poet.archives.layout import layout
    >>> spec = {"id": "pareto", "shape": [2], "bounds": [[0, 1]], "layout": layout(2, "grid", rows_per_cell=4)}
    >>> elites = {"cell": np.array([1, 1]), "objectives": np.array([[1.0, 3.0], [2.0, 1.0]]), "fitness": np.ones(2)}
    >>> hypervolume(spec, elites, (0.0, 0.0)).tolist()
    [0.0, 4.0]
    """
    if isinstance(elites, Mapping):
        cell, objectives = elites["cell"], elites.get("objectives", elites["fitness"])
    else:
        valid = np.asarray(elites.valid)
        cell, objectives = row_cells(spec)[valid], np.asarray(elites.fitness)[valid]
    if objectives.shape[1:] != (2,):
        raise ConfigError(
            f"hypervolume expects elites with 2 objectives, got fitness of shape {objectives.shape}: "
            "use archive 'pareto' with archive.num_objectives 2"
        )
    excess = np.maximum(objectives.astype(np.float64) - reference, 0)
    area, top = np.zeros((2, num_cells(spec)))
    # In descending order of the first objective, each elite adds a rectangle above the elites before it.
    for row in np.lexsort((-excess[:, 1], -excess[:, 0])):
        width, height = excess[row]
        area[cell[row]] += width * max(height - top[cell[row]], 0)
        top[cell[row]] = max(height, top[cell[row]])
    return area


def moqd_score(spec: Spec, elites: Any, reference: tuple[float, float]) -> np.float64:
    """Sum of the `hypervolume` of all cells, exact and rounded once.

    >>> from poet.archives.layout import layout
    >>> spec = {"id": "pareto", "shape": [2], "bounds": [[0, 1]], "layout": layout(2, "grid", rows_per_cell=4)}
    >>> elites = {"cell": np.array([1, 1]), "objectives": np.array([[1.0, 3.0], [2.0, 1.0]]), "fitness": np.ones(2)}
    >>> float(moqd_score(spec, elites, (0.0, 0.0)))
    4.0
    """
    return _sum(hypervolume(spec, elites, reference))


def count_by_emitter(elites: Any, num_emitters: int) -> Any:
    """How many elites each emitter made, i32[K]; every elite of a cell counts.

    >>> count_by_emitter({"emitter": np.array([0, 2, 2, -1])}, 3).tolist()
    [1, 0, 2]
    """
    if isinstance(elites, Mapping):
        return _count(elites["emitter"], np.ones(len(elites["emitter"]), bool), num_emitters)
    return _count(elites.emitter, elites.valid, num_emitters)


def entropy(counts: Any) -> Number:
    """Entropy in bits of the distribution that `counts` describe, in [0, log2 K]; 0 where all counts are 0.

    For counts of `count_by_emitter`, 0 means that one emitter made every elite, and log2 K that all made equally many.
    (The entropy over cells is a function of coverage, since each filled cell counts once.)

    >>> float(entropy(np.array([4, 4])))
    1.0
    """
    xp = counts.__array_namespace__()
    share = counts / xp.maximum(counts.sum(), 1)
    return -(share * xp.log2(xp.where(share > 0, share, 1))).sum()


def batch_counts_by_emitter(batch: Any, info: Any, num_emitters: int) -> EmitterCounts:
    """What happened to `batch` (`Entries`) by emitter, from the `AddInfo` that `Archive.add` returned for it; exact.

    >>> from types import SimpleNamespace
    >>> batch = SimpleNamespace(emitter=np.array([0, 1, 1]), valid=np.ones(3, bool))
    >>> info = SimpleNamespace(stored=np.array([True, True, False]), added=np.array([True, False, False]))
    >>> [counts.tolist() for counts in batch_counts_by_emitter(batch, info, 2)]
    [[1, 2], [1, 0], [0, 1]]
    """
    return EmitterCounts(
        _count(batch.emitter, batch.valid, num_emitters),
        _count(batch.emitter, info.added, num_emitters),
        _count(batch.emitter, info.stored & ~info.added, num_emitters),
    )


def _count(emitter: Any, mask: Any, num_emitters: int) -> Any:
    return (mask[:, None] & (emitter[:, None] == np.arange(num_emitters))).sum(axis=0)


def _sum(values: Any) -> Number:
    """Sum of [C], as described under Numerics above."""
    if isinstance(values, np.ndarray):
        return np.float64(math.fsum(values))
    while (size := values.shape[0]) > 1:
        half = (size + 1) // 2
        added = values[: size - half] + values[half:]
        values = values.__array_namespace__().concatenate([added, values[size - half : half]])
    return values[0]
