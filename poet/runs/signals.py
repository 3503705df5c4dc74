"""Signals that ask a run to stop: Ctrl-C, SIGTERM, SIGHUP."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

from poet.runs.progress import Reporter


class StopRequest(threading.Event):
    """Set when the run is to stop; `by_user` is whether Ctrl-C asked for it."""

    by_user = False


@contextlib.contextmanager
def stop_on_signals(reporter: Reporter) -> Iterator[StopRequest]:
    """The first Ctrl-C, SIGTERM or SIGHUP (a closed terminal) asks to stop.

    A second Ctrl-C raises KeyboardInterrupt at once, and any further signal is left to the system, which ends the
    process.
    """
    stop = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread receives signals
        return

    def interrupt(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        raise KeyboardInterrupt

    def ask(number: int, frame: Any) -> None:
        for each in before:
            signal.signal(each, interrupt if each == signal.SIGINT else signal.SIG_DFL)
        stop.by_user = number == signal.SIGINT
        stop.set()
        reporter.close()
        reporter.message("finishing this iteration, then saving; press Ctrl-C again to stop without saving")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
