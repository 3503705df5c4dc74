"""The elites of an archive after some iteration: columns, frames, parquet, selections. Imports no jax.

Axes: M elites, C cells, D descriptor.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from poet.archives import files, stats
from poet.archives.layout import NO_PARENT
from poet.checked import NATURAL, check
from poet.errors import ConfigError, RunError
from poet.runs.read import Record

if TYPE_CHECKING:
    import pandas

# Of a snapshot's meta data, as far as it is read here.
META = {
    "spec": {"id": str, "bounds": [[float, float]], "layout?": {"cells": NATURAL}},
    "iteration": object,
    "descriptor_names?": ([str], None),
    "qd_offset?": float,
    "payload?": ({}, None),
    "problem?": ({"id?": str}, None),
}
Id = tuple[int, int]  # the generation in which an elite was made, and its number in it


class Elites:
    """An archive after some iteration. An elite is identified by its row, 0 to M - 1.

    Attributes:
      meta: what the search wrote beside the columns: spec, iteration, evaluations, descriptor_names, ...
      columns: arrays over the M elites by name, mapped into memory: "cell", "fitness", "descriptor", "params", ...
      spec: of the archive: id, bounds, layout and options.
      names: of the D coordinates.
      qd_offset: what the search subtracts from each fitness in its QD scores; 0 if its record names none.
    """

    def __init__(self, record: Record) -> None:
        self.meta, self.columns = record
        try:
            check(self.meta, META)
            _check_columns(self.meta, self.columns)
        except ValueError as error:
            raise RunError(f"a snapshot of the archive cannot be read: {error}") from error
        self.qd_offset = float(self.meta.get("qd_offset", 0.0))
        self.spec: dict[str, Any] = self.meta["spec"]
        dimensions = len(self.spec["bounds"])
        self.names: tuple[str, ...] = tuple(
            self.meta.get("descriptor_names") or (f"descriptor {d}" for d in range(dimensions))
        )

    def __len__(self) -> int:
        return len(self.columns["fitness"])

    def column(self, name: str) -> np.ndarray:
        """A column over all elites. Raises `RunError` where the snapshot lacks it, or has it for other elites."""
        if name not in self.columns or len(self.columns[name]) != len(self):
            raise RunError(f"the snapshot of iteration {self.meta['iteration']} has no column {name!r} of its elites")
        return self.columns[name]

    def __repr__(self) -> str:
        return f"Elites({self.describe()})"

    def describe(self) -> str:
        """The archive in one line: id, iteration, number of elites, coverage, best and mean fitness."""
        archive = f"{self.spec['id']}, iteration {self.meta['iteration']}"
        if not len(self):
            return f"{archive}: no elite yet"
        summary = self.summary()
        return (
            f"{archive}: {len(self)} elites, "
            f"coverage {summary.coverage:.1%}, best {summary.best:.4g}, mean {summary.mean:.4g}"
        )

    def summary(self) -> stats.Summary:
        """Filled cells, coverage, QD score, best and mean fitness."""
        return stats.summary(self.spec, self.columns, self.qd_offset)

    def points(self) -> np.ndarray:
        """The descriptors f[M, D]; D is 0 where the elites have none."""
        return np.asarray(self.columns["descriptor"]) if self.names else np.zeros((len(self), 0))

    def facts(self) -> dict[str, np.ndarray]:
        """The extra fields that are one number per elite, as counters of a selection, by their names."""
        extra = {name: self.columns[name] for name in self.columns if name.startswith(files.EXTRA)}
        return {
            name.removeprefix(files.EXTRA): np.asarray(column)
            for name, column in extra.items()
            if column.shape == (len(self),) and column.dtype.kind in "iuf"
        }

    def frame(self, payload: bool = False) -> pandas.DataFrame:
        """One row per elite, coordinates under their names; with weights and genomes too if `payload`.

        Raises `ConfigError` if pandas is not installed.
        """
        omitted = {} if payload else self.meta.get("payload") or {}
        shown = {name: self.columns[name] for name in self.columns if name not in omitted}
        frame = files.frame(shown)
        return frame.rename(columns={f"descriptor_{d}": name for d, name in enumerate(self.names)})

    def parquet(self, path: str | os.PathLike[str]) -> None:
        """Write every column and the meta data to a parquet file. Raises `ConfigError` without pyarrow."""
        files.write_parquet(path, self.meta, self.columns)

    def id(self, row: int) -> Id:
        """The generation in which an elite was made, and its number in it: unique within a run."""
        return _id(self.columns["id"][self.check_row(row)])

    def parents(self, row: int) -> list[Id]:
        """Ids of the elites that an elite was made from: none, one or two."""
        ids = map(_id, self.columns["parents"][self.check_row(row)])
        return [id for id in ids if id != (NO_PARENT, NO_PARENT)]

    def rows_by_id(self) -> dict[Id, int]:
        """The row of each id."""
        return {_id(id): row for row, id in enumerate(self.columns["id"])}

    def best(self) -> int:
        """The row of the fittest elite. Raises `RunError` if there is none."""
        if not len(self):
            raise RunError("the archive has no elite yet: wait for an iteration that finds one")
        return int(np.argmax(self.columns["fitness"]))

    def nearest(self, point: Sequence[float]) -> int:
        """The row of the elite with the nearest descriptor; each coordinate is scaled by the width of its bounds.

        Raises `ConfigError` for a point of another dimension or outside the bounds, `RunError` if there is no elite.
        """
        self.best()
        if len(point) != len(self.names):
            raise ConfigError(f"expected {len(self.names)} coordinates ({', '.join(self.names)}), got {len(point)}")
        low, high = np.transpose(self.spec["bounds"])
        tolerance = 1e-6 * (high - low)  # bounds may have been rounded to float32
        if not ((point >= low - tolerance) & (point <= high + tolerance)).all():
            bounds = ", ".join(f"{name} {a:g} to {b:g}" for name, a, b in zip(self.names, low, high))
            raise ConfigError(f"expected a point within {bounds}; got {', '.join(map('{:g}'.format, point))}")
        offsets = (self.points() - np.asarray(point, float)) / (high - low)
        return int(np.argmin((offsets**2).sum(axis=1)))

    def select_distant(self, count: int) -> list[int]:
        """Rows of `count` elites that are far apart in the archive, the fittest first; of all if there are fewer."""
        if not len(self) or count < 1:
            return []
        low, high = np.transpose(self.spec["bounds"])
        points = (self.points() - low) / (high - low)
        chosen = [self.best()]
        distances = np.full(len(self), np.inf)
        while len(chosen) < min(count, len(self)):
            distances = np.minimum(distances, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
            distances[chosen[-1]] = -1
            chosen.append(int(np.argmax(distances)))
        return chosen

    def check_row(self, row: int) -> int:
        """The row itself. Raises `RunError` if there is no such elite, or none at all."""
        if not 0 <= row < len(self):
            self.best()
            raise RunError(f"there is no elite {row}: the archive has {len(self)}, from 0 to {len(self) - 1}")
        return row

    def coordinates(self, row: int) -> str:
        """The descriptor of an elite as text, each coordinate with its name; empty where elites have none."""
        descriptor = self.points()[self.check_row(row)]
        return ", ".join(f"{name} {value:.3g}" for name, value in zip(self.names, descriptor, strict=True))


def _id(numbers: np.ndarray) -> Id:
    """An id as a tuple; in a record that was made by hand, it may not be two numbers."""
    return tuple(np.ravel(numbers).tolist())


def _check_columns(meta: Mapping[str, Any], columns: Mapping[str, np.ndarray]) -> None:
    """Raise `ValueError` unless the columns that are there are of the same elites and fit the spec."""
    dimensions = len(meta["spec"]["bounds"])
    if len(meta.get("descriptor_names") or range(dimensions)) != dimensions:
        raise ValueError(f"it has {len(meta['descriptor_names'])} names for {dimensions} coordinates")
    count = len(columns["fitness"])
    forms = {
        "fitness": ("iuf", (count,)),
        "cell": ("iu", (count,)),
        "emitter": ("iu", (count,)),
        "descriptor": ("iuf", (count, dimensions)),
        "id": ("iuU", (count, 2)),
    }
    for name, (kinds, shape) in forms.items():
        column = columns.get(name)
        if column is not None and (column.dtype.kind not in kinds or column.shape != shape):
            found = f"{column.dtype}{list(column.shape)}"
            raise ValueError(f"its {name} should be numbers {list(shape)}, and is {found}")
    cell, cells = columns.get("cell", np.zeros(0)), meta["spec"].get("layout", {}).get("cells", np.inf)
    if len(cell) and not 0 <= cell.min() <= cell.max() < cells:
        raise ValueError(f"column 'cell' expects cells below {cells}")
