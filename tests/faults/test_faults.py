"""After a kill, or a file operation that fails, at any moment: the same command resumes the run, nothing is lost.

A kill leaves on disk what is there at that moment, so one run is enough for all kills: its folder is copied at each
moment that is tried, and each copy is resumed. (`test_a_copy_is_what_a_kill_leaves` checks this with real kills.) For an
operation that fails, the run itself is done again up to there.
"""

import contextlib
import errno
import io
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.console import Console

import poet
from poet.errors import PoetError
from poet.runs import checkpoint, launch
from poet.runs.diff import diff_runs
from poet.runs.layout import CHECKPOINTS, JOURNAL, LOCK, is_run
from poet.runs.lock import is_alive
from poet.runs.progress import Reporter
from poet.runs.read import read_journal
from poet.search.base import Search
from poet.search.config import RunConfig
from tests.faults.operations import Moment, watched

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)


class Job(NamedTuple):
    """A run, with a search that is compiled once."""

    config: RunConfig
    search: Search

    def run(self, folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(launch, "build_search", lambda *args, **options: self.search)
            poet.run(self.config, folder, reporter=Reporter(Console(file=io.StringIO())))


class Undisturbed(NamedTuple):
    job: Job
    folder: Path
    moments: list[Moment]  # of the run from its start to its end


def undisturbed_run(preset: str, root: Path) -> Undisturbed:
    config = poet.presets.get(preset)
    job = Job(config, poet.build_search(config)._replace(close=lambda: None))
    moments: list[Moment] = []
    with watched(root / "undisturbed", moments.append):
        job.run(root / "undisturbed")
    return Undisturbed(job, root / "undisturbed", moments)


@pytest.fixture(scope="module")
def archive_run(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return undisturbed_run("map-elites-tiny", tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def niche_run(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return undisturbed_run("tiny", tmp_path_factory.mktemp("niches"))


def first_middle_last(moments: Collection[Moment], when: Collection[str]) -> list[Moment]:
    """Of each operation the first, a middle and the last time."""
    counts: dict[tuple[str, str], int] = {}
    for pattern, call, count, _ in moments:
        counts[pattern, call] = max(counts.get((pattern, call), 0), count)
    return [
        moment
        for moment in moments
        if moment.when in when
        and moment.count in (0, counts[moment.pattern, moment.call] // 2, counts[moment.pattern, moment.call])
    ]


def copies(job: Job, moments: Collection[Moment], root: Path) -> Iterator[tuple[Moment, Path]]:
    """What a kill leaves at each of these moments; the moments in the order of one run."""
    wanted, found = set(moments), []

    def visit(moment: Moment) -> None:
        if moment in wanted:
            found.append(moment)
            with contextlib.suppress(shutil.Error):  # files of other threads come and go
                if (root / "copied").is_dir():
                    shutil.copytree(root / "copied", root / str(len(found)))

    with watched(root / "copied", visit):
        job.run(root / "copied")
    assert {each[:2] for each in found} == {each[:2] for each in wanted}
    for number, moment in enumerate(found, start=1):
        yield moment, root / str(number)


def fail(job: Job, folder: Path, moment: Moment, code: int) -> str:
    """Do a run in which an operation fails; for want of space, all that follow fail too. Returns its error."""
    struck = []

    def visit(at: Moment) -> None:
        full = struck and code == errno.ENOSPC and at.when == "before" and at.call in ("open", "write", "mkdir", "save")
        if at == moment or full:
            struck.append(at)
            raise OSError(code, os.strerror(code))

    try:
        with watched(folder, visit):
            job.run(folder)
    except PoetError as error:
        return str(error)
    finally:
        assert struck
    return ""


def check(job: Job, folder: Path, expected: Path) -> None:
    """The same command resumes the run where it was saved last, and it then is as if nothing had happened."""
    saved = newest_saved(folder)
    assert not is_alive(folder)
    job.run(folder)
    assert diff_runs(folder, expected) == []
    assert files(folder) == files(expected)
    resumed = [
        row["wall"].get("iteration", 0) for row in read_journal(folder) if row.get("wall", {}).get("event") == "resume"
    ]
    assert max(resumed, default=saved) >= saved  # none if it was finished
    assert (folder / LOCK).read_bytes() == b""


def newest_saved(folder: Path) -> int:
    """The newest checkpoint that was reported as saved, which must be there."""
    if not (is_run(folder) and (folder / JOURNAL).is_file()):
        return 0
    rows = [row.get("wall", {}) for row in read_journal(folder)]
    saved = max((wall["iteration"] for wall in rows if wall.get("event") == "checkpoint"), default=0)
    if saved:
        checkpoint.notes(folder / CHECKPOINTS, saved)
    return saved


def files(folder: Path) -> set[str]:
    """Files of a run, without those within the states, which Orbax names at random."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    return {name for name in found if "/state/" not in name}


def test_all(archive_run: Undisturbed, tmp_path: Path) -> None:
    bad = []
    for moment, folder in copies(
        archive_run.job, first_middle_last(archive_run.moments, ("before", "middle", "after")), tmp_path
    ):
        try:
            check(archive_run.job, folder, archive_run.folder)
        except BaseException as e:
            bad.append((moment, type(e), str(e)[:300]))
            print(bad[-1], flush=True)
    assert not bad


@pytest.mark.parametrize("code", ERRORS)
def test_fail(archive_run: Undisturbed, tmp_path: Path, code) -> None:
    bad = []
    for number, moment in enumerate(first_middle_last(archive_run.moments, ("before",))):
        try:
            print(moment, fail(archive_run.job, tmp_path / str(number), moment, code)[:200])
            check(archive_run.job, tmp_path / str(number), archive_run.folder)
        except BaseException as e:
            bad.append((moment, type(e), str(e)[:300]))
            print("BAD", bad[-1], flush=True)
    assert not bad
