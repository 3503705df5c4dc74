"""Pictures of a run that fills an archive. Every picture of one that has nothing to show yet is a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from poet.errors import RunError
from poet.runs.read import quantity
from poet.view.archive import gallery, maps
from poet.view.archive.elites import Elites
from poet.view.archive.open import ArchiveRun
from poet.view.style import BLUE, GREY, INK, ORANGE, figure, plain, sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_SNAPSHOTS = 8
MAX_LINES = 150  # of descent; more hide each other
CURVES = {
    "qd_score": ("QD score", "corrected_qd_score"),
    "coverage": ("coverage", "corrected_coverage"),
    "best": ("fitness", "mean"),
}


def latest(run: ArchiveRun) -> Elites | None:
    """The newest snapshot, if there is one."""
    try:
        return run.archive()
    except RunError:
        return None


def heatmap(run: ArchiveRun, iteration: int | None = None) -> Figure:
    """Fitness by cell, of the newest snapshot or of the one after so many iterations."""
    elites = latest(run) if iteration is None else run.archive(iteration)
    made = figure(*_size(elites))
    if elites is None:
        sentence(made.subplots(), "No snapshot of the archive yet: the first comes with the first checkpoint.")
    else:
        maps.draw(made, elites)
    made.suptitle(_title(run, elites), color=INK)
    return made


def _size(elites: Elites | None) -> tuple[float, float]:
    dimensions = 2 if elites is None else len(elites.names)
    return {1: (9.0, 4.5), 2: (8.0, 6.6)}.get(dimensions, (12.0, 8.0))


def _title(run: ArchiveRun, elites: Elites | None) -> str:
    if elites is None:
        return run.name
    now = elites.summary()
    numbers = f",  coverage {now.coverage:.1%},  best {now.best:.4g}" if len(elites) else ""
    return f"{run.name}:  iteration {elites.meta['iteration']}{numbers}"


def curves(run: ArchiveRun) -> Figure:
    """QD score, coverage, best and mean over evaluations; dashed what is corrected for noise."""
    made = figure(13, 3.8)
    for axes, name in zip(made.subplots(1, 3), CURVES, strict=True):
        draw_curve(axes, run, name)
    made.suptitle(f"{run.name}:  " + ",  ".join(run.standing()), color=INK)
    return made


def draw_curve(axes: Axes, run: ArchiveRun, name: str) -> None:
    """One of the curves: `qd_score`, `coverage` or `best`, each with what belongs beside it."""
    from matplotlib.ticker import EngFormatter, PercentFormatter

    table = run.table("progress")
    label, second = CURVES[name]
    plain(axes)
    times = _clock(run)[0]
    marker = "o" if len(times) < 3 else ""
    learning = name == "best" and np.isfinite(table.get("pupil_best", np.zeros(0))).any()
    if learning:
        axes.plot(times, table["pupil_best"], color=GREY, lw=1.2, marker=marker, label="best pupil")
        axes.axhline(table["solved"][-1], color=GREY, lw=1, ls=":", label="solved")
        axes.legend(fontsize=8, frameon=False)
        axes.set_ylabel(label)
        _time_axis(axes, run)
    if not all(np.isfinite(table.get(each, np.zeros(0))).any() for each in (name, "best")):
        return None if learning else sentence(axes, f"No {label} yet: there is no elite.")
    axes.plot(times, table[name], color=BLUE, lw=1.6, marker=marker, label=name.replace("qd_score", "as found"))
    if second in table:
        said = "corrected for noise" if second.startswith("corrected") else second
        axes.plot(times, table[second], color=ORANGE, lw=1.4, ls="--", marker=marker, label=said)
        axes.legend(fontsize=8, frameon=False)
    axes.set_ylabel(label)
    _time_axis(axes, run)
    if name == "coverage":
        axes.set_ylim(max(axes.get_ylim()[0], 0), min(axes.get_ylim()[1], 1.02))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    elif name == "qd_score":
        axes.yaxis.set_major_formatter(EngFormatter(sep=" "))
    return None


def _clock(run: ArchiveRun) -> tuple[np.ndarray, str]:
    table = run.table("progress")
    return (table["evaluations"], "evaluations") if table["evaluations"].any() else (table["iteration"], "iteration")


def _time_axis(axes: Axes, run: ArchiveRun) -> None:
    from matplotlib.ticker import EngFormatter

    times, unit = _clock(run)
    axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    if len(times) == 1:
        axes.set_xticks(times)
    axes.set_xlabel(unit)


def emitters(run: ArchiveRun) -> Figure:
    """What each emitter has brought: elites added and improved so far, and whose elites are in the archive."""
    made = figure(12, 4.2)
    left, right = made.subplots(1, 2, width_ratios=[2, 1])
    draw_sources(left, run)
    draw_shares(right, run)
    made.suptitle(f"What the emitters bring: {run.name}", color=INK)
    return made


def draw_sources(axes: Axes, run: ArchiveRun) -> None:
    """Elites added and improved so far, by emitter."""
    from matplotlib.ticker import EngFormatter

    table, names = run.table("emitters"), run.emitters()
    plain(axes)
    if not names:
        return sentence(axes, "No emitter has told anything yet.")
    clock = dict(zip(run.table("progress")["iteration"], _clock(run)[0], strict=True))
    for name in names:
        own, colour = table["emitter"] == name, maps.named(names)[name]
        times = [clock[iteration] for iteration in table["iteration"][own]]
        for what, style in (("added", "-"), ("improved", ":")):
            so_far = np.cumsum(table[what][own])
            axes.plot(times, so_far, color=colour, ls=style, lw=1.6, marker="o" if len(times) < 3 else "")
        axes.plot([], [], color=colour, lw=3, label=name)
    for what, style in (("took a free place", "-"), ("improved an elite", ":")):
        axes.plot([], [], color=GREY, ls=style, label=what)
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(0, max(axes.get_ylim()[1], 2))
    axes.yaxis.set_major_formatter(EngFormatter(sep=" "))
    _time_axis(axes, run)
    axes.set_ylabel("elites made so far")
    axes.legend(fontsize=8, frameon=False, ncols=2)
    return None


def draw_shares(axes: Axes, run: ArchiveRun) -> None:
    """How many of the elites there are now each emitter made."""
    elites, names = latest(run), run.emitters()
    plain(axes)
    axes.grid(visible=False)
    if elites is None or not len(elites):
        return sentence(axes, "No elites yet.")
    counts = np.bincount(np.asarray(elites.columns["emitter"]) + 1, minlength=len(names) + 1)
    bars = list(zip(names, counts[1:], strict=False))[::-1] + ([(maps.START, counts[0])] if counts[0] else [])
    shown = [maps.named(names)[name] for name, _ in bars]
    made = axes.barh(range(len(bars)), [count for _, count in bars], color=shown, height=0.6)
    axes.bar_label(made, [f"{count / len(elites):.0%}" for _, count in bars], padding=3, fontsize=9, color=INK)
    axes.set_yticks(range(len(bars)), [name for name, _ in bars])
    axes.margins(x=0.15)
    axes.set_xlabel("elites in the archive, by who made them")
    axes.tick_params(axis="y", length=0)
    return None


def origins(run: ArchiveRun) -> Figure:
    """When each elite was made, by whom, and where its parents stand."""
    elites, names = latest(run), run.emitters()
    if elites is None or not len(elites):
        made = figure(8, 4)
        sentence(made.subplots(), "No elites yet, so nothing to trace back.")
        return made
    ages = np.asarray(elites.columns["id"], float)[:, 0]
    unit = "generation" if "generations" in run.options.get("search", {}) else "iteration"
    paints = {"when": maps.Paint(ages, f"{unit} in which it was made", 0, max(float(ages.max()), 1))}
    makers = np.asarray(elites.columns["emitter"], float)
    known = tuple(names) or tuple(f"emitter {k}" for k in range(int(makers.max()) + 1))
    if (makers < 0).any():
        makers, known = makers + 1, (maps.START, *known)
    if len(np.unique(makers)) > 1:
        paints["by whom"] = maps.Paint(makers, "", 0, len(known), known)
    made = figure(5.4 * (len(paints) + 1), 5.2)
    *painted, whence = made.subfigures(1, len(paints) + 1, squeeze=False)[0]
    for part, (title, paint) in zip(painted, paints.items(), strict=True):
        maps.draw(part, elites, paint)
        part.suptitle(title, fontsize=11, color=INK)
    draw_descent(whence.subplots(), elites)
    whence.suptitle("where parents stand", fontsize=11, color=INK)
    return made


def draw_descent(axes: Axes, elites: Elites) -> None:
    """A line from an elite's parent, where that is an elite itself, to it: grey at the parent, blue at the child."""
    from matplotlib.collections import LineCollection

    rows = elites.rows()
    pairs = [(rows[parent], row) for row in range(len(elites)) for parent in elites.parents(row) if parent in rows]
    orphans = len(elites) - len({row for _, row in pairs})
    said = f"of {len(elites)} elites, {orphans} have no parent that is still one"
    if len(pairs) > MAX_LINES:
        said += f"; {MAX_LINES} of {len(pairs)} lines"
        pairs = [pairs[k] for k in np.linspace(0, len(pairs) - 1, MAX_LINES).astype(int)]
    points = np.asarray(elites.columns["descriptor"], float)
    if points.shape[1] == 1:
        points = np.stack([points[:, 0], np.asarray(elites.columns["fitness"], float)], axis=1)
    if pairs:
        start, end = points[np.array(pairs)[:, 0], :2], points[np.array(pairs)[:, 1], :2]
        middle = start + 0.6 * (end - start)
        for a, b, colour, name in ((start, middle, GREY, "from the parent"), (middle, end, BLUE, "to the child")):
            axes.add_collection(LineCollection(list(np.stack([a, b], 1)), colors=colour, lw=1.2, alpha=0.8))
            axes.plot([], [], color=colour, lw=1.6, label=name)
        axes.legend(fontsize=8, frameon=False, ncols=2, loc="upper right", bbox_to_anchor=(1, -0.08))
    axes.scatter(points[:, 0], points[:, 1], s=4, color=INK, lw=0, alpha=0.6 if len(points) < 1000 else 0.25, zorder=0)
    shown = maps.window(elites)
    axes.set_xlim(*shown[0])
    if len(shown) > 1:
        axes.set_ylim(*shown[1])
        maps.square(axes)
    axes.set_xlabel(elites.names[0])
    axes.set_ylabel(elites.names[1] if len(elites.names) > 1 else "fitness")
    axes.set_title(said, fontsize=8.5, color=GREY, loc="left")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return None


