import resource
from pathlib import Path

import numpy as np
import pytest

from poet.errors import RunError
from poet.runs import elites
from poet.runs.checkpoint import steps
from poet.runs.elites import ARCHIVE, keep_elites, write_elites
from poet.runs.folder import CHECKPOINTS, ELITES
from poet.runs.fork import fork
from poet.runs.read import list_elites, read_elites
from poet.search.base import Search, Snapshot
from tests.runs.toy import ToyConfig, toy_run, walk

SHORT, LONG = ToyConfig(iterations=6), ToyConfig(iterations=11)


def snapshot(num: int = 3, seed: int = 0) -> Snapshot:
    rng = np.random.default_rng(seed)
    columns = {
        "cell": np.arange(num, dtype=np.int32),
        "fitness": np.array([np.nan, -0.0, 1e-45] * num, np.float32)[:num],
        "id": rng.integers(0, 2**32, (num, 2), np.uint32),
        "params": rng.normal(size=(8, num)).astype(np.float32).T,  # not contiguous
        "genome.a/b": rng.normal(size=(num, 2, 2)) > 0,
    }
    return Snapshot({"spec": {"kind": "grid"}, "iteration": 7, "fitness_bounds": None}, columns)


@pytest.mark.parametrize("num", [3, 0])
def test_a_snapshot_comes_back_bit_for_bit_and_mapped(tmp_path: Path, num: int) -> None:
    given = snapshot(num)
    write_elites(tmp_path / ELITES, 7, given)
    found = read_elites(tmp_path)
    assert found.meta == given.meta
    assert list(found.columns) == list(given.columns)
    for name, column in given.columns.items():
        assert found.columns[name].tobytes() == column.tobytes()
        assert found.columns[name].dtype == column.dtype
        assert found.columns[name].shape == column.shape
        assert isinstance(found.columns[name], np.memmap) == (num > 0)
        if num:
            np.testing.assert_array_equal(np.load(tmp_path / ELITES / "7" / elites.column_file(name)), column)


def test_there_is_a_snapshot_for_every_checkpoint_and_no_other(tmp_path: Path) -> None:
    toy_run(tmp_path, LONG)
    assert list_elites(tmp_path) == sorted(steps(tmp_path / CHECKPOINTS)) == [4, 8, 10, 11]
    for iteration in list_elites(tmp_path):
        found = read_elites(tmp_path, iteration)
        assert found.meta["iteration"] == len(found.columns["fitness"]) == iteration
    assert read_elites(tmp_path).meta["iteration"] == 11


def test_early_pictures_find_a_snapshot(tmp_path: Path) -> None:
    seen = []
    toy_run(tmp_path, SHORT, media=lambda path, moment: seen.append((moment, list_elites(path))))
    assert seen[0] == ("early", [1])


def test_lost_work_is_forgotten_and_done_again(tmp_path: Path) -> None:
    toy_run(tmp_path / "a", LONG)
    toy_run(tmp_path / "b", SHORT)
    folder = tmp_path / "b" / ELITES
    write_elites(folder, 9, snapshot())  # of work that a kill then took
    (folder / "10.tmp").mkdir()
    (folder / "2").mkdir()  # half removed
    toy_run(tmp_path / "b", LONG)
    assert sorted(entry.name for entry in folder.iterdir()) == ["10", "11", "4", "8"]
    for iteration in (4, 11):
        ours, theirs = (read_elites(tmp_path / name, iteration) for name in "ab")
        np.testing.assert_array_equal(ours.columns["params"], theirs.columns["params"])


def test_a_fork_has_the_snapshots_of_its_checkpoints(tmp_path: Path) -> None:
    toy_run(tmp_path / "a", SHORT)
    fork(tmp_path / "a", tmp_path / "b", {"seed": 0})
    assert list_elites(tmp_path / "b") == [4, 6]


