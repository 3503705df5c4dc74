"""The rooms of a game: a map of each, and how many were met over time; for cells with coordinates room, x and y.

Axes: M cells.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from poet.view import plots
from poet.view.archive import maps
from poet.view.archive.colours import Colouring, add_colour_bar, colour_options
from poet.view.cells.maps import MAX_COORDINATES, colour_by
from poet.view.cells.positions import parts_in_use, positions
from poet.view.style import (
    GREY,
    INK,
    SMALL,
    WIDTH,
    new_figure,
    part_size,
    set_note,
    set_title,
    show_message,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from poet.view.archive.elites import Elites
    from poet.view.cells.run import CellsRun

MAX_ROOMS = 24
NAMES = ("room", "x", "y")
LEVEL = "level"  # rooms of different levels are different, where cells have this coordinate
NO_ROOMS = "The cells have no coordinates room, x and y."


class Rooms(NamedTuple):
    """The rooms of cells, in the order in which they were met.

    Attributes:
      of_cell: i64[M], the place of the room of each cell in that order.
      titles: of each room: its number, and that of its level if cells are in more than one.
    """

    of_cell: np.ndarray
    titles: list[str]


def has_rooms(cells: Elites | None) -> bool:
    """Whether cells have the coordinates room, x and y."""
    return cells is not None and len(cells.names) <= MAX_COORDINATES and {*NAMES} <= {*cells.names}


def find_rooms(cells: Elites) -> Rooms:
    """The room of each cell; the rows of cells are in the order in which they were met."""
    place = positions(cells.spec, cells.points())
    room = place[:, cells.names.index("room")]
    level = place[:, cells.names.index(LEVEL)] if LEVEL in cells.names else np.zeros_like(room)
    found, first, of_cell = np.unique(np.stack([level, room], axis=1), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    many_levels = len({*level.tolist()}) > 1
    titles = [f"level {l}, room {r}" if many_levels else f"room {r}" for l, r in found[order].tolist()]
    return Rooms(np.argsort(order)[of_cell.ravel()], titles)


def rooms_over_time(cells: Elites, num_cells: np.ndarray) -> np.ndarray:
    """How many rooms had been met when there were so many cells, f64; NaN where that is more cells than these."""
    new = np.zeros(len(cells), bool)
    new[np.unique(find_rooms(cells).of_cell, return_index=True)[1]] = True
    met = np.append(0, np.cumsum(new)).astype(float)
    known = (num_cells >= 0) & (num_cells <= len(cells))
    return np.where(known, met[np.where(known, num_cells, 0).astype(int)], np.nan)


def rooms(run: CellsRun) -> Figure:
    """A map of each room by the scores of its cells."""
    cells = run.latest()
    if cells is None or not has_rooms(cells) or not len(cells):
        figure = new_figure(8, 4)
        show_message(
            figure.subplots(), maps.NO_SNAPSHOT if cells is None else NO_ROOMS if len(cells) else maps.NO_ELITE
        )
        return figure
    figure = new_figure(*figure_size(cells))
    set_title(figure, plots.title(run))
    draw_rooms(figure, cells, colour_by(cells, "fitness"))
    return figure


def figure_size(cells: Elites) -> tuple[float, float]:
    """Width and height in inches of a figure of all rooms."""
    count = min(len(find_rooms(cells).titles), MAX_ROOMS)
    width = float(np.clip(3.5 * count, 7, WIDTH))
    columns = num_columns(count)
    return width, max(0.85 * width / columns, 1.9) * math.ceil(count / columns) + 0.8


def num_columns(count: int) -> int:
    """How many rooms stand beside each other."""
    return next(columns for columns, most in ((1, 1), (2, 4), (3, 6), (4, 12), (6, MAX_ROOMS)) if count <= most)


def draw_rooms(part: Figure | SubFigure, cells: Elites, colouring: Colouring, most: int = MAX_ROOMS) -> None:
    """A panel for each of the rooms that were met first, with a colour bar if colours are numbers.

    Where several cells have one place, because they differ in another coordinate, the largest value is shown.
    """
    found, place = find_rooms(cells), positions(cells.spec, cells.points())
    x, y = cells.names.index("x"), cells.names.index("y")
    limits = parts_in_use(cells.spec, place, narrow=1.0)
    shown = found.titles[:most]
    columns = num_columns(len(shown))
    panels = part.subplots(math.ceil(len(shown) / columns), columns, squeeze=False, sharex=True, sharey=True)
    order = np.argsort(colouring.values, kind="stable")
    size = cells.spec["shape"][x], cells.spec["shape"][y]
    for number, axes in enumerate(panels.flat):
        if number >= len(shown):
            axes.set_axis_off()
            continue
        rows = order[found.of_cell[order] == number]
        picture = np.full(size, np.nan)
        picture[place[rows, x], place[rows, y]] = colouring.values[rows]
        extent = (*cells.spec["bounds"][x], *cells.spec["bounds"][y])
        options: Any = {"extent": extent, "origin": "lower", "aspect": "auto", "interpolation": "nearest"}
        axes.imshow(np.ma.masked_invalid(picture).T, **options, **colour_options(colouring))
        _style(axes, f"{shown[number]}:", f"{len(rows)} cell{'s' if len(rows) != 1 else ''}", limits[x], limits[y])
        axes.tick_params(labelbottom=number + columns >= len(shown))
    hidden = len(found.titles) - len(shown)
    note = f"; {hidden} room{'s' if hidden != 1 else ''} met later not shown" if hidden else ""
    set_note(part, f"in each panel: x to the right, y upwards{note}")
    if not colouring.names:
        add_colour_bar(list(panels.flat), colouring)


def _style(axes: Axes, title: str, count: str, x: np.ndarray, y: np.ndarray) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_facecolor(maps.EMPTY_CELL)
    axes.set_xlim(*x)
    axes.set_ylim(*y)
    axes.tick_params(labelsize=SMALL, color=GREY)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], prune="both"))
    for side in axes.spines.values():
        side.set_color(GREY)
    width = 72 * part_size(axes)[0]
    lines = [f"{title} {count}"] if text_width(f"{title} {count}", SMALL) < 0.9 * width else [title, count]
    axes.set_title("\n".join(lines), fontsize=SMALL, color=INK)
