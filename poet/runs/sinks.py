"""The sinks of a run: those that are made from configs, and functions that were given from Python.

A sink that is made from a config has a folder in the run, and a note of what it took: after a resume it gets from the
journal what it lacks.
"""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from poet.checked import NATURAL
from poet.errors import ContractError, RunError, named_errors
from poet.runs.feed import SinkFeed
from poet.runs.journal import as_read
from poet.runs.layout import SINKS, disk_errors, read_json, refuse_links, write_json
from poet.search.config import RunConfig
from poet.sinks.base import Row, Sink, Stop
from poet.sinks.config import SinkConfig, SinkContext

FINISH_S = 15.0  # that all sinks together have at the end of a run


def check_sinks(sinks: Iterable[Sink | SinkConfig]) -> None:
    """Raise `ConfigError` where a sink cannot work here, and `ContractError` for what is no sink or fails."""
    for sink in sinks:
        if isinstance(sink, SinkConfig):
            with named_errors(f"sink {sink.id}"):
                sink.check()
        elif not callable(sink):
            raise ContractError(f"sinks expects functions of journal rows, or configs of sinks, got {sink!r:.200}")


class Sinks:
    """All sinks of a run, each with its feed.

    Args:
      path: the run folder.
      config: of the run; it names sinks.
      given: further sinks.
      warn: called with a text when a sink fails.
    """

    def __init__(
        self, path: Path, config: RunConfig, given: Sequence[Sink | SinkConfig], warn: Callable[[str], None]
    ) -> None:
        self._feeds: list[SinkFeed] = []
        self._notes: dict[Path, tuple[str, SinkFeed]] = {}  # the id of the run in each sink that is made from a config
        names = _names(each.id for each in (*config.sinks, *given) if isinstance(each, SinkConfig))
        for each in (*config.sinks, *given):
            if isinstance(each, SinkConfig):
                folder = _make_folder(path, name := next(names))
                note = folder.with_suffix(".json")
                id, next_iteration = _read_note(note)
                with named_errors(f"sink {each.id}"):
                    sink = each.make(SinkContext(path.name, folder, id, config.to_dict()))
                feed = SinkFeed(sink, warn, f"sink {name}", 0 if each.skips_known else next_iteration)
                self._notes[note] = id, feed
            else:
                feed = SinkFeed(each, warn, f"sink {getattr(each, '__name__', type(each).__name__)}")
            self._feeds.append(feed)
        self.save()  # before an id is used

    @property
    def stop(self) -> Stop | None:
        """The answer of a sink that asked to stop."""
        return next((feed.stop for feed in self._feeds if feed.stop is not None), None)

    def lack(self, iteration: int) -> bool:
        """Whether a sink lacks rows of iterations before this one."""
        return any(feed.next < iteration for _, feed in self._notes.values())

    def catch_up(self, history: Sequence[Row], iteration: int) -> None:
        """Give each sink what it lacks of the rows before an iteration."""
        for _, feed in self._notes.values():
            feed.send([row for row in history if feed.next <= row["iteration"] < iteration])
            feed.next = min(feed.next, iteration)  # what comes after it is done again

    def send(self, rows: Sequence[Row]) -> None:
        """Give the rows of an iteration to all sinks."""
        if self._feeds:
            rows = [as_read(row) for row in rows]
        for feed in self._feeds:
            feed.send(rows)

    def save(self) -> None:
        """Note what each sink took."""
        for note, (id, feed) in self._notes.items():
            write_json(note, {"id": id, "next": feed.next})

    def finish(self) -> None:
        """Give every sink its last rows and close it; returns after some seconds in any case."""
        deadline = time.monotonic() + FINISH_S
        # At the same time: one that hangs leaves the others their share.
        threads = [threading.Thread(target=feed.finish, args=(deadline,), daemon=True) for feed in self._feeds]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.save()


def _names(ids: Iterable[str]) -> Iterator[str]:
    """Names of sinks, their ids: "wandb", and "wandb-2" for a second one of the same id."""
    uses: Counter[str] = Counter()
    for id in ids:
        uses[id] += 1
        yield id if uses[id] == 1 else f"{id}-{uses[id]}"


def _make_folder(path: Path, name: str) -> Path:
    folder = path / SINKS / name
    with disk_errors(folder):
        refuse_links(folder.parent)
        folder.parent.mkdir(exist_ok=True)
        refuse_links(folder)
        folder.mkdir(exist_ok=True)
    return folder


def _read_note(file: Path) -> tuple[str, int]:
    """The id of the run in the sink, and the first iteration that it may lack; new ones where there is no note."""
    try:
        note = read_json(file, {"id": str, "next": NATURAL})
        return note["id"], note["next"]
    except RunError:
        return secrets.token_hex(8), 0
