"""Figures of a run with niches: fitness over time, transfers, and the overview; `lineage` and `gallery` draw the rest.

Axes: N niches, T time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from poet.runs.read import quantity
from poet.view.niches import gallery, lineage
from poet.view.style import (
    BLUE,
    GREY,
    INK,
    LIGHT,
    ORANGE,
    hide_spines,
    new_figure,
    show_message,
    style_time_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from poet.view.niches.run import NicheRun

MAX_POINTS = 1500  # per curve: more than a screen has columns
MAX_LATEST = 9  # environments in the overview
NO_FITNESS = "No fitness yet: wait for the first iteration."
NO_TRANSFER = "No transfer is accepted yet."


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
    figure = new_figure(11, 4.2 + map_height)
    top, bottom = figure.subplots(2, 1, height_ratios=[3.2, map_height], sharex=True)
    draw_curves(top, run)
    draw_map(bottom, run)
    figure.suptitle(f"Fitness per niche: {run.name}", color=INK)
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
    solved = (run.options.get("search") or {}).get("solved_score", np.inf)
    if solved <= np.nanmax(values) * 1.3:
        axes.axhline(solved, color=ORANGE, lw=1, ls="--")
        axes.annotate("solved", (times[0], solved), color=ORANGE, fontsize=8, va="bottom")
    axes.set_ylabel("fitness")
    if len(ids) <= 8:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=8, fontsize=8, frameon=False, handlelength=1.3)
    else:
        axes.set_title("dark curves: early niches, bright curves: late niches", loc="left", fontsize=8, color=GREY)
    return None


def draw_map(axes: Axes, run: NicheRun) -> None:
    """Niches as rows, iterations as columns, fitness as colour; a star where solved, a cross where fitness is NaN."""
    times, ids, values = values_by_niche(run, "fitness")
    if not np.isfinite(values).any():
        return show_message(axes, NO_FITNESS)
    rows = {int(niche): place for place, niche in enumerate(ids)}
    low, high = np.nanpercentile(values, [2, 99])
    edges = np.append(times - 0.5, times[-1] + 0.5)
    mesh = axes.pcolormesh(
        edges, np.arange(len(ids) + 1) - 0.5, values.T, cmap="viridis", vmin=low, vmax=max(high, low + 1e-6),
        rasterized=True,
    )  # fmt: skip
    axes.figure.colorbar(mesh, ax=axes, pad=0.01, aspect=25, label="fitness", extend="both", extendfrac=0.02)
    _mark_solved_and_broken(axes, run, rows)
    ticks = np.arange(0, len(ids), max(1, len(ids) // 15))
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
        axes.legend(loc="lower left", fontsize=8, frameon=False)


def transfers(run: NicheRun) -> Figure:
    """Each accepted transfer at its time, and how many there were between each two niches."""
    count = len(run.table("niches")["niche"])
    figure = new_figure(14, float(np.clip(0.16 * count + 2, 4, 12)))
    left, right = figure.subplots(1, 2, width_ratios=[1.5, 1])
    draw_transfers(left, run)
    draw_transfer_matrix(right, run)
    figure.suptitle(f"Transfers: {run.name}", color=INK)
    return figure


def draw_transfers(axes: Axes, run: NicheRun) -> None:
    """Niches as lines from birth to retirement, transfers as arrows from the source's line to the target's."""
    table, niches = run.table("transfers"), run.table("niches")
    style_time_axes(axes)
    if not len(table["target"]):
        return show_message(axes, NO_TRANSFER)
    rows = {int(niche): place for place, niche in enumerate(niches["niche"])}
    end = np.where(niches["retired"] < 0, run.iteration, niches["retired"])
    axes.hlines(np.arange(len(rows)), niches["born"], end, color=LIGHT, lw=2.5, zorder=1)
    known = np.isin(table["source"], niches["niche"]) & np.isin(table["target"], niches["niche"])
    times = spread_times(table["iteration"])
    for via, colour in (("direct", BLUE), ("proposal", ORANGE)):
        chosen = np.flatnonzero(known & (table["via"] == via))
        if not len(chosen):
            continue
        source = np.array([rows[int(niche)] for niche in table["source"][chosen]])
        target = np.array([rows[int(niche)] for niche in table["target"][chosen]])
        alpha = float(np.clip(40 / len(chosen), 0.25, 0.9))
        axes.vlines(times[chosen], source, target, color=colour, lw=0.9, alpha=alpha, zorder=2)
        for subset, marker in ((target < source, "^"), (target > source, "v")):
            axes.scatter(times[chosen][subset], target[subset], marker=marker, s=14, color=colour, zorder=3, lw=0)
        label = {"direct": "agent unchanged", "proposal": "agent after a training step in the target"}[via]
        axes.plot([], [], color=colour, marker="v", ms=4, label=f"{via}: {label} ({len(chosen)})")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=8, frameon=False)
    ticks = np.arange(0, len(rows), max(1, len(rows) // 20))
    axes.set_yticks(ticks, [str(niches["niche"][tick]) for tick in ticks])
    axes.set_xlabel("iteration (transfers of the same iteration are drawn side by side)")
    axes.set_ylabel("niche, oldest first")
    axes.margins(y=0.02)
    axes.invert_yaxis()
    return None


def spread_times(times: np.ndarray) -> np.ndarray:
    """Times of events; those of the same iteration are moved apart, by less than half the gap to the next iteration."""
    iterations, place, sizes = np.unique(times, return_inverse=True, return_counts=True)
    gap = float(np.diff(iterations).min()) if len(iterations) > 1 else max(1.0, 0.1 * float(iterations[0]))
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    order = np.argsort(place, kind="stable")
    rank = np.empty(len(times))
    rank[order] = np.arange(len(times)) - first[place[order]]
    return times + 0.6 * gap * ((rank + 0.5) / sizes[place] - 0.5)


def draw_transfer_matrix(axes: Axes, run: NicheRun) -> None:
    """How often the agent of one niche (row) replaced the agent of another (column)."""
    table, ids = run.table("transfers"), run.table("niches")["niche"]
    if not len(table["target"]):
        return show_message(axes, NO_TRANSFER)
    size = int(max(ids.max(), table["target"].max(), table["source"].max())) + 1
    counts = np.zeros((size, size), int)
    np.add.at(counts, (table["source"], table["target"]), 1)
    image = axes.imshow(np.ma.masked_equal(counts, 0), cmap="Blues", vmin=0, vmax=counts.max())
    ticks = np.unique(np.linspace(1, counts.max(), 5).astype(int))
    axes.figure.colorbar(image, ax=axes, shrink=0.7, pad=0.02, label="accepted transfers", ticks=ticks)
    axes.plot([-0.5, size - 0.5], [-0.5, size - 0.5], color=LIGHT, lw=0.8)
    places = np.arange(0, size, max(1, size // 12))
    axes.set_xticks(places)
    axes.set_yticks(places)
    axes.set_xlabel("target: niche whose agent was replaced")
    axes.set_ylabel("source: niche that the new agent came from")
    hide_spines(axes)
    return None


def overview(run: NicheRun) -> Figure:
    """The run in one figure: family tree, fitness of all niches, and the latest environments."""
    ids = run.table("niches")["niche"]
    figure = new_figure(15, float(np.clip(5.2 + 0.3 * len(ids), 5.5, 9.2)))
    figure.suptitle(title(run), color=INK, fontsize=13)
    if not len(ids):
        show_message(figure.subplots(), "Nothing to show yet: wait for the first iteration.")
        return figure
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=[1.15, 1])[0]
    tree, curves = left.subplots(2, 1, height_ratios=[float(np.clip(0.1 * len(ids), 0.4, 1.6)), 1], sharex=True)
    lineage.draw_tree(tree, run, float(np.clip(330 / len(ids), 5, 8)))
    tree.set_xlabel("")
    draw_curves(curves, run)
    curves.set_xlabel("iteration")
    latest = [int(niche) for niche in ids[-MAX_LATEST:]]
    gallery.draw_gallery(right, run, latest, gallery.draw_environments(run, latest), min_rows=4)
    heading = "latest environments" if len(ids) > MAX_LATEST else "environments"
    right.suptitle(heading, fontsize=10, color=GREY)
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
    "transfers": transfers,
    "lineage": lineage.lineage,
}
