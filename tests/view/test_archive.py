import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from archives.base import entries
from poet.cli import _pictures
from poet.errors import ConfigError, RunError
from poet.runs.config import MapElitesRun
from poet.search.base import Snapshot
from poet.view.archive import cells, commands, maps
from poet.view.archive.elites import Elites
from poet.view.archive.inspect import elite_lines, elite_table
from poet.view.archive.open import ArchiveRun
from poet.view.open import open_run
from poet.view.plots import plot
from poet.view.style import figure
from tests.view.fake_archive import fake_archive, spec_of

ARM = {**MapElitesRun().to_dict(), "problem": {"id": "arm", "num_joints": 3}}
KINDS = {
    "grid 1": spec_of("grid", 1),
    "grid 2": spec_of("grid", 2),
    "grid 3": spec_of("grid", 3, 7),
    "grid 4": spec_of("grid", 4, 4),
    "grid 5": spec_of("grid", 5, 3),
    "grid 6": {**spec_of("grid", 5, 3), "shape": [3] * 6, "bounds": [[0.0, 1.0]] * 6},
    "cvt 1": spec_of("cvt", 1, 5),
    "cvt 2": spec_of("cvt", 2, 6),
    "cvt 3": spec_of("cvt", 3, 6),
    "unstructured 1": spec_of("unstructured", 1, 6),
    "unstructured 2": spec_of("unstructured", 2, 6),
    "unstructured 4": spec_of("unstructured", 4, 6),
    "unstructured 6": {**spec_of("unstructured", 5, 6), "bounds": [[0.0, 1.0]] * 6},
}


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    options = {name: value for name, value in ARM.items() if name not in ("kind", "iterations", "search")}
    return fake_archive(tmp_path_factory.mktemp("runs") / "fake", **options)


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """Iterations that found nothing."""
    return fake_archive(tmp_path_factory.mktemp("runs") / "empty", batch=0)


@pytest.fixture
def new(archive, tmp_path):
    """A run whose first iteration is not over."""
    (tmp_path / "new").mkdir()
    for name in ("run.json", "config.json"):
        shutil.copy(archive / name, tmp_path / "new" / name)
    return tmp_path / "new"


def ink(path):
    """Share of pixels that are not white."""
    with Image.open(path) as image:
        return float((np.asarray(image.convert("L")) < 250).mean())


def sentences(made):
    parts = [made, *made.subfigs, *(inner for part in made.subfigs for inner in part.subfigs)]
    return [text.get_text() for part in parts for axes in part.axes for text in axes.texts]


# --- the run and its elites ---


def test_a_run_opens_as_what_it_is(archive):
    run = open_run(archive)
    assert isinstance(run, ArchiveRun)
    assert "coverage" in repr(run)
    assert run.snapshots() == [4, 8, 12]
    assert len(run.archive(4)) < len(run.archive()) == len(run.archive(12))
    with pytest.raises(RunError, match="no snapshot of iteration 5: it has 4, 8, 12"):
        run.archive(5)


def test_the_snapshot_agrees_with_the_journal(archive):
    run = open_run(archive)
    now = run.archive().summary()
    table = run.table("progress")
    for name in ("coverage", "qd_score", "best", "mean"):
        np.testing.assert_allclose(getattr(now, name), table[name][-1])
    assert table["evaluations"].tolist() == [40 * (t + 1) for t in range(12)]
    by = run.table("emitters")
    assert by["added"].sum() == table["added"].sum() == len(run.archive())
    assert set(by["emitter"]) == {"iso_line", "es"} == set(run.emitters())


def test_frames_and_parquet(archive, tmp_path):
    from archives.files import read_parquet

    elites = open_run(archive).archive()
    frame = elites.frame()
    assert {"cell", "fitness", "left foot", "right foot", "emitter"} <= set(frame.columns)
    assert not any(name.startswith("params") for name in frame.columns)
    assert "params_2" in elites.frame(payload=True).columns
    np.testing.assert_array_equal(frame["right foot"], elites.columns["descriptor"][:, 1])
    elites.parquet(tmp_path / "a.parquet")
    meta, columns = read_parquet(tmp_path / "a.parquet")
    assert meta == elites.meta
    np.testing.assert_array_equal(columns["params"], elites.columns["params"])


