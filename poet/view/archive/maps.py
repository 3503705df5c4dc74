"""Maps of an archive: what each cell holds, as colours. A grid or a cvt in the plane as its cells, one coordinate as a
strip, more as panels of slices; what has no such cells as points.

Axes: M elites, C cells, D descriptor.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from poet.archives.layout import num_objectives
from poet.view.archive import cells
from poet.view.archive.elites import Elites
from poet.view.style import BLUE, GREEN, GREY, INK, ORANGE, RED, SKY, sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

EMPTY = "#eef1f4"
COLOURS = (BLUE, ORANGE, GREEN, RED, SKY, "#CC79A7", "#F0E442", "#000000")
START = "start"  # whose elites came from the problem's prior
MAX_PANELS = 6  # along each side
MAX_EDGES = 3000  # cells; of more, borders would hide the colours


class Paint(NamedTuple):
    """What is shown of elites, and how.

    Attributes:
      values: f64[M].
      label: of the colour bar.
      low, high: ends of the colour scale.
      names: where values are whole numbers that stand for these, one colour each.
    """

    values: np.ndarray
    label: str
    low: float
    high: float
    names: tuple[str, ...] = ()


def fitness(elites: Elites) -> Paint:
    """Fitness by colour; the worst hundredth does not stretch the scale."""
    values = np.asarray(elites.columns["fitness"], float)
    label = "sum of the objectives" if num_objectives(elites.spec) > 1 else "fitness"
    if not len(values):
        return Paint(values, label, 0, 1)
    low, high = float(np.quantile(values, 0.01)), float(values.max())
    return Paint(values, label, low, high if high > low else low + 1)


def window(elites: Elites) -> np.ndarray:
    """What of the descriptor space is shown, f64[D, 2]: the bounds; without cells, which may lie far within them,
    what the elites take up."""
    bounds = np.asarray(elites.spec["bounds"], float)
    places = np.asarray(elites.columns["descriptor"], float)
    if elites.spec["kind"] != "unstructured" or len(places) < 2:
        return bounds
    low, high = places.min(axis=0), places.max(axis=0)
    margin = 0.05 * (high - low)
    taken = np.stack([np.maximum(low - margin, bounds[:, 0]), np.minimum(high + margin, bounds[:, 1])], axis=1)
    narrow = (high > low) & (high - low < 0.5 * (bounds[:, 1] - bounds[:, 0]))
    return np.where(narrow[:, None], taken, bounds)


def draw(
    part: Figure | SubFigure,
    elites: Elites,
    paint: Paint | None = None,
    *,
    beside: bool = True,
    shown: np.ndarray | None = None,
) -> None:
    """A map of elites in a figure or a part of one, with a colour bar `beside` it, of what `window` says or `shown`."""
    if not len(elites):
        return sentence(part.subplots(), "The archive is empty: no elite was found yet.")
    paint = paint or fitness(elites)
    shown = window(elites) if shown is None else shown
    dimensions, kind = len(elites.names), elites.spec["kind"]
    if dimensions == 1:
        made = _strip(part, elites, paint, shown[0])
    elif kind == "unstructured" or (kind == "cvt" and dimensions > 2):
        made = _scatter(part, elites, paint, shown)
    elif dimensions == 2:
        axes = part.subplots()
        (_plane if kind == "cvt" else _grid)(axes, elites, paint)
        _frame(axes, elites, 0, 1, shown)
        made = [axes]
    else:
        made = _panels(part, elites, paint)
    if beside:
        _beside(part, made, paint)
    return None


def colours(paint: Paint) -> Any:
    """Map and scale of colours, as matplotlib's plotting functions take them."""
    from matplotlib.colors import BoundaryNorm, ListedColormap, Normalize

    if paint.names:
        count, own = len(paint.names), named(paint.names)
        shown = [own[name] for name in paint.names]
        return {"cmap": ListedColormap(shown), "norm": BoundaryNorm(np.arange(count + 1) - 0.5, count)}
    return {"cmap": "viridis", "norm": Normalize(paint.low, paint.high)}


def named(names: Iterable[str]) -> dict[str, str]:
    """The colour of each name, the same in every picture; grey is what nobody made."""
    own = [name for name in dict.fromkeys(names) if name != START]
    return {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(own)} | {START: GREY}


