import itertools
from unittest import mock

import numpy as np
from matplotlib.text import Text
from PIL import Image

NOTEBOOK = 900  # pixels: how wide a notebook shows a figure
MIN_TEXT = 9  # pixels


def ink(path):
    """Share of pixels that are not white."""
    with Image.open(path) as image:
        return float((np.asarray(image.convert("L")) < 250).mean())


def parts_of(figure):
    """A figure with all its parts."""
    return [figure, *(inner for part in figure.subfigs for inner in parts_of(part))]


def messages(figure):
    """All texts within the axes of a figure and its parts."""
    return [text.get_text() for part in parts_of(figure) for axes in part.axes for text in axes.texts]


def drawn_texts(figure):
    """Every text that is drawn: the text, its size in points, and its box in pixels (left, bottom, right, top)."""
    found, draw = [], Text.draw

    def record(text, renderer):
        if text.get_visible() and text.get_text().strip():
            found.append((text.get_text(), text.get_fontsize(), text.get_window_extent(renderer).extents))
        draw(text, renderer)

    figure.canvas.draw()
    with mock.patch.object(Text, "draw", record):
        figure.canvas.draw()
    return found


def check_layout(figure):
    """A figure of bounded size, whose texts are inside it, apart from each other, and can be read in a notebook."""
    width, height = figure.get_size_inches()
    assert width <= 11
    assert height <= 24
    texts = drawn_texts(figure)
    assert texts
    smallest = min(size for _, size, _ in texts) * min(NOTEBOOK, 100 * width) / (72 * width)
    assert smallest >= MIN_TEXT
    for text, _, (left, bottom, right, top) in texts:
        inside = left >= -1 and bottom >= -1 and right <= figure.bbox.width + 1 and top <= figure.bbox.height + 1
        assert inside, f"{text!r} is cut"
    for (a, _, box_a), (b, _, box_b) in itertools.combinations(texts, 2):
        overlap = np.minimum(box_a[2:], box_b[2:]) - np.maximum(box_a[:2], box_b[:2])
        assert (overlap < 2).any(), f"{a!r} and {b!r} overlap"


def panel_sizes(axes):
    """Width and height of each of several axes, in pixels."""
    return np.array([[box.width, box.height] for box in (each.get_window_extent() for each in axes)])


def colour_bars(figure):
    """The axes of all colour bars."""
    axes = [each for part in parts_of(figure) for outer in part.axes for each in (outer, *outer.child_axes)]
    return [each for each in dict.fromkeys(axes) if hasattr(each, "_colorbar")]  # a part's axes are the figure's too
