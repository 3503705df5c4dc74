"""What all pictures share: colours that the colour-blind can tell apart, plain axes, a sentence for emptiness,
and files that are whole."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from poet.runs.folder import atomic_write, disk_errors

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, GREY = "#22303c", "#7a8691"
BLUE, SKY, GREEN, ORANGE, RED = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00"
_OTHERS = (GREEN, "#CC79A7", BLUE, "#F0E442")
_KNOWN = {"": "#9aa5b1", "challenging": SKY, "very challenging": ORANGE, "extremely challenging": RED}


def difficulty_colours(classes: Iterable[str]) -> dict[str, str]:
    """A colour for each difficulty class that occurs: the paper's in their order, a generator's own after them."""
    found = set(classes)
    others = sorted(found - _KNOWN.keys())
    colours = {name: colour for name, colour in _KNOWN.items() if name in found}
    return colours | {name: _OTHERS[place % len(_OTHERS)] for place, name in enumerate(others)}


def figure(width: float, height: float) -> Figure:
    """A figure in inches that belongs to nobody: no window, no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(made)
    return made


def plain(axes: Axes) -> None:
    """Axes over iterations with nothing that says nothing."""
    from matplotlib.ticker import MaxNLocator

    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GREY)
    axes.grid(color="#eceff1", lw=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))  # iterations are whole


def sentence(axes: Axes, words: str) -> None:
    """Words in place of a picture."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=GREY, fontsize=11, wrap=True)


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, since somebody may be looking at it. Raises `RunError` if the disk refuses."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, data)