def _grid(axes: Axes, elites: Elites, paint: Paint) -> None:
    picture = np.ma.masked_invalid(cells.grid(elites.spec, elites.columns, paint.values))
    _image(axes, picture.T, elites.spec["bounds"][0], elites.spec["bounds"][1], paint)


def _image(axes: Axes, picture: np.ndarray, x: list[float], y: list[float], paint: Paint) -> None:
    extent = (x[0], x[1], y[0], y[1])
    axes.imshow(picture, origin="lower", extent=extent, aspect="auto", interpolation="nearest", **colours(paint))


def _plane(axes: Axes, elites: Elites, paint: Paint) -> None:
    from matplotlib.collections import PolyCollection

    rows = cells.best_rows(elites.spec, elites.columns)
    shapes = cells.corners(elites.spec, np.asarray(elites.columns["cell"])[rows])
    few = elites.spec["num_cells"] <= MAX_EDGES
    made = PolyCollection(
        shapes, array=paint.values[rows], edgecolors="white" if few else "face", linewidths=0.3, **colours(paint)
    )
    axes.add_collection(made)


def _strip(part: Figure | SubFigure, elites: Elites, paint: Paint, shown: np.ndarray) -> list[Axes]:
    """Fitness over the one coordinate, above the cells in a row."""
    curve, strip = part.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    places, values = np.asarray(elites.columns["descriptor"], float)[:, 0], np.asarray(elites.columns["fitness"])
    curve.scatter(places, values, c=paint.values, s=18, lw=0, **colours(paint))
    curve.set_ylabel("fitness")
    curve.grid(color="#eceff1", lw=0.8)
    curve.set_axisbelow(True)
    bounds = elites.spec["bounds"][0]
    if "shape" in elites.spec:
        edges = np.linspace(bounds[0], bounds[1], elites.spec["shape"][0] + 1)
        values = cells.grid(elites.spec, elites.columns, paint.values)
    elif elites.spec["kind"] == "cvt":
        middle = cells.centroids(elites.spec)[:, 0].astype(float)
        order = np.argsort(middle)
        edges = np.concatenate([bounds[:1], (middle[order][1:] + middle[order][:-1]) / 2, bounds[1:]])
        rows = cells.best_rows(elites.spec, elites.columns)
        values = np.full(len(middle), np.nan)
        values[elites.columns["cell"][rows]] = paint.values[rows]
        values = values[order]
    else:
        strip.vlines(places, 0, 1, colors=shades(paint), lw=1)
        edges, values = np.asarray(bounds, float), np.array([np.nan])
    strip.pcolormesh(edges, [0, 1], np.ma.masked_invalid(values)[None], **colours(paint))
    strip.set_facecolor(EMPTY)
    strip.set_yticks([])
    strip.set_xlim(*shown)
    strip.set_xlabel(elites.names[0])
    for axes in (curve, strip):
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    return [curve, strip]


def shades(paint: Paint) -> np.ndarray:
    """The colour of each elite, f64[M, 4]."""
    from matplotlib.cm import ScalarMappable

    return np.asarray(ScalarMappable(**colours(paint)).to_rgba(paint.values))


def _scatter(part: Figure | SubFigure, elites: Elites, paint: Paint, shown: np.ndarray) -> list[Axes]:
    """A point for each elite, the fittest on top; of more than two coordinates every pair of the first four."""
    if len(elites.names) > 4:
        part.supxlabel(f"not shown: {', '.join(elites.names[4:])}", fontsize=9)
    pairs = list(itertools.combinations(range(min(len(elites.names), 4)), 2))
    columns = min(len(pairs), 3)
    places = part.subplots(math.ceil(len(pairs) / columns), columns, squeeze=False)
    order = np.argsort(elites.columns["fitness"])
    points, values = np.asarray(elites.columns["descriptor"], float)[order], paint.values[order]
    size = float(np.clip(30_000 / len(order) / len(pairs), 3, 40))
    for axes, (x, y) in zip(places.flat, pairs, strict=True):
        axes.scatter(points[:, x], points[:, y], c=values, s=size, lw=0, **colours(paint))
        _frame(axes, elites, x, y, shown)
        if len(pairs) > 1:
            axes.set_aspect("auto")
    return list(places.flat)


