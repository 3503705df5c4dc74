"""Elites from the whole archive as pictures: their environments, or solutions as their problem draws them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from poet.errors import PoetError
from poet.view import tiles
from poet.view.archive.maps import NO_ELITE, NO_SNAPSHOT
from poet.view.plugins import call_for_picture, try_picture
from poet.view.style import new_figure, show_message
from poet.view.tiles import Tile, shape_of

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
    pictures = [try_picture(run, render, row) for row in rows]
    made = [make_tile(run, row, picture) for row, picture in zip(rows, pictures, strict=True)]
    return tiles.gallery(made, shape_of(pictures), f"Elites from the whole archive: {run.name}")


def make_tile(run: ArchiveRun, row: int, picture: np.ndarray | str) -> Tile:
    """An elite with its number and fitness, then a description of its environment or its coordinates."""
    caption = run.caption(row)
    heading = f"elite {row}, fitness {run.archive().columns['fitness'][row]:.4g}"
    return Tile(picture, heading, caption.environment or caption.agent)


def find_renderer(run: ArchiveRun) -> Callable[[int], np.ndarray] | None:
    """The function that draws the elite of a row as u8[H, W, 3] without running an episode; None if there is none.

    It raises `ContractError` where the plug-in fails.
    """
    problem: Any = run.problem()
    if hasattr(problem, "draw"):
        what = f"draw of problem {problem.id!r}"
        return lambda row: call_for_picture(what, problem.draw, run.solution(row))
    try:
        generator: Any = run.generator() if run.has_environments() else None
    except PoetError:
        return None
    if not hasattr(generator, "draw_level"):
        return None
    what = f"draw_level of generator {generator.id!r}"
    return lambda row: call_for_picture(what, generator.draw_level, run.genome(row))
