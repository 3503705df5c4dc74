"""The files of a run, and how they are written and read. Knows no jax.

runs/NAME/ run.json config.json journal.jsonl checkpoints/N/ niches/ID.npz|json elites/N/ sinks/ID/ media/ lock
"""

import contextlib
import errno
import itertools
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from poet.checked import Form, check, parse_json
from poet.errors import RunError
from poet.files import read_bytes, replace_file

ROOT = Path("runs")  # where runs are that are given by their names
FORMAT = 3  # raised when an older reader could not make sense of a run folder
RUN, CONFIG, JOURNAL, LOCK = "run.json", "config.json", "journal.jsonl", "lock"
CHECKPOINTS, NICHES, ELITES, MEDIA, SINKS = "checkpoints", "niches", "elites", "media", "sinks"
DIGESTS = "npz_digests"  # in the JSON of a record: of the arrays that may lie beside it
INCOMPLETE = ".tmp"  # the end of the names of folders that are being written or removed
RUN_FORM = {
    "search": str,
    "view": str,
    "headline": [str],
    "artifacts?": list,
    "snapshots?": list,
    "plugins": {str: {"id": str, "package": (str, None), "version": (str, None)}},
    "renamed": {str: str},
    "overrides": {str: {}},
    "identity": {},
    "config_digests": [str],
    "sessions": [
        {
            "commit": (str, None),
            "packages": {str: (str, None)},
            "devices?": {"kind": str},
            "settings?": {},
        }
    ],
    "repairs?": list,
    "forked_from?": str,
}

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
        replace_file(path, data)


def remove_incomplete(folder: Path) -> None:
    """Remove the numbered folders in a folder that a kill left half written or half removed."""
    refuse_links(folder)
    for entry in folder.glob(f"*{INCOMPLETE}"):
        if as_number(entry.stem) is not None and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)


def numbered_entries(folder: Path, suffix: str = "") -> list[int]:
    """Numbers that are names in a folder, in order, of names with this end; none where there is no folder."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise RunError(f"{folder} cannot be read: {error.strerror}") from error
    stems = (name.removesuffix(suffix) for name in names if name.endswith(suffix))
    return sorted(number for stem in stems if (number := as_number(stem)) is not None)


def as_number(name: str) -> int | None:
    """The number that a name consists of, as we write it; None for any other name, as those of other programs."""
    return int(name) if re.fullmatch("0|[1-9][0-9]*", name) else None


def refuse_links(*paths: Path) -> None:
    """Raise `RunError` where a folder that would be written or deleted in is a link: it leads out of the run."""
    for path in paths:
        if path.is_symlink():
            raise RunError(f"{path} is a link, and nothing is written or deleted through links: put a folder there")


def refuse_links_in_run(path: Path) -> None:
    """Raise `RunError` if a file would be written through a link below the folder of the run that holds it.

    Outside of runs links are the user's own.
    """
    links = []
    for folder in Path(os.path.abspath(path)).parents:
        if folder.is_symlink():  # also one to another run: what is written through it is not of this run
            links.append(folder)
        elif is_run(folder):
            refuse_links(*links)
            return


def unused_name(path: Path) -> Path:
    """The path itself, or with "-2", "-3", ... the first one at which there is nothing yet."""
    names = itertools.chain([path], (path.with_name(f"{path.name}-{number}") for number in itertools.count(2)))
    return next(each for each in names if not os.path.lexists(each))


def write_json(path: Path, data: Any) -> None:
    """Write JSON atomically, indented for readers."""
    atomic_write(path, (json.dumps(data, indent=2) + "\n").encode())


def read_json(path: Path, form: Form) -> Any:
    """Parse a JSON file of a run. Raises `RunError` where it is missing, broken or of another form (`poet.checked`)."""
    try:
        value = parse_json(read_bytes(path))
        check(value, form)
    except FileNotFoundError:
        raise RunError(f"{path.parent} is not a run folder: it has no {path.name}") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    return value


def read_run(path: Path) -> dict[str, Any]:
    """The contents of run.json.

    Raises `RunError` for a folder that is no run, or of another format version, or that names folders outside of it.
    """
    data = read_json(path / RUN, {"format?": object})
    found = data.get("format")
    if found != FORMAT:
        raise RunError(
            f"{path} is a run of format {found!r}, this code reads format {FORMAT}: "
            "use the version of poet-evolution that made it (run.json names it), or start another run"
        )
    try:
        check(data, RUN_FORM)
    except ValueError as error:
        raise RunError(f"{path / RUN} cannot be read: {error}") from error
    data = {"artifacts": [], "snapshots": [], **data}
    for kind in ("artifacts", "snapshots"):
        for name in data[kind]:
            if not isinstance(name, str) or Path(name).name != name or name in ("", "..") or not name.isprintable():
                raise RunError(f"{path / RUN} expects names of folders of the run as {kind}, got {name!r:.80}")
    return data
