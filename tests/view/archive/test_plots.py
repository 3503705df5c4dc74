import json
import shutil

import numpy as np
import pytest
from PIL import Image

from poet.archives.base import entries
from poet.view.archive import cells, colours, commands, maps
from poet.view.open import open_run
from poet.view.plots import plot
from poet.view.style import new_figure
from tests.view.archive.fake_archive import SPECS, fake_archive, spec_of
from tests.view.figures import ink, messages

PAINTED = ("grid 2", "grid 4", "cvt 1", "cvt 2", "unstructured 4")


@pytest.mark.few(2)
@pytest.mark.parametrize(
    "kind", [kind if kind in PAINTED else pytest.param(kind, marks=pytest.mark.slow) for kind in SPECS]
)
def test_every_archive_has_a_map(tmp_path, kind):
    run = open_run(fake_archive(tmp_path / "run", SPECS[kind], iterations=4, snapshots=(4,)))
    figure = plot(run, "heatmap", tmp_path / "map.png")
    assert ink(tmp_path / "map.png") > 0.02
    with Image.open(tmp_path / "map.png") as image:
        colours = image.convert("RGB").getcolors(maxcolors=image.width * image.height)
    assert len(colours) > 100
    labels = {text for axes in figure.axes for text in (axes.get_xlabel(), axes.get_title())}
    assert any("foot" in text or "height" in text for text in labels)


def test_the_map_shows_each_elite_in_its_place(archive):
    elites = open_run(archive).archive()
    fitness = np.asarray(elites.columns["fitness"], float)
    picture = cells.values_by_cell(elites.spec, elites.columns, fitness).reshape(elites.spec["shape"])
    assert np.isfinite(picture).sum() == len(elites)
    low, high = np.transpose(elites.spec["bounds"])
    for row in range(len(elites)):
        x, y = np.floor((elites.columns["descriptor"][row] - low) / (high - low) * 12).clip(0, 11).astype(int)
        assert picture[x, y] == elites.columns["fitness"][row]
    figure = new_figure(4, 4)
    maps.draw_map(figure, elites)
    shown = figure.axes[0].images[0]
    np.testing.assert_array_equal(np.ma.filled(shown.get_array(), np.nan), picture.T)
    assert shown.origin == "lower"
    assert shown.get_extent() == [-1, 1, 0, 2]


def test_of_several_elites_in_a_cell_the_fittest_is_shown():
    columns = {"cell": np.array([2, 0, 2, 2]), "fitness": np.array([1.0, 5.0, 3.0, 2.0])}
    assert cells.best_rows(columns).tolist() == [1, 2]


def test_cells_of_a_cvt_fill_the_bounds():
    spec = spec_of("cvt", 2, 7)
    points = cells.centroids(spec)
    area = 0.0
    for polygon, centroid in zip(cells.voronoi_cells(spec), points, strict=True):
        x, y = polygon.T
        twice = np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))
        area += abs(twice) / 2
        assert ((polygon.min(0) <= centroid) & (centroid <= polygon.max(0))).all()
        corners = np.linalg.norm(polygon[:, None] - points, axis=-1)
        assert (np.linalg.norm(polygon - centroid, axis=-1) <= corners.min(1) + 1e-6).all()
    assert area == pytest.approx(4.0)


@pytest.mark.ci
def test_cells_of_a_cvt_are_those_of_its_spec():
    import jax
    import jax.numpy as jnp

    from poet.archives.cvt import cvt

    lattice = [[x, y] for x in (-1.0, 0.0, 1.0) for y in (0.0, 1.5, 2.0)]  # some on the border
    places = np.random.default_rng(0).uniform([-1, 0], [1, 2], (500, 2)).astype(np.float32)
    for options in ({"num_cells": 9, "centroids": lattice}, {"num_cells": 20, "samples": 200}):
        archive = cvt(bounds=[[-1, 1], [0, 2]], **options)
        batch = entries(jnp.zeros((500, 1)), jnp.zeros(500), jnp.asarray(places))
        found = np.asarray(jax.jit(archive.add)(archive.init(jnp.zeros(1)), batch)[1].cell)
        shapes = cells.voronoi_cells(json.loads(json.dumps(archive.spec)))
        assert len(shapes) == options["num_cells"]
        for place, cell in zip(places, found, strict=True):
            corners = shapes[cell]
            along, across = np.roll(corners, -1, axis=0) - corners, place - corners
            side = along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0]
            assert (side > -1e-5).all() or (side < 1e-5).all(), "within: on the same side of all edges"


