"""A run that remembers cells in the terminal: its metrics over time, and the cells with the best scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from poet.terminal import print_lines
from poet.view.archive import maps
from poet.view.inspect import metrics_table, page_console, print_table

if TYPE_CHECKING:
    from rich.table import Table

    from poet.view.archive.elites import Elites
    from poet.view.cells.run import CellsRun


def cell_table(cells: Elites, top: int) -> Table:
    """The cells with the best scores: number, score, steps, coordinates, visits."""
    from rich.table import Table

    table = Table(title=f"the best of {len(cells)} cells", title_justify="left", title_style="bold")
    facts = {"entered": "extra.seen", "returned to": "extra.chosen"}
    for name in ("cell", "score", "steps", *cells.names, *facts):
        table.add_column(name, justify="right")
    score, steps = np.asarray(cells.columns["fitness"], float), np.asarray(cells.columns["extra.length"])
    for row in np.lexsort((steps, -score))[:top]:
        table.add_row(
            str(row),
            f"{score[row]:.6g}",
            str(steps[row]),
            *(f"{value:.3g}" for value in cells.points()[row]),
            *(str(cells.columns[column][row]) for column in facts.values()),
        )
    return table


def print_cells(run: CellsRun, last: int, top: int) -> None:
    """Print the state of a run, its last iterations, and the cells with the best scores."""
    console = page_console()
    print_lines(*repr(run).split("\n"))
    if last and run.events("iteration"):
        table = metrics_table(run, last)
        print_table(console, table, [str(column.header) for column in table.columns[:1:-1]])
    cells = run.latest()
    if cells is None:
        console.print(maps.NO_SNAPSHOT.replace("\n", " "), soft_wrap=True)
    elif top:
        print_table(console, cell_table(cells, top), ["returned to", "entered", *cells.names[::-1]])
