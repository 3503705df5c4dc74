"""Files that other programs and people may have prepared: only regular ones are read, and none is written through.

All functions raise `OSError`, unless they say otherwise.
"""

import contextlib
import errno
import fcntl
import os
import re
import stat
import tempfile
from pathlib import Path
from typing import Any

from poet.errors import ConfigError

DRAFT = ".draft"  # the end of the names of files that are being written


def checked_path(path: Any, name: str = "path") -> Path:
    """The path that a user gave, as text or a `Path`, with ~ expanded. Raises `ConfigError` for anything else."""
    given = os.fspath(path) if isinstance(path, str | os.PathLike) else path
    if not isinstance(given, str) or "\0" in given:
        raise ConfigError(f"{name} expects the name of a file or folder, as text or a Path, got {path!r:.80}")
    try:
        return Path(given).expanduser()
    except RuntimeError:
        raise ConfigError(f"{name} {given!r:.80} is in the home of a user who is not known here") from None


def open_regular(path: str | os.PathLike[str], flags: int = os.O_RDONLY) -> int:
    """A handle of a regular file. Anything else is refused: a pipe, for example, would be waited for without end."""
    handle = os.open(path, flags | os.O_NONBLOCK, 0o644)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return handle


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The content of a regular file."""
    with open(open_regular(path), "rb") as file:
        return file.read()


def replace_file(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file so that a reader has the old or the new one, never a part.

    If `durable`, the same holds for a disk after a crash, and the new file is on disk when this returns. A link at this
    path is replaced, not followed.
    """
    # The name is random and the file must be new, so that it is not a link that someone prepared.
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=DRAFT, dir=path.parent)
    try:
        with open(handle, "wb") as file:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_EX)  # tells `remove_drafts` that it is in use
            os.fchmod(handle, 0o644)
            file.write(data)
            file.flush()
            if durable:
                os.fsync(handle)
        os.replace(name, path)
        if durable:
            sync(path.parent)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def remove_drafts(folder: Path) -> None:
    """Remove the drafts of files that a kill left below a folder; not those that another process is writing.

    What cannot be removed is left.
    """
    for place, _, names in os.walk(folder):
        for name in names:
            if is_draft(name):
                with contextlib.suppress(OSError):
                    _remove_unlocked(Path(place) / name)


def is_draft(name: str, of: str = "") -> bool:
    """Whether this is the name of a draft that `replace_file` makes, of any file or of one of this name."""
    return bool(re.fullmatch(rf"\.{re.escape(of) or '.+'}\.[a-z0-9_]+{re.escape(DRAFT)}", name))


def _remove_unlocked(path: Path) -> None:
    handle = open_regular(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(handle)


def sync(path: Path) -> None:
    """Return when a file, or what was added and renamed in a folder, is on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
