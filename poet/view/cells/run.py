"""A run of Go-Explore: its cells after each iteration that a snapshot was kept of, and the tables of the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

from poet.errors import ConfigError
from poet.view import tables
from poet.view.archive.run import ArchiveRun
from poet.view.run import Run

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure


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

    def can_render(self) -> bool:
        """False: a cell is a state of an environment, not an agent."""
        return False

    def weights(self, which: int, snapshot: str = "best") -> np.ndarray:
        """Raises `ConfigError`: a cell has no agent."""
        raise ConfigError(f"{self.name} has cells and the ways to them: there is no agent to evaluate or to export")

    def plots(self) -> Mapping[str, Callable[..., Figure]]:
        """Overview, map and curves."""
        from poet.view.cells.plots import PLOTS

        return PLOTS

    def suggested_commands(self) -> tuple[str, ...]:
        """Commands that show the run, with {} for its folder."""
        return ("inspect {}", "plot {}")
