"""Pictures of cells with other coordinates than those of a maze, without a search."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from poet.view.archive.maps import NO_ELITE, NO_SNAPSHOT
from poet.view.cells.inspect import print_cells
from poet.view.cells.maps import for_map, picture_places
from poet.view.cells.plots import PLOTS, cell_map, curves, frontier_map, overview
from poet.view.cells.rooms import MAX_ROOMS, NO_ROOMS, find_rooms, rooms, rooms_over_time
from tests.view.cells.fake_cells import ROOM_NAMES, cells_of, fake_run, in_rooms
from tests.view.figures import check_layout, messages


def test_rooms_are_in_the_order_in_which_they_were_met() -> None:
    cells = cells_of(ROOM_NAMES, (3, 256, 256, 32, 16), np.array([[0, r, 0, x, 3] for x, r in enumerate([7, 2, 7, 9])]))
    found = find_rooms(cells)
    assert found.of_cell.tolist() == [0, 1, 0, 2]
    assert found.titles == ["room 7", "room 2", "room 9"]
    np.testing.assert_array_equal(rooms_over_time(cells, np.array([1, 2, 3, 4, 5])), [1, 2, 2, 3, np.nan])
    assert find_rooms(in_rooms(3, levels=2)).titles == ["level 0, room 90", "level 1, room 89", "level 0, room 88"]


def test_the_most_rooms_are_shown_in_panels(tmp_path: Path) -> None:
    run = fake_run(tmp_path, in_rooms(MAX_ROOMS + 3, levels=2))
    assert "rooms" in run.plots()
    figure = rooms(run)
    titles = [axes.get_title().split() for axes in figure.axes if axes.get_title()]
    assert [title[:4] for title in titles] == [["level", f"{n % 2},", "room", f"{90 - n}:"] for n in range(MAX_ROOMS)]
    assert "3 rooms met later not shown" in figure.get_supxlabel()


@pytest.mark.ci
@pytest.mark.parametrize(
    ("kind", "count"),
    [("map", 5), ("curves", 5), *itertools.product(("overview", "frontier", "rooms"), (1, 2, 5, 11, 24))],
)
def test_figures_of_rooms_have_room_for_their_texts(tmp_path: Path, kind: str, count: int) -> None:
    check_layout(PLOTS[kind](fake_run(tmp_path, in_rooms(count, levels=1 + count % 2))))


def test_rooms_have_a_curve(tmp_path: Path) -> None:
    assert len(curves(fake_run(tmp_path / "rooms", in_rooms(2))).axes) == 3
    run = fake_run(tmp_path / "none", cells_of(("x", "y"), (3, 3), np.eye(2, dtype=int)))
    assert "rooms" not in run.plots()
    assert len(curves(run).axes) == 2
    assert messages(rooms(run)) == [NO_ROOMS]


def test_many_coordinates_are_not_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = cells_of(tuple(f"part {d}" for d in range(9)), (4,) * 9, np.eye(9, dtype=int))
    run = fake_run(tmp_path, cells)
    assert run.coordinates(0) == "9 coordinates"
    for plot in (overview, cell_map, frontier_map):
        figure = plot(run)
        check_layout(figure)
        assert "The cells have 9 coordinates,\ntoo many for a map." in messages(figure)
    print_cells(run, 0, 3, replay=False)
    text = capsys.readouterr().out
    assert "returned to" in text
    assert "part 0" not in text


def test_frames_are_shown_as_pictures(tmp_path: Path) -> None:
    names = tuple(f"grey {row} {column}" for row in range(3) for column in range(4))
    assert picture_places(names) is not None
    assert picture_places(names[:-1]) is None
    assert picture_places(("x", "y")) is None
    np.testing.assert_array_equal(picture_places(names[::-1]), np.arange(12)[::-1].reshape(3, 4))
    place = np.random.default_rng(0).integers(0, 9, (20, 12))
    run = fake_run(tmp_path, cells_of(names, (9,) * 12, place))
    figure = cell_map(run)
    check_layout(figure)
    best = run.default_agent()
    shown = np.asarray(figure.axes[0].images[0].get_array())
    np.testing.assert_array_equal(shown[..., 0], place[best].reshape(3, 4) * 255 // 8)


def test_a_map_leaves_out_what_is_the_same_in_all_cells() -> None:
    place = np.array([[0, 1, 2, 3], [0, 4, 2, 3], [0, 1, 2, 5]])
    shown, limits = for_map(cells_of(("a", "b", "c", "d"), (4, 8, 4, 40), place))
    assert shown.names == ("b", "d")
    assert shown.spec["layout"]["geometry"] == "grid"
    assert limits.tolist() == [[0, 6], [2, 7]]
    same = cells_of(("a", "b", "c"), (4, 8, 4), np.zeros((1, 3), int))
    assert for_map(same)[0].names == same.names


@pytest.mark.ci
@pytest.mark.parametrize("dimensions", [1, 3])
def test_other_numbers_of_coordinates_are_drawn(tmp_path: Path, dimensions: int) -> None:
    place = np.unique(np.random.default_rng(0).integers(0, 5, (30, dimensions)), axis=0)
    names = tuple(f"coordinate {d}" for d in range(dimensions))
    run = fake_run(tmp_path, cells_of(names, (5,) * dimensions, place))
    for plot in PLOTS.values():
        check_layout(plot(run))


@pytest.mark.parametrize("names", [("x", "y"), ROOM_NAMES])
def test_a_run_without_cells_says_so(tmp_path: Path, names: tuple[str, ...]) -> None:
    run = fake_run(tmp_path, cells_of(names, (4,) * len(names), np.zeros((0, len(names)), int)))
    for kind in ("overview", "map", "frontier", "rooms"):
        assert {NO_ELITE, NO_ROOMS} & {*messages(PLOTS[kind](run))}
    run._archives = {}
    for kind in ("overview", "map", "frontier", "rooms"):
        assert NO_SNAPSHOT in messages(PLOTS[kind](run))
