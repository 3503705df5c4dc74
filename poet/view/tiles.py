"""A gallery: pictures with captions, in rows, in as many columns as their shape asks for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from poet.view.style import GREY, INK, SMALL, WIDTH, colour_keys, fit_lines, new_figure, set_title, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

# All in inches.
MIN_WIDTH, MAX_MIN_WIDTH = 1.6, 3.0  # of a column, so that headings have room
GUTTER = 0.2  # between captions
MAX_HEIGHT, SMALL_HEIGHT = 3.2, 1.6  # of a picture; the second where there are many
MAX_FIGURE_HEIGHT = 14.0  # if pictures and captions do not become too small
LINE = 1.35 * SMALL / 72  # of a caption
GAP = 0.14  # between the rows
MAX_LINES = 4  # of a caption


class Tile(NamedTuple):
    """A picture with its caption.

    Attributes:
      picture: u8[H, W, 3]; or a function that draws into axes; or a sentence that says why there is none.
      heading: the first line of its caption, or the first words of its only line.
      text: the rest of its caption.
      colour: of a bar at its left; none by default.
    """

    picture: np.ndarray | Callable[[Axes], None] | str
    heading: str
    text: str
    colour: str | None = None


class Shape(NamedTuple):
    """The shape of the pictures of a gallery.

    Attributes:
      aspect: height divided by width.
      max_width, max_height: in inches.
      margin: inches at the left of each for labels.
    """

    aspect: float
    max_width: float = WIDTH
    max_height: float = MAX_HEIGHT
    margin: float = 0.0

    def width(self, column: float) -> float:
        """The width of a picture in a column of this width."""
        return min(column, self.max_width, max(self.max_height / self.aspect, MIN_WIDTH))

    def height(self, column: float) -> float:
        """The height of a picture in a column of this width."""
        return min(self.width(column) * self.aspect, self.max_height)


def shape_of(pictures: Sequence[np.ndarray | str]) -> Shape:
    """The mean shape of pictures; square if there is none."""
    return Shape(float(np.mean([p.shape[0] / p.shape[1] for p in pictures if isinstance(p, np.ndarray)] or [1.0])))


class Layout(NamedTuple):
    """How a gallery is arranged.

    Attributes:
      columns: how many.
      width, height: of a column and of a row, in inches.
      captions: one for each picture.
    """

    columns: int
    width: float
    height: float
    captions: list[str]


def arrange(tiles: Sequence[Tile], shape: Shape, width: float, height: float) -> Layout:
    """The layout with the largest pictures that has room in `width` and `height` inches, and few rows.

    If none has room, it is as wide and higher, with columns that are as narrow as captions allow.
    """
    headings = max(text_width(tile.heading, SMALL) for tile in tiles) / 72 + GUTTER
    most = max(int(width / np.clip(headings, MIN_WIDTH, MAX_MIN_WIDTH)), 1)
    shapes, most = (shape, shape._replace(max_height=SMALL_HEIGHT)), min(most, len(tiles))
    layouts = [_layout(tiles, each, width, columns) for each in shapes for columns in range(1, most + 1)]
    fitting = [layout for layout in layouts if math.ceil(len(tiles) / layout.columns) * layout.height <= height]
    return max(fitting, key=lambda layout: (layout.width, layout.columns), default=layouts[-1])


def _layout(tiles: Sequence[Tile], shape: Shape, width: float, columns: int) -> Layout:
    column = max(shape.width(width / columns), min(MIN_WIDTH, width / columns))
    points, measure = 72 * (column - GUTTER - shape.margin), partial(text_width, size=SMALL)
    captions = ["   ".join(filter(None, (tile.heading, tile.text))) for tile in tiles]
    if max(map(measure, captions)) > points:
        heads = [fit_lines(tile.heading, points, measure) for tile in tiles]
        texts = [fit_lines(tile.text, points, measure, MAX_LINES - 1) for tile in tiles]
        captions = ["\n".join(head + text) for head, text in zip(heads, texts, strict=True)]
    lines = max(caption.count("\n") + 1 for caption in captions)
    return Layout(columns, column, shape.height(column) + lines * LINE + GAP, captions)


def gallery(tiles: Sequence[Tile], shape: Shape, title: str, colours: Mapping[str, str] | None = None) -> Figure:
    """A figure of at least one tile; `colours` are those of its tiles, by name, for a legend."""
    layout = arrange(tiles, shape, WIDTH, MAX_FIGURE_HEIGHT)
    columns, rows = layout.columns, math.ceil(len(tiles) / layout.columns)
    lines = title.count("\n") + 1 + bool(colours)
    figure = new_figure(max(columns * layout.width, 5.0), rows * layout.height + 0.3 * lines)
    _draw(figure, tiles, layout, rows, columns)
    set_title(figure, title)
    if colours:
        keys, columns = colour_keys(colours), min(len(colours), 4)
        figure.legend(handles=keys, loc="outside lower center", ncols=columns, fontsize=SMALL, frameon=False)
    return figure


def choose_count(tiles: Sequence[Tile], shape: Shape, width: float, height: float, least: int) -> int:
    """How many of the last tiles to show, at least so many, for the largest pictures in `width` and `height` inches."""
    counts = range(min(least, len(tiles)), len(tiles) + 1)
    return max(counts, key=lambda count: (arrange(tiles[-count:], shape, width, height).width, count))


def draw_tiles(part: Figure | SubFigure, tiles: Sequence[Tile], shape: Shape, width: float, height: float) -> None:
    """At least one tile, in a part of a figure that has `width` and `height` inches for them."""
    layout = arrange(tiles, shape, width, height)
    rows = max(math.ceil(len(tiles) / layout.columns), int(height / layout.height))
    _draw(part, tiles, layout, rows, max(int(width / layout.width), layout.columns))


def _draw(part: Figure | SubFigure, tiles: Sequence[Tile], layout: Layout, rows: int, columns: int) -> None:
    panels = part.subplots(rows, columns, squeeze=False)
    for axes in panels.flat:
        axes.set_axis_off()
    places = panels[:, : layout.columns].flat
    for axes, tile, caption in zip(places, tiles, layout.captions, strict=False):
        axes.set_axis_on()
        axes.set_xticks([])
        axes.set_yticks([])
        for side in axes.spines.values():
            side.set_visible(False)
        if tile.colour is not None:
            axes.spines["left"].set(visible=True, color=tile.colour, linewidth=4)
        axes.set_anchor("NW")
        axes.set_title(caption, loc="left", fontsize=SMALL, color=INK, pad=3, linespacing=1.15)
        _draw_picture(axes, tile.picture, 72 * layout.width)


def _draw_picture(axes: Axes, picture: np.ndarray | Callable[[Axes], None] | str, points: float) -> None:
    if isinstance(picture, str):
        measure = partial(text_width, size=SMALL)
        lines = fit_lines(picture, 0.8 * points, measure, max_lines=5)
        axes.text(0.02, 0.98, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=SMALL, color=GREY)
    elif isinstance(picture, np.ndarray):
        axes.imshow(picture, interpolation="antialiased")
    else:
        picture(axes)
