"""Figures of a run with niches: fitness over time, transfers, and the overview; `lineage` and `gallery` draw the rest.

Axes: N niches, T time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from poet.runs.read import quantity
from poet.view.niches import gallery, lineage
from poet.view.style import (
    BLUE,
    GREY,
    INK,
    LIGHT,
    MEDIUM,
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
    from matplotlib.image import AxesImage

    from poet.view.niches.run import NicheRun
    from poet.view.tables import Row

MAX_POINTS = 1500  # per curve: more than a screen has columns
MATRIX_LABELS = 2.0  # inches for the numbers at a side of a matrix of niches
MAX_NAMED = 8  # niches whose curves have their names in a legend
NO_FITNESS = "No fitness yet: wait for the first iteration."
NO_ATTEMPT = "No transfer is attempted yet."


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
    solved = (run.options.get("search") or {}).get("solved_score", np.inf)
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


def transfers(run: NicheRun) -> Figure:
    """Each transfer at its time; and how many there were between each two niches, or, if none was accepted, how each
    agent did in the environments of the others when it was tried there last."""
    count = len(run.table("niches")["niche"])
    height = float(np.clip(0.16 * count + 2.4, 4.4, 12))
    figure = new_figure(WIDTH, height)
    set_title(figure, f"Transfers: {run.name}")
    rounds = run.events("transfers")
    if not rounds:
        every = (run.options.get("search") or {}).get("transfer_every")
        when = f"after every {every} iterations" if every else "at regular intervals"
        show_message(figure.subplots(), f"{NO_ATTEMPT}\nAgents are tried in each other's environments {when},\n"
                     "if there are at least two niches.")  # fmt: skip
        return figure
    left, right = figure.subplots(1, 2, width_ratios=[1.4, 1])
    draw_transfers(left, run, height - 1.8)
    if len(run.table("transfers")["target"]):
        draw_transfer_matrix(right, run)
    else:
        draw_attempts(right, rounds[-1])
    return figure


def draw_transfers(axes: Axes, run: NicheRun, height: float) -> None:
    """Niches as lines from birth to retirement, with a mark where their agent was tried in the others' environments;
    transfers as arrows from the source's line to the target's.

    `height` in inches, about that of the axes, decides how many niches have a label.
    """
    table, niches = run.table("transfers"), run.table("niches")
    style_time_axes(axes)
    rows = {int(niche): place for place, niche in enumerate(niches["niche"])}
    end = np.where(niches["retired"] < 0, run.iteration, niches["retired"])
    axes.hlines(np.arange(len(rows)), niches["born"], end, color=LIGHT, lw=2.5, zorder=1)
    _mark_attempts(axes, run.events("transfers"), rows)
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
    legend_above(axes)
    ticks = sparse(len(rows), height)
    axes.set_yticks(ticks, [str(niches["niche"][tick]) for tick in ticks])
    axes.set_xlabel("iteration (transfers of one iteration are drawn side by side)")
    axes.set_ylabel("niche, oldest first")
    axes.margins(y=0.02)
    axes.invert_yaxis()
    return None


def _mark_attempts(axes: Axes, rounds: list[Row], rows: dict[int, int]) -> None:
    places = [(row["iteration"], rows[niche]) for row in rounds for niche in row.get("niches") or () if niche in rows]
    attempts, accepted = (sum(row.get(name) or 0 for row in rounds) for name in ("attempts", "accepted"))
    label = f"agents tried in each other's environments: {attempts} attempts, {accepted or 'none'} accepted"
    axes.plot(*np.reshape(places, (-1, 2)).T, ls="", marker="|", ms=6, color=GREY, zorder=1, label=label)


def spread_times(times: np.ndarray) -> np.ndarray:
    """Times of events; those of the same iteration are moved apart, by less than half the gap to the next iteration."""
    iterations, place, sizes = np.unique(times, return_inverse=True, return_counts=True)
    gap = float(np.diff(iterations).min()) if len(iterations) > 1 else max(1.0, 0.1 * float(times.max(initial=0)))
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    order = np.argsort(place, kind="stable")
    rank = np.empty(len(times))
    rank[order] = np.arange(len(times)) - first[place[order]]
    return times + 0.6 * gap * ((rank + 0.5) / sizes[place] - 0.5)


def draw_transfer_matrix(axes: Axes, run: NicheRun) -> None:
    """How often the agent of one niche (row) replaced the agent of another (column)."""
    table, ids = run.table("transfers"), run.table("niches")["niche"]
    size = int(max(ids.max(), table["target"].max(), table["source"].max())) + 1
    counts = np.zeros((size, size), int)
    np.add.at(counts, (table["source"], table["target"]), 1)
    image = axes.imshow(np.ma.masked_equal(counts, 0), cmap="Blues", vmin=0, vmax=counts.max())
    ticks = np.unique(np.linspace(1, counts.max(), 5).astype(int))
    _style_matrix(axes, image, "accepted transfers", list(range(size)), ticks)
    axes.set_xlabel("target: niche whose agent was replaced")
    axes.set_ylabel("source: niche that the new agent came from")


def draw_attempts(axes: Axes, row: Row) -> None:
    """How the agent of one niche (row) did in the environment of another (column), when transfers were tried."""
    scores = np.ma.masked_invalid(np.array(row.get("scores") or [[np.nan]], float))
    if scores.mask.all():
        return show_message(axes, "No agent has a finite fitness\nin another environment yet.")
    image = axes.imshow(scores, cmap="viridis")
    _style_matrix(axes, image, "fitness of the agent there", row["niches"])
    axes.set_xlabel("niche whose environment it was tried in")
    axes.set_ylabel("niche of the agent")
    axes.set_title(f"attempts at iteration {row['iteration']}, none accepted", fontsize=MEDIUM, color=INK)
    return None


def _style_matrix(
    axes: Axes, image: AxesImage, label: str, niches: Sequence[int], bar_ticks: np.ndarray | None = None
) -> None:
    size = len(niches)
    axes.figure.colorbar(image, cax=axes.inset_axes((1.03, 0, 0.04, 1)), label=label, ticks=bar_ticks)
    axes.plot([-0.5, size - 0.5], [-0.5, size - 0.5], color=LIGHT, lw=0.8)
    places = sparse(size, MATRIX_LABELS)
    axes.set_xticks(places, [str(niches[place]) for place in places])
    axes.set_yticks(places, [str(niches[place]) for place in places])
    hide_spines(axes)


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
    "transfers": transfers,
    "lineage": lineage.lineage,
}
