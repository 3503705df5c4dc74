"""Figures of a run with niches: fitness over time, and the overview; other modules of this folder draw the rest.

Axes: N niches, T time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from poet.runs.status import quantity
from poet.view.niches import gallery, lineage, transfers
from poet.view.style import (
    GREY,
    INK,
    ORANGE,
    SMALL,
    WIDTH,
    hide_spines,
    legend_above,
    new_figure,
    set_title,
    show_message,
    sparse,
    style_time_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from poet.view.niches.run import NicheRun

MAX_POINTS = 1500  # per curve: more than a screen has columns
MAX_NAMED = 8  # niches whose curves have their names in a legend
NO_FITNESS = "No fitness yet: wait for the first iteration."


def values_by_niche(run: NicheRun, column: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A column of the iterations table as f64[T, N] over iterations and niches; NaN where a niche was not active.

    Returns iterations i64[T], niches i64[N] and the values.
    """
    table = run.table("iterations")
    times, row = np.unique(table["iteration"], return_inverse=True)
    ids, place = np.unique(table["niche"], return_inverse=True)
    values = np.full((len(times), len(ids)), np.nan)
    values[row, place] = table[column]
    return times, ids, values


def fitness(run: NicheRun) -> Figure:
    """Fitness of every niche over time, as curves and as a map with one row per niche."""
    map_height = float(np.clip(0.13 * len(run.table("niches")["niche"]), 1.5, 9))
    figure = new_figure(WIDTH, 4.2 + map_height)
    top, bottom = figure.subplots(2, 1, height_ratios=[3.2, map_height], sharex=True)
    draw_curves(top, run)
    draw_map(bottom, run, map_height)
    set_title(figure, f"Fitness per niche: {run.name}")
    return figure


def draw_curves(axes: Axes, run: NicheRun) -> None:
    """One curve per niche, coloured by its time of birth; a dashed line at the fitness that counts as solved."""
    import matplotlib

    times, ids, values = values_by_niche(run, "fitness")
    style_time_axes(axes)
    if not np.isfinite(values).any():
        return show_message(axes, NO_FITNESS)
    born = {int(n): int(t) for n, t in zip(*(run.table("niches")[name] for name in ("niche", "born")), strict=True)}
    last = max(int(times[-1]), 1)
    stride = max(1, len(times) // MAX_POINTS)
    for place, niche in enumerate(ids):
        colour = matplotlib.colormaps["viridis"](0.9 * min(born.get(int(niche), 0) / last, 1.0))
        few = np.isfinite(values[:, place]).sum() < 3
        axes.plot(
            times[::stride],
            values[::stride, place],
            color=colour,
            lw=1.2,
            alpha=0.85,
            marker="." if few else "",
            label=f"niche {niche}",
        )
    solved = run.thresholds.get("solved_score", np.inf)
    if solved <= np.nanmax(values) * 1.3:
        axes.axhline(solved, color=ORANGE, lw=1, ls="--")
        axes.annotate("solved", (times[0], solved), color=ORANGE, fontsize=SMALL, va="bottom")
    axes.set_ylabel("fitness")
    if len(ids) <= MAX_NAMED:
        legend_above(axes)
    else:
        axes.set_title("dark curves: early niches, bright curves: late niches", loc="left", fontsize=SMALL, color=GREY)
    return None


def draw_map(axes: Axes, run: NicheRun, height: float) -> None:
    """Niches as rows, iterations as columns, fitness as colour; a star where solved, a cross where fitness is NaN.

    `height` in inches, about that of the axes, decides how many niches have a label.
    """
    times, ids, values = values_by_niche(run, "fitness")
    if not np.isfinite(values).any():
        return show_message(axes, NO_FITNESS)
    rows = {int(niche): place for place, niche in enumerate(ids)}
    low, high = np.nanpercentile(values, [2, 99])
    high = high if high > low else low + 1
    edges = np.append(times - 0.5, times[-1] + 0.5)
    mesh = axes.pcolormesh(
        edges, np.arange(len(ids) + 1) - 0.5, values.T, cmap="viridis", vmin=low, vmax=high,
        rasterized=True,
    )  # fmt: skip
    axes.figure.colorbar(mesh, ax=axes, pad=0.01, aspect=25, label="fitness", extend="both", extendfrac=0.02)
    _mark_solved_and_broken(axes, run, rows)
    ticks = sparse(len(ids), height)
    axes.set_yticks(ticks, [str(ids[tick]) for tick in ticks])
    axes.set_xlabel("iteration")
    axes.set_ylabel("niche, oldest first")
    axes.invert_yaxis()
    hide_spines(axes)
    return None


def _mark_solved_and_broken(axes: Axes, run: NicheRun, rows: dict[int, int]) -> None:
    table, niches = run.table("iterations"), run.table("niches")
    solved = [
        (time, rows[int(niche)])
        for niche, time in zip(niches["niche"], niches["solved"], strict=True)
        if time >= 0 and int(niche) in rows
    ]
    broken = ~np.isfinite(table["fitness"])
    if solved:
        axes.scatter(*np.transpose(solved), marker="*", s=60, color="white", edgecolor=INK, lw=0.7, label="solved")
    if broken.any():
        places = [rows[int(niche)] for niche in table["niche"][broken]]
        axes.scatter(table["iteration"][broken], places, marker="x", s=18, color=ORANGE, lw=1, label="fitness is NaN")
    if solved or broken.any():
        legend_above(axes)


def overview(run: NicheRun) -> Figure:
    """The run in one figure: family tree, fitness of all niches, and the latest environments."""
    ids = run.table("niches")["niche"]
    height = float(np.clip(4.4 + 0.3 * len(ids), 5.2, 8.4))
    figure = new_figure(WIDTH, height)
    set_title(figure, title(run))
    if not len(ids):
        show_message(figure.subplots(), "Nothing to show yet: wait for the first iteration.")
        return figure
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=[1.15, 1])[0]
    share = float(np.clip(0.1 * len(ids), 0.4, 1.6))  # of the tree, relative to the curves
    tree, curves = left.subplots(2, 1, height_ratios=[share, 1], sharex=True)
    lineage.draw_tree(tree, run, height=(height - 2) * share / (share + 1))
    tree.set_xlabel("")
    draw_curves(curves, run)
    curves.set_xlabel("iteration")
    gallery.draw_latest(right, run, width=0.46 * WIDTH, height=height - 0.9)
    return figure


def title(run: NicheRun) -> str:
    """The state of a run in one line."""
    niches, steps = run.table("niches"), run.table("progress")["env_steps"]
    parts = [f"iteration {run.iteration}", f"environments {len(niches['niche'])}"]
    parts += [f"solved {int((niches['solved'] >= 0).sum())}", f"transfers {len(run.table('transfers')['target'])}"]
    parts += [f"environment steps {quantity(steps[-1])}"] if len(steps) else []
    return f"{run.name}:  " + ",  ".join(parts)


PLOTS: dict[str, Callable[[NicheRun], Figure]] = {
    "overview": overview,
    "fitness": fitness,
    "gallery": gallery.gallery,
    "transfers": transfers.transfers,
    "lineage": lineage.lineage,
}
