"""Maps of an archive: a value of each elite as a colour at its place.

Two coordinates are shown as the archive's cells, one as a strip, more as panels of slices; an archive without cells, or
with cells around centroids in more than two dimensions, as points.

Axes: M elites, C cells, D descriptor.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from poet.archives.layout import num_cells
from poet.view.archive import cells
from poet.view.archive.colours import Colouring, add_colour_bar, colour_by_fitness, colour_options, elite_colours
from poet.view.style import (
    GREY,
    GRID,
    INK,
    MEDIUM,
    SMALL,
    hide_spines,
    part_size,
    set_labels,
    set_note,
    set_title,
    short_name,
    show_message,
    wrap,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from poet.view.archive.elites import Elites

EMPTY_CELL = "#eef1f4"
NO_SNAPSHOT = "No snapshot of the archive yet:\nthe first comes with the first checkpoint."
NO_ELITE = "The archive is empty: no elite is found yet."
NOT_FINITE = "No elite has a finite value yet."
MIN_PANEL, MAX_PANELS = 1.2, 6  # of slices: inches with labels, and how many along each side
MAX_OUTLINED = 3000  # cells; outlines of more would hide the colours


def shown_bounds(elites: Elites) -> np.ndarray:
    """The part of the descriptor space that a map shows, f64[D, 2].

    These are the bounds; for an archive without cells, whose bounds may be far away, the range of its elites in each
    coordinate where that is narrow.
    """
    bounds = np.asarray(elites.spec["bounds"], float)
    points = np.asarray(elites.columns["descriptor"], float)
    if cells.geometry(elites.spec) != "points" or len(points) < 2:
        return bounds
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.05 * (high - low)
    occupied = np.stack([np.maximum(low - margin, bounds[:, 0]), np.minimum(high + margin, bounds[:, 1])], axis=1)
    narrow = (high > low) & (high - low < 0.5 * (bounds[:, 1] - bounds[:, 0]))
    return np.where(narrow[:, None], occupied, bounds)


def draw_map(
    part: Figure | SubFigure,
    elites: Elites,
    colouring: Colouring | None = None,
    *,
    colour_bar: bool = True,
    limits: np.ndarray | None = None,
    heading: str = "",
) -> list[Axes]:
    """A map of elites in a figure or a part of one; returns its panels, none if there is nothing to show.

    Colours show fitness unless `colouring` is given; `limits` f64[D, 2] replace what `shown_bounds` gives.
    """
    colouring = colouring or colour_by_fitness(elites)
    limits = shown_bounds(elites) if limits is None else limits
    dimensions, geometry = len(elites.names), cells.geometry(elites.spec)
    if not len(elites) or not colouring.can_be_shown():
        show_message(part.subplots(), NOT_FINITE if len(elites) else NO_ELITE)
        panels = []
    elif dimensions == 1:
        panels = _draw_strip(part, elites, colouring, limits[0])
    elif geometry == "points" or (geometry == "centroids" and dimensions > 2):
        panels = _draw_points(part, elites, colouring, limits)
    elif dimensions == 2:
        axes = part.subplots()
        (_draw_polygons if geometry == "centroids" else _draw_grid)(axes, elites, colouring)
        frame(axes, elites.names, 0, 1, limits)
        panels = [axes]
    else:
        panels = _draw_slices(part, elites, colouring)
    if heading:
        draw_heading(part, heading, panels if dimensions < 3 else [])
    if colour_bar and panels:
        add_colour_bar(panels, colouring)
    return panels


def draw_heading(part: Figure | SubFigure, text: str, panels: Sequence[Axes]) -> None:
    """A heading in one line close to the first panel, or above the whole part if no panel is given."""
    if panels:
        panels[0].set_title(short_name(text, 72 * part_size(part)[0] - 40), fontsize=SMALL, color=INK)
    else:
        set_title(part, text, MEDIUM)


# --- one kind of map each ---


def _grid_values(elites: Elites, values: np.ndarray) -> np.ma.MaskedArray:
    picture = cells.values_by_cell(elites.spec, elites.columns, values).reshape(elites.spec["shape"])
    return np.ma.masked_invalid(picture)


def _draw_grid(axes: Axes, elites: Elites, colouring: Colouring) -> None:
    bounds = elites.spec["bounds"]
    _draw_image(axes, _grid_values(elites, colouring.values).T, bounds[0], bounds[1], colouring)


def _draw_image(axes: Axes, picture: np.ndarray, x: list[float], y: list[float], colouring: Colouring) -> None:
    extent = (x[0], x[1], y[0], y[1])
    options = colour_options(colouring)
    axes.imshow(picture, origin="lower", extent=extent, aspect="auto", interpolation="nearest", **options)


def _draw_polygons(axes: Axes, elites: Elites, colouring: Colouring) -> None:
    from matplotlib.collections import PolyCollection

    rows = cells.best_rows(elites.columns)
    polygons = cells.cell_polygons(elites.spec, np.asarray(elites.columns["cell"])[rows])
    edges = "white" if num_cells(elites.spec) <= MAX_OUTLINED else "face"
    options = colour_options(colouring)
    axes.add_collection(
        PolyCollection(polygons, array=colouring.values[rows], edgecolors=edges, linewidths=0.3, **options)
    )


def strip_axes(part: Figure | SubFigure, elites: Elites, limits: np.ndarray) -> tuple[Axes, Axes]:
    """Axes for fitness over the one coordinate, and below them for a strip along it."""
    curve, strip = part.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    set_labels(curve, "", "fitness")
    curve.grid(color=GRID, lw=0.8)
    curve.set_axisbelow(True)
    strip.set_facecolor(EMPTY_CELL)
    strip.set_yticks([])
    strip.set_xlim(*limits)
    set_labels(strip, elites.names[0], "")
    for axes in (curve, strip):
        hide_spines(axes)
    return curve, strip


def _draw_strip(part: Figure | SubFigure, elites: Elites, colouring: Colouring, limits: np.ndarray) -> list[Axes]:
    """Fitness over the one coordinate, above the cells in a row."""
    curve, strip = strip_axes(part, elites, limits)
    points, fitness = np.asarray(elites.columns["descriptor"], float)[:, 0], np.asarray(elites.columns["fitness"])
    curve.scatter(points, fitness, c=colouring.values, s=18, lw=0, **colour_options(colouring))
    bounds, geometry = elites.spec["bounds"][0], cells.geometry(elites.spec)
    values = cells.values_by_cell(elites.spec, elites.columns, colouring.values)
    if geometry == "grid":
        edges = np.linspace(bounds[0], bounds[1], len(values) + 1)
    elif geometry == "centroids":
        middle = cells.centroids(elites.spec)[:, 0].astype(float)
        order = np.argsort(middle)
        edges = np.concatenate([bounds[:1], (middle[order][1:] + middle[order][:-1]) / 2, bounds[1:]])
        values = values[order]
    else:
        strip.vlines(points, 0, 1, colors=elite_colours(colouring).tolist(), lw=1)
        edges, values = np.asarray(bounds, float), np.array([np.nan])
    strip.pcolormesh(edges, [0, 1], np.ma.masked_invalid(values)[None], **colour_options(colouring))
    return [curve, strip]


def _draw_points(part: Figure | SubFigure, elites: Elites, colouring: Colouring, limits: np.ndarray) -> list[Axes]:
    """A point for each elite, the fittest on top; of more than two coordinates every pair of the first four."""
    if len(elites.names) > 4:
        set_note(part, f"not shown: {', '.join(elites.names[4:])}")
    pairs = list(itertools.combinations(range(min(len(elites.names), 4)), 2))
    columns = min(len(pairs), 3)
    panels = part.subplots(math.ceil(len(pairs) / columns), columns, squeeze=False)
    order = np.argsort(elites.columns["fitness"])
    points, values = np.asarray(elites.columns["descriptor"], float)[order], colouring.values[order]
    size = float(np.clip(30_000 / len(order) / len(pairs), 3, 40))
    for axes, (x, y) in zip(panels.flat, pairs, strict=True):
        axes.scatter(points[:, x], points[:, y], c=values, s=size, lw=0, **colour_options(colouring))
        frame(axes, elites.names, x, y, limits)
        if len(pairs) > 1:
            axes.set_aspect("auto")
    return list(panels.flat)


def _draw_slices(part: Figure | SubFigure, elites: Elites, colouring: Colouring) -> list[Axes]:
    """Slices of a grid: coordinates 1 and 2 within each panel, 3 from panel to panel, 4 from row to row.

    If there are more slices than fit, a panel shows several of them; there, and over coordinates after the fourth, the
    fittest elite is shown.
    """
    from matplotlib.ticker import MaxNLocator

    shape, bounds, names = elites.spec["shape"], elites.spec["bounds"], elites.names
    width, height = part_size(part)
    across = min(shape[2], max(int(width / MIN_PANEL), 2), MAX_PANELS)
    down = min(shape[3], max(int(height / MIN_PANEL), 2), MAX_PANELS) if len(shape) > 3 else 1
    index = np.stack(np.unravel_index(elites.columns["cell"], shape), axis=1)
    column = index[:, 2] * across // shape[2]
    row = index[:, 3] * down // shape[3] if len(shape) > 3 else np.zeros(len(index), int)
    pictures = np.full((down, across, shape[0], shape[1]), np.nan)
    order = np.argsort(elites.columns["fitness"], kind="stable")  # the fittest comes last and is drawn over the others
    pictures[row[order], column[order], index[order, 0], index[order, 1]] = colouring.values[order]
    single_row = down == 1
    per_row = across if not single_row or across <= 3 else math.ceil(across / 2)
    rows = down if not single_row else math.ceil(across / per_row)
    panels = part.subplots(rows, per_row, squeeze=False, sharex=True, sharey=True)
    for i, j in np.ndindex(down, across):
        # A fourth coordinate increases upwards, as those within the panels do; a third alone continues row by row.
        axes: Any = panels[j // per_row, j % per_row] if single_row else panels[down - 1 - i, j]
        _draw_image(axes, np.ma.masked_invalid(pictures[i, j]).T, bounds[0], bounds[1], colouring)
        axes.set_facecolor(EMPTY_CELL)
        axes.tick_params(labelsize=SMALL, color=GREY)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(
                MaxNLocator(3, steps=[1, 2, 5, 10], prune="both")
            )  # labels of adjacent panels do not touch
        for side in axes.spines.values():
            side.set_color(GREY)
        if single_row or i == down - 1:
            title = f"{names[2]}\n{panel_range(bounds[2], shape[2], j, across)}"
            axes.set_title(wrap(title, 72 * 0.7 * width / per_row, max_lines=1), fontsize=SMALL, color=INK)
        if not single_row and j == 0:
            label = f"{names[3]}\n{panel_range(bounds[3], shape[3], i, down)}"
            axes.set_ylabel(wrap(label, 72 * 0.6 * height / rows, max_lines=1), fontsize=SMALL, color=INK)
    for axes in panels.flat[across:] if single_row else ():
        axes.set_axis_off()
    beyond = f"; the fittest over {', '.join(names[4:])}" if len(shape) > 4 else ""
    set_note(part, f"in each panel: {names[0]} to the right, {names[1]} upwards{beyond}")
    return list(panels.flat)


def panel_range(bounds: Sequence[float], num_cells: int, panel: int, num_panels: int) -> str:
    """The range of a coordinate that a panel of slices covers."""
    low, high = bounds
    begin, end = (
        low + math.ceil(edge * num_cells / num_panels) * (high - low) / num_cells for edge in (panel, panel + 1)
    )
    return f"{begin:.3g} to {end:.3g}"


def frame(axes: Axes, names: Sequence[str], x: int, y: int, limits: np.ndarray) -> None:
    """Axes over two of the coordinates: limits f64[D, 2], labels, and the same scale for both if possible."""
    axes.set_facecolor(EMPTY_CELL)
    (x0, x1), (y0, y1) = limits[x], limits[y]
    axes.set_xlim(x0, x1)
    axes.set_ylim(y0, y1)
    set_labels(axes, names[x], names[y])
    set_equal_scale(axes)
    for side in axes.spines.values():
        side.set_color(GREY)


def set_equal_scale(axes: Axes) -> None:
    """The same scale for both coordinates, unless the range of one is much longer."""
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    if 2 / 3 <= (y1 - y0) / (x1 - x0) <= 3 / 2:
        axes.set_aspect("equal")
