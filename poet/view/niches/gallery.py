"""The environments of a run side by side: each as its generator draws it, or its features as bars."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from poet.errors import PoetError
from poet.view.agents import read_genome
from poet.view.style import GREY, INK, difficulty_colours, new_figure, show_message

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from poet.view.niches.run import NicheRun

MAX_SHOWN = 60
BAR_HEIGHT = 0.16  # inches for a feature


def gallery(run: NicheRun) -> Figure:
    """Every environment, oldest first; of more than 60 the first and the latest."""
    ids = [int(niche) for niche in run.table("niches")["niche"]]
    if len(ids) > MAX_SHOWN:
        ids = ids[: MAX_SHOWN // 2] + ids[-MAX_SHOWN // 2 :]
    columns, pictures = _num_columns(len(ids)), draw_environments(run, ids)
    width = 9.0 if columns == 1 else 6.0
    heights = [width * picture.shape[0] / picture.shape[1] for picture in pictures if picture is not None]
    has_bars = any(picture is None for picture in pictures)
    if has_bars:
        heights.append(max(0.09 * width, BAR_HEIGHT * len(_feature_names(run))))
    rows = max(math.ceil(len(ids) / columns), 1)
    figure = new_figure(width * columns, (max(heights, default=0.8) + 0.28) * rows + 0.8)
    draw_gallery(figure, run, ids, pictures)
    bars = "\nbars: features, relative to the largest value in the run" if has_bars else ""
    figure.suptitle(f"Environments: {run.name}{bars}", color=INK)
    colours = difficulty_colours(run.table("niches")["difficulty"])
    if len(colours) > 1:
        from matplotlib.lines import Line2D

        keys = [Line2D([], [], color=colour, lw=4, label=name or "no class") for name, colour in colours.items()]
        figure.legend(handles=keys, loc="outside lower center", ncols=len(keys), fontsize=8, frameon=False)
    return figure


def draw_gallery(
    part: Figure | SubFigure,
    run: NicheRun,
    ids: Sequence[int],
    pictures: Sequence[np.ndarray | None],
    min_rows: int = 1,
) -> None:
    """Environments of niches in a figure or a part of one; `min_rows` reserves room where there are few."""
    if not ids:
        return show_message(part.subplots(), "No environment is admitted yet.")
    columns = _num_columns(len(ids))
    rows = max(min_rows, math.ceil(len(ids) / columns))
    panels = part.subplots(rows, columns, squeeze=False)
    table = run.table("niches")
    colours = difficulty_colours(table["difficulty"])
    for index, axes in enumerate(panels.T.flat):
        if index >= len(ids):
            axes.set_axis_off()
            continue
        row = int(np.flatnonzero(table["niche"] == ids[index])[0])
        picture = pictures[index]
        if picture is None:
            _draw_features(axes, run, row)
        else:
            axes.imshow(picture, interpolation="antialiased")
            axes.set_anchor("W")
            axes.set_xticks([])
            axes.set_yticks([])
        for side in axes.spines.values():
            side.set_visible(False)
        axes.spines["left"].set(visible=True, color=colours[str(table["difficulty"][row])], linewidth=4)
        axes.set_title(_panel_title(table, row), loc="left", fontsize=7.5, color=INK, pad=3)
    return None


def _num_columns(count: int) -> int:
    return 1 if count <= 10 else 2 if count <= 30 else 3


def _panel_title(table: dict[str, np.ndarray], row: int) -> str:
    solved = int(table["solved"][row])
    state = f"solved at {solved}" if solved >= 0 else f"best {table['best'][row]:.0f}"
    description = textwrap.shorten(str(table["description"][row]), 80, placeholder=" ...")
    return "   ".join(filter(None, (f"niche {table['niche'][row]}", state, description)))


def draw_environments(run: NicheRun, ids: Sequence[int]) -> list[np.ndarray | None]:
    """Each environment as u8[H, W, 3] by `draw_level(genome)` of its generator.

    None for all of them if the generator is not installed or does not draw.
    """
    genomes: dict[int, Any] = {row["niche"]: row.get("genome") for row in run.events("admission")}
    try:
        generator = run.generator()
        draw_level = getattr(generator, "draw_level", None)
        if draw_level is None:
            return [None] * len(ids)
        return [np.asarray(draw_level(read_genome(generator, genomes[niche]))) for niche in ids]
    except PoetError:
        return [None] * len(ids)


def _feature_names(run: NicheRun) -> list[str]:
    return [name for name in run.table("niches") if name.startswith("feature_")]


def _draw_features(axes: Axes, run: NicheRun, row: int) -> None:
    """Features of one niche as bars, each relative to the largest of the run."""
    table, names = run.table("niches"), _feature_names(run)
    if not names:
        return show_message(axes, "no features recorded")
    largest = [float(np.nanmax(np.abs(table[name]), initial=0)) or 1.0 for name in names]
    values = np.array([float(table[name][row]) / top for name, top in zip(names, largest, strict=True)])
    axes.barh(np.arange(len(names)), np.nan_to_num(values), color="#9aa5b1", height=0.7)
    axes.set_xlim(min(0, float(np.nanmin(values, initial=0))), 1)
    axes.set_yticks(np.arange(len(names)), [name.removeprefix("feature_") for name in names], fontsize=7, color=GREY)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.invert_yaxis()
    return None
