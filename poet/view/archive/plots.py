"""Figures of a run with an archive. A figure of a run without data is a message that says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from poet.runs.read import quantity
from poet.view import plots
from poet.view.archive import gallery, maps
from poet.view.style import BLUE, GREY, INK, ORANGE, hide_spines, new_figure, show_message, style_time_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from poet.view.archive.elites import Elites
    from poet.view.archive.run import ArchiveRun

MAX_SNAPSHOTS = 8
MAX_LINES = 150  # from parents to children; more would hide each other
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
    figure = new_figure(*{1: (9.0, 4.5), 2: (8.0, 6.6)}.get(dimensions, (12.0, 8.0)))
    if elites is None:
        show_message(figure.subplots(), maps.NO_SNAPSHOT)
    else:
        maps.draw_map(figure, elites)
    figure.suptitle(_heatmap_title(run, elites), color=INK)
    return figure


def _heatmap_title(run: ArchiveRun, elites: Elites | None) -> str:
    if elites is None:
        return run.name
    summary = elites.summary()
    numbers = f",  coverage {summary.coverage:.1%},  best {summary.best:.4g}" if len(elites) else ""
    return f"{run.name}:  iteration {elites.meta['iteration']}{numbers}"


def curves(run: ArchiveRun) -> Figure:
    """QD score, coverage, best and mean fitness over evaluations; dashed lines are corrected for noise."""
    figure = new_figure(13, 3.8)
    for axes, name in zip(figure.subplots(1, 3), CURVES, strict=True):
        draw_curve(axes, run, name)
    figure.suptitle(plots.title(run), color=INK)
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
        axes.axhline(table["solved"][-1], color=GREY, lw=1, ls=":", label="solved")
        axes.legend(fontsize=8, frameon=False)
        axes.set_ylabel(label)
        _style_time_axis(axes, run)
    if not all(np.isfinite(table.get(column, np.zeros(0))).any() for column in (name, "best")):
        return None if trainees else show_message(axes, f"No {label} yet: there is no elite.")
    first_label = {"qd_score": "as measured", "coverage": "as measured"}.get(name, name)
    axes.plot(times, table[name], color=BLUE, lw=1.6, marker=marker, label=first_label)
    if second in table:
        second_label = "corrected for noise" if second.startswith("corrected") else second
        axes.plot(times, table[second], color=ORANGE, lw=1.4, ls="--", marker=marker, label=second_label)
        axes.legend(fontsize=8, frameon=False)
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
    figure = new_figure(12, 4.2)
    left, right = figure.subplots(1, 2, width_ratios=[2, 1])
    draw_contributions(left, run)
    draw_shares(right, run)
    figure.suptitle(f"Contributions of the emitters: {run.name}", color=INK)
    return figure


def draw_contributions(axes: Axes, run: ArchiveRun) -> None:
    """Elites added and improved so far, by emitter."""
    from matplotlib.ticker import EngFormatter

    table, names = run.table("emitters"), run.emitters()
    style_time_axes(axes)
    if not names:
        return show_message(axes, "No emitter has reported yet.")
    time_of = dict(zip(run.table("progress")["iteration"], _times(run)[0], strict=True))
    colours = maps.colours_by_name(names)
    for name in names:
        rows = table["emitter"] == name
        times = [time_of[iteration] for iteration in table["iteration"][rows]]
        for column, style in (("added", "-"), ("improved", ":")):
            total = np.cumsum(table[column][rows])
            axes.plot(times, total, color=colours[name], ls=style, lw=1.6, marker="o" if len(times) < 3 else "")
        axes.plot([], [], color=colours[name], lw=3, label=name)
    for label, style in (("added to an empty cell", "-"), ("replaced an elite", ":")):
        axes.plot([], [], color=GREY, ls=style, label=label)
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(0, max(axes.get_ylim()[1], 2))
    axes.yaxis.set_major_formatter(EngFormatter(sep=" "))
    _style_time_axis(axes, run)
    axes.set_ylabel("elites made so far")
    axes.legend(fontsize=8, frameon=False, ncols=2)
    return None


def draw_shares(axes: Axes, run: ArchiveRun) -> None:
    """How many of the elites in the newest snapshot each emitter made."""
    elites, names = run.latest(), run.emitters()
    style_time_axes(axes)
    axes.grid(visible=False)
    if elites is None or not len(elites):
        return show_message(axes, "No elites yet.")
    counts = np.bincount(np.asarray(elites.columns["emitter"]) + 1, minlength=len(names) + 1)
    initial = [(maps.INITIAL, counts[0])] if counts[0] else []
    bars = list(zip(names, counts[1:], strict=False))[::-1] + initial
    colours = maps.colours_by_name(names)
    container = axes.barh(
        range(len(bars)), [count for _, count in bars], color=[colours[name] for name, _ in bars], height=0.6
    )
    axes.bar_label(container, [f"{count / len(elites):.0%}" for _, count in bars], padding=3, fontsize=9, color=INK)
    axes.set_yticks(range(len(bars)), [name for name, _ in bars])
    axes.margins(x=0.15)
    axes.set_xlabel("elites in the archive, by emitter")
    axes.tick_params(axis="y", length=0)
    return None


def origins(run: ArchiveRun) -> Figure:
    """When each elite was made and by which emitter, and lines from parents to children."""
    elites, names = run.latest(), run.emitters()
    if elites is None or not len(elites):
        figure = new_figure(8, 4)
        show_message(figure.subplots(), "No elites yet, so there are no origins to show.")
        return figure
    times = np.asarray(elites.columns["id"], float)[:, 0]
    unit = "generation" if "generations" in run.options.get("search", {}) else "iteration"
    colourings = {f"{unit} in which it was made": maps.Colouring(times, unit, 0, max(float(times.max()), 1))}
    makers = np.asarray(elites.columns["emitter"], float)
    known = tuple(names) or tuple(f"emitter {k}" for k in range(int(makers.max()) + 1))
    if (makers < 0).any():
        makers, known = makers + 1, (maps.INITIAL, *known)
    if len(np.unique(makers)) > 1:
        colourings["emitter that made it"] = maps.Colouring(makers, "", 0, len(known), known)
    count = len(colourings) + 1
    figure = new_figure(5.4 * count, 5.4)
    *parts, last = figure.subfigures(1, count, squeeze=False)[0]
    for part, (heading, colouring) in zip(parts, colourings.items(), strict=True):
        maps.draw_map(part, elites, colouring)
        part.suptitle(heading, fontsize=11, color=INK)
    draw_parents(last.subplots(), elites)
    last.suptitle("parents and children", fontsize=11, color=INK)
    figure.suptitle(f"Origins of the elites: {run.name}", color=INK)
    return figure


def draw_parents(axes: Axes, elites: Elites) -> None:
    """A line from each parent that is in the archive to its child: grey at the parent, blue at the child."""
    from matplotlib.collections import LineCollection

    rows = elites.rows_by_id()
    pairs = [(rows[parent], row) for row in range(len(elites)) for parent in elites.parents(row) if parent in rows]
    without = len(elites) - len({row for _, row in pairs})
    text = f"{without} of {len(elites)} elites have no parent in the archive"
    if len(pairs) > MAX_LINES:
        text += f"; {MAX_LINES} of {len(pairs)} lines"
        pairs = [pairs[k] for k in np.linspace(0, len(pairs) - 1, MAX_LINES).astype(int)]
    points = np.asarray(elites.columns["descriptor"], float)
    if points.shape[1] == 1:
        points = np.stack([points[:, 0], np.asarray(elites.columns["fitness"], float)], axis=1)
    if pairs:
        start, end = points[np.array(pairs)[:, 0], :2], points[np.array(pairs)[:, 1], :2]
        middle = start + 0.6 * (end - start)
        for a, b, colour, name in ((start, middle, GREY, "parent"), (middle, end, BLUE, "child")):
            axes.add_collection(LineCollection(list(np.stack([a, b], 1)), colors=colour, lw=1.2, alpha=0.8))
            axes.plot([], [], color=colour, lw=1.6, label=name)
        axes.legend(fontsize=8, frameon=False, ncols=2, loc="upper right", bbox_to_anchor=(1, -0.08))
    axes.scatter(points[:, 0], points[:, 1], s=4, color=INK, lw=0, alpha=0.6 if len(points) < 1000 else 0.25, zorder=0)
    limits = maps.shown_bounds(elites)
    axes.set_xlim(*limits[0])
    if len(limits) > 1:
        axes.set_ylim(*limits[1])
        maps.set_equal_scale(axes)
    axes.set_xlabel(elites.names[0])
    axes.set_ylabel(elites.names[1] if len(elites.names) > 1 else "fitness")
    axes.set_title(text, fontsize=8.5, color=GREY, loc="left")
    hide_spines(axes)


def snapshots(run: ArchiveRun) -> Figure:
    """The archive over time: its snapshots side by side, with one colour scale."""
    shown = run.snapshots(MAX_SNAPSHOTS)
    if not shown:
        figure = new_figure(8, 4)
        show_message(figure.subplots(), maps.NO_SNAPSHOT)
        return figure
    newest = run.archive(shown[-1])
    columns, width, height = (4, 4.2, 3.9) if len(newest.names) < 3 else (2, 8.4, 5.5)  # several panels need room
    columns = min(len(shown), columns)
    rows = -(-len(shown) // columns)
    figure = new_figure(width * columns + 0.9, height * rows + 0.4)
    colouring, limits = maps.colour_by_fitness(newest), maps.shown_bounds(newest)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=[width * columns, 0.9])[0]
    parts = left.subfigures(rows, columns, squeeze=False)
    for part, time in zip(parts.flat, shown, strict=False):
        elites = run.archive(time)
        scaled = maps.colour_by_fitness(elites)._replace(low=colouring.low, high=colouring.high)
        maps.draw_map(part, elites, scaled, colour_bar=False, limits=limits)
        part.suptitle(_snapshot_title(elites), fontsize=10, color=INK)
    maps.draw_colour_bar(right.subplots(), colouring)
    figure.suptitle(f"{run.name} over time", color=INK)
    return figure


def _snapshot_title(elites: Elites) -> str:
    count = elites.meta.get("evaluations")
    evaluations = f", {quantity(count)} evaluation{'s' * (count > 1)}" if count else ""
    return f"iteration {elites.meta['iteration']}{evaluations}"


def overview(run: ArchiveRun) -> Figure:
    """The run in one figure: its archive, and the metrics over time."""
    elites = run.latest()
    figure = new_figure(14, 7)
    figure.suptitle(title(run), color=INK, fontsize=13)
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
