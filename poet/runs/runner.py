"""The outer loop: step, journal, save, show. Any search runs through it; it knows nothing of POET."""

import contextlib
import datetime
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from poet.errors import ContractError, PoetError, RunError
from poet.runs import checkpoint
from poet.runs.config import Config
from poet.runs.elites import keep_elites, write_elites
from poet.runs.folder import CHECKPOINTS, ELITES, JOURNAL, NICHES, RUN, cores, processor, write_json
from poet.runs.journal import Journal
from poet.runs.niches import forget_from, write_niche
from poet.runs.progress import Reporter
from poet.runs.read import read_journal
from poet.search.base import Info, NicheRecord, Search, Snapshot
from poet.types import PyTree

SAVE_AFTER_S = 300.0  # a checkpoint is never older than this and one iteration, however long iterations take
MEDIA_SHARE = 0.02  # of the time at most, for pictures at milestones

Sink = Callable[[Sequence[dict[str, Any]]], None]  # is given the journal rows of each iteration
Media = Callable[[Path, str], None]  # makes pictures of a run folder at "early", "milestone" and "end"


class Outcome(NamedTuple):
    """How a call of `drive` ended."""

    state: PyTree
    iteration: int
    finished: bool  # False: it was asked to stop

    def __repr__(self) -> str:
        return f"Outcome(iteration={self.iteration}, finished={self.finished}, state=...)"


def drive(
    search: Search,
    config: Config,
    path: Path,
    run: dict[str, Any],
    *,
    reporter: Reporter,
    media: Media | None = None,
    sinks: Sequence[Sink] = (),
) -> Outcome:
    """Start a search, or go on with it from its newest checkpoint, until it is done or told to stop.

    The folder must be claimed (`poet.runs.folder.claim`, which yields `run`). Raises `RunError` where the disk or
    the checkpoints fail or are gone, `ContractError` where the search does not keep its promises.
    """
    _note_devices(path, run, reporter)
    with contextlib.ExitStack() as stack:
        journal = Journal(path / JOURNAL)
        stack.callback(journal.close)
        stack.callback(reporter.close)
        stop = stack.enter_context(_stop_on_signals(reporter))

        state = search.init(jax.random.key(config.seed))
        checkpoint.check_state(state)
        saved = checkpoint.newest(path / CHECKPOINTS, state, journal.reaches, reporter.say)
        if saved is None:
            _check_none_was_lost(path)
        state, offset = saved or (state, 0)
        iteration = int(state.iteration)
        writer = _Writer(path, journal, config.keep_every, reporter, list(sinks), iteration if saved else -1)
        if _done(state, config):
            reporter.say(f"{path} is finished at iteration {iteration}; a larger --iterations goes on with it")
            return Outcome(state, iteration, True)
        journal.trim(offset)
        forget_from(path / NICHES, iteration)
        keep_elites(path / ELITES, checkpoint.steps(path / CHECKPOINTS))
        writer.note("start" if not saved else "resume", iteration)
        if saved:
            reporter.say(f"going on from iteration {iteration}")
        reporter.say("first iteration: compiling what the cache does not hold yet")
        reporter.start(iteration, config.iterations)
        while not _done(state, config) and not stop.is_set():
            began = time.monotonic()
            state, info = search.step(state)
            checkpoint.check_state(state)
            if int(state.iteration) != iteration + 1:
                raise ContractError(
                    f"step must raise state.iteration by one, from {iteration}; got {int(state.iteration)}"
                )
            iteration += 1
            rows = writer.record(info, began)
            row = next((row for row in rows if row.get("event") == "iteration"), {})
            reporter.tick(row, iteration, config.iterations, time.monotonic() - began)
            early = media is not None and iteration == 1 and info.elites is not None  # pictures are of what is saved
            if iteration % config.checkpoint_every == 0 or writer.age_s > SAVE_AFTER_S or early:
                writer.save(state, iteration)
            if media is not None:
                if iteration == 1:
                    writer.show(media, "early", iteration)
                if any(row.get("event") == "milestone" for row in rows):
                    writer.show(media, "milestone", iteration)
        writer.save(state, iteration)
        finished = _done(state, config)
        writer.note("finish" if finished else "stop", iteration)
        reporter.close()
        if finished and media is not None:
            writer.show(media, "end", iteration)
        return Outcome(state, iteration, finished)


def _check_none_was_lost(path: Path) -> None:
    """Raise `RunError` if checkpoints were saved and are gone: to start afresh would throw the history away too."""
    if any(row.get("wall", {}).get("event") == "checkpoint" for row in read_journal(path)):
        raise RunError(
            f"{path / CHECKPOINTS} has no checkpoint to go on from, but {path / JOURNAL} tells of some: "
            "put one back, or start another run with --name"
        )


def _done(state: PyTree, config: Config) -> bool:
    if int(state.iteration) >= config.iterations:
        return True
    return config.max_env_steps is not None and int(state.env_steps) >= config.max_env_steps


