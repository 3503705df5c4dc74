"""Files that other programs and people may have prepared: only regular ones are read, and none is written through.

All functions raise `OSError`.
"""

import errno
import os
import stat
import tempfile
from pathlib import Path

DRAFT = ".draft"  # the end of the names of files that are being written


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
            os.fchmod(handle, 0o644)
            file.write(data)
            file.flush()
            if durable:
                os.fsync(handle)
        os.replace(name, path)
        if durable:
            sync_folder(path.parent)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def sync_folder(path: Path) -> None:
    """Return when new and renamed entries of a folder are on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