def _panels(part: Figure | SubFigure, elites: Elites, paint: Paint) -> list[Axes]:
    """Slices of a grid: coordinates 1 and 2 within each panel, 3 from panel to panel, 4 from row to row.

    Of more slices than fit, and of coordinates beyond, the fittest elite is shown.
    """
    shape, bounds, names = elites.spec["shape"], elites.spec["bounds"], elites.names
    across, down = min(shape[2], MAX_PANELS), min(shape[3], MAX_PANELS) if len(shape) > 3 else 1
    place = np.stack(np.unravel_index(elites.columns["cell"], shape), axis=1)
    column = place[:, 2] * across // shape[2]
    row = place[:, 3] * down // shape[3] if len(shape) > 3 else np.zeros(len(place), int)
    pictures = np.full((down, across, shape[0], shape[1]), np.nan)
    order = np.argsort(elites.columns["fitness"], kind="stable")  # the fittest last, over what else is there
    pictures[row[order], column[order], place[order, 0], place[order, 1]] = paint.values[order]
    flat = down == 1
    rows, columns = (down, across) if not flat else (math.ceil(across / _wide(across)), _wide(across))
    made = part.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for i, j in np.ndindex(down, across):
        # A fourth coordinate grows upwards, as those within the panels do; a third alone runs on from row to row.
        axes: Any = made[j // columns, j % columns] if flat else made[down - 1 - i, j]
        _image(axes, np.ma.masked_invalid(pictures[i, j]).T, bounds[0], bounds[1], paint)
        axes.set_facecolor(EMPTY)
        axes.tick_params(labelsize=7, color=GREY)
        for side in axes.spines.values():
            side.set_color(GREY)
        if flat or i == down - 1:
            axes.set_title(f"{names[2]}\n{_span(bounds[2], shape[2], j, across)}", fontsize=7.5, color=INK)
        if not flat and j == 0:
            axes.set_ylabel(f"{names[3]}\n{_span(bounds[3], shape[3], i, down)}", fontsize=7.5, color=INK)
    for axes in made.flat[across:] if flat else ():
        axes.set_axis_off()
    beyond = f"; the fittest over {', '.join(names[4:])}" if len(shape) > 4 else ""
    part.supxlabel(f"in each panel: {names[0]} to the right, {names[1]} upwards{beyond}", fontsize=9)
    return list(made.flat)


def _wide(count: int) -> int:
    return count if count <= 3 else math.ceil(count / 2)


def _span(bounds: list[float], cells: int, panel: int, panels: int) -> str:
    """What the cells of a panel cover together."""
    low, high = bounds
    begin, end = (low + math.ceil(edge * cells / panels) * (high - low) / cells for edge in (panel, panel + 1))
    return f"{begin:.3g} to {end:.3g}"


def _frame(axes: Axes, elites: Elites, x: int, y: int, shown: np.ndarray) -> None:
    axes.set_facecolor(EMPTY)
    (x0, x1), (y0, y1) = shown[x], shown[y]
    axes.set_xlim(x0, x1)
    axes.set_ylim(y0, y1)
    axes.set_xlabel(elites.names[x])
    axes.set_ylabel(elites.names[y])
    square(axes)
    for side in axes.spines.values():
        side.set_color(GREY)


def square(axes: Axes) -> None:
    """One scale for both coordinates, unless one is much longer."""
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    if 2 / 3 <= (y1 - y0) / (x1 - x0) <= 3 / 2:
        axes.set_aspect("equal")


def bar(axes: Axes, paint: Paint) -> None:
    """A colour bar on axes of its own."""
    from matplotlib.cm import ScalarMappable

    _label(axes.figure.colorbar(ScalarMappable(**colours(paint)), cax=axes, label=paint.label, **_ends(paint)), paint)


def _beside(part: Figure | SubFigure, axes: list[Axes], paint: Paint) -> None:
    from matplotlib.cm import ScalarMappable

    how: dict[str, Any] = {"shrink": 0.9, "aspect": 30, "pad": 0.02, **_ends(paint)}
    _label(part.colorbar(ScalarMappable(**colours(paint)), ax=axes, label=paint.label, **how), paint)


def _ends(paint: Paint) -> dict[str, Any]:
    below = bool((paint.values < paint.low).any()) and not paint.names
    return {"extend": "min" if below else "neither", "extendfrac": 0.02}


def _label(made: Any, paint: Paint) -> None:
    made.outline.set_visible(False)
    if paint.names:
        made.set_ticks(list(range(len(paint.names))), labels=paint.names)
    made.ax.tick_params(length=0 if paint.names else 3, labelsize=8)
