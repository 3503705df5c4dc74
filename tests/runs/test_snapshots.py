import resource
from pathlib import Path

import numpy as np
import pytest

from poet.errors import RunError
from poet.runs import snapshots
from poet.runs.checkpoint import steps
from poet.runs.fork import fork
from poet.runs.layout import CHECKPOINTS, ELITES
from poet.runs.read import list_elites, read_elites
from poet.runs.snapshots import ARCHIVE, keep_snapshots, write_snapshot
from poet.search.base import Record, Search
from tests.runs.toy import ToyConfig, toy_run, walk

SHORT, LONG = ToyConfig(iterations=6), ToyConfig(iterations=11)


def elites_record(num: int = 3, seed: int = 0) -> Record:
    rng = np.random.default_rng(seed)
    columns = {
        "cell": np.arange(num, dtype=np.int32),
        "fitness": np.array([np.nan, -0.0, 1e-45] * num, np.float32)[:num],
        "id": rng.integers(0, 2**32, (num, 2), np.uint32),
        "params": rng.normal(size=(8, num)).astype(np.float32).T,  # not contiguous
        "genome.a/b": rng.normal(size=(num, 2, 2)) > 0,
    }
    return Record({"spec": {"id": "grid"}, "iteration": 7, "fitness_bounds": None}, columns)


@pytest.mark.parametrize("num", [3, 0])
def test_a_snapshot_is_read_bit_for_bit_and_mapped_into_memory(tmp_path: Path, num: int) -> None:
    written = elites_record(num)
    write_snapshot(tmp_path / ELITES, 7, written)
    found = read_elites(tmp_path)
    assert found.meta == written.meta
    assert list(found.arrays) == list(written.arrays)
    for name, column in written.arrays.items():
        assert found.arrays[name].tobytes() == column.tobytes()
        assert found.arrays[name].dtype == column.dtype
        assert found.arrays[name].shape == column.shape
        assert isinstance(found.arrays[name], np.memmap) == (num > 0)
        if num:
            np.testing.assert_array_equal(np.load(tmp_path / ELITES / "7" / snapshots.column_file(name)), column)


def test_there_is_a_snapshot_for_each_checkpoint_and_no_other(tmp_path: Path) -> None:
    toy_run(tmp_path, LONG)
    assert list_elites(tmp_path) == sorted(steps(tmp_path / CHECKPOINTS)) == [4, 8, 10, 11]
    for iteration in list_elites(tmp_path):
        found = read_elites(tmp_path, iteration)
        assert found.meta["iteration"] == len(found.arrays["fitness"]) == iteration
    assert read_elites(tmp_path).meta["iteration"] == 11


def test_early_pictures_find_a_snapshot(tmp_path: Path) -> None:
    seen = []
    toy_run(tmp_path, SHORT, media=lambda path, moment: seen.append((moment, list_elites(path))))
    assert seen[0] == ("early", [1])


def test_snapshots_of_lost_iterations_are_removed_and_written_again(tmp_path: Path) -> None:
    toy_run(tmp_path / "a", LONG)
    toy_run(tmp_path / "b", SHORT)
    folder = tmp_path / "b" / ELITES
    write_snapshot(folder, 9, elites_record())  # of an iteration that was lost
    (folder / "10.tmp").mkdir()
    (folder / "2").mkdir()  # partly removed
    toy_run(tmp_path / "b", LONG)
    assert sorted(entry.name for entry in folder.iterdir()) == ["10", "11", "4", "8"]
    for iteration in (4, 11):
        ours, theirs = (read_elites(tmp_path / name, iteration) for name in "ab")
        np.testing.assert_array_equal(ours.arrays["params"], theirs.arrays["params"])


def test_a_fork_has_the_snapshots_of_its_checkpoints(tmp_path: Path) -> None:
    toy_run(tmp_path / "a", SHORT)
    fork(tmp_path / "a", tmp_path / "b", SHORT)
    assert list_elites(tmp_path / "b") == [4, 6]


def test_a_search_without_an_archive_has_none(tmp_path: Path) -> None:
    search = walk(SHORT)

    def step(state):
        after, info = search.step(state)
        return after, info._replace(snapshots={})

    toy_run(tmp_path, SHORT, Search(search.init, step))
    assert not (tmp_path / ELITES).exists()
    with pytest.raises(RunError, match="no snapshot of an archive yet"):
        read_elites(tmp_path)


def test_a_full_disk_keeps_what_was_saved_and_leaves_no_incomplete_files(tmp_path: Path) -> None:
    write_snapshot(tmp_path, 2, elites_record())
    large = Record({}, {"params": np.zeros(100_000)})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(RunError, match=r"no space left.*intact"):
            write_snapshot(tmp_path, 4, large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [entry.name for entry in tmp_path.iterdir()] == ["2"]
    assert (tmp_path / "2" / ARCHIVE).is_file()


def test_a_kill_leaves_no_incomplete_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []

    def kill(handle: int) -> None:
        synced.append(handle)
        if len(synced) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(snapshots.os, "fsync", kill)
    with pytest.raises(KeyboardInterrupt):
        write_snapshot(tmp_path / ELITES, 4, elites_record())
    assert list_elites(tmp_path) == []
    monkeypatch.setattr(snapshots.shutil, "rmtree", lambda *args, **more: None)  # a kill while one is removed
    monkeypatch.setattr(snapshots.os, "fsync", lambda handle: None)
    write_snapshot(tmp_path / ELITES, 6, elites_record())
    keep_snapshots(tmp_path / ELITES, [])
    assert list_elites(tmp_path) == []
    assert (tmp_path / ELITES / "6").is_dir()


def test_a_missing_or_damaged_snapshot_is_an_error_that_names_it(tmp_path: Path) -> None:
    for iteration in (2, 4):
        write_snapshot(tmp_path / ELITES, iteration, elites_record())
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


def test_a_flipped_bit_is_reported_when_its_column_is_first_used(tmp_path: Path) -> None:
    written = elites_record()
    write_snapshot(tmp_path / ELITES, 2, written)
    place = tmp_path / ELITES / "2"
    _flip(place / "fitness.npy", -3)
    found = read_elites(tmp_path)
    assert "fitness" in found.arrays
    assert found.arrays["params"].tobytes() == written.arrays["params"].tobytes()
    for _ in range(2):
        with pytest.raises(RunError, match=r"fitness\.npy is not what was written: restore it"):
            found.arrays["fitness"]
    at = (place / ARCHIVE).read_bytes().index(b'"iteration": 7')
    _flip(place / ARCHIVE, at + len(b'"iteration": 7') - 1)
    with pytest.raises(RunError, match=r"archive\.json is not what was written: restore it"):
        read_elites(tmp_path)


def _flip(file: Path, at: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)


def test_a_reader_keeps_a_snapshot_that_is_removed_meanwhile(tmp_path: Path) -> None:
    written = elites_record()
    write_snapshot(tmp_path / ELITES, 2, written)
    found = read_elites(tmp_path)
    keep_snapshots(tmp_path / ELITES, [])
    assert found.arrays["params"].tobytes() == written.arrays["params"].tobytes()


def test_meta_must_be_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_snapshot(tmp_path, 2, Record({"fitness_bounds": [0, np.inf]}, {}))
    assert not list(tmp_path.iterdir())