def test_elites_far_within_the_bounds_are_shown_larger(tmp_path):
    spec = spec_of("unstructured", 2, 6)
    elites = open_run(fake_archive(tmp_path / "run", spec, iterations=4, snapshots=(4,))).archive()
    np.testing.assert_array_equal(maps.shown_bounds(elites), spec["bounds"])
    elites.spec["bounds"] = [[-1e6, 1e6], [0.0, 2.0]]
    (low, high), unchanged = maps.shown_bounds(elites)
    assert -1.3 < low < elites.columns["descriptor"][:, 0].min()
    assert elites.columns["descriptor"][:, 0].max() < high < 1.3
    assert unchanged.tolist() == [0.0, 2.0]
    elites.spec |= {"shape": [6, 6], "layout": {**spec["layout"], "geometry": "grid"}}
    np.testing.assert_array_equal(maps.shown_bounds(elites), [[-1e6, 1e6], [0.0, 2.0]])


def test_titles_of_slices_are_ranges():
    assert maps.panel_range([0.0, 7.0], 7, 0, 6) == "0 to 2"
    assert [maps.panel_range([-1.0, 1.0], 4, panel, 4) for panel in (0, 3)] == ["-1 to -0.5", "0.5 to 1"]


def test_an_emitter_has_the_same_colour_in_all_figures():
    alone, with_initial = (
        colours.colours_by_name(["iso-line", "es"]),
        colours.colours_by_name([colours.INITIAL, "iso-line", "es"]),
    )
    assert alone == with_initial
    assert len(set(alone.values())) == 3


def test_cells_of_a_grid_hold_their_elites(archive):
    elites = open_run(archive).archive()
    for polygon, place in zip(
        cells.cell_polygons(elites.spec, elites.columns["cell"]), elites.columns["descriptor"], strict=True
    ):
        assert ((polygon.min(0) <= place + 1e-6) & (place <= polygon.max(0) + 1e-6)).all()


@pytest.mark.few(2)
@pytest.mark.parametrize("kind", ["overview", "heatmap", "curves", "emitters", "origins", "snapshots", "gallery"])
def test_every_figure_shows_something_or_a_message(archive, empty, new, tmp_path, kind):
    assert kind in open_run(archive).plots()
    plot(open_run(archive), kind, tmp_path / f"{kind}.png")
    assert ink(tmp_path / f"{kind}.png") > 0.02
    assert [entry.name for entry in tmp_path.glob("*.png")] == [f"{kind}.png"]
    assert any("yet" in text for text in messages(plot(open_run(new), kind)))
    texts = messages(plot(open_run(empty), kind))
    assert kind in ("curves", "emitters") or any("yet" in text for text in texts)


def test_while_there_is_no_elite_trainees_are_shown(empty, tmp_path, capsys):
    folder = tmp_path / "pairs"
    shutil.copytree(empty, folder)
    rows = [json.loads(line) for line in (folder / "journal.jsonl").read_bytes().splitlines()]
    for t, row in enumerate(rows):
        row |= {"trainee_best": 10.0 * t, "solved_score": 230.0}
    (folder / "journal.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = open_run(folder)
    assert run.is_empty()
    assert run.suggested_commands() == ("inspect {}", "plot {}")
    assert "best trainee 110 of 230" in run.headline()
    figure = plot(run, "curves", tmp_path / "curves.png")
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[2].lines}
    np.testing.assert_array_equal(lines["best trainee"], 10.0 * np.arange(12))
    assert set(lines["solved"]) == {230.0}
    commands.inspect(str(folder))
    printed = capsys.readouterr().out
    assert "trainee best" in printed
    assert "110" in printed


def test_snapshots_share_one_colour_scale(archive):
    figure = plot(open_run(archive), "snapshots")
    parts = [axes for part in figure.subfigs[0].subfigs for axes in part.axes]
    limits = {axes.images[0].get_clim() for axes in parts}
    assert len(parts) == 3
    assert len(limits) == 1


@pytest.mark.parametrize("change", [{"geometry": "hexagons"}, {"geometry": "centroids"}, {"geometry": "grid"}])
def test_an_archive_whose_cells_cannot_be_drawn_is_shown_as_points(tmp_path, change):
    spec = spec_of("unstructured", 2, 6)
    folder = fake_archive(tmp_path / "run", spec, iterations=4, snapshots=(4,))
    run = open_run(folder)
    elites = run.archive()
    elites.spec |= {"id": "custom", "layout": {**spec["layout"], **change}}
    assert cells.geometry(elites.spec) == "points"
    figure = new_figure(4, 4)
    maps.draw_map(figure, elites)
    assert len(figure.axes[0].collections[0].get_offsets()) == len(elites)


def test_the_id_of_an_archive_does_not_matter(archive, tmp_path):
    elites = open_run(archive).archive()
    named, custom = new_figure(4, 4), new_figure(4, 4)
    maps.draw_map(named, elites)
    elites.spec |= {"id": "custom"}
    maps.draw_map(custom, elites)
    np.testing.assert_array_equal(*(figure.axes[0].images[0].get_array() for figure in (named, custom)))
