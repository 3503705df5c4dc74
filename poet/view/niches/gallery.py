"""The environments of a run side by side: each as its generator draws it, or its features as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from poet.errors import PoetError
from poet.view import tiles
from poet.view.agents import read_genome
from poet.view.plugins import call_for_picture, try_picture
from poet.view.style import (
    GREY,
    INK,
    LIGHT,
    MEDIUM,
    SMALL,
    difficulty_colours,
    new_figure,
    set_title,
    short_name,
    show_message,
)
from poet.view.tiles import Shape, Tile, shape_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from poet.view.niches.run import NicheRun

NO_ENVIRONMENT = "No environment is admitted yet."
NO_CLASS = "no class"
MAX_SHOWN = 48
MIN_LATEST, MAX_LATEST = 6, 9  # environments in the overview
MAX_BARS = 24  # environments that are shown as bars
MAX_FEATURES = 10
# Inches: the height of a bar, the width of the bars of an environment, and that of the names at their left.
BAR_HEIGHT, BARS_WIDTH, LABEL_WIDTH = 0.2, 3.5, 1.1


def gallery(run: NicheRun) -> Figure:
    """Every environment, oldest first; of more than 48, or 24 that are shown as bars, the first and the latest."""
    ids = [int(niche) for niche in run.table("niches")["niche"]]
    if not ids:
        figure = new_figure(8, 3)
        show_message(figure.subplots(), NO_ENVIRONMENT)
        return figure
    pictures = draw_environments(run, _first_and_latest(ids, MAX_SHOWN))
    shown = list(pictures) or _first_and_latest(ids, MAX_BARS)
    some = f" ({len(shown)} of {len(ids)})" if len(shown) < len(ids) else ""
    bars = "" if pictures else f"\n{_explain_bars(run)}"
    title = f"Environments: {run.name}{some}{bars}"
    return tiles.gallery(*make_tiles(run, shown, pictures), title, _classes(run))


def draw_latest(part: SubFigure, run: NicheRun, width: float, height: float) -> None:
    """The latest environments, in a part of a figure that has `width` and `height` inches for them."""
    ids = [int(niche) for niche in run.table("niches")["niche"]]
    latest = ids[-MAX_LATEST:]
    pictures = draw_environments(run, latest)
    made, shape = make_tiles(run, latest, pictures)
    count = tiles.choose_count(made, shape, width, height, MIN_LATEST)
    bars = "" if pictures else f"\n{_explain_bars(run)}"
    set_title(part, ("latest environments" if count < len(ids) else "environments") + bars, MEDIUM)
    tiles.draw_tiles(part, made[-count:], shape, width, height)


def draw_environments(run: NicheRun, ids: Sequence[int]) -> dict[int, np.ndarray | str]:
    """Each environment u8[H, W, 3] by `draw_level(genome)` of its generator, or why it has no picture, by niche.

    Empty if the generator is not installed or cannot draw any of them.
    """
    try:
        generator = run.generator()
    except PoetError:
        return {}
    draw_level = getattr(generator, "draw_level", None)
    if draw_level is None:
        return {}
    genomes: dict[int, Any] = {row["niche"]: row.get("genome") for row in run.events("admission")}

    def draw(niche: int) -> np.ndarray:
        genome = read_genome(generator, genomes[niche])
        return call_for_picture(f"draw_level of generator {generator.id!r}", draw_level, genome)

    pictures = {niche: try_picture(run, draw, niche) for niche in ids}
    return pictures if any(isinstance(picture, np.ndarray) for picture in pictures.values()) else {}


def make_tiles(run: NicheRun, ids: Sequence[int], pictures: Mapping[int, np.ndarray | str]) -> tuple[list[Tile], Shape]:
    """Environments as tiles, with their features where there are no pictures; and the shape of a tile."""
    table, names, colours = run.table("niches"), _feature_names(run), _classes(run)
    rows = {int(niche): row for row, niche in enumerate(table["niche"])}
    made = [
        Tile(
            pictures[niche] if pictures else partial(_draw_features, run, rows[niche]),
            f"niche {niche}, {_state(table, rows[niche])}",
            str(table["description"][rows[niche]]),
            colours.get(str(table["difficulty"][rows[niche]]) or NO_CLASS),
        )
        for niche in ids
    ]
    bars = Shape(BAR_HEIGHT * max(len(names), 1) / BARS_WIDTH, BARS_WIDTH, margin=LABEL_WIDTH)
    return made, shape_of(list(pictures.values())) if pictures else bars


def _first_and_latest(ids: list[int], most: int) -> list[int]:
    return ids if len(ids) <= most else ids[: most // 2] + ids[-most // 2 :]


def _classes(run: NicheRun) -> dict[str, str]:
    """The difficulty classes of the run with their colours; none if there is only one."""
    colours = difficulty_colours(run.table("niches")["difficulty"])
    return {name or NO_CLASS: colour for name, colour in colours.items()} if len(colours) > 1 else {}


def _state(table: dict[str, np.ndarray], row: int) -> str:
    solved = int(table["solved"][row])
    return f"solved at {solved}" if solved >= 0 else f"best {table['best'][row]:.4g}"


def _feature_names(run: NicheRun) -> list[str]:
    return [name for name in run.table("niches") if name.startswith("feature_")][:MAX_FEATURES]


def _explain_bars(run: NicheRun) -> str:
    every = sum(name.startswith("feature_") for name in run.table("niches"))
    which = "features" if every <= MAX_FEATURES else f"the first {MAX_FEATURES} of {every} features"
    return f"{which}; a full bar is the largest value in the run"


def _draw_features(run: NicheRun, row: int, axes: Axes) -> None:
    """Features of one niche as bars with their values, each relative to the largest of the run."""
    table, names = run.table("niches"), _feature_names(run)
    if not names:
        return show_message(axes, "no features recorded")
    largest = [float(np.nanmax(np.abs(table[name]), initial=0)) or 1.0 for name in names]
    values = np.array([float(table[name][row]) for name in names])
    shares = np.nan_to_num(values / largest)
    bars = axes.barh(np.arange(len(names)), shares, color=LIGHT, height=0.75)
    axes.bar_label(bars, [f"{value:.3g}" for value in values], padding=2, fontsize=SMALL, color=INK)
    axes.set_xlim(min(0, 1.3 * float(shares.min())), 1.3)  # with room for the values
    axes.set_yticks(
        np.arange(len(names)),
        [short_name(name.removeprefix("feature_"), 72 * LABEL_WIDTH - 8) for name in names],
        fontsize=SMALL,
        color=GREY,
    )
    axes.tick_params(length=0)
    axes.invert_yaxis()
    return None
