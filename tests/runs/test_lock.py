import fcntl
import os
from pathlib import Path

import pytest

from poet.errors import RunError
from poet.runs import lock as lock_module
from poet.runs.identity import claim
from poet.runs.layout import LOCK
from poet.runs.lock import is_alive, lock, lock_holder
from tests.runs.toy import ToyConfig


def test_a_second_writer_is_refused_and_the_process_of_the_first_named(tmp_path: Path) -> None:
    with claim(tmp_path, ToyConfig()):
        assert is_alive(tmp_path)
        with pytest.raises(RunError, match=f"process {os.getpid()} on"), claim(tmp_path, ToyConfig()):
            pass
    assert not is_alive(tmp_path)


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text('{"pid": 1, "host": "elsewhere"}')
    assert not is_alive(tmp_path)
    with lock(tmp_path):
        assert lock_holder(tmp_path) == f"process {os.getpid()} on {os.uname().nodename}"


def test_a_reader_that_holds_the_lock_for_an_instant_does_not_refuse_a_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / LOCK).touch()
    reader = os.open(tmp_path / LOCK, os.O_RDONLY)
    fcntl.flock(reader, fcntl.LOCK_SH)
    monkeypatch.setattr(lock_module.time, "sleep", lambda seconds: fcntl.flock(reader, fcntl.LOCK_UN))
    with lock(tmp_path):
        assert is_alive(tmp_path)
    os.close(reader)


@pytest.mark.parametrize("content", ['{"pid": 12, "ho', '{"p', "{", ""])
def test_a_lock_that_a_kill_cut_short_is_taken_over(tmp_path: Path, content: str) -> None:
    (tmp_path / LOCK).write_text(content)
    with lock(tmp_path):
        assert is_alive(tmp_path)
    assert (tmp_path / LOCK).read_bytes() == b""
