"""Maps of an archive: a value of each elite as a colour at its place.

Two coordinates are shown as the archive's cells, one as a strip, more as panels of slices; an archive without cells, or
with cells around centroids in more than two dimensions, as points.

Axes: M elites, C cells, D descriptor.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from poet.archives.layout import num_cells, num_objectives
from poet.view.archive import cells
from poet.view.style import (
    BLUE,
    GREEN,
    GREY,
    GRID,
    INK,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    YELLOW,
    hide_spines,
    show_message,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from poet.view.archive.elites import Elites

EMPTY_CELL = "#eef1f4"
COLOURS = (BLUE, ORANGE, GREEN, RED, SKY, PURPLE, YELLOW, "#000000")
INITIAL = "initial solutions"  # in place of an emitter: elites that were drawn from the prior
NO_SNAPSHOT = "No snapshot of the archive yet:\nthe first comes with the first checkpoint."
NO_ELITE = "The archive is empty: no elite is found yet."
MAX_PANELS = 6  # along each side
MAX_OUTLINED = 3000  # cells; outlines of more would hide the colours


class Colouring(NamedTuple):
    """A value of each elite, and the colour scale for it.

    Attributes:
      values: f64[M].
      label: of the colour bar.
      low, high: ends of the colour scale.
      names: for categories: what the integers 0, 1, ... in `values` stand for, one colour each.
    """

    values: np.ndarray
    label: str
    low: float
    high: float
    names: tuple[str, ...] = ()


def colour_by_fitness(elites: Elites) -> Colouring:
    """Fitness as colour; the scale starts at the 1% quantile, so that few bad elites do not stretch it."""
    values = np.asarray(elites.columns["fitness"], float)
    label = "sum of the objectives" if num_objectives(elites.spec) > 1 else "fitness"
    if not len(values):
        return Colouring(values, label, 0, 1)
    low, high = float(np.quantile(values, 0.01)), float(values.max())
    return Colouring(values, label, low, high if high > low else low + 1)


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
) -> None:
    """A map of elites in a figure or a part of one.

    Colours show fitness unless `colouring` is given; `limits` f64[D, 2] replace what `shown_bounds` gives.
    """
    if not len(elites):
        return show_message(part.subplots(), NO_ELITE)
    colouring = colouring or colour_by_fitness(elites)
    limits = shown_bounds(elites) if limits is None else limits
    dimensions, geometry = len(elites.names), cells.geometry(elites.spec)
    if dimensions == 1:
        panels = _draw_strip(part, elites, colouring, limits[0])
    elif geometry == "points" or (geometry == "centroids" and dimensions > 2):
        panels = _draw_points(part, elites, colouring, limits)
    elif dimensions == 2:
        axes = part.subplots()
        (_draw_polygons if geometry == "centroids" else _draw_grid)(axes, elites, colouring)
        _frame(axes, elites.names, 0, 1, limits)
        panels = [axes]
    else:
        panels = _draw_slices(part, elites, colouring)
    if colour_bar:
        _add_colour_bar(part, panels, colouring)
    return None


# --- colours ---


def colour_options(colouring: Colouring) -> dict[str, Any]:
    """Colour map and norm, as keyword arguments of matplotlib's plotting functions."""
    from matplotlib.colors import BoundaryNorm, ListedColormap, Normalize

    if colouring.names:
        count, colour_of = len(colouring.names), colours_by_name(colouring.names)
        shown = [colour_of[name] for name in colouring.names]
        return {"cmap": ListedColormap(shown), "norm": BoundaryNorm(np.arange(count + 1) - 0.5, count)}
    return {"cmap": "viridis", "norm": Normalize(colouring.low, colouring.high)}


def emitter_name(emitters: Sequence[str], number: Any) -> str:
    """The name of the emitter that made an elite, by the elite's "emitter"."""
    if number in range(len(emitters)):
        return emitters[int(number)]
    return INITIAL if number == -1 else f"emitter {number}"


def colours_by_name(names: Iterable[str]) -> dict[str, str]:
    """The colour of each emitter, the same in every figure; grey for the initial solutions."""
    emitters = [name for name in dict.fromkeys(names) if name != INITIAL]
    return {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(emitters)} | {INITIAL: GREY}


def elite_colours(colouring: Colouring) -> np.ndarray:
    """The colour of each elite, f64[M, 4]."""
    from matplotlib.cm import ScalarMappable

    return np.asarray(ScalarMappable(**colour_options(colouring)).to_rgba(colouring.values))


def draw_colour_bar(axes: Axes, colouring: Colouring) -> None:
    """A colour bar that fills axes."""
    from matplotlib.cm import ScalarMappable

    mappable = ScalarMappable(**colour_options(colouring))
    bar = axes.figure.colorbar(mappable, cax=axes, label=colouring.label, **_bar_ends(colouring))
    _style_colour_bar(bar, colouring)


def _add_colour_bar(part: Figure | SubFigure, axes: list[Axes], colouring: Colouring) -> None:
    from matplotlib.cm import ScalarMappable

    mappable = ScalarMappable(**colour_options(colouring))
    options: dict[str, Any] = {"shrink": 0.9, "aspect": 30, "pad": 0.02, **_bar_ends(colouring)}
    _style_colour_bar(part.colorbar(mappable, ax=axes, label=colouring.label, **options), colouring)


