import dataclasses
import errno
import fcntl
import json
import os
from pathlib import Path

import pytest

from poet.errors import RunError
from poet.runs import folder
from poet.runs.folder import CONFIG, JOURNAL, LOCK, RUN, atomic_write, claim, is_alive, lock, read_run
from tests.runs.toy import ToyConfig

CONFIG_DATA = dataclasses.asdict(ToyConfig())


def test_a_claimed_folder_says_what_made_it(tmp_path: Path) -> None:
    with claim(tmp_path / "a", CONFIG_DATA):
        run = read_run(tmp_path / "a")
    assert run["format"] == folder.FORMAT
    assert run["name"] == "a"
    assert run["sessions"][0]["packages"]["jax"]
    assert run["sessions"][0]["command"]
    assert json.loads((tmp_path / "a" / CONFIG).read_text()) == CONFIG_DATA


def test_each_start_is_a_session(tmp_path: Path) -> None:
    for _ in range(2):
        with claim(tmp_path, CONFIG_DATA):
            pass
    assert len(read_run(tmp_path)["sessions"]) == 2


def test_a_live_lock_refuses_and_names_the_process(tmp_path: Path) -> None:
    with claim(tmp_path, CONFIG_DATA):
        assert is_alive(tmp_path)
        with pytest.raises(RunError, match=f"process {os.getpid()} on"), claim(tmp_path, CONFIG_DATA):
            pass
    assert not is_alive(tmp_path)


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text('{"pid": 1, "host": "elsewhere"}')
    assert not is_alive(tmp_path)
    with lock(tmp_path):
        assert folder.lock_holder(tmp_path) == f"process {os.getpid()} on {os.uname().nodename}"


def test_a_reader_in_passing_does_not_refuse_a_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / LOCK).touch()
    reader = os.open(tmp_path / LOCK, os.O_RDONLY)
    fcntl.flock(reader, fcntl.LOCK_SH)
    monkeypatch.setattr(folder.time, "sleep", lambda seconds: fcntl.flock(reader, fcntl.LOCK_UN))
    with lock(tmp_path):
        assert is_alive(tmp_path)
    os.close(reader)


@pytest.mark.parametrize("content", ["{not json", "[]", '{"format": 99}'], ids=["broken", "no object", "newer"])
def test_another_format_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / RUN).write_text(content)
    with pytest.raises(RunError), claim(tmp_path, CONFIG_DATA):
        pass
    assert (tmp_path / RUN).read_text() == content


def test_the_format_error_names_both(tmp_path: Path) -> None:
    (tmp_path / RUN).write_text('{"format": 99}')
    with pytest.raises(RunError, match="format 99, this code reads format 1"):
        read_run(tmp_path)


def test_a_changed_identity_is_refused_with_a_diff(tmp_path: Path) -> None:
    with claim(tmp_path, CONFIG_DATA):
        (tmp_path / JOURNAL).touch()
    with (
        pytest.raises(RunError, match=r"(?s)seed: 0 -> 1.*step_size: 0.5 -> 2.0"),
        claim(tmp_path, {**CONFIG_DATA, "seed": 1, "step_size": 2.0}),
    ):
        pass
    assert json.loads((tmp_path / CONFIG).read_text()) == CONFIG_DATA


def test_budget_and_cadence_may_change(tmp_path: Path) -> None:
    later = {**CONFIG_DATA, "iterations": 99, "checkpoint_every": 7, "keep_every": 9, "max_env_steps": 5}
    for data in (CONFIG_DATA, later):
        with claim(tmp_path, data):
            pass
    assert json.loads((tmp_path / CONFIG).read_text()) == later


def test_somebody_elses_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunError, match=r"thesis\.tex"), claim(tmp_path, CONFIG_DATA):
        pass
    assert not (tmp_path / RUN).exists()


def test_creation_that_was_killed_is_done_again(tmp_path: Path) -> None:
    for name in (LOCK, CONFIG, f".{CONFIG}.tmp"):
        (tmp_path / name).touch()
    with claim(tmp_path, CONFIG_DATA):
        assert read_run(tmp_path)["sessions"]


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder that even root cannot write")
def test_an_unwritable_folder_says_what_to_do() -> None:
    with pytest.raises(RunError, match="permissions or choose another --root"), claim(Path("/sys/run"), CONFIG_DATA):
        pass


def test_a_root_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(RunError, match="cannot write"), claim(tmp_path / "runs" / "a", CONFIG_DATA):
        pass


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    atomic_write(tmp_path / "file", b"old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder.os, "fsync", full)
    with pytest.raises(RunError, match="no room left"):
        atomic_write(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