def test_which_elite(archive, empty):
    elites = open_run(archive).archive()
    assert elites.columns["fitness"][elites.best()] == elites.columns["fitness"].max()
    for row in (0, 7, len(elites) - 1):
        assert elites.nearest(elites.columns["descriptor"][row]) == row
    some = elites.spread(9)
    assert some[0] == elites.best()
    assert len(set(some)) == 9
    places = elites.columns["descriptor"][some]
    apart = np.linalg.norm(places[:, None] - places, axis=-1)[~np.eye(9, dtype=bool)].min()
    assert apart > 0.3, "elites far apart, on bounds that are 2 wide"
    assert sorted(elites.spread(10**6)) == list(range(len(elites)))
    with pytest.raises(ConfigError, match="expected 2 coordinates \\(left foot, right foot\\), got 1"):
        elites.nearest([0.5])
    with pytest.raises(ConfigError, match="within left foot -1 to 1, right foot 0 to 2; got 3, 1"):
        elites.nearest([3, 1])
    with pytest.raises(RunError, match="no elite 9999: the archive has"):
        elites.id(9999)
    for fail in (open_run(empty).archive().best, lambda: open_run(empty).archive().nearest([0, 0])):
        with pytest.raises(RunError, match="no elite yet"):
            fail()
    assert open_run(empty).archive().spread(3) == elites.spread(0) == []
    assert "none yet" in repr(open_run(empty).archive())


def test_lineage_goes_back_through_snapshots(archive):
    run = open_run(archive)
    elites = run.archive()
    row = max(range(len(elites)), key=lambda row: len(run.lineage(row)))
    line = run.lineage(row)
    assert line[0].id == elites.id(row)
    assert line[0].found == (12, row)
    assert len(line) > 2
    assert {each.id for each in line if each.depth == 1} == set(elites.parents(row))
    by_id = {each.id: each for each in line}
    for each in line:
        if each.found is not None:
            time, place = each.found
            assert run.archive(time).id(place) == each.id
            for parent in run.archive(time).parents(place):
                assert by_id[parent].depth <= each.depth + 1
    assert any(each.found is not None and each.found[0] < 12 for row in range(len(elites)) for each in run.lineage(row))


def test_what_is_read_stays_until_refresh(archive, tmp_path):
    shutil.copytree(archive, tmp_path / "live")
    newest = tmp_path / "live" / "elites" / "12"
    newest.rename(tmp_path / "aside")
    run = open_run(tmp_path / "live")
    assert run.archive().meta["iteration"] == 8
    (tmp_path / "aside").rename(newest)
    assert run.archive().meta["iteration"] == 8
    run.refresh()
    assert run.archive().meta["iteration"] == 12


# --- pictures ---


PAINTED = ("grid 2", "grid 4", "cvt 1", "cvt 2", "unstructured 4")


@pytest.mark.parametrize(
    "kind", [kind if kind in PAINTED else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]
)
def test_every_archive_has_a_map(tmp_path, kind):
    run = open_run(fake_archive(tmp_path / "run", KINDS[kind], iterations=4, snapshots=(4,)))
    made = plot(run, "heatmap", tmp_path / "map.png")
    assert ink(tmp_path / "map.png") > 0.02
    with Image.open(tmp_path / "map.png") as image:
        colours = image.convert("RGB").getcolors(maxcolors=image.width * image.height)
    assert len(colours) > 100
    labels = {text for axes in made.axes for text in (axes.get_xlabel(), axes.get_title())}
    assert any("foot" in text or "height" in text for text in labels)


