import copy
import shutil

import numpy as np
import pytest

from poet.envs.interface import interface_to_dict
from poet.errors import ConfigError, RunError
from poet.view.archive.inspect import elite_lines
from poet.view.archive.run import ArchiveRun
from poet.view.evaluate import evaluate
from poet.view.open import open_run
from poet.view.plots import plot
from poet.view.video import video
from tests.view import toy  # noqa: F401, registers the generator
from tests.view.archive.fake_archive import fake_archive, write_elites
from tests.view.figures import ink
from tests.view.run_folder import edit_json


def test_a_run_opens_with_its_view(archive):
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
    emitters = run.table("emitters")
    assert emitters["added"].sum() == table["added"].sum() == len(run.archive())
    assert set(emitters["emitter"]) == {"iso-line", "es"} == set(run.emitters())


def test_frames_and_parquet(archive, tmp_path):
    from poet.archives.files import read_parquet

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


def test_selections_of_elites(archive, empty):
    elites = open_run(archive).archive()
    assert elites.columns["fitness"][elites.best()] == elites.columns["fitness"].max()
    for row in (0, 7, len(elites) - 1):
        assert elites.nearest(elites.columns["descriptor"][row]) == row
    some = elites.select_distant(9)
    assert some[0] == elites.best()
    assert len(set(some)) == 9
    points = elites.columns["descriptor"][some]
    apart = np.linalg.norm(points[:, None] - points, axis=-1)[~np.eye(9, dtype=bool)].min()
    assert apart > 0.3, "elites far apart, on bounds that are 2 wide"
    assert sorted(elites.select_distant(10**6)) == list(range(len(elites)))
    with pytest.raises(ConfigError, match="expected 2 coordinates \\(left foot, right foot\\), got 1"):
        elites.nearest([0.5])
    with pytest.raises(ConfigError, match="within left foot -1 to 1, right foot 0 to 2; got 3, 1"):
        elites.nearest([3, 1])
    with pytest.raises(RunError, match="no elite 9999: the archive has"):
        elites.id(9999)
    for fail in (open_run(empty).archive().best, lambda: open_run(empty).archive().nearest([0, 0])):
        with pytest.raises(RunError, match="no elite yet"):
            fail()
    assert open_run(empty).archive().select_distant(3) == elites.select_distant(0) == []
    assert "no elite yet" in repr(open_run(empty).archive())


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


def test_what_was_read_stays_until_refresh(archive, tmp_path):
    shutil.copytree(archive, tmp_path / "live")
    newest = tmp_path / "live" / "elites" / "12"
    newest.rename(tmp_path / "aside")
    run = open_run(tmp_path / "live")
    assert run.archive().meta["iteration"] == 8
    (tmp_path / "aside").rename(newest)
    assert run.archive().meta["iteration"] == 8
    run.refresh()
    assert run.archive().meta["iteration"] == 12


PAIRED = {
    "id": "paired-map-elites",
    "generator": {"id": "hills", "horizon": 50, "terrain": "fixed", "draws": True},
    "problem": None,
    "search": {"solved_score": 230.0},
}


@pytest.fixture
def paired(tmp_path):
    return fake_archive(tmp_path / "paired", iterations=4, snapshots=(4,), params=21, genomes=True, **PAIRED)


@pytest.mark.ci
def test_elites_that_are_environments_have_pictures_and_videos(paired, tmp_path):
    run = open_run(paired)
    assert run.has_environments()
    assert "gallery" in run.plots()
    assert run.problem() is None
    row = run.default_agent()
    assert float(run.genome(row).height) == run.archive().columns["genome.height"][row]
    assert run.caption(row).environment.startswith("hills")
    assert run.can_render()
    assert video(run, path=tmp_path / "elite.gif").exists()
    assert evaluate(run, row, episodes=2).agent == f"best agent of elite {row} of paired"
    plot(run, "gallery", tmp_path / "gallery.png")
    assert ink(tmp_path / "gallery.png") > 0.02


@pytest.mark.ci
def test_without_its_generator_an_archive_gives_weights_tables_and_figures(paired, tmp_path):
    interface = interface_to_dict(open_run(paired).interface())
    edit_json(paired / "run.json", identity={"interface": interface})
    edit_json(paired / "config.json", generator={"id": "not_here"})
    run = open_run(paired)
    row = run.default_agent()
    assert run.agent(row).shape == (21,)
    assert run.caption(row) == (run.archive().coordinates(row), "")
    assert elite_lines(run, row)[0].startswith(f"elite {row}")
    assert not run.can_render()
    assert set(run.plots()) == {"overview", "heatmap", "curves", "emitters", "origins", "snapshots"}
    for kind in run.plots():
        plot(run, kind, tmp_path / f"{kind}.png")
        assert ink(tmp_path / f"{kind}.png") > 0.02
    assert len(run.explore(3).text) > 1000
    with pytest.raises(ConfigError, match="not_here"):
        run.genome(row)


def test_listed_snapshots_can_be_read_until_refresh_though_the_run_removes_them(tmp_path):
    run = open_run(fake_archive(tmp_path / "run", snapshots=(4, 8, 12)))
    assert run.snapshots() == [4, 8, 12]
    best, line = run.default_agent(), run.lineage(run.default_agent())
    for removed in (4, 12):
        shutil.rmtree(tmp_path / "run" / "elites" / str(removed))
    assert [len(run.archive(iteration)) > 0 for iteration in run.snapshots()] == [True] * 3
    assert run.lineage(best) == line
    assert run.refresh().snapshots() == [8]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda meta, columns: meta.pop("spec"), "lacks 'spec'"),
        (lambda meta, columns: meta.update(descriptor_names=["a"]), "1 names for 2 coordinates"),
        (lambda meta, columns: meta.update(qd_offset="4"), "qd_offset expects a number, got '4'"),
        (lambda meta, columns: meta["spec"].update(bounds=[[0.0, 1.0]] * 3), "2 names for 3 coordinates"),
        (lambda meta, columns: columns.update(descriptor=columns["descriptor"][:1]), "its descriptor should be"),
        (lambda meta, columns: columns.pop("cell"), "no column 'cell'"),
        (lambda meta, columns: columns.update(cell=columns["cell"] + 10**6), "cells below 144"),
        (lambda meta, columns: columns.update(id=columns["id"][1:]), "its id should be"),
    ],
)
def test_a_snapshot_that_does_not_fit_together_is_refused(tmp_path, change, problem):
    run = open_run(fake_archive(tmp_path / "run", snapshots=(12,)))
    record = run.archive()
    meta, columns = copy.deepcopy(record.meta), {name: np.array(column) for name, column in record.columns.items()}
    change(meta, columns)
    shutil.rmtree(tmp_path / "run" / "elites" / "12")
    write_elites(tmp_path / "run" / "elites" / "12", meta, columns)
    with pytest.raises(RunError, match=problem):
        run.refresh().archive().summary()
