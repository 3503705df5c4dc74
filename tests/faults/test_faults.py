"""After a kill, or a file operation that fails, at any moment: the same command resumes the run, and nothing is lost.

A kill leaves on disk what is there at that moment. So one run is enough for all kills: its folder is copied at each
moment that is tried, and each copy is resumed. `test_a_copy_is_what_a_kill_leaves` compares this with real kills. For
an operation that fails, the run is done again up to there.

The default tests try some moments of "map-elites-tiny", the slow ones every operation of it and of "tiny" the first
time, in the middle and the last time that it is done, also in a run that is resumed.
"""

import contextlib
import errno
import io
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.console import Console

import poet
from poet.errors import PoetError
from poet.runs import checkpoint, launch
from poet.runs.diff import diff_runs
from poet.runs.layout import CHECKPOINTS, JOURNAL, LOCK, MEDIA, is_run
from poet.runs.lock import is_alive
from poet.runs.progress import Reporter
from poet.runs.read import scan_journal
from poet.search.base import Search
from poet.search.config import RunConfig
from poet.view.style import write_file
from tests.faults.operations import Moment, watched
from tests.runs.toy import toy_run

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)
ALL = ("before", "middle", "after")
ROOT = Path(__file__).parents[2]


class Case(NamedTuple):
    """A run that is disturbed.

    Attributes:
      config, search: what runs; the search is compiled once.
      undisturbed: the folder of a run that was not disturbed.
      start: a folder to begin from; None for a new run.
      moments: of all operations, in order.
    """

    config: RunConfig
    search: Search
    undisturbed: Path
    start: Path | None
    moments: list[Moment]

    def prepare(self, folder: Path) -> None:
        if self.start is not None:
            shutil.copytree(self.start, folder)

    def run(self, folder: Path) -> None:
        """What the same command does each time."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(launch, "build_search", lambda *args, **options: self.search)
            poet.run(self.config, folder, media=draw, reporter=Reporter(Console(file=io.StringIO())))


def draw(folder: Path, moment: str) -> None:
    write_file(folder / MEDIA / f"{moment}.txt", moment.encode())


def new_case(preset: str, root: Path) -> Case:
    config = poet.presets.get(preset)
    search = poet.build_search(config)._replace(close=lambda: None)
    case = Case(config, search, root / "undisturbed", None, [])
    with watched(case.undisturbed, case.moments.append):
        case.run(case.undisturbed)
    return case


def resumed_case(case: Case, root: Path) -> Case:
    """The same, from where a kill just before its third checkpoint left it."""
    [[_, start]] = killed(case, [Moment("checkpoints/N.tmp", "rename", 2, "before")], root)
    resumed = case._replace(start=start, moments=[])
    resumed.prepare(root / "resumed")
    with watched(root / "resumed", resumed.moments.append):
        resumed.run(root / "resumed")
    return resumed


@pytest.fixture(scope="module")
def archive_case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return new_case("map-elites-tiny", tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def resumed_archive_case(archive_case: Case, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return resumed_case(archive_case, tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def niche_case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return new_case("tiny", tmp_path_factory.mktemp("niches"))


@pytest.fixture(scope="module")
def resumed_niche_case(niche_case: Case, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return resumed_case(niche_case, tmp_path_factory.mktemp("niches"))


def first_middle_last(moments: Sequence[Moment], when: Collection[str] = ALL) -> list[Moment]:
    """The moments of each operation the first time, in the middle and the last time that it is done."""
    last: dict[tuple[str, str], int] = {}
    for pattern, call, count, _ in moments:
        last[pattern, call] = max(last.get((pattern, call), 0), count)
    return [
        moment
        for moment in moments
        if moment.when in when
        and moment.count in (0, last[moment.pattern, moment.call] // 2, last[moment.pattern, moment.call])
    ]


def killed(case: Case, moments: Collection[Moment], root: Path) -> Iterator[tuple[Moment, Path]]:
    """What a kill leaves at each of these moments."""
    wanted, found = set(moments), []

    def visit(moment: Moment) -> None:
        if moment in wanted:
            found.append(moment)
            with contextlib.suppress(shutil.Error, FileNotFoundError):  # files of other threads come and go
                shutil.copytree(root / "copied", root / str(len(found)))

    case.prepare(root / "copied")
    with watched(root / "copied", visit):
        case.run(root / "copied")
    shutil.rmtree(root / "copied")
    # Orbax writes more or fewer files each time.
    assert {moment[:2] for moment in found} == {moment[:2] for moment in wanted}
    for number, moment in enumerate(found, start=1):
        yield moment, root / str(number)


def fail(case: Case, moment: Moment, code: int, folder: Path) -> str:
    """Do a run in which an operation fails; for want of space, later ones fail too. Returns its error, "" if none."""
    struck = []

    def visit(at: Moment) -> None:
        full = struck and code == errno.ENOSPC and at.when == "before" and at.call in ("open", "write", "mkdir", "save")
        if at == moment or full:
            struck.append(at)
            raise OSError(code, os.strerror(code))

    case.prepare(folder)
    try:
        with watched(folder, visit):
            case.run(folder)
    except PoetError as error:
        return str(error)
    return ""


def check(case: Case, folder: Path) -> None:
    """The same command resumes the run from where it was saved last, and it ends as if nothing had happened."""
    saved, before = newest_saved(folder), len(iterations_of("resume", folder))
    assert not is_alive(folder)
    case.run(folder)
    assert diff_runs(folder, case.undisturbed) == []
    assert files(folder) == files(case.undisturbed)
    assert (folder / LOCK).read_bytes() == b""
    assert all(
        iteration >= saved for iteration in iterations_of("resume", folder)[before:]
    )  # none where it was finished
    shutil.rmtree(folder)


def iterations_of(event: str, folder: Path) -> list[int]:
    """The iterations of an event of the process, in order."""
    rows = scan_journal(folder)[0] if is_run(folder) and (folder / JOURNAL).is_file() else []
    return [row["wall"]["iteration"] for row in rows if row.get("wall", {}).get("event") == event]


def newest_saved(folder: Path) -> int:
    """The newest checkpoint, which must be whole, and not older than one that the journal reports; 0 if none."""
    found, reported = checkpoint.steps(folder / CHECKPOINTS)[:1], iterations_of("checkpoint", folder)
    for step in found:
        checkpoint.notes(folder / CHECKPOINTS, step)
    assert max(found, default=0) >= max(reported, default=0)
    return max(found, default=0)


def files(folder: Path) -> set[str]:
    """All files of a run, but for pictures and what is within the states, where Orbax takes names at random."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    return {name for name in found if "/state/" not in name and not name.startswith(f"{MEDIA}/e")}


