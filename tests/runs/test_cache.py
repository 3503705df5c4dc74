"""The compilation cache, in processes of their own: whatever is in its folder, results are equal and nobody is told."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from poet.runs.cache import MAX_AGE_S, SUFFIX, CheckedCache, use_cache

PROGRAM = """
from poet.runs.cache import use_cache
problem = use_cache()
import jax
from jax._src import monitoring
hits = []
monitoring.register_event_listener(lambda event, **more: hits.append(event) if event.endswith("/cache_hits") else None)
first = jax.jit(lambda x: x * 3 + 1)(2.0)
second = jax.jit(lambda x: x - 5)(first)
print(float(first), float(second), len(hits), problem, sep="|")
"""


def start(home: Path, **variables: str) -> tuple[int, str]:
    """Compile and run two programs in a process: how many came from the cache, and why there is no cache."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_", "XDG_"))}
    environment = {**plain, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), **variables}
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    first, second, hits, problem = done.stdout.strip("\n").split("|")
    assert (first, second) == ("7.0", "2.0")
    return int(hits), problem


def folder_of(home: Path) -> Path:
    (folder,) = (home / "cache" / "poet-evolution").iterdir()
    return folder


def entries_of(home: Path) -> list[Path]:
    return sorted(folder_of(home).glob(f"jit__lambda*{SUFFIX}"))


def flip(entries: list[Path], byte: int) -> None:
    data = bytearray(entries[0].read_bytes())
    data[byte] ^= 1
    entries[0].write_bytes(data)


def truncate(entries: list[Path]) -> None:
    entries[0].write_bytes(entries[0].read_bytes()[:-9])


def swap(entries: list[Path]) -> None:
    first, second = (entry.read_bytes() for entry in entries)
    entries[0].write_bytes(second)
    entries[1].write_bytes(first)


def replace(entries: list[Path], make: Callable[[Path], object]) -> None:
    entries[0].unlink()
    make(entries[0])


# What is done to the entries of two programs, and how many of the two are still good.
DAMAGES: dict[str, tuple[Callable[[list[Path]], object], int]] = {
    "nothing": (lambda entries: None, 2),
    "a flipped byte of the digest": (lambda entries: flip(entries, 3), 1),
    "a flipped byte of the program": (lambda entries: flip(entries, -400), 1),
    "a truncated entry": (truncate, 1),
    "an empty entry": (lambda entries: entries[0].write_bytes(b""), 1),
    "swapped entries": (swap, 0),
    "an entry of JAX itself": (lambda entries: shutil.copy(entries[0], str(entries[0]).replace(SUFFIX, "-cache")), 2),
    "foreign files": (lambda entries: (entries[0].parent / ".DS_Store").write_bytes(b"x"), 2),
    "a pipe": (lambda entries: replace(entries, os.mkfifo), 1),
    "a folder": (lambda entries: replace(entries, Path.mkdir), 1),
    "a loop of links": (lambda entries: replace(entries, lambda entry: entry.symlink_to(entry)), 1),
    "a folder that is read-only": (lambda entries: entries[0].parent.chmod(0o500), 2),
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A home with a cache that holds two programs, and a copy of it."""
    home = tmp_path_factory.mktemp("home")
    assert start(home) == (0, "")
    return home, shutil.copytree(home, home.with_name("copy"))


@pytest.fixture
def home(filled: tuple[Path, Path]) -> Iterator[Path]:
    """The same home, as it was; another one has other keys."""
    home, copy = filled
    shutil.rmtree(home)
    shutil.copytree(copy, home)
    yield home
    folder_of(home).chmod(0o700)


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_changes_nothing_but_time(home: Path, damage: str) -> None:
    entries = entries_of(home)
    assert len(entries) == 2
    change, good = DAMAGES[damage]
    change(entries)
    assert start(home) == (good, "")
    if damage not in ("a folder", "a folder that is read-only"):
        assert start(home) == (2, ""), "what was damaged is replaced"


@pytest.mark.ci
def test_the_folder_is_open_to_the_user_alone(home: Path) -> None:
    assert len(entries_of(home)) == 2
    assert {oct(folder.stat().st_mode & 0o777) for folder in (folder_of(home), folder_of(home).parent)} == {"0o700"}


def occupied(home: Path) -> None:
    (home / "cache").write_text("a file")


def open_to_others(home: Path) -> None:
    (home / "cache" / "poet-evolution").mkdir(parents=True)
    (home / "cache" / "poet-evolution").chmod(0o777)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "reason"),
    [(occupied, "Not a directory"), (open_to_others, "must belong to you alone")],
)
def test_without_a_folder_programs_are_compiled(tmp_path: Path, make: Callable[[Path], None], reason: str) -> None:
    make(tmp_path)
    for _ in range(2):
        hits, problem = start(tmp_path)
        assert (hits, reason in problem) == (0, True), problem


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("level", ["poet-evolution", "poet-evolution/KIND"])
def test_a_folder_of_another_user_is_refused(home: Path, level: str) -> None:
    os.chown(home / "cache" / level.replace("KIND", folder_of(home).name), 12345, 12345)
    hits, problem = start(home)
    assert hits == 0
    assert "must belong to you alone" in problem


@pytest.mark.slow
def test_the_place_of_the_cache(tmp_path: Path) -> None:
    start(tmp_path, XDG_CACHE_HOME="")
    start(tmp_path, XDG_CACHE_HOME="relative")
    place = "Library/Caches" if sys.platform == "darwin" else ".cache"
    assert list((tmp_path / place).iterdir()) == [tmp_path / place / "poet-evolution"]
    own = tmp_path / "own"
    assert start(tmp_path / "other", JAX_COMPILATION_CACHE_DIR=str(own))[1] == ""
    assert not (tmp_path / "other").exists(), "a session that chose a cache keeps it"


def test_a_cache_of_the_session_is_left_alone() -> None:
    import jax

    chosen = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
    assert chosen
    assert use_cache() == ""
    assert jax.config.jax_compilation_cache_dir == chosen  # pyright: ignore[reportAttributeAccessIssue]


def test_an_entry_is_found_by_its_own_key_alone(tmp_path: Path) -> None:
    cache = CheckedCache(tmp_path)
    assert cache.get("a") is None
    cache.put("a", b"program")
    assert cache.get("a") == b"program"
    os.rename(tmp_path / f"a{SUFFIX}", tmp_path / f"b{SUFFIX}")
    assert cache.get("b") is None
    assert list(tmp_path.iterdir()) == []
    cache.put("n" * 300, b"a name that is too long")
    assert cache.get("n" * 300) is None


def test_a_disk_that_is_full_is_not_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    CheckedCache(tmp_path).put("a", b"program")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_entries_that_nobody_uses_are_removed(home: Path) -> None:
    old, kept = entries_of(home)
    foreign = folder_of(home) / "notes.txt"
    foreign.write_text("mine")
    for file in (old, foreign):
        os.utime(file, (0, time.time() - MAX_AGE_S - 60))
    assert start(home) == (1, "")
    assert kept.exists()
    assert foreign.exists()
    assert old.stat().st_mtime > time.time() - MAX_AGE_S, "it was compiled again"
