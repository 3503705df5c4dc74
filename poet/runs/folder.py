"""The layout of a run on disk, atomic writes, and the lock that admits one writer. Knows no jax.

runs/NAME/ run.json config.json journal.jsonl checkpoints/N/ niches/ID.npz|json elites/N/ media/ lock
"""

import contextlib
import datetime
import errno
import fcntl
import importlib.metadata
import json
import os
import platform
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

from poet.errors import RunError
from poet.nested import differences
from poet.runs.config import identity_changes
from poet.runs.parts import Told, check_given

FORMAT = 1  # raised when an older reader could not make sense of a run folder
RUN, CONFIG, JOURNAL, LOCK = "run.json", "config.json", "journal.jsonl", "lock"
CHECKPOINTS, NICHES, ELITES, MEDIA = "checkpoints", "niches", "elites", "media"
PACKAGES = ("poet-evolution", "jax", "jaxlib", "flax", "optax", "evosax", "numpy", "orbax-checkpoint")

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def is_run(path: Path) -> bool:
    """Whether a folder holds a run; the file is the last thing that creation writes."""
    return (path / RUN).is_file()


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the disk refuses into a `RunError` that says what to do."""
    try:
        yield
    except OSError as error:
        raise disk_error(path, error) from error


def disk_error(path: Path, error: OSError) -> RunError:
    """A `RunError` for what the disk refused."""
    if error.errno in _FULL:
        return RunError(
            f"no room left to write {path} ({error.strerror}). What was saved before is intact: "
            "make room, then give the same command again"
        )
    if error.errno in _FORBIDDEN:
        return RunError(f"cannot write {path} ({error.strerror}): change its permissions or choose another --root")
    return RunError(f"cannot write {path}: {error}")


def atomic_write(path: Path, data: bytes) -> None:
    """Write a file so that a reader, and a disk after a crash, have the old or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.tmp")
    with disk_errors(path):
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_json(path: Path, data: Any) -> None:
    """Write JSON atomically, indented for people."""
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
    """What run.json says. Raises `RunError` for a folder that is no run, or of another format version."""
    data = read_json(path / RUN)
    found = data.get("format") if isinstance(data, dict) else None
    if found != FORMAT:
        raise RunError(
            f"{path} is a run of format {found!r}, this code reads format {FORMAT}: "
            "use the version of poet-evolution that made it (run.json names it), or start another run"
        )
    return data


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Be the one writer of a run folder. Raises `RunError` that names the process which already is.

    The lock goes with its process, however that ends, so a dead one's is simply taken over.
    """
    with disk_errors(path / LOCK):
        handle = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _acquire(handle, path):
            raise RunError(
                f"{path} is being written by {lock_holder(path)}: stop that one first (Ctrl-C there, or kill), "
                "or choose another --name"
            )
        with disk_errors(path / LOCK):
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
        yield
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


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
    """Who wrote itself into the lock file, in words."""
    try:
        holder = json.loads((path / LOCK).read_bytes())
        return f"process {holder['pid']} on {holder['host']}"
    except (OSError, ValueError, TypeError, KeyError):
        return "another process"


def is_alive(path: Path) -> bool:
    """Whether some process is writing this run now."""
    try:
        handle = os.open(path / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(handle)


def session() -> dict[str, Any]:
    """What may decide bits and whom to ask: code, packages, machine, command."""
    return {
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": shlex.join(sys.argv),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "processor": processor(),
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def cpuinfo(field: str) -> str:
    """The first such line of /proc/cpuinfo, as "model name" or "flags"; empty where there is none."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), "")


def processor() -> str:
    """Name of the processor model."""
    return cpuinfo("model name") or platform.processor() or platform.machine()


def cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def claim(path: Path, config: dict[str, Any], parts: Told = MappingProxyType({})) -> Iterator[dict[str, Any]]:
    """Create a run folder or take over an existing one, and be its one writer until the block ends.

    Args:
      path: The run folder; it is made if absent.
      config: Every option, JSON-ready; it becomes config.json.
      parts: What is told of the parts that stand in for those that the config names (`parts.tell`).

    Yields what run.json says now. Raises `RunError` for a folder that is locked, foreign, unwritable or of another
    format, and for a run that was started with another identity.
    """
    made = not path.exists()
    with disk_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    with lock(path):
        own = {LOCK, CONFIG, RUN, f".{CONFIG}.tmp", f".{RUN}.tmp"}
        others = sorted({entry.name for entry in path.iterdir()} - own)
        began = is_run(path)
        if began:
            run = read_run(path)
            if others:  # else it never began, and other settings may follow
                _check_identity(path, run.get("parts", {}), config, parts)
            run["parts"] = dict(parts)
        else:
            if others:
                raise RunError(
                    f"{path} is not a run folder and not empty (it holds {', '.join(others[:3])}): "
                    "choose another --name or --root"
                )
            run = {"format": FORMAT, "name": path.name, "parts": dict(parts), "sessions": []}
        write_json(path / CONFIG, config)
        run["sessions"].append(session())
        write_json(path / RUN, run)
        try:
            yield run
        except BaseException:
            if not began and {entry.name for entry in path.iterdir()} <= own:  # refused: leave nothing behind
                for name in own:
                    (path / name).unlink(missing_ok=True)
                if made:
                    path.rmdir()
            raise


def _check_identity(path: Path, before: Told, config: dict[str, Any], parts: Told) -> None:
    check_given(path, before, parts)
    changes = differences(before, parts) + identity_changes(read_json(path / CONFIG), config)
    if changes:
        listed = "\n  ".join(changes)
        advice = (
            "Give those of its start, or another folder"
            if before or parts
            else f"Choose another --name, add --from {path} to it for a fork with these settings, "
            f"or go on with the run as it is: poet run {path}"
        )
        raise RunError(f"{path} was started with other settings:\n  {listed}\n{advice}")