def test_a_search_without_an_archive_has_none(tmp_path: Path) -> None:
    search = walk(SHORT)

    def step(state):
        after, info = search.step(state)
        return after, info._replace(elites=None)

    toy_run(tmp_path, SHORT, Search(search.init, step))
    assert not (tmp_path / ELITES).exists()
    with pytest.raises(RunError, match="no snapshot of an archive yet"):
        read_elites(tmp_path)


def test_a_full_disk_keeps_what_was_saved_and_leaves_no_rest(tmp_path: Path) -> None:
    write_elites(tmp_path, 2, snapshot())
    large = Snapshot({}, {"params": np.zeros(100_000)})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(RunError, match=r"no room left.*intact"):
            write_elites(tmp_path, 4, large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [entry.name for entry in tmp_path.iterdir()] == ["2"]
    assert (tmp_path / "2" / ARCHIVE).is_file()


def test_a_kill_in_between_leaves_no_snapshot_that_is_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []

    def full(handle: int) -> None:
        written.append(handle)
        if len(written) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(elites.os, "fsync", full)
    with pytest.raises(KeyboardInterrupt):
        write_elites(tmp_path / ELITES, 4, snapshot())
    assert list_elites(tmp_path) == []
    monkeypatch.setattr(elites.shutil, "rmtree", lambda *args, **more: None)  # a kill while one is removed
    monkeypatch.setattr(elites.os, "fsync", lambda handle: None)
    write_elites(tmp_path / ELITES, 6, snapshot())
    keep_elites(tmp_path / ELITES, [])
    assert list_elites(tmp_path) == []
    assert (tmp_path / ELITES / "6").is_dir()


def test_what_is_not_there_or_damaged_is_an_error_that_says_so(tmp_path: Path) -> None:
    for iteration in (2, 4):
        write_elites(tmp_path / ELITES, iteration, snapshot())
    with pytest.raises(RunError, match="no snapshot of iteration 3: it has 2, 4"):
        read_elites(tmp_path, 3)
    np.save(tmp_path / ELITES / "4" / "fitness.npy", np.zeros(5))
    with pytest.raises(RunError, match=r"fitness\.npy holds float64\[5\], expected float32\[3\]"):
        read_elites(tmp_path)
    (tmp_path / ELITES / "4" / "cell.npy").unlink()
    with pytest.raises(RunError, match=r"cell\.npy"):
        read_elites(tmp_path)
    (tmp_path / ELITES / "2" / ARCHIVE).write_text("{")
    with pytest.raises(RunError, match=r"archive\.json cannot be read: restore it"):
        read_elites(tmp_path, 2)


def test_a_flipped_bit_is_told_when_its_column_is_looked_at(tmp_path: Path) -> None:
    given = snapshot()
    write_elites(tmp_path / ELITES, 2, given)
    place = tmp_path / ELITES / "2"
    _flip(place / "fitness.npy", -3)
    found = read_elites(tmp_path)
    assert "fitness" in found.columns
    assert found.columns["params"].tobytes() == given.columns["params"].tobytes()
    for _ in range(2):
        with pytest.raises(RunError, match=r"fitness\.npy is not what was written: restore it"):
            found.columns["fitness"]
    at = (place / ARCHIVE).read_bytes().index(b'"iteration": 7')
    _flip(place / ARCHIVE, at + len(b'"iteration": 7') - 1)
    with pytest.raises(RunError, match=r"archive\.json is not what was written: restore it"):
        read_elites(tmp_path)


def _flip(file: Path, at: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)


def test_readers_keep_what_is_removed_meanwhile(tmp_path: Path) -> None:
    given = snapshot()
    write_elites(tmp_path / ELITES, 2, given)
    found = read_elites(tmp_path)
    keep_elites(tmp_path / ELITES, [])
    assert found.columns["params"].tobytes() == given.columns["params"].tobytes()


def test_meta_must_be_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_elites(tmp_path, 2, Snapshot({"fitness_bounds": [0, np.inf]}, {}))
    assert not list(tmp_path.iterdir())
