"""Transfers between niches: when agents were tried in each other's environments, and which replaced which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from poet.view.style import (
    BLUE,
    GREY,
    INK,
    LIGHT,
    MEDIUM,
    ORANGE,
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

MATRIX_LABELS = 2.0  # inches for the numbers at a side of a matrix of niches
NO_ATTEMPT = "No transfer is attempted yet."


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
