"""A value of each elite as a colour, and the key to the colours: a colour bar, or a legend of names.

Axes: M elites.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from poet.archives.layout import num_objectives
from poet.view.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    SMALL,
    YELLOW,
    colour_keys,
    part_size,
    wrap,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import SubFigure

    from poet.view.archive.elites import Elites

COLOURS = (BLUE, ORANGE, GREEN, RED, SKY, PURPLE, YELLOW, "#000000")
BAR = 0.16  # inches: the thickness of a colour bar
INITIAL = "initial solutions"  # in place of an emitter: elites that were drawn from the prior


class Colouring(NamedTuple):
    """A value of each elite, and the colour scale for it.

    Attributes:
      values: f64[M].
      label: of the colour bar.
      low, high: ends of the colour scale.
      names: for categories: what the integers 0, 1, ... in `values` stand for, one colour each.
    """

    values: np.ndarray
    label: str
    low: float
    high: float
    names: tuple[str, ...] = ()

    def can_be_shown(self) -> bool:
        """Whether any value is finite; otherwise there is no scale."""
        return bool(np.isfinite(self.values).any())


def colour_by_fitness(elites: Elites) -> Colouring:
    """Fitness as colour; the scale starts at the 1% quantile, so that few bad elites do not stretch it."""
    values = np.asarray(elites.columns["fitness"], float)
    label = "sum of the objectives" if num_objectives(elites.spec) > 1 else "fitness"
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Colouring(values, label, 0, 1)
    low, high = float(np.quantile(finite, 0.01)), float(finite.max())
    return Colouring(values, label, low, high if high > low else low + 1)


def colour_options(colouring: Colouring) -> dict[str, Any]:
    """Colour map and norm, as keyword arguments of matplotlib's plotting functions."""
    from matplotlib.colors import BoundaryNorm, ListedColormap, Normalize

    if colouring.names:
        count, colour_of = len(colouring.names), colours_by_name(colouring.names)
        shown = [colour_of[name] for name in colouring.names]
        return {"cmap": ListedColormap(shown), "norm": BoundaryNorm(np.arange(count + 1) - 0.5, count)}
    return {"cmap": "viridis", "norm": Normalize(colouring.low, colouring.high)}


def emitter_name(emitters: Sequence[str], number: Any) -> str:
    """The name of the emitter that made an elite, by the elite's "emitter"."""
    if number in range(len(emitters)):
        return emitters[int(number)]
    return INITIAL if number == -1 else f"emitter {number}"


def colours_by_name(names: Iterable[str]) -> dict[str, str]:
    """The colour of each emitter, the same in every figure; grey for the initial solutions."""
    emitters = [name for name in dict.fromkeys(names) if name != INITIAL]
    return {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(emitters)} | {INITIAL: GREY}


def elite_colours(colouring: Colouring) -> np.ndarray:
    """The colour of each elite, f64[M, 4]."""
    from matplotlib.cm import ScalarMappable

    return np.asarray(ScalarMappable(**colour_options(colouring)).to_rgba(colouring.values))


def add_colour_bar(axes: list[Axes], colouring: Colouring) -> None:
    """A colour bar at the right of panels; as high as the panel if there is one."""
    if len(axes) == 1:
        beside = axes[0].inset_axes((1.03, 0, 0.04, 1))
        _style(axes[0].figure.colorbar(_mappable(colouring), cax=beside, **_options(colouring)))
    else:
        options = {"shrink": 0.9, "aspect": 30, "pad": 0.02, **_options(colouring)}
        _style(axes[0].figure.colorbar(_mappable(colouring), ax=axes, **options))


def draw_key(part: SubFigure, colouring: Colouring, horizontal: bool = False) -> None:
    """The key to the colours in a part of a figure that holds nothing else."""
    if colouring.names:
        colour_of = colours_by_name(colouring.names)
        return draw_legend(part, {name: colour_of[name] for name in colouring.names}, horizontal)
    width, height = part_size(part)
    axes = part.subplots()
    axes.set_axis_off()
    place = (0.2, 0.6, 0.7, BAR / height) if horizontal else (0.05, 0.05, BAR / width, 0.9)
    orientation = "horizontal" if horizontal else "vertical"
    options = {"cax": axes.inset_axes(place), "orientation": orientation, **_options(colouring)}
    return _style(part.colorbar(_mappable(colouring), **options))


def draw_legend(part: SubFigure, colours: dict[str, str], horizontal: bool = False, title: str = "") -> None:
    """Names with their colours in a part of a figure that holds nothing else."""
    room = 72 * part_size(part)[0] - 20
    part.legend(
        handles=colour_keys(colours, room - 40),
        title=wrap(title, room),
        loc="upper center" if horizontal else "center left",
        fontsize=SMALL,
        title_fontsize=SMALL,
        alignment="left",
        frameon=False,
        handlelength=1.3,
    )


def _mappable(colouring: Colouring) -> Any:
    from matplotlib.cm import ScalarMappable

    return ScalarMappable(**colour_options(colouring))


def _options(colouring: Colouring) -> dict[str, Any]:
    below = bool((colouring.values < colouring.low).any()) and not colouring.names
    return {"label": colouring.label, "extend": "min" if below else "neither", "extendfrac": 0.02}


def _style(bar: Colorbar) -> None:
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    bar.minorticks_off()
    bar.ax.tick_params(length=3, labelsize=SMALL)