def _note_devices(path: Path, run: dict[str, Any], reporter: Reporter) -> None:
    devices = jax.devices()
    now = run["sessions"][-1]
    kind = processor() if devices[0].platform == "cpu" else devices[0].device_kind
    now["devices"] = {"platform": devices[0].platform, "kind": kind, "count": len(devices)}
    write_json(path / RUN, run)
    chosen = getattr(jax.config, "jax_num_cpu_devices", -1) > 0
    few = devices[0].platform == "cpu" and len(devices) < cores() and not chosen
    hint = f"; on {cores()} if jax had not computed before the run began" if few else ""
    reporter.say(f"on {len(devices)} x {devices[0].platform} ({kind}){hint}")
    if len(run["sessions"]) < 2:
        return
    before = run["sessions"][-2]
    for what, old, new in (
        ("device", before.get("devices", {}).get("kind", kind), kind),
        ("packages", before["packages"], now["packages"]),
        ("code", before["commit"], now["commit"]),
    ):
        if old != new:
            reporter.say(f"warning: {what} changed since this run was last at work; from here on its bits may differ")


class _Writer:
    """All that reaches the disk, in the order that a kill at any moment can be recovered from."""

    def __init__(
        self,
        path: Path,
        journal: Journal,
        keep_every: int,
        reporter: Reporter,
        sinks: list[Sink],
        saved: int,
    ) -> None:
        self._path = path
        self._journal = journal
        self._keep_every = keep_every
        self._reporter = reporter
        self._sinks = sinks
        self._saved = saved  # iteration of the newest checkpoint, -1 if there is none
        self._saved_at = time.monotonic()
        self._niches: dict[int, NicheRecord] = {}
        self._elites: Callable[[], Snapshot] | None = None
        self._media_again_at = 0.0

    @property
    def age_s(self) -> float:
        """Seconds since the last checkpoint."""
        return time.monotonic() - self._saved_at

    def note(self, event: str, iteration: int, **more: Any) -> None:
        """A row about the process and not the history."""
        wall = {"event": event, "iteration": iteration, "time": _now(), "pid": os.getpid(), **more}
        self._journal.append([{"wall": wall}])

    def record(self, info: Info, began: float) -> list[dict[str, Any]]:
        """Append an iteration's rows, hand them to the sinks, and remember which niches have to be written."""
        wall = {"time": _now(), "seconds": round(time.monotonic() - began, 6), **info.wall}
        rows = [dict(row, wall=wall) if row.get("event") == "iteration" else row for row in info.events]
        if not any(row.get("event") == "iteration" for row in rows):
            rows.append({"wall": {"event": "iteration", **wall}})
        self._journal.append(rows)
        self._niches |= info.niches
        self._elites = info.elites
        for sink in list(self._sinks):
            try:
                sink(rows)
            except Exception as error:
                self._sinks.remove(sink)
                self._reporter.say(f"warning: a sink failed and is left out from here on: {error!r}")
        return rows

    def save(self, state: PyTree, iteration: int) -> None:
        """A checkpoint, unless there is one of this iteration; what goes with it is on the disk before it."""
        if iteration == self._saved:
            return
        began = time.monotonic()
        self._write_niches()
        if self._elites is not None:
            write_elites(self._path / ELITES, iteration, self._elites())
        self._journal.sync()
        checkpoint.save(self._path / CHECKPOINTS, state, iteration, self._journal.offset, self._keep_every)
        keep_elites(self._path / ELITES, checkpoint.steps(self._path / CHECKPOINTS))
        self._saved, self._saved_at = iteration, time.monotonic()
        self.note("checkpoint", iteration, seconds=round(self._saved_at - began, 6))

    def show(self, media: Media, moment: str, iteration: int) -> None:
        """Have pictures made. They may fail, and those of milestones are left out while they would take too long."""
        began = time.monotonic()
        if moment == "milestone" and began < self._media_again_at:
            return
        self._write_niches()
        try:
            media(self._path, moment)
        except Exception as error:
            said = error if isinstance(error, PoetError) else repr(error)
            self._reporter.say(f"warning: not all {moment} pictures were made: {said}")
        seconds = time.monotonic() - began
        self._media_again_at = time.monotonic() + seconds / MEDIA_SHARE
        self.note("pictures", iteration, moment=moment, seconds=round(seconds, 6))

    def _write_niches(self) -> None:
        for niche in sorted(self._niches):
            write_niche(self._path / NICHES, niche, self._niches[niche])
        self._niches.clear()


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


@contextlib.contextmanager
def _stop_on_signals(reporter: Reporter) -> Iterator[threading.Event]:
    """The first Ctrl-C or SIGTERM asks to stop; a second one is left to the system, which ends the process at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # signals belong to the main thread
        return

    def ask(number: int, frame: Any) -> None:
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        stop.set()
        reporter.close()
        reporter.say("finishing this iteration, then saving; once more to leave at once")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
