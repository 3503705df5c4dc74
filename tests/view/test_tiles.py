import numpy as np
import pytest

from poet.view import tiles
from poet.view.style import WIDTH, fit_lines, text_width
from poet.view.tiles import Tile, arrange, shape_of
from tests.view.figures import check_layout, panel_sizes

pytestmark = pytest.mark.few(2)

TEXTS = {
    "none": "",
    "short": "flat ground",
    "long": "rough ground (2.4), pits 0.6 to 1.5 m wide, stumps 0.3 to 0.7 m high, " * 4,
    "a word without end": "x" * 300,
}
SIZES = {"strip": (30, 400), "square": (60, 60), "tower": (200, 40), "line": (1, 600)}


def make(count, size, text="flat ground"):
    picture = np.full((*SIZES[size], 3), 200, np.uint8)
    return [Tile(picture, f"niche {k}, solved at {10 * k}", text) for k in range(count)], shape_of([picture])


COLUMNS = {  # by number of pictures
    "strip": {1: 1, 3: 1, 40: 3},
    "square": {1: 1, 3: 3, 9: 3, 24: 5, 40: 6},
    "tower": {3: 3, 24: 6},
    "line": {3: 1, 40: 1},
}


@pytest.mark.parametrize(
    ("size", "count", "columns"), [(size, *row) for size, rows in COLUMNS.items() for row in rows.items()]
)
def test_columns_follow_from_the_shape_of_the_pictures(size, count, columns):
    assert arrange(*make(count, size), WIDTH, tiles.MAX_FIGURE_HEIGHT).columns == columns


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 3, pytest.param(48, marks=pytest.mark.ci)])
def test_a_gallery_is_of_bounded_size_and_fills_it(size, count):
    made, shape = make(count, size)
    figure = tiles.gallery(made, shape, "Environments: a run")
    check_layout(figure)
    sizes = panel_sizes([axes for axes in figure.axes if axes.images])
    assert len(sizes) == count
    np.testing.assert_allclose(sizes, np.broadcast_to(sizes[0], sizes.shape), atol=1.5)
    if size == "square":
        assert sizes.prod(axis=1).sum() > 0.35 * np.prod(figure.bbox.size)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("size", ["strip", "square"])
def test_captions_have_room(size, text):
    check_layout(tiles.gallery(*make(12, size, TEXTS[text]), "Environments: " + TEXTS[text]))


def test_most_pictures_are_shown_if_they_do_not_become_smaller():
    strips, squares = make(9, "strip", TEXTS["short"] * 5), make(9, "square")
    assert tiles.choose_count(*strips, width=5.0, height=7.5, least=6) == 8
    assert tiles.choose_count(*squares, width=5.0, height=7.5, least=6) == 9
    assert tiles.choose_count(*make(2, "strip"), width=5.0, height=7.5, least=6) == 2


LINES = [
    ("", 50, 2, []),
    ("a b", 50, 2, ["a b"]),
    ("aa bb cc", 5, 2, ["aa bb", "cc"]),
    ("aa bb cc dd ee", 5, 2, ["aa bb", "c ..."]),
    ("aaaaaaaaaa b", 7, 1, ["aaa ..."]),
    ("aaaaaaaaaa b", 7, 2, ["aaa ...", "b"]),
    ("aaaaaaaaaa", 2, 1, [""]),
]


@pytest.mark.parametrize(("text", "width", "max_lines", "lines"), LINES)
def test_texts_are_cut_into_lines(text, width, max_lines, lines):
    assert fit_lines(text, width, len, max_lines) == lines


def test_the_width_of_a_text_grows_with_it():
    assert 0 == text_width("", 9) < text_width("i", 9) < text_width("m", 9) < text_width("mm", 9) < text_width("mm", 12)
