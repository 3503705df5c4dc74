"""The lock that admits one writer to a run folder. Knows no jax."""

import contextlib
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from poet.errors import RunError
from poet.files import open_regular, read_bytes
from poet.runs.layout import LOCK, disk_errors


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Be the one writer of a run folder. Raises `RunError` that names the process which already is.

    The system releases the lock when its process ends, however it ends, so there is no stale lock.
    """
    with disk_errors(path / LOCK):
        handle = open_regular(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)
    try:
        if not _acquire(handle, path):
            raise RunError(
                f"{path} is being written by {lock_holder(path)}: stop that process first (Ctrl-C there, or kill), "
                "or choose another --name"
            )
        _require_ours(os.pread(handle, 4096, 0), path)
        with disk_errors(path / LOCK):
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # what it says has no meaning once it is released
                os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _require_ours(content: bytes, path: Path) -> None:
    """Raise `RunError` if this is not what a lock holds: nothing, or the process that had it."""
    try:
        ours = not content.strip() or "pid" in json.loads(content)
    except (ValueError, TypeError):
        ours = False
    if not ours:
        raise RunError(f"{path / LOCK} is not the lock of a run: move it away, or choose another --name or --root")


def _acquire(handle: int, path: Path) -> bool:
    for _ in range(5):  # a reader that asks whether the run is alive holds the lock for an instant
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.05)
        except OSError as error:
            raise RunError(f"the file system of {path} has no locks ({error}): choose another --root") from error
    return False


def lock_holder(path: Path) -> str:
    """The process that the lock file names, in words."""
    try:
        holder = json.loads(read_bytes(path / LOCK))
        return f"process {holder['pid']} on {holder['host']}"
    except (OSError, ValueError, TypeError, KeyError):
        return "another process"


def is_alive(path: Path) -> bool:
    """Whether a process is writing this run now."""
    try:
        handle = open_regular(path / LOCK)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks: no run is written there
        return False
    finally:
        os.close(handle)
