import errno
import fcntl
from pathlib import Path

import numpy as np
import pytest

from poet.errors import RunError
from poet.files import remove_drafts
from poet.runs import layout
from poet.runs.artifacts import remove_born_since, write_artifact
from poet.runs.journal import Journal
from poet.runs.layout import RUN, atomic_write, read_run
from poet.runs.lock import lock
from poet.runs.snapshots import keep_snapshots, write_snapshot
from poet.search.base import Record


def test_the_format_error_names_both_formats(tmp_path: Path) -> None:
    (tmp_path / RUN).write_text('{"format": 99}')
    with pytest.raises(RunError, match="format 99, this code reads format 3"):
        read_run(tmp_path)


def test_a_run_of_format_1_is_refused(tmp_path: Path) -> None:
    (tmp_path / RUN).write_text('{"format": 1, "name": "old", "kind": "poet"}')
    with pytest.raises(RunError, match="format 1, this code reads format 3: use the version of poet-evolution"):
        read_run(tmp_path)


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    atomic_write(tmp_path / "file", b"old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(layout.os, "fsync", full)
    with pytest.raises(RunError, match="no space left"):
        atomic_write(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def victim(tmp_path: Path) -> Path:
    """A file outside the run that nothing may change."""
    file = tmp_path / "outside" / "3.json"
    file.parent.mkdir()
    file.write_text("precious")
    return file


WRITERS = {
    "artifact": lambda folder: write_artifact(folder / "3", Record({"born": 0}, {"x": np.ones(2)})),
    "removal of artifacts": lambda folder: remove_born_since(folder, 0),
    "snapshot": lambda folder: write_snapshot(folder, 3, Record({}, {"x": np.ones(2)})),
    "removal of snapshots": lambda folder: keep_snapshots(folder, []),
    "file": lambda folder: atomic_write(folder / "3.json", b"new"),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_nothing_is_written_or_deleted_in_a_folder_that_is_a_link(tmp_path: Path, writer: str) -> None:
    file = victim(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "records").symlink_to(file.parent)
    with pytest.raises(RunError, match="is a link"):
        WRITERS[writer](tmp_path / "run" / "records")
    assert file.read_text() == "precious"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("name", ["journal.jsonl", "lock"])
def test_a_journal_or_lock_that_is_a_link_is_refused(tmp_path: Path, name: str) -> None:
    file = victim(tmp_path)
    (tmp_path / name).symlink_to(file)
    with pytest.raises(RunError, match="cannot write"):
        lock(tmp_path).__enter__() if name == "lock" else Journal(tmp_path / name)
    assert file.read_text() == "precious"


def test_a_file_that_replaces_a_link_leaves_its_target_alone(tmp_path: Path) -> None:
    file = victim(tmp_path)
    (tmp_path / "config.json").symlink_to(file)
    (tmp_path / ".config.json.tmp").symlink_to(file)  # a name that could have been guessed
    atomic_write(tmp_path / "config.json", b"new")
    assert file.read_text() == "precious"
    assert (tmp_path / "config.json").read_bytes() == b"new"
    assert not (tmp_path / "config.json").is_symlink()


@pytest.mark.parametrize("name", ["007", "²", "1.0", "+1", "-1", "1_0", " 1", ""])
def test_only_numbers_as_they_are_written_are_numbers(name: str) -> None:
    assert layout.as_number(name) is None
    assert layout.as_number("0") == 0
    assert layout.as_number("120") == 120


def test_drafts_that_a_kill_left_are_removed_and_others_are_not(tmp_path: Path) -> None:
    left = [tmp_path / ".run.json.a1b2c3d4.draft", tmp_path / "niches" / ".3.npz.a1b2c3d4.draft"]
    kept = [tmp_path / "notes.draft", tmp_path / ".draft", tmp_path / "run.json.a1b2c3d4.draft", tmp_path / ".a.b.json"]
    (tmp_path / "niches").mkdir()
    for file in (*left, *kept):
        file.write_bytes(b"x")
    with (tmp_path / ".config.json.a1b2c3d4.draft").open("wb") as used:
        fcntl.flock(used, fcntl.LOCK_EX)  # as a process does that is writing it
        remove_drafts(tmp_path)
        assert {file for file in tmp_path.rglob("*") if file.is_file()} == {Path(used.name), *kept}
