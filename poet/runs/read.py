"""Read a run folder while it is written or years later: needs no jax, no Orbax, no training code."""

import functools
import json
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from poet.checked import NATURAL, Form
from poet.checked_arrays import map_npy, parse_dtype, unpack_npz
from poet.checksum import digest, load_checksummed
from poet.errors import RunError
from poet.files import checked_path, read_bytes
from poet.runs.journal import decode
from poet.runs.layout import CONFIG, DIGESTS, ELITES, JOURNAL, NICHES, numbered_entries, read_json
from poet.runs.snapshots import ARCHIVE, ARCHIVE_FORM, column_file
from poet.search.base import Record as Record

Row = dict[str, Any]
T = TypeVar("T")

READS = 3  # of a record that does not fit together: it may have been replaced between the reads of its files
CONFIG_FORM = {"id": str, "iterations": NATURAL, "max_env_steps?": (NATURAL, None), "sinks?": [{"id": str}]}
RESTORE = ": restore it from a backup, or look at another snapshot"


def read_journal(path: Path | str) -> list[Row]:
    """Rows of a run's journal in order. An incomplete last line, which a kill leaves, is skipped.

    A line that cannot be read is left out, with a warning. Raises `RunError` for a run without journal.
    """
    rows, damaged = scan_journal(path)
    if damaged:
        warnings.warn(describe_damage(path, damaged), stacklevel=2)
    return rows


def read_history(path: Path | str, iteration: int) -> list[Row]:
    """The rows of a journal before an iteration, without those about the process."""
    return [row for row in scan_journal(path)[0] if row.get("iteration", iteration) < iteration]


def scan_journal(path: Path | str, forms: Mapping[str, Form] = MappingProxyType({})) -> tuple[list[Row], list[int]]:
    """The rows of a journal, and the numbers of the lines before the last that cannot be read.

    `forms` are those of the rows of some events (`poet.checked`): rows of another form cannot be read.
    """
    file = checked_path(path) / JOURNAL
    try:
        lines = read_bytes(file).splitlines(keepends=True)
    except OSError as error:
        raise RunError(f"{file} cannot be read: {error.strerror}") from error
    rows, damaged = [], []
    for number, line in enumerate(lines, start=1):
        row = decode(line, forms)
        if row is not None:
            rows.append(row)
        elif number < len(lines) or line.endswith(b"\n"):
            damaged.append(number)
    return rows, damaged


def describe_damage(path: Path | str, lines: list[int]) -> str:
    """Which lines of a journal cannot be read, in words."""
    shown = ", ".join(map(str, lines[:5])) + (", ..." if len(lines) > 5 else "")
    return f"{Path(path) / JOURNAL}: line {shown} cannot be read and is left out"


def read_config(path: Path | str) -> dict[str, Any]:
    """The options of a run, as `RunConfig.to_dict` wrote them. Raises `RunError` for anything else."""
    return read_json(Path(path) / CONFIG, CONFIG_FORM)


def digest_of(options: Any) -> str:
    """The digest of JSON values, however they are laid out in a file."""
    return digest(json.dumps(options, sort_keys=True).encode())


