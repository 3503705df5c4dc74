import datetime
import json
import os
import resource
import shutil
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from poet.errors import RunError
from poet.runs.journal import Journal, ProcessLog, encode
from poet.runs.layout import JOURNAL
from poet.runs.read import read_journal


@pytest.fixture
def journal(tmp_path: Path):
    journal = Journal(tmp_path / JOURNAL)
    yield journal
    journal.close()


def test_rows_are_read_as_they_were_written(tmp_path: Path, journal: Journal) -> None:
    rows = [{"event": "a", "x": 0.1, "deep": {"list": [1, "two", None, True]}}, {"wall": {"seconds": 1.5}}]
    journal.append(rows)
    assert read_journal(tmp_path) == rows


def test_numbers_that_are_not_finite_are_null_and_listed() -> None:
    row = json.loads(encode({"fitness": [1.0, np.nan, np.float32(np.inf)], "at": {"best": -np.inf}, "ok": 2.0}))
    assert row == {
        "fitness": [1.0, None, None],
        "at": {"best": None},
        "ok": 2.0,
        "nonfinite": ["fitness.1", "fitness.2", "at.best"],
    }


def test_numpy_and_jax_numbers_are_exact() -> None:
    big, small = 2**62 + 1, np.float32(0.1)
    row = json.loads(encode({"i": np.int64(big), "f": small, "a": jnp.arange(3), "b": np.bool_(True), "n": np.eye(2)}))
    assert row == {"i": big, "f": float(small), "a": [0, 1, 2], "b": True, "n": [[1.0, 0.0], [0.0, 1.0]]}
    assert "nonfinite" not in row


def test_a_value_that_json_lacks_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"a\.1 is a object"):
        encode({"a": [1, object()]})


@pytest.mark.parametrize(
    "incomplete", [b'{"event":"b', b'{"event":"b"}', b"\xff\x00"], ids=["half", "no newline", "binary"]
)
def test_an_incomplete_last_line_is_skipped_and_removed(tmp_path: Path, journal: Journal, incomplete: bytes) -> None:
    journal.append([{"event": "a"}])
    offset = journal.offset
    with open(tmp_path / JOURNAL, "ab") as file:
        file.write(incomplete)
    assert read_journal(tmp_path) == [{"event": "a"}]
    journal.trim(offset)
    journal.append([{"event": "c"}])
    assert read_journal(tmp_path) == [{"event": "a"}, {"event": "c"}]


def test_a_line_that_cannot_be_read_is_left_out_with_its_number(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_bytes(b'{"event":"a"}\n{"eve\n{"event":"c"}\n[1]\n{"event":"d"}\n')
    with pytest.warns(UserWarning, match="line 2, 4 cannot be read and is left out"):
        assert [row["event"] for row in read_journal(tmp_path)] == ["a", "c", "d"]


@pytest.mark.parametrize("change", ["cut", "flipped", "line ends", "duplicated", "gone"])
def test_a_journal_that_was_changed_does_not_hold_its_mark(tmp_path: Path, journal: Journal, change: str) -> None:
    journal.append([{"event": "a"}, {"event": "b"}])
    mark = journal.mark
    journal.append([{"event": "c"}])
    journal.close()
    file = tmp_path / JOURNAL
    assert Journal(file).holds(mark)
    data = file.read_bytes()
    changed = {
        "cut": data[: mark.offset - 1],
        "flipped": data.replace(b'"a"', b'"x"'),
        "line ends": data.replace(b"\n", b"\r\n"),
        "duplicated": data[:14] + data,
        "gone": b"",
    }
    file.write_bytes(changed[change])
    assert not Journal(file).holds(mark)


def test_a_mark_is_the_same_after_the_journal_is_opened_again(tmp_path: Path, journal: Journal) -> None:
    journal.append([{"event": "a"}])
    first = journal.mark
    journal.append([{"event": "b"}])
    again = Journal(tmp_path / JOURNAL)
    assert again.mark == journal.mark
    again.trim(first.offset)
    assert again.mark == first


@pytest.mark.parametrize("how", ["moved", "deleted", "replaced"])
def test_a_writer_notices_that_its_folder_is_gone(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    journal = Journal(folder / JOURNAL)
    journal.require_in_place()
    os.rename(folder, tmp_path / "away")
    if how == "replaced":
        folder.mkdir()
        Journal(folder / JOURNAL)
    if how == "deleted":
        shutil.rmtree(tmp_path / "away")
    with pytest.raises(RunError, match="was moved, deleted or replaced"):
        journal.require_in_place()


def test_a_full_disk_is_an_error(journal: Journal) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(RunError, match="no space left"):
            journal.append([{"event": "x" * 200}])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_events_about_the_process_wait_until_the_journal_is_open(tmp_path: Path, journal: Journal) -> None:
    log = ProcessLog()
    log.append("import", {"seconds": 1.5})
    log.append("model")
    assert read_journal(tmp_path) == []
    log.open(journal)
    log.append("start", {"iteration": 0})
    rows = read_journal(tmp_path)
    assert [list(row) for row in rows] == [["wall"]] * 3
    assert [row["wall"]["event"] for row in rows] == ["import", "model", "start"]
    assert rows[0]["wall"]["seconds"] == 1.5
    assert rows[2]["wall"]["iteration"] == 0
    for row in rows:
        assert row["wall"]["pid"] == os.getpid()
        assert datetime.datetime.fromisoformat(row["wall"]["time"]).tzinfo is not None


def test_events_that_waited_are_written_once(tmp_path: Path, journal: Journal) -> None:
    log = ProcessLog()
    log.append("model")
    log.open(journal)
    log.open(journal)
    assert [row["wall"]["event"] for row in read_journal(tmp_path)] == ["model"]
