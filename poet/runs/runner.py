"""The outer loop: step, journal, save, show. Any search runs through it; it knows no search."""

import contextlib
import datetime
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from poet.activity import doing
from poet.command_line import command
from poet.errors import PoetError, RunError
from poet.jax_settings import other_settings, pinned
from poet.runs import checkpoint
from poet.runs.artifacts import remove_born_since, write_artifact
from poet.runs.contract import check_state, check_step
from poet.runs.journal import Journal, Mark, ProcessLog
from poet.runs.layout import CHECKPOINTS, JOURNAL, RUN, write_json
from poet.runs.progress import Reporter
from poet.runs.provenance import num_cores, processor
from poet.runs.read import read_history, scan_journal
from poet.runs.signals import stop_on_signals
from poet.runs.sinks import Sinks
from poet.runs.snapshots import keep_snapshots, write_snapshot
from poet.runs.stop import Ending, StopRules, describe
from poet.search.base import Info, Record, Search
from poet.search.config import RunConfig
from poet.sinks.base import Sink, Stop
from poet.sinks.config import SinkConfig
from poet.types import PyTree

SAVE_AFTER_S = 300.0  # a checkpoint is never older than this and one iteration, however long iterations take
MEDIA_SHARE = 0.02  # of the time at most, for pictures at milestones

Media = Callable[[Path, str], None]  # makes pictures of a run folder at "early", "milestone" and "end"


class RunOutcome(NamedTuple):
    """How a call of `run_search` ended.

    Attributes:
      finished: whether it used its budget, reached its target or is stagnant; False if it was asked to stop.
      reason: why it ended before its budget; empty if a signal asked it to stop.
      extend: options of the command that resume a finished run.
    """

    state: PyTree
    iteration: int
    finished: bool
    reason: str = ""
    extend: str = ""

    def __repr__(self) -> str:
        return f"RunOutcome(iteration={self.iteration}, finished={self.finished}, state=...)"


class Interrupted(KeyboardInterrupt):
    """Ctrl-C stopped a run; everything is saved. `outcome` is what `run` would have returned."""

    def __init__(self, outcome: RunOutcome) -> None:
        super().__init__(f"stopped at iteration {outcome.iteration}, which is saved; the same call resumes it")
        self.outcome = outcome


@pinned()
def run_search(
    search: Search,
    config: RunConfig,
    path: Path,
    run: dict[str, Any],
    *,
    reporter: Reporter,
    log: ProcessLog | None = None,
    media: Media | None = None,
    sinks: Sequence[Sink | SinkConfig] = (),
) -> RunOutcome:
    """Start a search, or resume it from its newest checkpoint, until it is done or asked to stop.

    The folder must be claimed (`poet.runs.identity.claim`, which yields `run`). Raises `Interrupted`, a
    KeyboardInterrupt, where Ctrl-C stopped the run, after everything is saved. Raises `RunError` where the disk or
    the checkpoints fail or are gone, `ContractError` where the search breaks its contract.
    """
    run["headline"] = list(search.headline)
    _record_devices(path, run, reporter)
    with contextlib.ExitStack() as stack:
        empty = not (path / JOURNAL).is_file() or not (path / JOURNAL).stat().st_size
        journal = Journal(path / JOURNAL)
        stack.callback(journal.close)
        stack.callback(reporter.close)
        stop = stack.enter_context(stop_on_signals(reporter))

        with doing("preparing the state"):
            state = search.init(jax.random.key(config.seed))
            check_state(state)
            saved = _restore(path, run, journal, empty, state, reporter)
        state, offset = (saved[0], saved[1].offset) if saved else (state, 0)
        iteration = int(state.iteration)
        checkpoint.remove_superseded(path / CHECKPOINTS, iteration, config.keep_every)
        _keep_snapshots(path, run)
        rules, feeds = StopRules(config), Sinks(path, config, sinks, reporter.message)
        history = read_history(path, iteration) if rules.active or feeds.lack(iteration) else []
        rules.see_all(history)
        feeds.catch_up(history, iteration)
        if endings := rules.endings(state):
            reporter.message(f"{path} {describe(endings)}")
            feeds.finish()
            return _outcome(state, endings)
        journal.trim(offset)
        log = log or ProcessLog()
        log.open(journal)
        writer = _Writer(
            path,
            run,
            journal,
            log,
            config.keep_every,
            reporter,
            feeds,
            iteration if saved else -1,
        )
        writer.discard_lost_work(iteration)
        log.append("resume" if saved else "start", {"iteration": iteration})
        if saved:
            reporter.message(f"resuming from iteration {iteration}")
        reporter.message("first iteration: compiling programs that are not in the cache yet")
        reporter.start(iteration, config.iterations, search.headline)
        begin = doing("first iteration")
        while not (endings := rules.endings(state)) and not stop.is_set() and feeds.stop is None:
            began = time.monotonic()
            with begin:
                state, info = check_step(search.step(state), iteration)
            begin = contextlib.nullcontext()
            rows = writer.record(info, iteration, began)
            for row in rows:
                if row.get("event") == "stall":
                    reporter.message(f"warning: iteration {iteration}: {row.get('text')}")
            iteration += 1
            rules.see(rows[-1])
            reporter.update(rows[-1], iteration, config.iterations, time.monotonic() - began)
            # Early pictures show snapshots, which come with a checkpoint.
            early = media is not None and iteration == 1 and bool(info.snapshots)
            if iteration % config.checkpoint_every == 0 or writer.age_s > SAVE_AFTER_S or early:
                writer.save(state, iteration)
            if media is not None:
                if iteration == 1:
                    writer.show(media, "early", iteration)
                if any(row.get("event") == "milestone" for row in rows):
                    writer.show(media, "milestone", iteration)
        writer.save(state, iteration)
        outcome = _outcome(state, endings, feeds.stop)
        reason = {"reason": outcome.reason} if outcome.reason else {}
        log.append("finish" if outcome.finished else "stop", {"iteration": iteration, **reason})
        feeds.finish()
        if outcome.reason:
            reporter.message(f"{path} {describe(endings) if endings else f'was stopped by a sink: {outcome.reason}'}")
        if outcome.finished and media is not None:
            writer.show(media, "end", iteration)
        if stop.by_user and not outcome.finished:
            raise Interrupted(outcome)
        return outcome


