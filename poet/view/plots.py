"""Pictures of a run: fitness over time, who fed whom, and the overview; lineage and gallery have files of their own.

Colours are safe for the colour-blind (Okabe and Ito; viridis, blues). Every picture of a run that has nothing
to show yet is a sentence that says so.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from poet.errors import unknown
from poet.runs.read import quantity
from poet.view import gallery, lineage
from poet.view.niches import NicheRun
from poet.view.open import Run
from poet.view.style import BLUE, GREY, INK, ORANGE, figure, plain, sentence, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_POINTS = 1500  # per curve: more than a screen has columns


def grid(run: NicheRun, column: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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
    count = len(run.table("niches")["niche"])
    made = figure(11, 4.2 + float(np.clip(0.13 * count, 1.5, 9)))
    top, bottom = made.subplots(2, 1, height_ratios=[3.2, float(np.clip(0.13 * count, 1.5, 9))], sharex=True)
    draw_curves(top, run)
    draw_map(bottom, run)
    made.suptitle(f"Fitness per niche: {run.name}", color=INK)
    return made


def draw_curves(axes: Axes, run: NicheRun) -> None:
    """One curve per niche, coloured by when it was born; the threshold of a solved niche dashed."""
    import matplotlib

    times, ids, values = grid(run, "fitness")
    plain(axes)
    if not np.isfinite(values).any():
        return sentence(axes, "No fitness yet: wait for the run's first iteration.")
    born = {int(n): int(t) for n, t in zip(*(run.table("niches")[name] for name in ("niche", "born")), strict=True)}
    last = max(int(times[-1]), 1)
    stride = max(1, len(times) // MAX_POINTS)
    for place, niche in enumerate(ids):
        shade = matplotlib.colormaps["viridis"](0.9 * min(born.get(int(niche), 0) / last, 1.0))
        marker = "." if np.isfinite(values[:, place]).sum() < 3 else ""
        axes.plot(
            times[::stride],
            values[::stride, place],
            color=shade,
            lw=1.2,
            alpha=0.85,
            marker=marker,
            label=f"niche {niche}",
        )
    solved = run.options["search"]["solved"]
    if solved <= np.nanmax(values) * 1.3:
        axes.axhline(solved, color=ORANGE, lw=1, ls="--")
        axes.annotate("solved", (times[0], solved), color=ORANGE, fontsize=8, va="bottom")
    axes.set_ylabel("fitness")
    if len(ids) <= 8:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=8, fontsize=8, frameon=False, handlelength=1.3)
    else:
        axes.set_title("dark: early niches, bright: late ones", loc="left", fontsize=8, color=GREY)
    return None


def draw_map(axes: Axes, run: NicheRun) -> None:
    """Rows are niches by birth, columns iterations, colour is fitness; a star where solved, a cross where broken."""
    times, ids, values = grid(run, "fitness")
    if not np.isfinite(values).any():
        axes.set_axis_off()
        return sentence(axes, "No fitness yet: wait for the run's first iteration.")
    table, rows = run.table("iterations"), {int(niche): place for place, niche in enumerate(ids)}
    low, high = np.nanpercentile(values, [2, 99])
    edges = np.append(times - 0.5, times[-1] + 0.5)
    mesh = axes.pcolormesh(
        edges, np.arange(len(ids) + 1) - 0.5, values.T, cmap="viridis", vmin=low, vmax=max(high, low + 1e-6),
        rasterized=True,
    )  # fmt: skip
    axes.figure.colorbar(mesh, ax=axes, pad=0.01, aspect=25, label="fitness", extend="both", extendfrac=0.02)
    solved = [(at, rows[int(n)]) for n, at in zip(*(run.table("niches")[k] for k in ("niche", "solved")), strict=True)
              if at >= 0 and int(n) in rows]  # fmt: skip
    broken = ~np.isfinite(table["fitness"])
    if solved:
        axes.scatter(*np.transpose(solved), marker="*", s=60, color="white", edgecolor=INK, lw=0.7, label="solved")
    if broken.any():
        places = [rows[int(niche)] for niche in table["niche"][broken]]
        axes.scatter(table["iteration"][broken], places, marker="x", s=18, color=ORANGE, lw=1, label="broken (NaN)")
    if solved or broken.any():
        axes.legend(loc="lower left", fontsize=8, frameon=False)
    ticks = np.arange(0, len(ids), max(1, len(ids) // 15))
    axes.set_yticks(ticks, [str(ids[tick]) for tick in ticks])
    axes.set_xlabel("iteration")
    axes.set_ylabel("niche, oldest first")
    axes.invert_yaxis()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return None


def transfers(run: NicheRun) -> Figure:
    """Which agent went where: each accepted transfer at its time, and the counts of source and target."""
    count = len(run.table("niches")["niche"])
    made = figure(14, float(np.clip(0.16 * count + 2, 4, 12)))
    left, right = made.subplots(1, 2, width_ratios=[1.5, 1])
    draw_transfers(left, run)
    draw_matrix(right, run)
    made.suptitle(f"Transfers: {run.name}", color=INK)
    return made


def draw_transfers(axes: Axes, run: NicheRun) -> None:
    """Niches as lines over their life, an arrow for each transfer from the source's line to the target's."""
    moves, niches = run.table("transfers"), run.table("niches")
    plain(axes)
    if not len(moves["target"]):
        return sentence(axes, "No transfer was accepted yet.")
    rows = {int(niche): place for place, niche in enumerate(niches["niche"])}
    end = np.where(niches["retired"] < 0, run.iteration, niches["retired"])
    axes.hlines(np.arange(len(rows)), niches["born"], end, color="#d5d8dc", lw=2.5, zorder=1)
    keep = np.array([int(a) in rows and int(b) in rows for a, b in zip(moves["source"], moves["target"], strict=True)])
    times = _spread(moves["iteration"])
    for via, colour in (("direct", BLUE), ("proposal", ORANGE)):
        of = np.flatnonzero(keep & (moves["via"] == via))
        source = np.array([rows[int(niche)] for niche in moves["source"][of]])
        target = np.array([rows[int(niche)] for niche in moves["target"][of]])
        if not len(of):
            continue
        alpha = float(np.clip(40 / len(of), 0.25, 0.9))
        axes.vlines(times[of], source, target, color=colour, lw=0.9, alpha=alpha, zorder=2)
        for up, marker in ((target < source, "^"), (target > source, "v")):
            axes.scatter(times[of][up], target[up], marker=marker, s=14, color=colour, zorder=3, lw=0)
        axes.plot([], [], color=colour, marker="v", ms=4, label=f"{via} ({len(of)})")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=8, frameon=False)
    ticks = np.arange(0, len(rows), max(1, len(rows) // 20))
    axes.set_yticks(ticks, [str(niches["niche"][tick]) for tick in ticks])
    axes.set_xlabel("iteration (transfers of one round are drawn side by side)")
    axes.set_ylabel("niche, oldest first")
    axes.margins(y=0.02)
    axes.invert_yaxis()
    return None


def _spread(times: np.ndarray) -> np.ndarray:
    """Times of events, those of one round moved apart, within half the gap to the next round."""
    rounds, place, sizes = np.unique(times, return_inverse=True, return_counts=True)
    gap = float(np.diff(rounds).min()) if len(rounds) > 1 else max(1.0, 0.1 * float(rounds[0]))
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    order = np.argsort(place, kind="stable")
    rank = np.empty(len(times))
    rank[order] = np.arange(len(times)) - first[place[order]]
    return times + 0.6 * gap * ((rank + 0.5) / sizes[place] - 0.5)


def draw_matrix(axes: Axes, run: NicheRun) -> None:
    """How often the agent of each niche (row) replaced that of each other (column)."""
    moves, ids = run.table("transfers"), run.table("niches")["niche"]
    if not len(moves["target"]):
        axes.set_axis_off()
        return sentence(axes, "No transfer was accepted yet.")
    size = int(max(ids.max(), moves["target"].max(), moves["source"].max())) + 1
    counts = np.zeros((size, size), int)
    np.add.at(counts, (moves["source"], moves["target"]), 1)
    shown = np.ma.masked_equal(counts, 0)
    image = axes.imshow(shown, cmap="Blues", vmin=0, vmax=counts.max())
    ticks = np.unique(np.linspace(1, counts.max(), 5).astype(int))
    axes.figure.colorbar(image, ax=axes, shrink=0.7, pad=0.02, label="transfers accepted", ticks=ticks)
    axes.plot([-0.5, size - 0.5], [-0.5, size - 0.5], color="#d5d8dc", lw=0.8)
    places = np.arange(0, size, max(1, size // 12))
    axes.set_xticks(places)
    axes.set_yticks(places)
    axes.set_xlabel("target: whose agent was replaced")
    axes.set_ylabel("source: where the agent came from")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return None


def overview(run: NicheRun) -> Figure:
    """The run in one picture: family tree, fitness of all niches, and the latest environments."""
    ids = run.table("niches")["niche"]
    made = figure(15, float(np.clip(5.2 + 0.3 * len(ids), 5.5, 9.2)))
    made.suptitle(headline(run), color=INK, fontsize=13)
    if not len(ids):
        sentence(made.subplots(), "Nothing to see yet: wait for the run's first iteration.")
        return made
    left, right = made.subfigures(1, 2, squeeze=False, width_ratios=[1.15, 1])[0]
    tree, curves = left.subplots(2, 1, height_ratios=[float(np.clip(0.1 * len(ids), 0.4, 1.6)), 1], sharex=True)
    lineage.draw(tree, run, float(np.clip(330 / len(ids), 5, 8)))
    tree.set_xlabel("")
    draw_curves(curves, run)
    curves.set_xlabel("iteration")
    latest = [int(niche) for niche in ids[-9:]]
    gallery.draw(right, run, latest, gallery.courses(run, latest), rows=4)
    right.suptitle("latest environments" if len(ids) > 9 else "environments", fontsize=10, color=GREY)
    return made


def headline(run: NicheRun) -> str:
    """The run's state in one line for a title."""
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


def plot(run: Run, kind: str = "overview", path: str | os.PathLike[str] | None = None) -> Figure:
    """One picture, also written to `path` if given. Raises `ConfigError` for an unknown kind."""
    plots = run.plots()
    if kind not in plots:
        raise unknown("plot", kind, plots)
    made = plots[kind](run)
    if path is not None:
        picture = io.BytesIO()
        made.savefig(picture, dpi=130, format=Path(path).suffix.removeprefix(".") or "png")
        write(Path(path), picture.getvalue())
    return made