def _bar_ends(colouring: Colouring) -> dict[str, Any]:
    below = bool((colouring.values < colouring.low).any()) and not colouring.names
    return {"extend": "min" if below else "neither", "extendfrac": 0.02}


def _style_colour_bar(bar: Any, colouring: Colouring) -> None:
    bar.outline.set_visible(False)
    bar.minorticks_off()
    if colouring.names:
        bar.set_ticks(list(range(len(colouring.names))), labels=colouring.names)
    bar.ax.tick_params(length=0 if colouring.names else 3, labelsize=8)


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


def _draw_strip(part: Figure | SubFigure, elites: Elites, colouring: Colouring, limits: np.ndarray) -> list[Axes]:
    """Fitness over the one coordinate, above the cells in a row."""
    curve, strip = part.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    points, fitness = np.asarray(elites.columns["descriptor"], float)[:, 0], np.asarray(elites.columns["fitness"])
    curve.scatter(points, fitness, c=colouring.values, s=18, lw=0, **colour_options(colouring))
    curve.set_ylabel("fitness")
    curve.grid(color=GRID, lw=0.8)
    curve.set_axisbelow(True)
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
        strip.vlines(points, 0, 1, colors=elite_colours(colouring), lw=1)
        edges, values = np.asarray(bounds, float), np.array([np.nan])
    strip.pcolormesh(edges, [0, 1], np.ma.masked_invalid(values)[None], **colour_options(colouring))
    strip.set_facecolor(EMPTY_CELL)
    strip.set_yticks([])
    strip.set_xlim(*limits)
    strip.set_xlabel(elites.names[0])
    for axes in (curve, strip):
        hide_spines(axes)
    return [curve, strip]


def _draw_points(part: Figure | SubFigure, elites: Elites, colouring: Colouring, limits: np.ndarray) -> list[Axes]:
    """A point for each elite, the fittest on top; of more than two coordinates every pair of the first four."""
    if len(elites.names) > 4:
        part.supxlabel(f"not shown: {', '.join(elites.names[4:])}", fontsize=9)
    pairs = list(itertools.combinations(range(min(len(elites.names), 4)), 2))
    columns = min(len(pairs), 3)
    panels = part.subplots(math.ceil(len(pairs) / columns), columns, squeeze=False)
    order = np.argsort(elites.columns["fitness"])
    points, values = np.asarray(elites.columns["descriptor"], float)[order], colouring.values[order]
    size = float(np.clip(30_000 / len(order) / len(pairs), 3, 40))
    for axes, (x, y) in zip(panels.flat, pairs, strict=True):
        axes.scatter(points[:, x], points[:, y], c=values, s=size, lw=0, **colour_options(colouring))
        _frame(axes, elites.names, x, y, limits)
        if len(pairs) > 1:
            axes.set_aspect("auto")
    return list(panels.flat)


def _draw_slices(part: Figure | SubFigure, elites: Elites, colouring: Colouring) -> list[Axes]:
    """Slices of a grid: coordinates 1 and 2 within each panel, 3 from panel to panel, 4 from row to row.

    If there are more slices than fit, a panel shows several of them; there, and over coordinates after the fourth, the
    fittest elite is shown.
    """
    shape, bounds, names = elites.spec["shape"], elites.spec["bounds"], elites.names
    across, down = min(shape[2], MAX_PANELS), min(shape[3], MAX_PANELS) if len(shape) > 3 else 1
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
        axes.tick_params(labelsize=7, color=GREY)
        for side in axes.spines.values():
            side.set_color(GREY)
        if single_row or i == down - 1:
            axes.set_title(f"{names[2]}\n{panel_range(bounds[2], shape[2], j, across)}", fontsize=7.5, color=INK)
        if not single_row and j == 0:
            axes.set_ylabel(f"{names[3]}\n{panel_range(bounds[3], shape[3], i, down)}", fontsize=7.5, color=INK)
    for axes in panels.flat[across:] if single_row else ():
        axes.set_axis_off()
    beyond = f"; the fittest over {', '.join(names[4:])}" if len(shape) > 4 else ""
    part.supxlabel(f"in each panel: {names[0]} to the right, {names[1]} upwards{beyond}", fontsize=9)
    return list(panels.flat)


def panel_range(bounds: Sequence[float], num_cells: int, panel: int, num_panels: int) -> str:
    """The range of a coordinate that a panel of slices covers."""
    low, high = bounds
    begin, end = (
        low + math.ceil(edge * num_cells / num_panels) * (high - low) / num_cells for edge in (panel, panel + 1)
    )
    return f"{begin:.3g} to {end:.3g}"


def _frame(axes: Axes, names: Sequence[str], x: int, y: int, limits: np.ndarray) -> None:
    axes.set_facecolor(EMPTY_CELL)
    (x0, x1), (y0, y1) = limits[x], limits[y]
    axes.set_xlim(x0, x1)
    axes.set_ylim(y0, y1)
    axes.set_xlabel(names[x])
    axes.set_ylabel(names[y])
    set_equal_scale(axes)
    for side in axes.spines.values():
        side.set_color(GREY)


def set_equal_scale(axes: Axes) -> None:
    """The same scale for both coordinates, unless the range of one is much longer."""
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    if 2 / 3 <= (y1 - y0) / (x1 - x0) <= 3 / 2:
        axes.set_aspect("equal")
