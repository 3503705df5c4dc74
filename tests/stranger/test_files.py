"""What is not a regular file is reported or left out, and never waited for."""

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from poet.archives.config import GridConfig
from poet.errors import ConfigError, RunError
from poet.files import open_regular, read_bytes, replace_file
from poet.runs.lock import is_alive, lock_holder
from poet.search.map_elites.ask_tell import AskTell
from poet.search.map_elites.config import MapElitesConfig
from poet.view.open import open_run


def make_socket(path: Path) -> None:
    short = Path("/tmp") / f"socket{os.getpid()}"  # the path of a socket may have 108 bytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(short))
    short.rename(path)


KINDS: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "socket": make_socket,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "loop of links": lambda path: path.symlink_to(path),
}
# A file of a run, and what `poet doctor` calls it; empty where the rest of a run is whole without it.
FILES = {
    "niches/run.json": "run.json",
    "niches/config.json": "config.json",
    "niches/journal.jsonl": "journal.jsonl",
    "niches/lock": "",
    "niches/niches/0.json": "niches/0",
    "niches/niches/0.npz": "",
    "archive/elites/4/archive.json": "elites/4",
    "archive/elites/4/fitness.npy": "elites/4",
    "journal/checkpoints/4/notes.json": "checkpoint 4",
    "journal/checkpoints/4/state/_CHECKPOINT_METADATA": "checkpoint 4",
}


@pytest.mark.few(12)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file", FILES)
def test_commands_report_what_is_not_a_file(
    originals: Path, tmp_path: Path, command: Callable[..., tuple[int, str]], file: str, kind: str
) -> None:
    name = file.partition("/")[0]
    run = shutil.copytree(originals / name, tmp_path / name)
    place = tmp_path / file
    place.unlink(missing_ok=place.name == "lock")
    KINDS[kind](place)
    for words in (("status", "--root", tmp_path), ("status", run), ("inspect", run), ("diff", run, originals / name)):
        code, printed = command(*words)
        assert (code in (0, 1, 2), "Traceback" in printed) == (True, False)
    code, printed = command("doctor", run)
    if file == "archive/elites/4/archive.json" and kind == "loop of links":
        assert "elites/4" not in printed  # as if there was no snapshot
    else:
        assert code == 0 if not FILES[file] else FILES[file] in printed and code in (1, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_records_report_what_is_not_a_file(originals: Path, tmp_path: Path, kind: str) -> None:
    for name, file, read in (
        ("niches", "niches/1.npz", lambda run: run.weights(1)),
        ("niches", "niches/1.json", lambda run: run.genome(1)),
        ("archive", "elites/4/params.npy", lambda run: run.weights(1)),
    ):
        run = open_run(shutil.copytree(originals / name, tmp_path / file))
        (run.path / file).unlink()
        KINDS[kind](run.path / file)
        with pytest.raises(RunError):
            read(run)


@pytest.mark.parametrize("kind", KINDS)
def test_a_lock_that_is_no_file_is_nobodys(tmp_path: Path, kind: str) -> None:
    KINDS[kind](tmp_path / "lock")
    assert not is_alive(tmp_path)
    assert lock_holder(tmp_path) == "another process"


@pytest.mark.parametrize("kind", KINDS)
def test_only_regular_files_are_opened(tmp_path: Path, kind: str) -> None:
    KINDS[kind](tmp_path / "file")
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    for flags in (os.O_RDONLY, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW):
        with pytest.raises(OSError, match=r"regular file|No such device|directory|symbolic links"):
            open_regular(tmp_path / "file", flags)
    after = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    assert before == after, "what was opened is closed"
    search = AskTell(MapElitesConfig(), GridConfig(shape=(2,)).make([(0, 1)]), np.zeros((1, 2)))
    with pytest.raises(ConfigError, match="not written by AskTell.save"):
        search.load(tmp_path / "file")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"precious")
    (tmp_path / "new").symlink_to(outside)
    replace_file(tmp_path / "new", b"text")
    assert (read_bytes(tmp_path / "new"), outside.read_bytes()) == (b"text", b"precious")
    monkeypatch.setattr(os, "replace", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        replace_file(tmp_path / "new", b"other")
    assert read_bytes(tmp_path / "new") == b"text"
    assert sorted(os.listdir(tmp_path)) == ["new", "outside"]