def snapshots(run: ArchiveRun) -> Figure:
    """The archive over time: its snapshots side by side, on one scale of colours."""
    times = run.snapshots()
    if not times:
        made = figure(8, 4)
        sentence(made.subplots(), "No snapshot of the archive yet: the first comes with the first checkpoint.")
        return made
    shown = [times[k] for k in np.unique(np.linspace(0, len(times) - 1, min(len(times), MAX_SNAPSHOTS)).astype(int))]
    columns, size = (4, 4.2) if len(run.archive(shown[-1]).names) < 3 else (2, 8.4)  # panels within need room
    columns = min(len(shown), columns)
    rows = -(-len(shown) // columns)
    width = size * columns
    made = figure(width + 0.9, (3.9 if size < 5 else 5.5) * rows + 0.4)
    paint, whole = maps.fitness(run.archive(shown[-1])), maps.window(run.archive(shown[-1]))
    all_maps, beside = made.subfigures(1, 2, squeeze=False, width_ratios=[width, 0.9])[0]
    parts = all_maps.subfigures(rows, columns, squeeze=False)
    for part, time in zip(parts.flat, shown, strict=False):
        elites = run.archive(time)
        scaled = maps.fitness(elites)._replace(low=paint.low, high=paint.high)
        maps.draw(part, elites, scaled, beside=False, shown=whole)
        part.suptitle(_when(elites), fontsize=10, color=INK)
    maps.bar(beside.subplots(), paint)
    made.suptitle(f"{run.name} over time", color=INK)
    return made


def _when(elites: Elites) -> str:
    done = elites.meta.get("evaluations")
    said = f", {quantity(done)} evaluation{'s' * (done > 1)}" if done else ""
    return f"iteration {elites.meta['iteration']}{said}"


def overview(run: ArchiveRun) -> Figure:
    """The run in one picture: its archive, and how it came about."""
    elites = latest(run)
    made = figure(14, 7)
    made.suptitle(headline(run), color=INK, fontsize=13)
    left, right = made.subfigures(1, 2, squeeze=False, width_ratios=[1.5, 1])[0]
    if elites is None:
        sentence(left.subplots(), "No snapshot of the archive yet:\nthe first comes with the first checkpoint.")
    else:
        maps.draw(left, elites)
    for axes, name in zip(right.subplots(3, 1, sharex=True), CURVES, strict=True):
        draw_curve(axes, run, name)
        if name != "best":
            axes.set_xlabel("")
    return made


def headline(run: ArchiveRun) -> str:
    """The run's state in one line for a title."""
    table = run.table("progress")
    done = [f"{quantity(table['evaluations'][-1])} evaluations"] if len(table["iteration"]) else []
    return f"{run.name}:  " + ",  ".join([f"iteration {run.iteration}", *done, *run.standing()])


PLOTS: dict[str, Callable[[ArchiveRun], Figure]] = {
    "overview": overview,
    "heatmap": heatmap,
    "curves": curves,
    "emitters": emitters,
    "origins": origins,
    "snapshots": snapshots,
    "gallery": gallery.gallery,
}
