"""The elites of one snapshot: columns, frames, parquet, and which of them to look at. Knows no jax.

Axes: M elites, C cells, D descriptor.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from poet.archives import files, stats
from poet.errors import ConfigError, RunError
from poet.runs.read import Snapshot

if TYPE_CHECKING:
    import pandas

NOBODY = 0xFFFFFFFF  # both words of the id of a parent that there is not

Id = tuple[int, int]  # iteration in which it was made, and its number there


class Elites:
    """An archive as it was at one time. An elite is known by its row, 0 to M - 1.

    Attributes:
      meta: what the search wrote beside the columns: spec, iteration, evaluations, descriptor_names, ...
      columns: arrays over the M elites by name, mapped into memory: "cell", "fitness", "descriptor", "params", ...
      spec: of the archive: kind, bounds and options.
      names: of the D coordinates.
      offset: worst fitness, from which the QD score counts; by default the problem's own, or 0.
    """

    def __init__(self, snapshot: Snapshot, offset: float | None = None) -> None:
        self.meta, self.columns = snapshot
        worst = (self.meta.get("fitness_bounds") or [0.0])[0]
        self.offset = worst if offset is None else offset
        self.spec: dict[str, Any] = self.meta["spec"]
        dimensions = len(self.spec["bounds"])
        self.names: tuple[str, ...] = tuple(
            self.meta.get("descriptor_names") or (f"descriptor {d}" for d in range(dimensions))
        )

    def __len__(self) -> int:
        return len(self.columns["fitness"])

    def __repr__(self) -> str:
        if not len(self):
            return f"Elites({self.spec['kind']}, iteration {self.meta['iteration']}: none yet)"
        now = self.summary()
        return (
            f"Elites({self.spec['kind']}, iteration {self.meta['iteration']}: {len(self)} elites, "
            f"coverage {now.coverage:.1%}, best {now.best:.4g}, mean {now.mean:.4g})"
        )

    def summary(self) -> stats.Summary:
        """Filled cells, coverage, QD score, best and mean."""
        return stats.summary(self.spec, self.columns, self.offset)

    def frame(self, payload: bool = False) -> pandas.DataFrame:
        """One row an elite, coordinates by their names; with their weights and genomes too if `payload`.

        Raises `ConfigError` if pandas is not installed.
        """
        given = self.meta.get("payload") or {}
        shown = {name: self.columns[name] for name in self.columns if payload or name not in given}
        frame = files.frame(shown)
        return frame.rename(columns={f"descriptor_{d}": name for d, name in enumerate(self.names)})

    def parquet(self, path: str | os.PathLike[str]) -> None:
        """Write every column and the meta data to a parquet file. Raises `ConfigError` without pyarrow."""
        files.write_parquet(path, self.meta, self.columns)

    def id(self, row: int) -> Id:
        """Iteration in which an elite was made, and its number there: unique in a run."""
        iteration, number = self.columns["id"][self.check(row)]
        return int(iteration), int(number)

    def parents(self, row: int) -> list[Id]:
        """Ids of the elites that it was made of: none, one or two."""
        found = self.columns["parents"][self.check(row)]
        return [(int(a), int(b)) for a, b in found if not a == b == NOBODY]

    def rows(self) -> dict[Id, int]:
        """The row of each id."""
        return {(int(a), int(b)): row for row, (a, b) in enumerate(self.columns["id"])}

    def best(self) -> int:
        """The row of the fittest elite. Raises `RunError` where there is none."""
        if not len(self):
            raise RunError("the archive has no elite yet: wait for an iteration that finds one")
        return int(np.argmax(self.columns["fitness"]))

    def nearest(self, point: Sequence[float]) -> int:
        """The row of the elite whose descriptor is nearest, each coordinate measured in the width of its bounds.

        Raises `ConfigError` for a point of another dimension or beyond the bounds, `RunError` where there is no elite.
        """
        self.best()
        if len(point) != len(self.names):
            raise ConfigError(f"expected {len(self.names)} coordinates ({', '.join(self.names)}), got {len(point)}")
        low, high = np.transpose(self.spec["bounds"])
        slack = 1e-6 * (high - low)  # bounds rounded to float32 are places too
        if not ((point >= low - slack) & (point <= high + slack)).all():
            bounds = ", ".join(f"{name} {a:g} to {b:g}" for name, a, b in zip(self.names, low, high))
            raise ConfigError(f"expected a place within {bounds}; got {', '.join(map('{:g}'.format, point))}")
        apart = (self.columns["descriptor"] - np.asarray(point, float)) / (high - low)
        return int(np.argmin((apart**2).sum(axis=1)))

    def spread(self, count: int) -> list[int]:
        """Rows of so many elites that lie far apart in the archive, the fittest first; all if there are fewer."""
        if not len(self) or count < 1:
            return []
        low, high = np.transpose(self.spec["bounds"])
        places = (np.asarray(self.columns["descriptor"]) - low) / (high - low)
        chosen = [self.best()]
        apart = np.full(len(self), np.inf)
        while len(chosen) < min(count, len(self)):
            apart = np.minimum(apart, ((places - places[chosen[-1]]) ** 2).sum(axis=1))
            apart[chosen[-1]] = -1
            chosen.append(int(np.argmax(apart)))
        return chosen

    def check(self, row: int) -> int:
        """The row itself. Raises `RunError` if there is no such elite, or none at all."""
        if not 0 <= row < len(self):
            self.best()
            raise RunError(f"there is no elite {row}: the archive has {len(self)}, from 0 to {len(self) - 1}")
        return row

    def words(self, row: int) -> str:
        """Where an elite lies, in words: its coordinates by name."""
        place = self.columns["descriptor"][self.check(row)]
        return ", ".join(f"{name} {value:.3g}" for name, value in zip(self.names, place, strict=True))
