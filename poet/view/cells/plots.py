"""Figures of a run that remembers cells. A figure of a run without data is a message that says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from poet.view import plots
from poet.view.archive import maps
from poet.view.archive.colours import Colouring, draw_key
from poet.view.cells.curves import curves, draw_curve
from poet.view.cells.maps import (
    COLUMNS,
    MAX_COORDINATES,
    colour_by,
    draw_map,
    grey_pictures,
    num_panels,
    picture_places,
    too_many,
)
from poet.view.cells.positions import frontier, positions
from poet.view.cells.rooms import draw_rooms, figure_size, has_rooms, rooms
from poet.view.style import (
    WIDTH,
    new_figure,
    set_title,
    show_message,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from poet.view.cells.run import CellsRun

OVERVIEW_ROOMS = 6
LEGEND = 1.15  # inches
# Of cells, by whether they have a neighbour that was not met, and by their counter of returns, which a search may set
# to 0 when a better way is found.
NOT_CHOSEN = "not returned to since its best way was found"
KINDS = (
    "all neighbours met",
    "frontier: a neighbour not met",
    f"all neighbours met, {NOT_CHOSEN}",
    f"frontier, {NOT_CHOSEN}",
)


def overview(run: CellsRun) -> Figure:
    """The run in one figure: the score of each cell, and cells and scores over time."""
    cells = run.latest()
    figure = new_figure(WIDTH, 5.8)
    set_title(figure, plots.title(run))
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=[1.5, 1])[0]
    if cells is not None and has_rooms(cells) and len(cells):
        draw_rooms(left, cells, colour_by(cells, "fitness"), OVERVIEW_ROOMS)
    else:
        draw_map(left, cells)
    for axes, name in zip(right.subplots(2, 1, sharex=True), ("cells", "best"), strict=True):
        draw_curve(axes, run, name)
        if name != "best":
            axes.set_xlabel("")
    return figure


def cell_map(run: CellsRun) -> Figure:
    """Each cell by its score, the steps of the way to it, how often it was entered, and when it was met.

    Of frames, the cells with the best scores as pictures.
    """
    cells = run.latest()
    places = None if cells is None or not len(cells) else picture_places(cells.names)
    if cells is not None and places is not None and len(cells.names) > MAX_COORDINATES:
        return grey_pictures(run, cells, places)
    if cells is None or len(cells.names) > MAX_COORDINATES:
        return _message(run, maps.NO_SNAPSHOT if cells is None else too_many(cells))
    panels = num_panels(cells)
    figure = new_figure(WIDTH, 8.6 if panels == 1 else 14.0 if panels == 3 else 23.5)
    set_title(figure, plots.title(run))
    parts = figure.subfigures(*(2, 2) if panels == 1 else (4, 1), squeeze=False).ravel()
    for part, column in zip(parts, COLUMNS, strict=True):
        draw_map(part, cells, colour_by(cells, column))
    return figure


def frontier_map(run: CellsRun) -> Figure:
    """Cells with a neighbour that was not met, and those to which the search has not returned.

    Where cells have rooms, neighbours are those in the same room; otherwise those along every coordinate.
    """
    cells = run.latest()
    if cells is None or not len(cells) or len(cells.names) > MAX_COORDINATES:
        return _message(run, maps.NO_SNAPSHOT if cells is None else too_many(cells) if len(cells) else maps.NO_ELITE)
    in_rooms = has_rooms(cells)
    along = [cells.names.index(name) for name in ("x", "y")] if in_rooms else list(range(len(cells.names)))
    open_ = frontier(cells.spec["shape"], positions(cells.spec, cells.points()), along)
    kind = open_ + 2 * (np.asarray(cells.column("extra.chosen")) == 0)
    counts = np.bincount(kind, minlength=len(KINDS))
    names = tuple(f"{name} ({count})" for name, count in zip(KINDS, counts, strict=True))
    colouring = Colouring(kind.astype(float), "", 0, len(KINDS) - 1, names)
    width, height = figure_size(cells) if in_rooms else (8.0, 6.5)
    figure = new_figure(max(width, 8.0), height + LEGEND)
    set_title(figure, plots.title(run))
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[height, LEGEND])[:, 0]
    if in_rooms:
        draw_rooms(above, cells, colouring)
    else:
        draw_map(above, cells, colouring)
    draw_key(below, colouring, horizontal=True)
    return figure


def _message(run: CellsRun, text: str) -> Figure:
    figure = new_figure(8, 4)
    set_title(figure, plots.title(run))
    show_message(figure.subplots(), text)
    return figure


PLOTS: dict[str, Callable[[CellsRun], Figure]] = {
    "overview": overview,
    "map": cell_map,
    "frontier": frontier_map,
    "rooms": rooms,
    "curves": curves,
}
