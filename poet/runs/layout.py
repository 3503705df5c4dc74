"""The files of a run, and how they are written and read. Knows no jax.

runs/NAME/ run.json config.json journal.jsonl checkpoints/N/ niches/ID.npz|json elites/N/ media/ lock
"""

import contextlib
import errno
import fcntl
import itertools
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from poet.errors import RunError

FORMAT = 2  # raised when an older reader could not make sense of a run folder
RUN, CONFIG, JOURNAL, LOCK = "run.json", "config.json", "journal.jsonl", "lock"
CHECKPOINTS, NICHES, ELITES, MEDIA = "checkpoints", "niches", "elites", "media"
DRAFT = ".draft"  # the end of the names of files that are being written
INCOMPLETE = ".tmp"  # the end of the names of folders that are being written or removed

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def is_run(path: Path) -> bool:
    """Whether a folder holds a run; run.json is the last file that the creation of a run writes."""
    return (path / RUN).is_file()


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn errors of the file system into a `RunError` that says what to do."""
    try:
        yield
    except OSError as error:
        raise disk_error(path, error) from error


def disk_error(path: Path, error: OSError) -> RunError:
    """A `RunError` for an error of the file system."""
    if error.errno in _FULL:
        return RunError(
            f"no space left to write {path} ({error.strerror}). What was saved before is intact: "
            "free some space, then give the same command again"
        )
    if error.errno in _FORBIDDEN:
        return RunError(f"cannot write {path} ({error.strerror}): change its permissions or choose another folder")
    return RunError(f"cannot write {path}: {error}")


def atomic_write(path: Path, data: bytes) -> None:
    """Write a file so that a reader, and a disk after a crash, have the old or the new one, never a part."""
    with disk_errors(path):
        refuse_links(path.parent)
        # The name is random and the file must be new, so that it is not a link that someone prepared.
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=DRAFT, dir=path.parent)
        try:
            with open(handle, "wb") as file:
                with contextlib.suppress(OSError):  # a file system without locks
                    fcntl.flock(handle, fcntl.LOCK_EX)  # tells `remove_drafts` that it is in use
                os.fchmod(handle, 0o644)
                file.write(data)
                file.flush()
                os.fsync(handle)
            os.replace(name, path)
            sync_folder(path.parent)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def remove_drafts(folder: Path) -> None:
    """Remove the drafts of files that a kill left below a folder; not those that another process is writing."""
    for place, _, names in os.walk(folder):
        for name in names:
            if is_draft(name):
                with contextlib.suppress(OSError):
                    _remove_unlocked(Path(place) / name)


def is_draft(name: str, of: str = "") -> bool:
    """Whether this is the name of a draft that `atomic_write` makes, of any file or of one of this name."""
    return bool(re.fullmatch(rf"\.{re.escape(of) or '.+'}\.[a-z0-9_]{{8}}{re.escape(DRAFT)}", name))


def _remove_unlocked(path: Path) -> None:
    handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(handle)


def remove_folder(path: Path) -> None:
    """Remove a folder of a run, as far as that is possible, so that no reader and no kill sees a part of it.

    A kill leaves it, or an incomplete one.
    """
    going = path.with_name(path.name + INCOMPLETE)
    shutil.rmtree(going, ignore_errors=True)
    with contextlib.suppress(OSError):
        os.rename(path, going)
        shutil.rmtree(going, ignore_errors=True)


def remove_incomplete(folder: Path) -> None:
    """Remove the numbered folders in a folder that a kill left half written or half removed."""
    for entry in folder.glob(f"*{INCOMPLETE}"):
        if as_number(entry.stem) is not None and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)


def numbered_entries(folder: Path) -> list[int]:
    """Numbers that are names in a folder, in order; none where there is no folder."""
    with disk_errors(folder):
        names = os.listdir(folder) if folder.is_dir() else []
    return sorted(number for name in names if (number := as_number(name)) is not None)


def as_number(name: str) -> int | None:
    """The number that a name consists of, as we write it; None for any other name, as those of other programs."""
    return int(name) if re.fullmatch("0|[1-9][0-9]*", name) else None


def refuse_links(*paths: Path) -> None:
    """Raise `RunError` where a folder that would be written or deleted in is a link: it leads out of the run."""
    for path in paths:
        if path.is_symlink():
            raise RunError(f"{path} is a link, and nothing is written or deleted through links: put a folder there")


def unused_name(path: Path) -> Path:
    """The path itself, or with "-2", "-3", ... the first one at which there is nothing yet."""
    names = itertools.chain([path], (path.with_name(f"{path.name}-{number}") for number in itertools.count(2)))
    return next(each for each in names if not os.path.lexists(each))


def sync_folder(path: Path) -> None:
    """Return when new and renamed entries of a folder are on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, data: Any) -> None:
    """Write JSON atomically, indented for readers."""
    atomic_write(path, (json.dumps(data, indent=2) + "\n").encode())


def read_json(path: Path) -> Any:
    """Parse a JSON file of a run. Raises `RunError` where it is missing or broken."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RunError(f"{path.parent} is not a run folder: it has no {path.name}") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error


def read_run(path: Path) -> dict[str, Any]:
    """The contents of run.json. Raises `RunError` for a folder that is no run, or of another format version."""
    data = read_json(path / RUN)
    found = data.get("format") if isinstance(data, dict) else None
    if found != FORMAT:
        raise RunError(
            f"{path} is a run of format {found!r}, this code reads format {FORMAT}: "
            "use the version of poet-evolution that made it (run.json names it), or start another run"
        )
    return data
