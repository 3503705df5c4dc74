"""A run of Go-Explore: its cells after each iteration that a snapshot was kept of, and the tables of the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from poet.checked import NATURAL, check
from poet.errors import ConfigError, RunError
from poet.runs import read
from poet.view import tables
from poet.view.archive.run import ArchiveRun
from poet.view.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from poet.agents.segments import Replayed
    from poet.runs.read import Record
    from poet.view.cells.ways import Verified

SEGMENTS = "segments"
# Of a record of segments.
META = {
    "key": [NATURAL],
    "phases": {"start": NATURAL, "segment": NATURAL, "policy": NATURAL},
    "lanes": NATURAL,
    "steps": NATURAL,
    "best_ended": ({"id": [NATURAL], "score": float, "length": NATURAL}, None),
}


class CellsRun(ArchiveRun):
    """A run that remembers cells. Its table is `progress`; `archive()` gives the cells, of each the best way to it.

    The number of a cell is its row, which it keeps: cells are in the order in which they were met.
    """

    id: ClassVar[str] = "cells"
    tables: ClassVar = {"progress": tables.progress}
    row_forms: ClassVar = Run.row_forms
    commands: ClassVar[str] = "poet.view.cells.commands"
    agent_kind: ClassVar[str] = "cell"

    def headline(self) -> list[str]:
        """Cells, the best score, and the best score of an episode that has ended."""
        return Run.headline(self)

    def segments(self) -> Record:
        """The segments on the ways to the cells of `archive()`, from which they are replayed.

        Raises `RunError` for a run of a version that did not keep them.
        """
        iteration = self.archive().meta["iteration"]
        record = read.read_listed(
            iteration,
            lambda: read.list_snapshots(self.path, SEGMENTS),
            lambda number: read.read_snapshot(self.path, SEGMENTS, number),
        )
        if record is None:
            raise RunError(f"{self.path} has no {SEGMENTS}/{iteration}: the ways to its cells were not kept")
        try:
            check(record.meta, META)
        except ValueError as error:
            raise RunError(f"{self.path / SEGMENTS / str(iteration)} cannot be read: {error}") from error
        return record

    def best_cells(self, most: int | None = None) -> np.ndarray:
        """Rows of the cells, the best score first, then the shortest way; at most so many."""
        columns = self.archive().columns
        score, steps = np.asarray(columns["fitness"], float), np.asarray(columns["extra.length"])
        return np.lexsort((steps, -score))[:most]

    def default_agent(self) -> int:
        """The cell with the best score. Raises `RunError` while there is none."""
        self.archive().best()
        return int(self.best_cells(1)[0])

    def coordinates(self, cell: int) -> str:
        """The coordinates of a cell as text, each with its name; of many coordinates only their number."""
        from poet.view.cells.maps import MAX_COORDINATES

        named, count = self.archive().coordinates(cell), len(self.archive().names)
        return named if count <= MAX_COORDINATES else f"{count} coordinates"

    def weights(self, which: int, snapshot: str = "best") -> np.ndarray:
        """Raises `ConfigError`: a cell has no agent."""
        raise ConfigError(f"{self.name} has cells and the ways to them: there is no agent to evaluate or to export")

    def replay(self, cell: int | None = None) -> Replayed:
        """The way to a cell step by step, by default the best episode that has ended."""
        from poet.view.cells.ways import replay

        return replay(self, cell)

    def verify(self, most: int | None = None) -> Verified:
        """Replay the ways to all cells, or to the best ones, at most so many, and compare the scores."""
        from poet.view.cells.ways import verify

        return verify(self, most)

    def plots(self) -> Mapping[str, Callable[..., Figure]]:
        """Overview, map, frontier, curves; a map of rooms if cells have the coordinates room, x and y."""
        from poet.view.cells.plots import PLOTS
        from poet.view.cells.rooms import has_rooms

        return {name: plot for name, plot in PLOTS.items() if name != "rooms" or has_rooms(self.latest())}

    def suggested_commands(self) -> tuple[str, ...]:
        """Commands that show the run, with {} for its folder."""
        return ("inspect {}", "plot {}", "eval {}", *(("video {}",) if self.can_render() else ()))
