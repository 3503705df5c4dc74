"""The archive over time: its snapshots side by side, in panels of one size, with one colour scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from poet.runs.status import quantity
from poet.view.archive import maps
from poet.view.archive.colours import colour_by_fitness, draw_key
from poet.view.style import WIDTH, new_figure, set_title, show_message

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from poet.view.archive.elites import Elites
    from poet.view.archive.run import ArchiveRun

MAX_SHOWN, MAX_SHOWN_SLICES = 9, 6
KEY_WIDTH = 1.0  # inches


def snapshots(run: ArchiveRun) -> Figure:
    """The archive over time; of many snapshots some, spread over the run, the first and the newest among them."""
    times = run.snapshots()
    newest = run.latest()
    if newest is None or not colour_by_fitness(newest).can_be_shown():
        figure = new_figure(8, 4)
        text = maps.NO_SNAPSHOT if newest is None else maps.NOT_FINITE if len(newest) else maps.NO_ELITE
        show_message(figure.subplots(), text)
        return figure
    dimensions = len(newest.names)
    most, most_columns, aspect = (MAX_SHOWN, 3, 0.95) if dimensions < 3 else (MAX_SHOWN_SLICES, 2, 0.8)
    shown = [times[k] for k in np.unique(np.linspace(0, len(times) - 1, min(len(times), most)).astype(int))]
    columns = min(len(shown), most_columns)
    rows, width = -(-len(shown) // columns), min((WIDTH - KEY_WIDTH) / columns, 6.0)
    figure = new_figure(width * columns + KEY_WIDTH, aspect * width * rows + 0.4)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=[width * columns, KEY_WIDTH])[0]
    colouring, limits = colour_by_fitness(newest), maps.shown_bounds(newest)
    first_panels = []
    for part, time in zip(left.subfigures(rows, columns, squeeze=False).flat, shown, strict=False):
        elites = run.archive(time)
        scaled = colour_by_fitness(elites)._replace(low=colouring.low, high=colouring.high)
        title = _title(elites)
        first_panels += maps.draw_map(part, elites, scaled, colour_bar=False, limits=limits, heading=title)[:1]
    if dimensions == 1:
        ends = np.array([axes.get_ylim() for axes in first_panels])
        for axes in first_panels:
            axes.set_ylim(ends[:, 0].min(), ends[:, 1].max())
    draw_key(right, colouring)
    set_title(figure, f"{run.name} over time")
    return figure


def _title(elites: Elites) -> str:
    count = elites.meta.get("evaluations")
    evaluations = f", {quantity(count)} evaluation{'s' * (count > 1)}" if count else ""
    return f"iteration {elites.meta['iteration']}{evaluations}"
