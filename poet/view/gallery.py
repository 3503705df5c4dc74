"""The environments of a run side by side: each course as a strip, or its features as bars."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from poet.errors import PoetError
from poet.view.niches import NicheRun
from poet.view.style import GREY, INK, difficulty_colours, figure, sentence

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

MAX_SHOWN = 60


def gallery(run: NicheRun) -> Figure:
    """Every environment, oldest first; of more than 60 the first and the latest."""
    ids = [int(niche) for niche in run.table("niches")["niche"]]
    if len(ids) > MAX_SHOWN:
        ids = ids[: MAX_SHOWN // 2] + ids[-MAX_SHOWN // 2 :]
    columns, pictures = _columns(len(ids)), courses(run, ids)
    width = 9.0 if columns == 1 else 6.0
    shapes = [picture.shape for picture in pictures if picture is not None]
    strip = width * max((height / length for height, length, _ in shapes), default=0.09)
    made = figure(width * columns, (strip + 0.28) * max(math.ceil(len(ids) / columns), 1) + 0.8)
    draw(made, run, ids, pictures)
    made.suptitle(f"Environments: {run.name}", color=INK)
    colours = difficulty_colours(run.table("niches")["difficulty"])
    if len(colours) > 1:
        from matplotlib.lines import Line2D

        keys = [Line2D([], [], color=colour, lw=4, label=name or "no class") for name, colour in colours.items()]
        made.legend(handles=keys, loc="outside lower center", ncols=len(keys), fontsize=8, frameon=False)
    return made


def draw(
    made: Figure | SubFigure, run: NicheRun, ids: Sequence[int], pictures: Sequence[np.ndarray | None], rows: int = 1
) -> None:
    """These niches and their courses in a figure or a part of one, with room for at least `rows` in a column."""
    if not ids:
        return sentence(made.subplots(), "No environment was admitted yet.")
    columns = _columns(len(ids))
    rows = max(rows, math.ceil(len(ids) / columns))
    places = made.subplots(rows, columns, squeeze=False)
    table = run.table("niches")
    colours = difficulty_colours(table["difficulty"])
    for index, axes in enumerate(places.T.flat):
        if index >= len(ids):
            axes.set_axis_off()
            continue
        row = int(np.flatnonzero(table["niche"] == ids[index])[0])
        picture = pictures[index]
        if picture is None:
            _bars(axes, run, row)
        else:
            axes.imshow(picture, interpolation="antialiased")
            axes.set_anchor("W")
            axes.set_xticks([])
            axes.set_yticks([])
        for side in axes.spines.values():
            side.set_visible(False)
        axes.spines["left"].set(visible=True, color=colours[str(table["difficulty"][row])], linewidth=4)
        axes.set_title(_title(table, row), loc="left", fontsize=7.5, color=INK, pad=3)
    return None


def _columns(count: int) -> int:
    return 1 if count <= 10 else 2 if count <= 30 else 3


def _title(table: dict[str, np.ndarray], row: int) -> str:
    solved = int(table["solved"][row])
    state = f"solved at {solved}" if solved >= 0 else f"best {table['best'][row]:.0f}"
    said = textwrap.shorten(str(table["description"][row]), 80, placeholder=" ...")
    return f"{table['niche'][row]}   {state}" + (f"   {said}" if said else "")


def courses(run: NicheRun, ids: Sequence[int]) -> list[np.ndarray | None]:
    """Each niche as u8[H, W, 3] by its generator's `draw_course(genome)`; None where it has none or is not here."""
    genomes: dict[int, Any] = {row["niche"]: row.get("genome") for row in run.events("admission")}
    try:
        generator = run.generator()
        paint = getattr(generator, "draw_course", None)
        return [None if paint is None else np.asarray(paint(generator.from_json(genomes[niche]))) for niche in ids]
    except PoetError:
        return [None] * len(ids)


def _bars(axes: Any, run: NicheRun, row: int) -> None:
    """Features of one niche as bars, each relative to the largest of the run."""
    table = run.table("niches")
    names = [name for name in table if name.startswith("feature_")]
    if not names:
        return sentence(axes, "no features recorded")
    largest = [float(np.nanmax(np.abs(table[name]), initial=0)) or 1.0 for name in names]
    values = np.array([float(table[name][row]) / top for name, top in zip(names, largest, strict=True)])
    axes.barh(np.arange(len(names)), np.nan_to_num(values), color="#9aa5b1", height=0.7)
    axes.set_xlim(min(0, float(np.nanmin(values, initial=0))), 1)
    axes.set_yticks(np.arange(len(names)), [name.removeprefix("feature_") for name in names], fontsize=6, color=GREY)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.invert_yaxis()
    return None
