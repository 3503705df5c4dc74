"""Curves of a run that remembers cells, over environment steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from poet.view import plots
from poet.view.cells.rooms import has_rooms, rooms_over_time
from poet.view.style import BLUE, GREY, WIDTH, legend_above, new_figure, set_title, show_message, style_time_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from poet.view.cells.run import CellsRun

# metric -> label of its axis, and the metric that is drawn beside it with its name
CURVES = {
    "cells": ("cells", "", ""),
    "best": ("score", "best_ended", "of an episode that ended"),
    "rooms": ("rooms", "", ""),
}


def curves(run: CellsRun) -> Figure:
    """Cells and scores over environment steps, and rooms where cells have them."""
    names = [name for name in CURVES if name != "rooms" or has_rooms(run.latest())]
    figure = new_figure(WIDTH, 3.6)
    set_title(figure, plots.title(run))
    for axes, name in zip(figure.subplots(1, len(names)), names, strict=True):
        draw_curve(axes, run, name)
    return figure


def draw_curve(axes: Axes, run: CellsRun, name: str) -> None:
    """One of the curves over environment steps."""
    from matplotlib.ticker import EngFormatter, MaxNLocator

    label, second, second_label = CURVES[name]
    table, cells = dict(run.table("progress")), run.latest()
    if name == "rooms" and cells is not None and "cells" in table:
        table[name] = rooms_over_time(cells, np.asarray(table["cells"], float))
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
    if name == "rooms":
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("environment steps")
    axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    return None
