"""Where elites come from: when each was made and by which emitter, and lines from parents to children."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from poet.view.archive import maps
from poet.view.archive.colours import INITIAL, Colouring, draw_key, draw_legend
from poet.view.style import BLUE, GREY, INK, WIDTH, new_figure, set_title, show_message

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from poet.view.archive.elites import Elites
    from poet.view.archive.run import ArchiveRun

MAX_LINES = 150  # from parents to children; more would hide each other
LINE_COLOURS = {"at the parent": GREY, "at the child": BLUE}
LEGEND_LINE = 0.2  # inches


def origins(run: ArchiveRun) -> Figure:
    """When each elite was made and by which emitter, and lines from parents to children.

    Side by side with the keys below; of more than two coordinates below each other with the keys at the right.
    """
    elites = run.latest()
    if elites is None or not len(elites):
        figure = new_figure(8, 4)
        show_message(figure.subplots(), "No elites yet, so there are no origins to show.")
        return figure
    colourings = _colourings(run, elites)
    count, flat = len(colourings) + 1, len(elites.names) < 3
    longest = max(len(colouring.names) for colouring in colourings.values())
    if flat:
        ratios = [0.95 * WIDTH / max(count, 3), 0.3 + LEGEND_LINE * max(longest, 4)]
        figure = new_figure(WIDTH * count / max(count, 3), sum(ratios) + 0.4)
        maps_part, keys_part = figure.subfigures(2, 1, squeeze=False, height_ratios=ratios)[:, 0]
    else:
        figure = new_figure(WIDTH, (4.5 if len(elites.names) == 3 else 5.5) * count + 0.4)
        maps_part, keys_part = figure.subfigures(1, 2, squeeze=False, width_ratios=[WIDTH - 2, 2])[0]
    *parts, last = maps_part.subfigures(*((1, count) if flat else (count, 1)), squeeze=False).flat
    *keys, last_key = keys_part.subfigures(*((1, count) if flat else (count, 1)), squeeze=False).flat
    for part, key, (heading, colouring) in zip(parts, keys, colourings.items(), strict=True):
        maps.draw_map(part, elites, colouring, colour_bar=False, heading=heading)
        draw_key(key, colouring, horizontal=flat)
    draw_legend(last_key, LINE_COLOURS, horizontal=flat, title=draw_parents(last, elites))
    set_title(figure, f"Origins of the elites: {run.name}")
    return figure


def _colourings(run: ArchiveRun, elites: Elites) -> dict[str, Colouring]:
    """When elites were made, and by which emitter if there were several, with headings."""
    times = np.asarray(elites.columns["id"], float)[:, 0]
    unit = "generation" if "generations" in run.options.get("search", {}) else "iteration"
    colourings = {f"{unit} in which it was made": Colouring(times, unit, 0, max(float(times.max()), 1))}
    makers = np.asarray(elites.columns["emitter"], float)
    names = tuple(run.emitters()) or tuple(f"emitter {k}" for k in range(int(makers.max()) + 1))
    if (makers < 0).any():
        makers, names = makers + 1, (INITIAL, *names)
    if len(np.unique(makers)) > 1:
        colourings["emitter that made it"] = Colouring(makers, "", 0, len(names), names)
    return colourings


def draw_parents(part: SubFigure, elites: Elites) -> str:
    """A line from each parent that is in the archive to its child: grey at the parent, blue at the child.

    Over the first two coordinates, or over fitness if there is only one. Returns what it shows in words.
    """
    limits = maps.shown_bounds(elites)
    if len(elites.names) == 1:
        axes, strip = maps.strip_axes(part, elites, limits[0])
        points = np.stack([elites.columns["descriptor"][:, 0], elites.columns["fitness"]], axis=1).astype(float)
        strip.vlines(points[:, 0], 0, 1, colors=INK, lw=0.6)
    else:
        axes = part.subplots()
        points = np.asarray(elites.columns["descriptor"], float)[:, :2]
        maps.frame(axes, elites.names, 0, 1, limits)
        axes.set_facecolor("white")
    rows = elites.rows_by_id()
    pairs = [(rows[parent], row) for row in range(len(elites)) for parent in elites.parents(row) if parent in rows]
    without = len(elites) - len({row for _, row in pairs})
    if len(pairs) > MAX_LINES:
        lines = f"{MAX_LINES} of {len(pairs)} lines"
        pairs = [pairs[k] for k in np.linspace(0, len(pairs) - 1, MAX_LINES).astype(int)]
    else:
        lines = f"{len(pairs)} line{'s' * (len(pairs) != 1)}"
    if pairs:
        _draw_lines(axes, points[np.array(pairs)[:, 0]], points[np.array(pairs)[:, 1]])
    axes.scatter(points[:, 0], points[:, 1], s=4, color=INK, lw=0, alpha=0.6 if len(points) < 1000 else 0.25, zorder=0)
    maps.draw_heading(part, "parents and children", [axes])
    return f"{lines}; {without} of {len(elites)} elites have no parent in the archive"


def _draw_lines(axes: Axes, starts: np.ndarray, ends: np.ndarray) -> None:
    from matplotlib.collections import LineCollection

    middles = starts + 0.6 * (ends - starts)
    for a, b, colour in zip((starts, middles), (middles, ends), LINE_COLOURS.values(), strict=True):
        axes.add_collection(LineCollection(list(np.stack([a, b], 1)), colors=colour, lw=1.2, alpha=0.8))
