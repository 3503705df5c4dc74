"""The files of a run, and how they are written and read. Knows no jax.

runs/NAME/ run.json config.json journal.jsonl checkpoints/N/ niches/ID.npz|json elites/N/ sinks/ID/ media/ lock
"""

import contextlib
import errno
import itertools
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from poet.errors import RunError

FORMAT = 3  # raised when an older reader could not make sense of a run folder
RUN, CONFIG, JOURNAL, LOCK = "run.json", "config.json", "journal.jsonl", "lock"
CHECKPOINTS, NICHES, ELITES, MEDIA, SINKS = "checkpoints", "niches", "elites", "media", "sinks"
DIGESTS = "npz_digests"  # in the JSON of a record: of the arrays that may lie beside it
DRAFT = ".draft"  # the end of the names of files that are being written

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
                os.fchmod(handle, 0o644)
                file.write(data)
                file.flush()
                os.fsync(handle)
            os.replace(name, path)
            sync_folder(path.parent)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


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