@pytest.mark.ci
def test_killed(archive_case: Case, tmp_path: Path) -> None:
    moments = first_middle_last(archive_case.moments)
    for _, folder in killed(archive_case, moments[:: len(moments) // 12], tmp_path):
        check(archive_case, folder)


@pytest.mark.ci
@pytest.mark.parametrize("code", ERRORS, ids=errno.errorcode.get)
def test_failed(archive_case: Case, tmp_path: Path, code: int) -> None:
    moments = first_middle_last(archive_case.moments, ["before"])
    for moment in moments[ERRORS.index(code) + 1 :: len(moments) // 3]:
        fail(archive_case, moment, code, tmp_path / "failed")
        check(archive_case, tmp_path / "failed")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["archive_case", "resumed_archive_case"])
def test_killed_at_every_operation(request: pytest.FixtureRequest, tmp_path: Path, name: str) -> None:
    case = request.getfixturevalue(name)
    for _, folder in killed(case, first_middle_last(case.moments), tmp_path):
        check(case, folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["archive_case", "resumed_archive_case"])
@pytest.mark.parametrize("code", ERRORS, ids=errno.errorcode.get)
def test_every_operation_failed(request: pytest.FixtureRequest, tmp_path: Path, name: str, code: int) -> None:
    case = request.getfixturevalue(name)
    for moment in first_middle_last(case.moments, ["before"]):
        fail(case, moment, code, tmp_path / "failed")
        check(case, tmp_path / "failed")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["niche_case", "resumed_niche_case"])
def test_tiny_killed_at_every_operation(request: pytest.FixtureRequest, tmp_path: Path, name: str) -> None:
    case = request.getfixturevalue(name)
    # One moment each time: a run takes ten seconds.
    for _, folder in killed(case, first_middle_last(case.moments)[::3], tmp_path):
        check(case, folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["niche_case", "resumed_niche_case"])
def test_tiny_with_every_operation_failed(request: pytest.FixtureRequest, tmp_path: Path, name: str) -> None:
    case = request.getfixturevalue(name)
    for number, moment in enumerate(first_middle_last(case.moments, ["before"])):
        fail(case, moment, ERRORS[number % 3], tmp_path / "failed")
        check(case, tmp_path / "failed")


KILL = """
import os, signal, sys
from pathlib import Path
from tests.faults.operations import Moment, watched
from tests.runs.toy import toy_run
folder, pattern, call, count, when = sys.argv[1:]
moment = Moment(pattern, call, int(count), when)
with watched(Path(folder), lambda at: at == moment and os.kill(os.getpid(), signal.SIGKILL)):
    toy_run(Path(folder))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment",
    [
        Moment(".run.json.*.draft", "write", 1, "middle"),
        Moment("journal.jsonl", "write", 2, "middle"),
        Moment("niches/.N.json.*.draft", "replace", 3, "after"),
        Moment("elites/N.tmp/*.npy", "fsync", 4, "before"),
        Moment("checkpoints/N.tmp/notes.json", "write", 1, "middle"),
        Moment("checkpoints/N.tmp", "rename", 0, "after"),
    ],
    ids=lambda moment: f"{moment.call} {moment.pattern}",
)
def test_a_copy_is_what_a_kill_leaves(tmp_path: Path, moment: Moment) -> None:
    def visit(at: Moment) -> None:
        if at == moment:
            shutil.copytree(tmp_path / "run", tmp_path / "copied")

    with watched(tmp_path / "run", visit):
        toy_run(tmp_path / "run")
    command = [sys.executable, "-c", KILL, str(tmp_path / "killed"), *map(str, moment)]
    process = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL)
    assert process.returncode == -signal.SIGKILL
    assert sizes(tmp_path / "killed") == sizes(tmp_path / "copied")


def sizes(folder: Path) -> dict[str, int]:
    """Files with their sizes, without what is named at random, and what depends on process and clock."""
    found = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    varying = ("run.json", "lock")
    plain = {name: size for name, size in found.items() if "/state" not in name and name not in varying}
    return {re.sub(r"[^.]+\.draft$", "draft", name): size for name, size in plain.items()}
