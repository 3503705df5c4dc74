"""Readers beside a run that is written at full speed: nothing fails, whatever is replaced or removed meanwhile."""

import itertools
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from poet.runs import repair
from poet.runs.artifacts import write_artifact
from poet.runs.diff import diff_runs
from poet.runs.layout import ELITES, JOURNAL, NICHES
from poet.runs.snapshots import keep_snapshots, write_snapshot
from poet.search.base import Record
from poet.view.open import open_run
from tests.runs.toy import ToyConfig, toy_run
from tests.view.archive.fake_archive import fake_archive
from tests.view.fake_run import fake_run

Writer = Callable[[], None]  # does one iteration
PER_OPEN = 2  # iterations, so that a journal does not become so long that readers never end


def journal_rows(folder: Path) -> list[bytes]:
    """The rows of a run by hand, which is emptied."""
    rows = (folder / JOURNAL).read_bytes().splitlines(keepends=True)
    (folder / JOURNAL).write_bytes(b"")
    return rows


def niche_writer(folder: Path) -> Writer:
    """Rows of admissions, retirements and transfers; records that are replaced."""
    fake_run(folder, iterations=60, max_niches=4)
    rows = itertools.cycle(journal_rows(folder))
    niches = sorted(int(path.stem) for path in (folder / NICHES).glob("*.json"))
    records = {niche: open_run(folder).niche(niche) for niche in niches}
    times = itertools.count()

    def write() -> None:
        time = next(times)
        with (folder / JOURNAL).open("ab", buffering=0) as journal:
            for row in itertools.islice(rows, 5):
                journal.write(row[: len(row) // 2])
                journal.write(row[len(row) // 2 :])
        niche = records[time % len(records)]
        agents = {name: agent + np.float32(time) for name, agent in niche.agents.items()}
        write_artifact(folder / NICHES / str(niche.id), Record({**niche.meta, "retired": time}, agents))

    return write


def archive_writer(folder: Path) -> Writer:
    """A snapshot in each iteration, of which the last two are kept."""
    fake_archive(folder, iterations=4, snapshots=(1, 2))
    record = open_run(folder).archive()
    columns = {name: np.array(column) for name, column in record.columns.items()}
    times = itertools.count(3)

    def write() -> None:
        time = next(times)
        write_snapshot(folder / ELITES, time, Record({**record.meta, "iteration": time}, columns))
        keep_snapshots(folder / ELITES, [time - 1, time])

    return write


def read_niches(folder: Path) -> None:
    run = open_run(folder)
    assert run.damage == ""
    for kind in run.tables:
        run.table(kind)
    if len(run.table("niches")["niche"]):
        best = run.default_agent()
        assert run.weights(best).dtype == np.float32
        assert run.caption(best).environment
    assert run.headline()
    assert repr(run)


def read_archive(folder: Path) -> None:
    run = open_run(folder)
    for iteration in run.snapshots():
        assert run.archive(iteration).describe()
    assert run.lineage(run.default_agent())[0].found is not None
    assert len(run.weights(run.default_agent())) == 3
    assert run.table("progress")
    assert run.metrics
    assert repr(run)


def read_anything(folder: Path) -> None:
    run = open_run(folder)
    assert run.table("progress").keys() >= {"iteration"}
    assert run.damage == ""
    assert repr(run)


def open_beside(write: Writer, read: Callable[[], None], opens: int) -> int:
    """Open a run while another thread writes; returns how many iterations were written, at most two for each open."""
    finished, permits, failures, written = threading.Event(), threading.Semaphore(0), [], 0

    def read_often() -> None:
        try:
            for _ in range(opens):
                permits.release(PER_OPEN)
                read()
        except BaseException as error:
            failures.append(error)
        finally:
            finished.set()

    reader = threading.Thread(target=read_often)
    reader.start()
    while not finished.is_set():
        if permits.acquire(timeout=0.1):
            write()
            written += 1
    reader.join()
    if failures:
        raise failures[0]
    return written


CASES = {"niches": (niche_writer, read_niches), "archive": (archive_writer, read_archive)}
MANY = pytest.param(1000, marks=pytest.mark.slow)


@pytest.mark.parametrize("opens", [35, MANY])
@pytest.mark.parametrize("kind", CASES)
def test_a_run_that_is_being_written_can_be_read(tmp_path: Path, kind: str, opens: int) -> None:
    writer, read = CASES[kind]
    assert open_beside(writer(tmp_path / "run"), lambda: read(tmp_path / "run"), opens) > 0


@pytest.mark.parametrize("opens", [30, MANY])
def test_a_real_run_can_be_read_examined_and_compared_while_it_is_written(tmp_path: Path, opens: int) -> None:
    """Checkpoints and snapshots in each iteration; also by what reads checkpoints."""
    toy_run(tmp_path / "run", ToyConfig(iterations=2, checkpoint_every=1, keep_every=100))
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    iterations = itertools.count(3)

    def write() -> None:
        toy_run(tmp_path / "run", ToyConfig(iterations=next(iterations) * 4, checkpoint_every=1, keep_every=100))

    def read() -> None:
        read_anything(tmp_path / "run")
        assert [finding for finding in repair.examine(tmp_path / "run") if finding.advice] == []
        assert not any("histories differ" in line for line in diff_runs(tmp_path / "run", tmp_path / "copy")[:1])

    assert open_beside(write, read, opens) > 0