def test_the_map_shows_each_elite_in_its_place(archive):
    elites = open_run(archive).archive()
    picture = cells.grid(elites.spec, elites.columns, np.asarray(elites.columns["fitness"], float))
    assert np.isfinite(picture).sum() == len(elites)
    low, high = np.transpose(elites.spec["bounds"])
    for row in range(len(elites)):
        x, y = np.floor((elites.columns["descriptor"][row] - low) / (high - low) * 12).clip(0, 11).astype(int)
        assert picture[x, y] == elites.columns["fitness"][row]
    made = figure(4, 4)
    maps.draw(made, elites)
    shown = made.axes[0].images[0]
    np.testing.assert_array_equal(np.ma.filled(shown.get_array(), np.nan), picture.T)
    assert shown.origin == "lower"
    assert shown.get_extent() == [-1, 1, 0, 2]


def test_of_several_elites_in_a_cell_the_fittest_is_shown():
    columns = {"cell": np.array([2, 0, 2, 2]), "fitness": np.array([1.0, 5.0, 3.0, 2.0])}
    assert cells.best_rows({}, columns).tolist() == [1, 2]


def test_cells_of_a_cvt_fill_the_bounds():
    spec = spec_of("cvt", 2, 7)
    points = cells.centroids(spec)
    area = 0.0
    for polygon, centroid in zip(cells.voronoi(spec), points, strict=True):
        x, y = polygon.T
        twice = np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))
        area += abs(twice) / 2
        assert ((polygon.min(0) <= centroid) & (centroid <= polygon.max(0))).all()
        corners = np.linalg.norm(polygon[:, None] - points, axis=-1)
        assert (np.linalg.norm(polygon - centroid, axis=-1) <= corners.min(1) + 1e-6).all()
    assert area == pytest.approx(4.0)


def test_cells_of_a_cvt_are_those_of_its_spec():
    import jax
    import jax.numpy as jnp

    from archives.cvt import cvt

    lattice = [[x, y] for x in (-1.0, 0.0, 1.0) for y in (0.0, 1.5, 2.0)]  # some on the border
    places = np.random.default_rng(0).uniform([-1, 0], [1, 2], (500, 2)).astype(np.float32)
    for options in ({"num_cells": 9, "centroids": lattice}, {"num_cells": 20, "samples": 200}):
        archive = cvt(bounds=[[-1, 1], [0, 2]], **options)
        batch = entries(jnp.zeros((500, 1)), jnp.zeros(500), jnp.asarray(places))
        found = np.asarray(jax.jit(archive.add)(archive.init(jnp.zeros(1)), batch)[1].cell)
        shapes = cells.voronoi(json.loads(json.dumps(archive.spec)))
        assert len(shapes) == options["num_cells"]
        for place, cell in zip(places, found, strict=True):
            corners = shapes[cell]
            along, across = np.roll(corners, -1, axis=0) - corners, place - corners
            side = along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0]
            assert (side > -1e-5).all() or (side < 1e-5).all(), "within: on the same side of all edges"


def test_what_lies_far_within_its_bounds_is_seen_near(tmp_path):
    spec = spec_of("unstructured", 2, 6)
    elites = open_run(fake_archive(tmp_path / "run", spec, iterations=4, snapshots=(4,))).archive()
    np.testing.assert_array_equal(maps.window(elites), spec["bounds"])
    elites.spec["bounds"] = [[-1e6, 1e6], [0.0, 2.0]]
    (low, high), whole = maps.window(elites)
    assert -1.3 < low < elites.columns["descriptor"][:, 0].min()
    assert elites.columns["descriptor"][:, 0].max() < high < 1.3
    assert whole.tolist() == [0.0, 2.0]
    elites.spec["kind"] = "grid"
    np.testing.assert_array_equal(maps.window(elites), [[-1e6, 1e6], [0.0, 2.0]])


def test_titles_of_slices_say_what_is_in_them():
    assert maps._span([0.0, 7.0], 7, 0, 6) == "0 to 2"
    assert [maps._span([-1.0, 1.0], 4, panel, 4) for panel in (0, 3)] == ["-1 to -0.5", "0.5 to 1"]


def test_an_emitter_has_one_colour_in_all_pictures():
    alone, all_of_them = maps.named(["iso_line", "es"]), maps.named([maps.START, "iso_line", "es"])
    assert alone == all_of_them
    assert len(set(alone.values())) == 3


