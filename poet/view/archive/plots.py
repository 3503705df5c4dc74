"""Figures of a run with an archive. A figure of a run without data is a message that says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from poet.runs.status import quantity
from poet.view import plots
from poet.view.archive import gallery, maps
from poet.view.archive.colours import INITIAL, colours_by_name
from poet.view.archive.origins import origins
from poet.view.archive.snapshots import snapshots
from poet.view.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    SMALL,
    WIDTH,
    legend_above,
    new_figure,
    set_title,
    short_name,
    show_message,
    style_time_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from poet.view.archive.elites import Elites
    from poet.view.archive.run import ArchiveRun

MIN_BARS = 5  # for so many emitters a figure has room in any case
# metric -> label of its axis, and the metric that is drawn beside it
CURVES = {
    "qd_score": ("QD score", "corrected_qd_score"),
    "coverage": ("coverage", "corrected_coverage"),
    "best": ("fitness", "mean"),
}


def heatmap(run: ArchiveRun, iteration: int | None = None) -> Figure:
    """Fitness by cell, of the newest snapshot or of the one after so many iterations."""
    elites = run.latest() if iteration is None else run.archive(iteration)
    dimensions = 2 if elites is None else len(elites.names)
    figure = new_figure(*{1: (9.0, 4.5), 2: (8.0, 6.6)}.get(dimensions, (WIDTH, 7.5)))
    if elites is None:
        show_message(figure.subplots(), maps.NO_SNAPSHOT)
    else:
        maps.draw_map(figure, elites)
    set_title(figure, _heatmap_title(run, elites))
    return figure


def _heatmap_title(run: ArchiveRun, elites: Elites | None) -> str:
    if elites is None:
        return run.name
    summary = elites.summary()
    numbers = f",  coverage {summary.coverage:.1%},  best {summary.best:.4g}" if len(elites) else ""
    return f"{run.name}:  iteration {elites.meta['iteration']}{numbers}"


def curves(run: ArchiveRun) -> Figure:
    """QD score, coverage, best and mean fitness over evaluations; dashed lines are corrected for noise."""
    figure = new_figure(WIDTH, 3.6)
    for axes, name in zip(figure.subplots(1, 3), CURVES, strict=True):
        draw_curve(axes, run, name)
    set_title(figure, plots.title(run))
    return figure


def draw_curve(axes: Axes, run: ArchiveRun, name: str) -> None:
    """One of the curves, `qd_score`, `coverage` or `best`, each with the metric that belongs beside it."""
    from matplotlib.ticker import EngFormatter, PercentFormatter

    table = run.table("progress")
    label, second = CURVES[name]
    style_time_axes(axes)
    times = _times(run)[0]
    marker = "o" if len(times) < 3 else ""
    trainees = name == "best" and np.isfinite(table.get("trainee_best", np.zeros(0))).any()
    if trainees:
        axes.plot(times, table["trainee_best"], color=GREY, lw=1.2, marker=marker, label="best trainee")
        axes.axhline(table["solved_score"][-1], color=GREY, lw=1, ls=":", label="solved")
        legend_above(axes, 2)
        axes.set_ylabel(label)
        _style_time_axis(axes, run)
    if not all(np.isfinite(table.get(column, np.zeros(0))).any() for column in (name, "best")):
        return None if trainees else show_message(axes, f"No {label} yet: there is no elite.")
    first_label = {"qd_score": "as measured", "coverage": "as measured"}.get(name, name)
    axes.plot(times, table[name], color=BLUE, lw=1.6, marker=marker, label=first_label)
    if second in table:
        second_label = "corrected for noise" if second.startswith("corrected") else second
        axes.plot(times, table[second], color=ORANGE, lw=1.4, ls="--", marker=marker, label=second_label)
        legend_above(axes, 2 if trainees else 0)
    axes.set_ylabel(label)
    _style_time_axis(axes, run)
    if name == "coverage":
        axes.set_ylim(max(axes.get_ylim()[0], 0), min(axes.get_ylim()[1], 1.02))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    elif name == "qd_score":
        axes.yaxis.set_major_formatter(EngFormatter(sep=" "))
    return None


def _times(run: ArchiveRun) -> tuple[np.ndarray, str]:
    """What is drawn to the right, one value per iteration, and its unit."""
    table = run.table("progress")
    unit = "evaluations" if table["evaluations"].any() else "iteration"
    return table[unit], unit


def _style_time_axis(axes: Axes, run: ArchiveRun) -> None:
    from matplotlib.ticker import EngFormatter

    times, unit = _times(run)
    axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    if len(times) == 1:
        axes.set_xticks(times)
    axes.set_xlabel(unit)


def emitters(run: ArchiveRun) -> Figure:
    """What each emitter contributed: elites added and improved so far, and its share of the archive."""
    names = run.emitters()
    figure = new_figure(WIDTH, 3.6 + 0.25 * max(len(names) - MIN_BARS, 0))
    left, right = figure.subplots(1, 2, width_ratios=[2, 1])
    draw_contributions(left, run)
    draw_shares(right, run)
    if left.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower center", ncols=4, fontsize=SMALL, frameon=False)
    set_title(figure, f"Contributions of the emitters: {run.name}")
    return figure


def draw_contributions(axes: Axes, run: ArchiveRun) -> None:
    """Elites added and improved so far, by emitter."""
    from matplotlib.ticker import EngFormatter

    table, names = run.table("emitters"), run.emitters()
    style_time_axes(axes)
    if not names:
        return show_message(axes, "No emitter has reported yet.")
    if not any(table[column].any() for column in ("added", "improved")):
        return show_message(axes, "No emitter has made an elite yet.")
    time_of = dict(zip(run.table("progress")["iteration"], _times(run)[0], strict=True))
    colours = colours_by_name(names)
    for name in names:
        rows = table["emitter"] == name
        times = [time_of[iteration] for iteration in table["iteration"][rows]]
        for column, style in (("added", "-"), ("improved", ":")):
            total = np.cumsum(table[column][rows])
            axes.plot(times, total, color=colours[name], ls=style, lw=1.6, marker="o" if len(times) < 3 else "")
        axes.plot([], [], color=colours[name], lw=3, label=short_name(name))
    for label, style in (("added to an empty cell", "-"), ("replaced an elite", ":")):
        axes.plot([], [], color=GREY, ls=style, label=label)
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(0, max(axes.get_ylim()[1], 2))
    axes.yaxis.set_major_formatter(EngFormatter(sep=" "))
    _style_time_axis(axes, run)
    axes.set_ylabel("elites made so far")
    return None


def draw_shares(axes: Axes, run: ArchiveRun) -> None:
    """How many of the elites in the newest snapshot each emitter made."""
    elites, names = run.latest(), run.emitters()
    style_time_axes(axes)
    axes.grid(visible=False)
    if elites is None or not len(elites):
        return show_message(axes, "No elites yet.")
    counts = np.bincount(np.asarray(elites.columns["emitter"]) + 1, minlength=len(names) + 1)
    initial = [(INITIAL, counts[0])] if counts[0] else []
    bars = list(zip(names, counts[1:], strict=False))[::-1] + initial
    colours = colours_by_name(names)
    container = axes.barh(
        range(len(bars)), [count for _, count in bars], color=[colours[name] for name, _ in bars], height=0.6
    )
    axes.bar_label(container, [f"{count / len(elites):.0%}" for _, count in bars], padding=3, fontsize=SMALL, color=INK)
    axes.set_yticks(range(len(bars)), [short_name(name, 100) for name, _ in bars])
    axes.set_ylim(len(bars) - max(len(bars), MIN_BARS) - 0.5, len(bars) - 0.5)
    axes.margins(x=0.15)
    axes.set_xlabel("elites in the archive")
    axes.tick_params(axis="y", length=0)
    return None


def overview(run: ArchiveRun) -> Figure:
    """The run in one figure: its archive, and the metrics over time."""
    elites = run.latest()
    figure = new_figure(WIDTH, 5.8)
    set_title(figure, title(run))
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=[1.5, 1])[0]
    if elites is None:
        show_message(left.subplots(), maps.NO_SNAPSHOT)
    else:
        maps.draw_map(left, elites)
    for axes, name in zip(right.subplots(3, 1, sharex=True), CURVES, strict=True):
        draw_curve(axes, run, name)
        if name != "best":
            axes.set_xlabel("")
    return figure


def title(run: ArchiveRun) -> str:
    """The state of a run in one line."""
    table = run.table("progress")
    evaluations = [f"{quantity(table['evaluations'][-1])} evaluations"] if len(table["iteration"]) else []
    return f"{run.name}:  " + ",  ".join([f"iteration {run.iteration}", *evaluations, *run.headline()])


PLOTS: dict[str, Callable[[ArchiveRun], Figure]] = {
    "overview": overview,
    "heatmap": heatmap,
    "curves": curves,
    "emitters": emitters,
    "origins": origins,
    "snapshots": snapshots,
    "gallery": gallery.gallery,
}
