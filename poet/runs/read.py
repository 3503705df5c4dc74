"""Read a run folder while it is written or long after: no jax, no Orbax, no training code."""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from poet.errors import RunError
from poet.runs.elites import ARCHIVE, column_file
from poet.runs.folder import CONFIG, ELITES, JOURNAL, NICHES, is_alive, read_json, read_run
from poet.runs.journal import decode
from poet.seal import digest, unseal
from poet.search.base import Snapshot

Row = dict[str, Any]

RESTORE = ": restore it from a backup, or look at another snapshot"


def read_journal(path: Path | str) -> list[Row]:
    """Rows of a run's journal in order. A torn last line, which a kill leaves, is skipped.

    Raises `RunError` for a run without journal, or a torn line before the last.
    """
    file = Path(path) / JOURNAL
    try:
        lines = file.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise RunError(f"{file} cannot be read: {error.strerror}") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        row = decode(line)
        if row is not None:
            rows.append(row)
        elif number < len(lines):
            raise RunError(f"{file}, line {number} is not a JSON object: it was edited, or the disk is damaged")
    return rows


def read_config(path: Path | str) -> dict[str, Any]:
    """The options of a run, as `Config.to_dict` wrote them."""
    return read_json(Path(path) / CONFIG)


def list_niches(path: Path | str) -> list[int]:
    """Ids of all niches on file, in order of birth."""
    return sorted(int(file.stem) for file in (Path(path) / NICHES).glob("*.json") if file.stem.isdigit())


def read_niche(path: Path | str, niche: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What is known of a niche, and its agents' flat weights f32[G] by occasion ("admission", "best", ...)."""
    known = list_niches(path)
    if niche not in known:
        raise RunError(f"{path} has no niche {niche}: it has {', '.join(map(str, known)) or 'none yet'}")
    folder = Path(path) / NICHES
    try:
        with np.load(folder / f"{niche}.npz", allow_pickle=False) as agents:
            return read_json(folder / f"{niche}.json"), {name: agents[name] for name in agents.files}
    except (OSError, ValueError) as error:
        raise RunError(f"{folder / f'{niche}.npz'} cannot be read: {error}") from error


def list_elites(path: Path | str) -> list[int]:
    """Iterations of which there is a snapshot of the archive, in order."""
    found = (file.parent.name for file in (Path(path) / ELITES).glob(f"*/{ARCHIVE}"))
    return sorted(int(name) for name in found if name.isdigit())


def read_elites(path: Path | str, iteration: int | None = None) -> Snapshot:
    """The archive of a run as it was after so many iterations, by default its newest snapshot.

    Columns are mapped into memory: what is not looked at is not read, and what is read is held against its digest
    the first time. Raises `RunError` where there is no such snapshot, or its files are damaged; of what a column
    holds, when that is looked at.
    """
    known = list_elites(path)
    if not known:
        raise RunError(f"{path} has no snapshot of an archive yet: the first comes with the first checkpoint")
    iteration = known[-1] if iteration is None else iteration
    if iteration not in known:
        raise RunError(f"{path} has no snapshot of iteration {iteration}: it has {', '.join(map(str, known))}")
    folder = Path(path) / ELITES / str(iteration)
    try:
        about = unseal((folder / ARCHIVE).read_bytes())
    except (OSError, ValueError) as error:
        raise RunError(f"{folder / ARCHIVE} {error}{RESTORE}") from error
    return Snapshot(about["meta"], _Columns(folder, about["columns"]))


class _Columns(Mapping[str, np.ndarray]):
    """Columns by name, each held against its digest when it is first looked at.

    All are mapped at once: the run that is being read may remove their files.
    """

    def __init__(self, folder: Path, about: dict[str, dict[str, Any]]) -> None:
        self._files = {name: folder / column_file(name) for name in about}
        self._digests = {name: each["digest"] for name, each in about.items()}
        try:
            self._columns = {name: _column(self._files[name], each) for name, each in about.items()}
        except (OSError, ValueError) as error:
            raise RunError(f"{folder} cannot be read: {error}{RESTORE}") from error

    def __getitem__(self, name: str) -> np.ndarray:
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


def _column(file: Path, about: dict[str, Any]) -> np.ndarray:
    shape, dtype = tuple(about["shape"]), np.dtype(about["dtype"])
    if 0 in shape:  # there is nothing to map
        return np.zeros(shape, dtype)
    column = np.load(file, mmap_mode="r", allow_pickle=False)
    if column.shape != shape or column.dtype != dtype:
        raise ValueError(f"{file.name} holds {column.dtype}{list(column.shape)}, expected {dtype}{list(shape)}")
    return column


def standing(row: Row) -> tuple[str, ...]:
    """What a journal row of an iteration tells of how good things are, in words; each search reports its own."""
    told = []
    if row.get("active") is not None:
        told.append(f"{row['active']} niche" + ("s" if row["active"] != 1 else ""))
    if row.get("coverage") is not None:
        told.append(f"coverage {row['coverage']:.1%}")
    if row.get("qd_score") is not None:
        told.append(f"QD score {quantity(row['qd_score'])}")
    if row.get("pupil_best") is not None:
        told.append(f"best pupil {row['pupil_best']:.4g} of {row['solved']:.4g}")
    best = row.get("best")
    best = [value for value in (best if isinstance(best, list) else [best]) if value is not None and value == value]
    return (*told, f"best {max(best):.4g}") if best else tuple(told)


def quantity(number: float) -> str:
    """A count in three digits: 950, 12.3 k, 4.56 M."""
    for size, unit in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(number) >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.3g}"


class Status(NamedTuple):
    """How far a run is. Speeds and times are None until two iterations tell."""

    name: str
    iteration: int
    iterations: int
    env_steps: int
    standing: tuple[str, ...]  # what the last iteration reached, in words
    steps_per_s: float | None
    left_s: float | None
    alive: bool

    @property
    def state(self) -> str:
        """In a word: whether somebody is writing it, or it has come to its end."""
        return "running" if self.alive else "finished" if self.iteration >= self.iterations else "stopped"


def read_status(path: Path | str, rows: list[Row] | None = None) -> Status:
    """How far a run is, how fast, and how long to go, by the clock of its last iterations."""
    path = Path(path)
    run, config = read_run(path), read_config(path)
    if rows is None:
        rows = read_journal(path) if (path / JOURNAL).exists() else []
    ticks = [row for row in rows if row.get("event") == "iteration"]
    last = ticks[-1] if ticks else {}
    seconds, steps, counted = 0.0, 0, 0
    for before, row in list(itertools.pairwise(ticks))[-10:]:
        seconds += row.get("wall", {}).get("seconds", 0.0)
        steps += row.get("env_steps", 0) - before.get("env_steps", 0)
        counted += 1
    iteration = last.get("iteration", -1) + 1
    iterations = max(config["iterations"], iteration)  # a budget may have been lowered since
    return Status(
        name=run["name"],
        iteration=iteration,
        iterations=iterations,
        env_steps=last.get("env_steps", 0),
        standing=standing(last),
        steps_per_s=steps / seconds if seconds else None,
        left_s=(iterations - iteration) * seconds / counted if counted else None,
        alive=is_alive(path),
    )


def list_runs(root: Path | str) -> list[Path]:
    """Run folders directly below `root`, by name."""
    return sorted(entry.parent for entry in Path(root).glob("*/run.json"))