def _restore(
    path: Path, run: Mapping[str, Any], journal: Journal, empty: bool, example: PyTree, reporter: Reporter
) -> tuple[PyTree, Mark] | None:
    """The state of the newest intact checkpoint and its place in the journal; None for a run that has to begin.

    `empty` is whether the journal had no row. Raises `RunError` where the journal or all checkpoints were lost.
    """
    saved = checkpoint.newest(path / CHECKPOINTS, example, reporter.message)
    if saved is None:
        _require_no_lost_history(path, run, empty)
    elif not journal.holds(saved[1]):
        raise RunError(
            f"{path / JOURNAL} is not the journal that checkpoint {int(saved[0].iteration)} belongs to: it was "
            "cut, edited or replaced. The checkpoint is intact, and nothing was changed. Put the journal back; or "
            f"continue with the rows that can be read: {command('doctor', path, '--repair')}"
        )
    return saved


def _require_no_lost_history(path: Path, run: Mapping[str, Any], empty: bool) -> None:
    """Raise `RunError` if checkpoints were saved and are gone: a new start would delete the rest of the history."""
    rows, damaged = scan_journal(path)
    records = [folder for folder in (*run["artifacts"], *run["snapshots"]) if any((path / folder).glob("[0-9]*"))]
    if damaged or any(row.get("wall", {}).get("event") == "checkpoint" for row in rows):
        trace = f"{path / JOURNAL} tells of a run"
    elif empty and records:
        trace = f"{path / records[0]} holds records of a run"
    else:
        return
    raise RunError(
        f"{path / CHECKPOINTS} has no checkpoint to resume from, but {trace}: "
        "put a checkpoint back, or start another run with --name"
    )


def _keep_snapshots(path: Path, run: Mapping[str, Any]) -> None:
    """Remove snapshots without a checkpoint."""
    for folder in run["snapshots"]:
        keep_snapshots(path / folder, checkpoint.steps(path / CHECKPOINTS))


def _outcome(state: PyTree, endings: Sequence[Ending], stop: Stop | None = None) -> RunOutcome:
    reasons = [each.reason for each in endings if each.reason] if endings else [stop.reason] if stop else []
    options = " ".join(each.options for each in endings)
    return RunOutcome(state, int(state.iteration), bool(endings), ", ".join(reasons), options)


