"""Elites from all over the archive as pictures: environments where elites are pairs, solutions where their problem can
draw them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from poet.errors import PoetError
from poet.view.archive.open import GENOME, ArchiveRun
from poet.view.style import INK, figure, sentence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 24


def gallery(run: ArchiveRun) -> Figure:
    """Up to 24 elites that lie far apart in the archive, in the order of their first coordinate."""
    try:
        elites = run.archive()
    except PoetError:
        return _nothing("No snapshot of the archive yet: the first comes with the first checkpoint.")
    paint = painter(run)
    if not len(elites) or paint is None:
        return _nothing("The archive is empty: no elite was found yet.")
    rows = sorted(elites.spread(SHOWN), key=lambda row: tuple(elites.columns["descriptor"][row]))
    pictures = [np.asarray(paint(row)) for row in rows]
    height, width = np.mean([picture.shape[:2] for picture in pictures], axis=0)
    columns = int(np.clip(round(np.sqrt(len(rows) * 1.5 * height / width)), 1, 6))
    lines = -(-len(rows) // columns)
    size = min(15 / columns, 6)
    made = figure(size * columns, (size * height / width + 0.55) * lines + 0.6)
    places = made.subplots(lines, columns, squeeze=False)
    for axes in places.flat:
        axes.set_axis_off()
    for axes, row, picture in zip(places.flat, rows, pictures, strict=False):
        axes.imshow(picture, interpolation="antialiased")
        axes.set_title(caption(run, row, int(14 * size) + 4), fontsize=7.5, color=INK, loc="left", pad=3)
    made.suptitle(f"Elites from all over the archive: {run.name}", color=INK)
    return made


def painter(run: ArchiveRun) -> Callable[[int], np.ndarray] | None:
    """What draws the elite of a row as u8[H, W, 3], if anything does without running an episode."""
    draw = getattr(run.problem(), "draw", None)
    if draw is not None:
        return lambda row: draw(run.weights(row, "best"))
    try:
        pairs = any(name.startswith(GENOME) for name in run.archive().columns)
        course = getattr(run.generator(), "draw_course", None)
    except PoetError:
        return None
    return (lambda row: course(run.genome(row))) if pairs and course is not None else None


def caption(run: ArchiveRun, row: int, width: int) -> str:
    """An elite in up to three lines: its number and fitness, and where it lies or what its environment is."""
    elites = run.archive()
    words, world = elites.words(row), run.about(row)[1]
    first = f"elite {row}   fitness {elites.columns['fitness'][row]:.4g}"
    return "\n".join([first, *textwrap.wrap(world or words, width, max_lines=2, placeholder=" ...")])


def _nothing(words: str) -> Figure:
    made = figure(8, 3)
    sentence(made.subplots(), words)
    return made
