"""Family trees of environments: as a figure over time and as text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from poet.view.niches.gallery import NO_CLASS, NO_ENVIRONMENT
from poet.view.style import (
    GREY,
    INK,
    SMALL,
    WIDTH,
    difficulty_colours,
    legend_above,
    new_figure,
    set_title,
    short_name,
    show_message,
    sparse,
    style_time_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from poet.view.niches.run import NicheRun


def family_order(niches: dict[str, np.ndarray]) -> list[tuple[int, int]]:
    """Rows of the niches table, each with its depth, so that every family is together.

    Of several children the youngest comes first: with time to the right no branch crosses a line.
    """
    row_of = {int(niche): row for row, niche in enumerate(niches["niche"])}
    children: dict[int, list[int]] = {}
    for row, parent in enumerate(niches["parent"]):
        place = row_of.get(int(parent), row)
        children.setdefault(place if place < row else -1, []).append(row)  # parents come first, so there is no circle
    ordered, waiting = [], [(row, 0) for row in reversed(children.get(-1, []))]
    while waiting:
        row, depth = waiting.pop()
        ordered.append((row, depth))
        waiting += [(child, depth + 1) for child in children.get(row, [])]
    return ordered


def lineage(run: NicheRun) -> Figure:
    """The family tree of a run's environments, with time to the right."""
    height = float(np.clip(0.22 * len(run.table("niches")["niche"]) + 1.6, 3.2, 18))
    figure = new_figure(WIDTH, height)
    draw_tree(figure.subplots(), run, height - 1.4)
    set_title(figure, f"Family tree: {run.name}")
    return figure


def draw_tree(axes: Axes, run: NicheRun, height: float) -> None:
    """Each niche as a line from birth to retirement, thick once solved, coloured by difficulty, labelled with its id.

    `height` in inches, about that of the axes, decides how many of the ids have room.
    """
    niches = run.table("niches")
    style_time_axes(axes)
    axes.grid(visible=False)
    if not len(niches["niche"]):
        return show_message(axes, NO_ENVIRONMENT)
    colours = difficulty_colours(niches["difficulty"])
    levels = {int(niches["niche"][row]): level for level, (row, _) in enumerate(family_order(niches))}
    now = max(run.iteration, int(niches["born"].max()) + 1)
    labelled = sparse(len(levels), height)
    for row, niche in enumerate(niches["niche"]):
        level, colour = levels[int(niche)], colours[str(niches["difficulty"][row])]
        born, retired, solved = (int(niches[name][row]) for name in ("born", "retired", "solved"))
        end = retired if retired >= 0 else now
        parent = levels.get(int(niches["parent"][row]))
        if parent is not None:
            axes.plot([born, born], [parent, level], color="#c3cad1", lw=0.9, zorder=1)
        axes.plot([born, end], [level, level], color=colour, lw=1.3, zorder=2, solid_capstyle="butt")
        if solved >= 0:
            axes.plot([solved, end], [level, level], color=colour, lw=4, zorder=2, solid_capstyle="butt")
            axes.scatter(solved, level, marker="*", s=45, color=colour, edgecolor=INK, lw=0.5, zorder=4)
        axes.scatter(born, level, s=9, color=colour, zorder=3)
        if retired >= 0:
            axes.scatter(end, level, marker="|", s=40, color=INK, lw=1, zorder=3)
        if level in labelled:
            place = {"xytext": (4, 0), "textcoords": "offset points", "va": "center"}
            axes.annotate(str(niche), (end, level), **place, fontsize=SMALL, color=GREY)
    _draw_legend(axes, niches, colours)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("iteration")
    axes.margins(x=0.02, y=min(0.05, 0.6 / len(levels)))
    axes.invert_yaxis()
    return None


def _draw_legend(axes: Axes, niches: dict[str, np.ndarray], colours: dict[str, str]) -> None:
    for name, colour in colours.items():
        label = short_name(name) or (NO_CLASS if len(colours) > 1 else "environment")
        axes.plot([], [], color=colour, lw=3, label=label)
    if (niches["solved"] >= 0).any():
        axes.scatter([], [], marker="*", s=45, color="white", edgecolor=INK, lw=0.7, label="solved")
    if (niches["retired"] >= 0).any():
        axes.scatter([], [], marker="|", s=40, color=INK, lw=1, label="retired")
    legend_above(axes)


def tree_lines(run: NicheRun) -> list[str]:
    """The family tree as lines of text."""
    niches = run.table("niches")
    rows, lines = family_order(niches), []
    open_branches: list[bool] = []  # per depth: whether a sibling follows below
    for index, (row, depth) in enumerate(rows):
        next_depth = next((d for _, d in rows[index + 1 :] if d <= depth), -1)
        del open_branches[depth:]
        open_branches.append(next_depth == depth)
        stem = "".join("│ " if follows else "  " for follows in open_branches[1:-1])
        branch = "" if depth == 0 else ("├ " if open_branches[-1] else "└ ")
        lines.append(stem + branch + _label(niches, row))
    return lines


def _label(niches: dict[str, np.ndarray], row: int) -> str:
    solved, retired = int(niches["solved"][row]), int(niches["retired"][row])
    parts = [f"born {niches['born'][row]}"]
    parts += [f"solved {solved}"] if solved >= 0 else []
    parts += [f"retired {retired}"] if retired >= 0 else []
    parts += [str(niches["difficulty"][row])] if niches["difficulty"][row] else []
    return f"{niches['niche'][row]}  " + ", ".join(parts)
