"""Elites from the whole archive as pictures: their environments, or solutions as their problem draws them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from poet.errors import PoetError
from poet.view.archive.maps import NO_ELITE, NO_SNAPSHOT
from poet.view.style import INK, new_figure, show_message

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from poet.view.archive.run import ArchiveRun

MAX_SHOWN = 24


def gallery(run: ArchiveRun) -> Figure:
    """Up to 24 elites that are far apart in the archive, in the order of their first coordinate."""
    elites, render = run.latest(), find_renderer(run)
    if elites is None or not len(elites) or render is None:
        figure = new_figure(8, 3)
        cannot = "The problem or the generator of this run does not draw elites."
        text = NO_SNAPSHOT if elites is None else cannot if len(elites) else NO_ELITE
        show_message(figure.subplots(), text)
        return figure
    rows = sorted(elites.select_distant(MAX_SHOWN), key=lambda row: tuple(elites.columns["descriptor"][row]))
    pictures = [np.asarray(render(row)) for row in rows]
    height, width = np.mean([picture.shape[:2] for picture in pictures], axis=0)
    columns = int(np.clip(round(np.sqrt(len(rows) * 1.5 * height / width)), 1, 6))
    lines = -(-len(rows) // columns)
    size = min(15 / columns, 6)
    figure = new_figure(size * columns, (size * height / width + 0.55) * lines + 0.6)
    panels = figure.subplots(lines, columns, squeeze=False)
    for axes in panels.flat:
        axes.set_axis_off()
    for axes, row, picture in zip(panels.flat, rows, pictures, strict=False):
        axes.imshow(picture, interpolation="antialiased")
        axes.set_title(_panel_title(run, row, int(14 * size) + 4), fontsize=7.5, color=INK, loc="left", pad=3)
    figure.suptitle(f"Elites from the whole archive: {run.name}", color=INK)
    return figure


def find_renderer(run: ArchiveRun) -> Callable[[int], np.ndarray] | None:
    """The function that draws the elite of a row as u8[H, W, 3] without running an episode; None if there is none."""
    draw = getattr(run.problem(), "draw", None)
    if draw is not None:
        return lambda row: draw(run.weights(row))
    try:
        draw_level = getattr(run.generator(), "draw_level", None) if run.has_environments() else None
    except PoetError:
        return None
    return None if draw_level is None else lambda row: draw_level(run.genome(row))


def _panel_title(run: ArchiveRun, row: int, width: int) -> str:
    """An elite in up to three lines: number and fitness, then a description of its environment or its coordinates."""
    elites, caption = run.archive(), run.caption(row)
    first = f"elite {row}   fitness {elites.columns['fitness'][row]:.4g}"
    return "\n".join(
        [first, *textwrap.wrap(caption.environment or caption.agent, width, max_lines=2, placeholder=" ...")]
    )
