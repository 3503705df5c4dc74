import errno
from pathlib import Path

import pytest

from poet.errors import RunError
from poet.runs import layout
from poet.runs.layout import RUN, atomic_write, read_run


def test_the_format_error_names_both_formats(tmp_path: Path) -> None:
    (tmp_path / RUN).write_text('{"format": 99}')
    with pytest.raises(RunError, match="format 99, this code reads format 2"):
        read_run(tmp_path)


def test_a_run_of_format_1_is_refused(tmp_path: Path) -> None:
    (tmp_path / RUN).write_text('{"format": 1, "name": "old", "kind": "poet"}')
    with pytest.raises(RunError, match="format 1, this code reads format 2: use the version of poet-evolution"):
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