def describe_edit(path: Path | str, options: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    """That no session of a run wrote these options, in words; empty if one did.

    `options` is what config.json holds, and `run` what run.json holds, read after it: a start of the run writes the
    digest first.
    """
    written = digest_of(options) in run["config_digests"]
    return "" if written else f"{Path(path) / CONFIG} was edited or replaced after the run was started"


def list_artifacts(path: Path | str, folder: str) -> list[int]:
    """Numbers of the records in a folder of a run, in order."""
    place = Path(path) / folder
    return [number for number in numbered_entries(place, ".json") if (place / f"{number}.npz").is_file()]


def read_artifact(path: Path | str, folder: str, number: int) -> Record:
    """A record that a search keeps in a folder of its run; the folder is a plural, as in "niches".

    Raises `RunError` where there is no such record, or its files are damaged.
    """
    numbers = functools.partial(list_artifacts, path, folder)
    record = read_listed(number, numbers, functools.partial(_read_record, Path(path) / folder))
    if record is None:
        known = ", ".join(map(str, numbers()))
        raise RunError(f"{path} has no {folder[:-1]} {number}: it has {known or 'none yet'}")
    return record


def _read_record(folder: Path, number: int) -> Record:
    file, described_in = folder / f"{number}.npz", folder / f"{number}.json"
    while True:
        try:
            described = read_bytes(described_in)
            meta = read_json(described_in, {f"{DIGESTS}?": [str]})
            data = read_bytes(file)
            if digest(data) in meta.pop(DIGESTS, ()):
                return Record(meta, unpack_npz(data))
            replaced = read_bytes(described_in) != described  # in the meantime
        except (OSError, ValueError) as error:
            raise RunError(f"{file} cannot be read: {error}") from error
        if not replaced:
            raise RunError(f"{file} is not what {number}.json belongs to: it was damaged or replaced{RESTORE}")


def read_listed(number: int, numbers: Callable[[], Collection[int]], read: Callable[[int], T]) -> T | None:
    """What `read` gives for a number, of something that a running search may remove or replace; None if it is gone.

    An error counts if the number is still listed afterwards, and at each of some attempts.
    """
    for attempt in range(READS):
        if number not in numbers():
            return None
        try:
            return read(number)
        except (RunError, ValueError):
            if attempt == READS - 1 and number in numbers():
                raise
    return None


def list_niches(path: Path | str) -> list[int]:
    """Ids of all niches on file, in order of admission."""
    return list_artifacts(path, NICHES)


def read_niche(path: Path | str, niche: int) -> Record:
    """The record of a niche: `arrays` are its agents' flat weights f32[G] ("admission", "best", "current", ...)."""
    return read_artifact(path, NICHES, niche)


def list_snapshots(path: Path | str, folder: str) -> list[int]:
    """Iterations that have a snapshot in a folder of a run, in order."""
    place = Path(path) / folder
    return [number for number in numbered_entries(place) if (place / str(number) / ARCHIVE).exists()]


def read_snapshot(path: Path | str, folder: str, iteration: int) -> Record:
    """A snapshot of a run, with columns that are mapped into memory.

    A column is read, and compared with its digest, when it is first used. Raises `RunError` where files are damaged;
    for the values of a column, when it is first used.
    """
    place = Path(path) / folder / str(iteration)
    try:
        header = load_checksummed(read_bytes(place / ARCHIVE), ARCHIVE_FORM)
    except OSError as error:
        raise RunError(f"{place / ARCHIVE} cannot be read: {error.strerror}{RESTORE}") from error
    except ValueError as error:
        raise RunError(f"{place / ARCHIVE} {error}{RESTORE}") from error
    return Record(header["meta"], _Columns(place, header["columns"]))


def list_elites(path: Path | str) -> list[int]:
    """Iterations that have a snapshot of the archive, in order."""
    return list_snapshots(path, ELITES)


def read_elites(path: Path | str, iteration: int | None = None) -> Record:
    """The archive of a run as it was after so many iterations, by default its newest snapshot.

    `arrays` are columns over the M elites; see `read_snapshot`. Raises `RunError` where there is no such snapshot.
    """
    if iteration is None:
        return read_newest_elites(path)[1]
    numbers = functools.partial(list_elites, path)
    record = read_listed(iteration, numbers, functools.partial(read_snapshot, path, ELITES))
    if record is None:
        known = ", ".join(map(str, numbers()))
        raise RunError(
            f"{path} has no snapshot of iteration {iteration}: it has {known}" if known else _no_snapshot(path)
        )
    return record


def read_newest_elites(path: Path | str) -> tuple[int, Record]:
    """The newest snapshot of the archive and its iteration; see `read_elites`."""
    numbers = functools.partial(list_elites, path)
    while known := numbers():
        record = read_listed(known[-1], numbers, functools.partial(read_snapshot, path, ELITES))
        if record is not None:
            return known[-1], record
    raise RunError(_no_snapshot(path))


def _no_snapshot(path: Path | str) -> str:
    return f"{path} has no snapshot of an archive yet: the first comes with the first checkpoint"


class NoColumn(RunError, KeyError):
    """A snapshot lacks a column."""

    __str__ = Exception.__str__  # that of KeyError quotes the text


class _Columns(Mapping[str, np.ndarray]):
    """Columns by name, each compared with its digest when it is first used.

    All are mapped at once, since the run that is being read may remove their files.
    """

    def __init__(self, folder: Path, headers: dict[str, dict[str, Any]]) -> None:
        self._folder = folder
        self._files = {name: folder / column_file(name) for name in headers}
        self._digests = {name: each["digest"] for name, each in headers.items()}
        try:
            self._columns = {name: _column(self._files[name], each) for name, each in headers.items()}
        except (OSError, ValueError) as error:
            raise RunError(f"{folder} cannot be read: {error}{RESTORE}") from error

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._columns:
            raise NoColumn(f"{self._folder} has no column {name!r}: it has {', '.join(self._columns)}")
        column = self._columns[name]
        if name in self._digests:
            if digest(column) != self._digests[name]:
                raise RunError(f"{self._files[name]} is not what was written{RESTORE}")
            del self._digests[name]
        return column

    def __contains__(self, name: object) -> bool:
        return name in self._columns  # without reading it

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


def _column(file: Path, header: dict[str, Any]) -> np.ndarray:
    shape, dtype = tuple(header["shape"]), parse_dtype(header["dtype"])
    if 0 in shape:  # there is nothing to map
        return np.zeros(shape, dtype)
    if not file.is_file():
        raise FileNotFoundError(f"{file.name} is missing, or not a regular file")
    column = map_npy(file)
    if column.shape != shape or column.dtype != dtype:
        raise ValueError(f"{file.name} holds {column.dtype}{list(column.shape)}, expected {dtype}{list(shape)}")
    return column


def list_runs(root: Path | str) -> list[Path]:
    """Run folders directly below `root`, by name."""
    return sorted(entry.parent for entry in Path(root).glob("*/run.json"))
