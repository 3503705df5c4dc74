"""What all figures share: colours that people with colour blindness can distinguish, sizes, axes, messages, files."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from poet.errors import ConfigError, RunError
from poet.files import checked_path
from poet.runs.layout import atomic_write, disk_errors, refuse_links_in_run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D

# Inches and points. A notebook shows a figure about 900 pixels wide: there, the smallest text of a figure of this width
# is ten pixels high.
WIDTH = 11.0
SMALL, MEDIUM, LARGE = 9.0, 10.0, 12.0
ROW = 0.17  # inches: a row of labels
MORE = " ..."  # in place of text that has no room

INK, GREY, LIGHT, GRID = "#22303c", "#66727d", "#d5d8dc", "#eceff1"
BLUE, SKY, GREEN, ORANGE, RED, PURPLE, YELLOW = (
    "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#F0E442",
)  # fmt: skip
_OTHER_CLASSES = (GREEN, PURPLE, BLUE, YELLOW)
_KNOWN_CLASSES = {"": "#9aa5b1", "challenging": SKY, "very challenging": ORANGE, "extremely challenging": RED}


def difficulty_colours(classes: Iterable[str]) -> dict[str, str]:
    """A colour for each difficulty class that occurs: those of the POET paper in their order, then all others."""
    found = set(classes)
    others = sorted(found - _KNOWN_CLASSES.keys())
    colours = {name: colour for name, colour in _KNOWN_CLASSES.items() if name in found}
    return colours | {name: _OTHER_CLASSES[place % len(_OTHER_CLASSES)] for place, name in enumerate(others)}


def new_figure(width: float, height: float) -> Figure:
    """A figure of this size in inches, without a window and without matplotlib's global state."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    matplotlib.rcParams["text.parse_math"] = False  # a "$" in a name is no mathematics
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def hide_spines(axes: Axes) -> None:
    """Remove the lines at the top and at the right of axes."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def style_time_axes(axes: Axes) -> None:
    """Light grid and integer ticks for axes with iterations to the right."""
    from matplotlib.ticker import MaxNLocator

    hide_spines(axes)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GREY)
    axes.grid(color=GRID, lw=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))


def legend_above(axes: Axes, columns: int = 0) -> None:
    """A legend above axes, where it covers nothing, by default in as many columns as have room."""
    labels = axes.get_legend_handles_labels()[1]
    column = max(text_width(label, SMALL) for label in labels) / 72 + 0.6  # with its key
    columns = columns or max(int(part_size(axes)[0] / column), 1)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, fontsize=SMALL, frameon=False, handlelength=1.3)


def sparse(count: int, height: float) -> range:
    """Of so many rows in a height in inches, those that have room for a label."""
    return range(0, count, max(math.ceil(ROW * count / height), 1))


def show_message(axes: Axes, text: str) -> None:
    """Show a text in place of a plot."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY, fontsize=11, wrap=True)


@lru_cache(maxsize=20_000)
def text_width(text: str, size: float) -> float:
    """The width in points of a line of text in a figure, at a size in points; a little more than it needs."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    width, _, _ = text_to_path.get_text_width_height_descent(text, FontProperties(size=size), ismath=False)
    return 1.04 * width  # characters are drawn at whole pixels


def fit_lines(text: str, width: float, measure: Callable[[str], float], max_lines: int = 1) -> list[str]:
    """A text as at most `max_lines` lines that are not wider than `width`; the rest of it is left out.

    `measure` gives the width of a line. Nothing is left of a text for which not even a character has room.
    """
    lines, words = [], text.split()
    while words and len(lines) < max_lines:
        count = 1
        while count < len(words) and measure(" ".join(words[: count + 1])) <= width:
            count += 1
        if len(lines) == max_lines - 1:
            count = len(words)
        lines.append(_shorten(" ".join(words[:count]), width, measure))
        del words[:count]
    return lines


def _shorten(line: str, width: float, measure: Callable[[str], float]) -> str:
    if measure(line) <= width:
        return line
    end = 0
    while measure(line[: end + 1] + MORE) <= width:
        end += 1
    return line[:end].rstrip() + MORE if end else ""


def short_name(name: str, width: float = 120) -> str:
    """A name in one line of a legend or of labels, not wider than so many points."""
    return wrap(name, width, max_lines=1)


def part_size(part: Figure | SubFigure | Axes) -> tuple[float, float]:
    """Width and height of a figure or a part of one in inches; those of axes change when the figure is drawn."""
    dpi = part.figure.dpi
    return part.bbox.width / dpi, part.bbox.height / dpi


def wrap(text: str, width: float, size: float = SMALL, max_lines: int = 3) -> str:
    """A text in lines of at most `width` points, each of its own lines in up to `max_lines`."""
    measure = partial(text_width, size=size)
    return "\n".join("\n".join(fit_lines(line, width, measure, max_lines)) for line in text.split("\n"))


def set_title(figure: Figure | SubFigure, text: str, size: float = LARGE) -> None:
    """A title above a figure or a part of one, in as many lines as it needs."""
    figure.suptitle(wrap(text, 70 * part_size(figure)[0], size), color=INK, fontsize=size)


def set_note(figure: Figure | SubFigure, text: str) -> None:
    """A note below a figure or a part of one, in as many lines as it needs."""
    figure.supxlabel(wrap(text, 70 * part_size(figure)[0]), fontsize=SMALL)


def set_labels(axes: Axes, x: str, y: str) -> None:
    """Labels of both axes, each as long as its axis at most."""
    width, height = part_size(axes)
    axes.set_xlabel(wrap(x, 72 * width, MEDIUM, 1))
    axes.set_ylabel(wrap(y, 72 * height, MEDIUM, 1))


def colour_keys(colours: Mapping[str, str], width: float = 120) -> list[Line2D]:
    """Keys of a legend: names, not wider than so many points, with their colours."""
    from matplotlib.lines import Line2D

    return [Line2D([], [], color=colour, lw=4, label=short_name(name, width)) for name, colour in colours.items()]


def require_suffix(path: str | os.PathLike[str], suffix: str, what: str) -> Path:
    """The path of a file to write. Raises `ConfigError`, which names `what`, unless its name ends in `suffix`."""
    file = checked_path(path)
    if file.suffix.lower() != suffix:
        kind = suffix.removeprefix(".").upper()
        raise ConfigError(
            f"{what} is written as {kind}: expected a file name that ends in {suffix}, got {str(path)!r:.200}"
        )
    return file


def write_file(path: Path, data: bytes) -> None:
    """Write a file atomically, since another process may be reading it.

    Raises `RunError` if the disk refuses, if there is something else than a file, or a link below the folder of a run.
    """
    with disk_errors(path):
        refuse_links_in_run(path)
        for place, kind, fits in ((path, "file", path.is_file()), (path.parent, "folder", path.parent.is_dir())):
            if place.exists() and not fits:
                raise RunError(f"cannot write {path}: {place} is there and is not a {kind}; choose another place")
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = path.parent.resolve()  # outside of runs, links are the user's own
    atomic_write(folder / path.name, data)
