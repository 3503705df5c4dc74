"""What all figures share: colours that people with colour blindness can distinguish, axes, messages, files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from poet.errors import RunError
from poet.runs.layout import atomic_write, disk_errors, refuse_links_in_run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, GREY, LIGHT, GRID = "#22303c", "#7a8691", "#d5d8dc", "#eceff1"
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


def show_message(axes: Axes, text: str) -> None:
    """Show a text in place of a plot."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY, fontsize=11, wrap=True)


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
