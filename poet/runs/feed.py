"""Journal rows for sinks: one that fails is tried again and loses no rows, one that hangs does not hold up the run.

Each sink is called in a thread of its own. The run waits a moment for every call, so that a sink which asks to stop is
heard in the same iteration, and goes on without an answer otherwise.
"""

import functools
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from poet.sinks.base import Row, Sink, Stop

MAX_WAITING = 100_000  # rows that are kept for a sink that fails or hangs
MAX_PAUSE_S = 60.0
CALL_S = 1.0  # that the run waits for a call
HANGING_S = 30.0  # after which a call is reported


class SinkFeed:
    """Gives rows to one sink. After a failure rows wait: until the next iteration, then 1, 2, 4, ... up to 60 seconds.

    Args:
      sink: what receives the rows.
      warn: called with a text when the sink begins to fail, and when it works again.
      name: of the sink, for these texts.

    Attributes:
      next: the first iteration that the sink may lack.
      stop: what the sink answered when it asked to stop.
    """

    def __init__(self, sink: Sink, warn: Callable[[str], None], name: str = "the sink", next: int = 0) -> None:
        self._sink = sink
        self._warn = warn
        self._name = name
        self._calls: queue.SimpleQueue[Callable[[], Any]] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._waiting: list[Row] = []
        self._given: list[Row] = []  # to the call in progress
        self._given_at = 0.0
        self._failures = 0
        self._lost = 0
        self._complete = True  # so far: it lost nothing
        self._again_at = 0.0
        self._complaints: set[str] = set()
        self.next = next
        self.stop: Stop | None = None

    def send(self, rows: Sequence[Row], *, last: bool = False) -> None:
        """Give rows to the sink, after those that wait; with `last` it is tried also during a pause."""
        self._waiting += rows
        self._collect(0.0)
        if self._waiting and not self._given and (last or time.monotonic() >= self._again_at):
            self._given, self._waiting, self._given_at = self._waiting, [], time.monotonic()
            self._call(functools.partial(self._sink, self._given))
            self._collect(CALL_S)
        elif self._given and time.monotonic() - self._given_at > HANGING_S:
            self._complain(f"{self._name} has not answered for {HANGING_S:.0f} s; the run goes on and its rows wait")
        self._drop_surplus()

    def finish(self, deadline: float) -> None:
        """Give the sink its last rows and close it; `deadline` in seconds of the monotonic clock."""
        self._collect(deadline - time.monotonic())
        self.send((), last=True)
        self._collect(deadline - time.monotonic())
        if left := len(self._given) + len(self._waiting):
            self._warn(f"warning: {self._name} did not take the last {left} rows")
        close = getattr(self._sink, "close", None)
        if close is None or self._given:
            return
        self._call(close)
        try:
            answer = self._answer(deadline - time.monotonic())
        except queue.Empty:
            answer = TimeoutError("it did not answer in time")
        if isinstance(answer, BaseException):
            self._warn(f"warning: {self._name} could not be closed: {answer!r}")

    def _work(self) -> None:
        while True:
            call = self._calls.get()
            try:
                answer = call()
            except BaseException as error:  # also SystemExit, which would end the thread without a message
                answer = error
            self._answers.put(answer)

    def _call(self, call: Callable[[], Any]) -> None:
        if not self._thread.is_alive():
            self._thread.start()
        self._calls.put(call)

    def _answer(self, timeout_s: float) -> Any:
        """What a call returned or raised. Raises `queue.Empty` if there is nothing in time."""
        return self._answers.get(timeout=max(timeout_s, 0.0))

    def _collect(self, timeout_s: float) -> None:
        """Take the answer to the call in progress, if it comes in time."""
        if not self._given:
            return
        try:
            answer = self._answer(timeout_s)
        except queue.Empty:
            return
        given, self._given = self._given, []
        if isinstance(answer, BaseException):
            self._fail(given, answer)
        else:
            self._succeed(given, answer)

    def _fail(self, rows: list[Row], error: BaseException) -> None:
        self._failures += 1
        self._again_at = time.monotonic() + min(2.0 ** (self._failures - 2), MAX_PAUSE_S) * (self._failures > 1)
        if self._failures == 1:
            self._warn(f"warning: {self._name} failed and will be tried again: {error!r}")
        self._waiting = rows + self._waiting

    def _succeed(self, rows: list[Row], answer: Any) -> None:
        if self._failures:
            lost = f", {self._lost} rows were lost" if self._lost else ""
            self._warn(f"{self._name} works again after {self._failures} failures{lost}")
        self._failures, self._lost = 0, 0
        if self._complete:
            self.next = rows[-1]["iteration"] + 1
        if isinstance(answer, Stop):
            self.stop = answer
        elif answer is not None:
            self._complain(f"{self._name} returned {answer!r:.100}: only None and poet.Stop(reason) have a meaning")

    def _complain(self, text: str) -> None:
        if text not in self._complaints:
            self._complaints.add(text)
            self._warn(f"warning: {text}")

    def _drop_surplus(self) -> None:
        surplus = max(len(self._waiting) - MAX_WAITING, 0)
        self._lost += surplus
        self._complete = self._complete and not surplus
        del self._waiting[:surplus]
