"""Figures of archives: texts inside and apart, panels of one size, no colour bar where nothing has a colour."""

import numpy as np
import pytest

from poet.view.archive.plots import PLOTS
from poet.view.open import open_run
from poet.view.plots import plot
from tests.view.archive.fake_archive import SPECS, fake_archive, spec_of
from tests.view.figures import check_layout, colour_bars, messages, panel_sizes, parts_of

pytestmark = pytest.mark.few(1)

MANY = "a name of an emitter that is as long as a sentence"
COORDINATES = [f"share of the time in which foot {k} touches the ground, averaged over all episodes" for k in range(6)]
PAINTED = ("grid 1", "grid 2", "grid 4", "unstructured 4")


LATER = [pytest.param(name, marks=pytest.mark.slow) for name in PAINTED[::2]]
COUNTS = [12, *(pytest.param(count, marks=pytest.mark.slow) for count in (1, 2, 5))]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("archives")
    return {name: fake_archive(root / name, spec, batch=80) for name, spec in SPECS.items()}


@pytest.mark.ci
@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("kind", ["overview", "heatmap", "origins", "snapshots"])
def test_texts_are_inside_and_apart(runs, kind, name):
    check_layout(plot(open_run(runs[name]), kind))


@pytest.mark.parametrize("name", [*PAINTED[1::2], *LATER])
@pytest.mark.parametrize("kind", PLOTS)
def test_long_texts_are_inside_and_apart(runs, kind, name):
    run = open_run(runs[name])
    run.name = "a run whose name is as long as a sentence, " * 3
    for elites in (run.archive(), *map(run.archive, run.snapshots())):
        elites.names = tuple(COORDINATES[: len(elites.names)])
    run.emitters = lambda: [f"{MANY} {k}" for k in range(2)]
    check_layout(plot(run, kind))


def maps_of(figure):
    """The axes of each map in the figures `origins` and `snapshots`."""
    return [part.axes for part in figure.subfigs[0].subfigs if part.axes]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", ["grid 1", "grid 2", "grid 3"])
def test_panels_of_snapshots_are_of_one_size(tmp_path, name, count):
    folder = fake_archive(tmp_path / "run", SPECS[name], snapshots=tuple(range(13 - count, 13)))
    figure = plot(open_run(folder), "snapshots")
    check_layout(figure)
    maps = maps_of(figure)
    assert len(maps) == min(count, 6 if name == "grid 3" else 9)
    for place in range(len(maps[0])):
        sizes = panel_sizes([axes[place] for axes in maps])
        np.testing.assert_allclose(sizes, np.broadcast_to(sizes[0], sizes.shape), atol=1)
    assert len(colour_bars(figure)) == 1


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", ["grid 1", "grid 2", "grid 3"])
def test_panels_of_origins_are_of_one_size(runs, name, count):
    run = open_run(runs[name])
    elites = run.archive()
    elites.columns = {**elites.columns, "emitter": np.arange(len(elites), dtype=np.int32) % count}
    run.emitters = lambda: [f"{MANY} {k}" if k == 1 else f"emitter {k}" for k in range(count)]
    figure = plot(run, "origins")
    check_layout(figure)
    *maps, parents = maps_of(figure)
    assert len(maps) == min(count, 2)
    if len(elites.names) < 3:
        maps.append(parents)
    for place in range(len(maps[0])):
        sizes = panel_sizes([axes[place] for axes in maps])
        np.testing.assert_allclose(sizes, np.broadcast_to(sizes[0], sizes.shape), atol=1)
    keys = [text.get_text() for part in parts_of(figure) for legend in part.legends for text in legend.get_texts()]
    assert keys[-2:] == ["at the parent", "at the child"]
    assert len(keys) - 2 == (count if count > 1 else 0)


def test_headings_are_close_to_their_panels(runs):
    figure = plot(open_run(runs["grid 2"]), "origins")
    figure.canvas.draw()
    for (axes,) in maps_of(figure):
        gap = axes.title.get_window_extent().y0 - axes.get_window_extent().y1
        assert 0 < gap < 15


@pytest.mark.parametrize("kind", ["overview", "heatmap", "snapshots"])
@pytest.mark.parametrize("values", [np.nan, -np.inf])
def test_without_a_finite_fitness_a_sentence_stands_in_for_map_and_colour_bar(runs, kind, values):
    run = open_run(runs["grid 2"])
    for elites in (run.archive(), *map(run.archive, run.snapshots())):
        elites.columns = {**elites.columns, "fitness": np.full(len(elites), values)}
    figure = plot(run, kind)
    assert not colour_bars(figure)
    assert "No elite has a finite value yet." in messages(figure)
    check_layout(figure)


@pytest.mark.parametrize("kind", ["overview", "heatmap", "snapshots", "origins", "emitters"])
def test_an_empty_archive_has_no_colour_bar(empty, kind):
    figure = plot(open_run(empty), kind)
    assert not colour_bars(figure)
    assert len(set(messages(figure))) == len([axes for axes in figure.axes if axes.texts]) == len(figure.axes)
    check_layout(figure)


def test_a_colour_bar_is_as_high_as_its_map(runs):
    figure = plot(open_run(runs["grid 2"]), "heatmap")
    figure.canvas.draw()
    (bar,) = colour_bars(figure)
    assert bar.get_window_extent().height == pytest.approx(figure.axes[0].get_window_extent().height, rel=0.05)


def test_a_scale_of_one_value_has_ends(tmp_path):
    run = open_run(fake_archive(tmp_path / "run", spec_of("grid"), iterations=1, snapshots=(1,), batch=1))
    figure = plot(run, "heatmap")
    low, high = figure.axes[0].images[0].get_clim()
    assert high == low + 1
    check_layout(figure)
