"""A run that remembers cells in the terminal: its metrics over time, and the cells with the best scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from poet.agents.segments import chain, parents_of
from poet.errors import PoetError
from poet.terminal import print_lines
from poet.view.archive import maps
from poet.view.cells.maps import MAX_COORDINATES
from poet.view.inspect import metrics_table, page_console, print_table

if TYPE_CHECKING:
    from rich.table import Table

    from poet.view.archive.elites import Elites
    from poet.view.cells.run import CellsRun
    from poet.view.cells.ways import Verified


MAX_WRONG = 20  # cells that are listed
OTHER_DEVICE = " (sums of rewards may differ on another kind of device than that of the run)"


def cell_table(run: CellsRun, cells: Elites, top: int) -> Table:
    """The cells with the best scores: number, score, steps, coordinates, visits."""
    from rich.table import Table

    table = Table(title=f"the best of {len(cells)} cells", title_justify="left", title_style="bold")
    facts = {"entered": "extra.seen", "returned to": "extra.chosen"}
    named = cells.names if len(cells.names) <= MAX_COORDINATES else ()
    for name in ("cell", "score", "steps", *named, *facts):
        table.add_column(name, justify="right")
    score, steps = np.asarray(cells.columns["fitness"], float), np.asarray(cells.columns["extra.length"])
    for row in run.best_cells(top):
        table.add_row(
            str(row),
            f"{score[row]:.6g}",
            str(steps[row]),
            *(f"{value:.3g}" for value in cells.points()[row, : len(named)]),
            *(str(cells.columns[column][row]) for column in facts.values()),
        )
    return table


def print_cells(run: CellsRun, last: int, top: int, replay: bool) -> None:
    """Print the state of a run, its last iterations, and the cells with the best scores."""
    console = page_console()
    print_lines(*repr(run).split("\n"))
    if last and run.events("iteration"):
        table = metrics_table(run, last)
        print_table(console, table, [str(column.header) for column in table.columns[:1:-1]])
    cells = run.latest()
    if cells is None:
        console.print(maps.NO_SNAPSHOT.replace("\n", " "), soft_wrap=True)
        return
    if top:
        print_table(console, cell_table(run, cells, top), ["returned to", "entered", *cells.names[::-1]])
    if replay and len(cells):
        print_lines(replayed_line(run, run.default_agent()))


def print_cell(run: CellsRun, cell: int, replay: bool) -> None:
    """Print the facts about one cell, and the segments of the way to it."""
    cells = run.archive()
    facts = {name: value[cell] for name, value in cells.facts().items()}
    way = chain(parents_of(run.segments().arrays).__getitem__, cells.id(cell))
    print_lines(
        f"cell {cell} of {run.name}, {run.coordinates(cell)}",
        f"score {cells.columns['fitness'][cell]:.6g} after {facts['length']} steps in {len(way)} segments",
        f"entered {facts['seen']} times, returned to {facts['chosen']} times "
        "(since the way to it last became better, if the search counts so)",
        *(["segments  " + ", ".join(f"{segment}: {steps} steps" for segment, steps in way)] if way else []),
        *([replayed_line(run, cell)] if replay else []),
    )


def replayed_line(run: CellsRun, cell: int) -> str:
    """Whether the way to a cell gives its score again; or why it was not replayed."""
    try:
        score = run.replay(cell).score
    except PoetError as error:
        return f"cell {cell} was not replayed: {error}"
    stored = float(run.archive().columns["fitness"][cell])
    if score == stored:
        return f"replayed from the start: cell {cell} is reached with its score, {score:.6g}"
    return f"replayed from the start: cell {cell} has score {score:.9g}, but {stored:.9g} on file{OTHER_DEVICE}"


def print_verified(run: CellsRun, verified: Verified) -> int:
    """Print how many replays gave the stored score, and the cells of the others. Returns 1 if there are others."""
    wrong = np.flatnonzero(~verified.equal)
    print_lines(f"{len(verified.cells)} cells replayed from the start: {verified.equal.sum()} with their scores")
    for row in wrong[:MAX_WRONG]:
        print_lines(f"cell {verified.cells[row]}: {verified.replayed[row]:.9g}, on file {verified.stored[row]:.9g}")
    if len(wrong):
        print_lines(f"{len(wrong)} scores differ{OTHER_DEVICE}")
    return int(len(wrong) > 0)
