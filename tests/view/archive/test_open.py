import shutil

import numpy as np
import pytest

from poet.errors import ConfigError, RunError
from poet.view.archive.open import ArchiveRun
from poet.view.open import open_run


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
