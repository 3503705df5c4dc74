"""Journal rows for programs outside, as experiment trackers: a sink that fails is tried again and loses no rows."""

import time
from collections.abc import Callable, Sequence
from typing import Any

Row = dict[str, Any]
Sink = Callable[[Sequence[Row]], None]  # is given the journal rows of each iteration

MAX_WAITING = 100_000  # rows that are kept for a sink that fails
MAX_PAUSE_S = 60.0


class SinkFeed:
    """Gives rows to one sink. After a failure rows wait: until the next iteration, then 1, 2, 4, ... up to 60 seconds.

    Args:
      sink: what receives the rows.
      warn: called with a text when the sink begins to fail, and when it works again.
    """

    def __init__(self, sink: Sink, warn: Callable[[str], None]) -> None:
        self._sink = sink
        self._warn = warn
        self._waiting: list[Row] = []
        self._failures = 0
        self._lost = 0
        self._again_at = 0.0

    def send(self, rows: Sequence[Row], *, last: bool = False) -> None:
        """Give rows to the sink, after those that wait; with `last` it is tried also during a pause."""
        self._waiting += rows
        if self._waiting and (last or time.monotonic() >= self._again_at):
            self._try()

    def _try(self) -> None:
        try:
            self._sink(self._waiting)
        except Exception as error:
            self._failures += 1
            self._again_at = time.monotonic() + min(2.0 ** (self._failures - 2), MAX_PAUSE_S) * (self._failures > 1)
            if self._failures == 1:
                self._warn(f"warning: a sink failed and will be tried again: {error!r}")
            surplus = max(len(self._waiting) - MAX_WAITING, 0)
            self._lost += surplus
            del self._waiting[:surplus]
            return
        if self._failures:
            lost = f", {self._lost} rows were lost" if self._lost else ""
            self._warn(f"the sink works again after {self._failures} failures{lost}")
        self._waiting, self._failures, self._lost = [], 0, 0