def _record_devices(path: Path, run: dict[str, Any], reporter: Reporter) -> None:
    devices = jax.devices()
    now = run["sessions"][-1]
    kind = processor() if devices[0].platform == "cpu" else devices[0].device_kind
    now["devices"] = {"platform": devices[0].platform, "kind": kind, "count": len(devices)}
    now["settings"] = other_settings()
    write_json(path / RUN, run)
    chosen = getattr(jax.config, "jax_num_cpu_devices", -1) > 0
    few = devices[0].platform == "cpu" and len(devices) < num_cores() and not chosen
    hint = f"; to use all {num_cores()} cores, start the run before jax computes anything" if few else ""
    reporter.message(f"on {len(devices)} x {devices[0].platform} ({kind}){hint}")
    if len(run["sessions"]) < 2:
        return
    before = run["sessions"][-2]
    for what, old, new in (
        ("device", before.get("devices", {}).get("kind", kind), kind),
        ("code", before["commit"], now["commit"]),
        *((name, before["packages"].get(name), version) for name, version in now["packages"].items()),
        *((name, before.get("settings", now["settings"]).get(name), value) for name, value in now["settings"].items()),
    ):
        if old != new:
            reporter.message(
                f"warning: {what} changed since the last session, {old!r} -> {new!r}; from here on bits may differ"
            )


class _Writer:
    """All that reaches the disk, in an order from which a kill at any moment can be recovered."""

    def __init__(
        self,
        path: Path,
        run: dict[str, Any],
        journal: Journal,
        log: ProcessLog,
        keep_every: int,
        reporter: Reporter,
        sinks: Sinks,
        saved: int,
    ) -> None:
        self._path = path
        self._run = run
        self._journal = journal
        self._log = log
        self._keep_every = keep_every
        self._reporter = reporter
        self._sinks = sinks
        self._saved = saved  # iteration of the newest checkpoint, -1 if there is none
        self._saved_at = time.monotonic()
        self._artifacts: dict[str, Callable[[], Record]] = {}
        self._snapshots: Mapping[str, Callable[[], Record]] = {}
        self._media_again_at = 0.0

    @property
    def age_s(self) -> float:
        """Seconds since the last checkpoint."""
        return time.monotonic() - self._saved_at

    def discard_lost_work(self, iteration: int) -> None:
        """Remove records of iterations that will be done again."""
        for folder in self._run["artifacts"]:
            remove_born_since(self._path / folder, iteration)

    def record(self, info: Info, iteration: int, began: float) -> list[dict[str, Any]]:
        """Append an iteration's rows, give them to the sinks, and remember the records that have to be written."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        wall = {"time": now, "seconds": round(time.monotonic() - began, 6), **info.timings}
        rows = [*info.events, {"event": "iteration", "iteration": iteration, **info.metrics, "wall": wall}]
        self._journal.append(rows)
        self._artifacts |= info.artifacts
        self._snapshots = info.snapshots
        self._sinks.send(rows)
        return rows

    def save(self, state: PyTree, iteration: int) -> None:
        """A checkpoint, unless this iteration has one; its records are on disk before it."""
        if iteration == self._saved:
            return
        began = time.monotonic()
        self._journal.require_in_place()
        self._write_artifacts()
        self._register("snapshots", self._snapshots)
        for folder, make in self._snapshots.items():
            write_snapshot(self._path / folder, iteration, make())
        self._journal.sync()
        checkpoint.save(self._path / CHECKPOINTS, state, iteration, self._journal.mark, self._keep_every)
        _keep_snapshots(self._path, self._run)
        self._sinks.save()
        self._saved, self._saved_at = iteration, time.monotonic()
        self._log.append("checkpoint", {"iteration": iteration, "seconds": round(self._saved_at - began, 6)})

    def show(self, media: Media, moment: str, iteration: int) -> None:
        """Have pictures made. They may fail, and those of milestones are left out while they would take too long."""
        began = time.monotonic()
        if moment == "milestone" and began < self._media_again_at:
            return
        self._write_artifacts()
        try:
            with doing("making pictures"):
                media(self._path, moment)
        except Exception as error:
            reason = error if isinstance(error, PoetError) else repr(error)
            self._reporter.message(f"warning: some {moment} pictures could not be made: {reason}")
        seconds = time.monotonic() - began
        self._media_again_at = time.monotonic() + seconds / MEDIA_SHARE
        self._log.append("pictures", {"iteration": iteration, "moment": moment, "seconds": round(seconds, 6)})

    def _write_artifacts(self) -> None:
        self._register("artifacts", {name.partition("/")[0] for name in self._artifacts})
        for name in sorted(self._artifacts):
            write_artifact(self._path / name, self._artifacts[name]())
        self._artifacts.clear()

    def _register(self, kind: str, folders: Any) -> None:
        """Note in run.json which folders hold records."""
        known = self._run[kind]
        if not set(folders) <= set(known):
            self._run[kind] = sorted({*known, *folders})
            write_json(self._path / RUN, self._run)
