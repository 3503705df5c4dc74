"""Figures of a run that remembers cells. A figure of a run without data is a message that says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from poet.view import plots
from poet.view.archive import maps
from poet.view.archive.colours import Colouring, colour_by_fitness
from poet.view.style import BLUE, GREY, WIDTH, legend_above, new_figure, set_title, show_message, style_time_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from poet.view.archive.elites import Elites
    from poet.view.cells.run import CellsRun

# metric -> label of its axis, and the metric that is drawn beside it with its name
CURVES = {"cells": ("cells", "", ""), "best": ("score", "best_ended", "of an episode that ended")}
# column of the cells -> label of its colours
MAPS = {"fitness": "score of the best way", "extra.length": "steps of it", "extra.seen": "rollouts that entered"}


def overview(run: CellsRun) -> Figure:
    """The run in one figure: the score of each cell, and cells and scores over time."""
    figure = new_figure(WIDTH, 5.8)
    set_title(figure, plots.title(run))
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=[1.5, 1])[0]
    _draw_map(left, run.latest(), "fitness")
    for axes, name in zip(right.subplots(2, 1, sharex=True), CURVES, strict=True):
        draw_curve(axes, run, name)
        if name != "best":
            axes.set_xlabel("")
    return figure


def cell_map(run: CellsRun) -> Figure:
    """Each cell by the score of the best way to it, by the steps of that way, and by how often it was entered."""
    cells = run.latest()
    beside = cells is None or len(cells.names) < 3  # maps of more coordinates have many panels
    figure = new_figure(WIDTH, 3.4 if beside else 18.0)
    set_title(figure, plots.title(run))
    for part, column in zip(figure.subfigures(*(1, 3) if beside else (3, 1), squeeze=False).ravel(), MAPS, strict=True):
        _draw_map(part, cells, column)
    return figure


def curves(run: CellsRun) -> Figure:
    """Cells and scores over environment steps."""
    figure = new_figure(WIDTH, 3.6)
    set_title(figure, plots.title(run))
    for axes, name in zip(figure.subplots(1, 2), CURVES, strict=True):
        draw_curve(axes, run, name)
    return figure


def draw_curve(axes: Axes, run: CellsRun, name: str) -> None:
    """One of the curves over environment steps."""
    from matplotlib.ticker import EngFormatter

    label, second, second_label = CURVES[name]
    table = run.table("progress")
    style_time_axes(axes)
    if name not in table or not np.isfinite(np.asarray(table[name], float)).any():
        return show_message(axes, "No iteration is done yet.")
    steps = np.asarray(table["env_steps"], float)
    marker = "o" if len(steps) < 3 else ""
    axes.plot(steps, table[name], color=BLUE, lw=1.6, marker=marker, label="on the way" if second else "")
    if second and np.isfinite(np.asarray(table.get(second, []), float)).any():
        axes.plot(steps, table[second], color=GREY, lw=1.4, ls="--", marker=marker, label=second_label)
        legend_above(axes, 2)
    axes.set_ylabel(label)
    axes.set_xlabel("environment steps")
    axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    return None


def _draw_map(part: Figure | SubFigure, cells: Elites | None, column: str) -> None:
    if cells is None:
        return show_message(part.subplots(), maps.NO_SNAPSHOT)
    if column == "fitness":
        colouring = colour_by_fitness(cells)._replace(label=MAPS[column])
    else:
        values = np.asarray(cells.columns[column], float)
        colouring = Colouring(values, MAPS[column], float(values.min(initial=0)), float(values.max(initial=1)))
    maps.draw_map(part, cells, colouring)
    return None


PLOTS: dict[str, Callable[[CellsRun], Figure]] = {"overview": overview, "map": cell_map, "curves": curves}