def test_cells_of_a_grid_hold_their_elites(archive):
    elites = open_run(archive).archive()
    for polygon, place in zip(
        cells.corners(elites.spec, elites.columns["cell"]), elites.columns["descriptor"], strict=True
    ):
        assert ((polygon.min(0) <= place + 1e-6) & (place <= polygon.max(0) + 1e-6)).all()


@pytest.mark.parametrize("kind", ["overview", "heatmap", "curves", "emitters", "origins", "snapshots", "gallery"])
def test_every_picture_shows_something_or_says_why_not(archive, empty, new, tmp_path, kind):
    assert kind in open_run(archive).plots()
    plot(open_run(archive), kind, tmp_path / f"{kind}.png")
    assert ink(tmp_path / f"{kind}.png") > 0.02
    assert [entry.name for entry in tmp_path.glob("*.png")] == [f"{kind}.png"]
    assert any("yet" in words for words in sentences(plot(open_run(new), kind)))
    said = sentences(plot(open_run(empty), kind))
    assert kind in ("curves", "emitters") or any("yet" in words for words in said)


def test_while_there_is_no_elite_pupils_are_shown(empty, tmp_path, capsys):
    folder = tmp_path / "pairs"
    shutil.copytree(empty, folder)
    rows = [json.loads(line) for line in (folder / "journal.jsonl").read_bytes().splitlines()]
    for t, row in enumerate(rows):
        row |= {"pupil_best": 10.0 * t, "solved": 230.0}
    (folder / "journal.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = open_run(folder)
    assert run.empty()
    assert run.looks() == ("inspect {}", "plot {}")
    assert "best pupil 110 of 230" in run.standing()
    made = plot(run, "curves", tmp_path / "curves.png")
    lines = {line.get_label(): line.get_ydata() for line in made.axes[2].lines}
    np.testing.assert_array_equal(lines["best pupil"], 10.0 * np.arange(12))
    assert set(lines["solved"]) == {230.0}
    commands.inspect(str(folder))
    printed = capsys.readouterr().out
    assert "pupil best" in printed
    assert "110" in printed


def test_snapshots_share_one_scale_of_colours(archive):
    made = plot(open_run(archive), "snapshots")
    parts = [axes for part in made.subfigs[0].subfigs for axes in part.axes]
    limits = {axes.images[0].get_clim() for axes in parts}
    assert len(parts) == 3
    assert len(limits) == 1


# --- the page ---


def page_data(text):
    begin = text.index("const data = ") + len("const data = ")
    return json.JSONDecoder().raw_decode(text[begin:].replace("<\\/", "</"))[0]


@pytest.mark.parametrize("kind", ["grid 1", "grid 2", "grid 3", "cvt 2", "unstructured 2"])
def test_the_page_holds_every_elite(tmp_path, kind):
    run = open_run(
        fake_archive(tmp_path / "run", KINDS[kind], iterations=4, snapshots=(4,), **{"problem": {"id": "?"}})
    )
    data = page_data(run.explore(0).text)
    elites = run.archive()
    assert len(data["shapes"]) == len(data["shades"]) == len(data["places"]) == len(elites)
    corners = {"grid 2": (8, 8), "cvt 2": (6, 24)}.get(kind, (2, 2))
    assert all(corners[0] <= len(shape) <= corners[1] for shape in data["shapes"])
    assert all(46 <= value <= 506 for shape in data["shapes"] for value in shape)
    assert data["pictures"] == {}


def test_the_page_carries_its_pictures_and_needs_nothing_else(archive, tmp_path, capsys):
    commands.plot(archive, what="explore", out=tmp_path, films=3)
    file = tmp_path / "explore.html"
    assert capsys.readouterr().out.strip() == str(file)
    text = file.read_text()
    data = page_data(text)
    assert len(data["pictures"]) == 3
    assert all(picture.startswith("data:image/png;base64,") for picture in data["pictures"].values())
    assert str(data["first"]) in data["pictures"]
    assert "{{" not in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_a_notebook_shows_the_page_in_a_frame(archive):
    shown = open_run(archive).explore(0)._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    assert "<script" not in shown, "it is escaped, or the frame would end in its middle"


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_script_is_sound(archive, tmp_path):
    text = open_run(archive).explore(0).text
    script = text[text.index("<script>") + 8 : text.index("</script>")]
    (tmp_path / "page.js").write_text(script)
    done = subprocess.run(["node", "--check", tmp_path / "page.js"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- commands ---


def test_inspect_prints_tables_and_one_elite(archive, empty, new, capsys):
    commands.inspect(str(archive), last=3, top=4)
    said = capsys.readouterr().out
    assert "the fittest of" in said
    assert said.count("\n│") == 3 + 4
    commands.inspect(str(archive), elite=5)
    assert capsys.readouterr().out.startswith("elite 5: fitness")
    place = open_run(archive).archive().columns["descriptor"][9]
    commands.inspect(str(archive), at=tuple(map(float, place)))
    nearest, shown = capsys.readouterr().out.splitlines()[:2]
    assert re.fullmatch(r"nearest to -?\d.*: elite 9, at left foot -?\d.*", nearest)
    assert shown.startswith("elite 9: ")
    commands.inspect(str(empty))
    assert "empty" in capsys.readouterr().out
    with pytest.raises(RunError, match="no elite yet"):
        commands.inspect(str(empty), elite=0)
    commands.inspect(str(new))
    assert "just started" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="not both"):
        commands.inspect(str(archive), elite=5, at=(0.0, 0.0))
    with pytest.raises(ConfigError, match="last"):
        commands.inspect(str(archive), last=-1)


def test_objectives_have_columns_of_their_own(archive):
    given = open_run(archive).archive()
    trade = np.stack([given.columns["fitness"] - 7.25, np.full(len(given), 7.25)], axis=1)
    columns = {**given.columns, "objectives": trade}
    table = elite_table(Elites(Snapshot(given.meta, columns)), 3)
    shown = {column.header: list(column.cells) for column in table.columns}
    assert shown["objective 1"] == ["7.25"] * 3
    best = given.columns["fitness"][given.best()]
    assert (shown["sum"][0], shown["objective 0"][0]) == (f"{best:.4g}", f"{best - 7.25:.4g}")
    assert "sum" not in [column.header for column in elite_table(given, 3).columns]


def test_an_elite_in_lines(archive):
    run = open_run(archive)
    elites = run.archive()
    row = next(row for row in range(len(elites)) if elites.parents(row))
    words = "\n".join(elite_lines(run, row))
    (parent,) = elites.parents(row)
    assert f"parents     {parent[0]}:{parent[1]}" in words
    assert run.emitters()[int(elites.columns["emitter"][row])] in words
    assert "left foot" in words
    with pytest.raises(RunError, match="no elite 9999"):
        elite_lines(run, 9999)


def test_solutions_that_live_in_no_world_cannot_be_filmed(archive):
    assert not open_run(archive).films()
    for command in (commands.video, commands.evaluate, commands.export):
        with pytest.raises(ConfigError, match="'arm', which live in no world"):
            command(archive)


def test_elites_that_no_problem_scored_are_not_drawn_as_its_solutions(tmp_path):
    options = {**ARM, "iterations": 4, "problem": {"id": "sphere"}}
    run = open_run(fake_archive(tmp_path / "own", snapshots=(4,), **options))
    assert run.problem() is None
    assert "gallery" not in run.plots()
    _pictures(run.path, "end")
    assert {file.stem for file in (run.path / "media").glob("*.*")} == set(run.plots())


def test_tables_need_neither_jax_nor_search(archive):
    code = (
        "import sys; from poet.view.open import open_run; from poet.view.archive.inspect import elite_table;"
        f"run = open_run({str(archive)!r}); run.table('progress'); repr(run); elite_table(run.archive(), 5);"
        "bad = [m for m in sys.modules if m in ('jax', 'orbax', 'matplotlib', 'pandas', 'scipy')];"
        "sys.exit(f'imported {bad}' if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
