"""What this process is doing now, in words, for those who show it: the reporter of a run, the command.

Code names its slow parts with `doing`. What jax traces and compiles is noticed by itself. Nothing is printed here.
"""

import contextlib
import functools
import threading
import time
from collections.abc import Iterator
from typing import Any

clock = time.monotonic

NOTICED_S = 1.0  # most programs compile in less
_COMPILATION = "/jax/core/compile/"  # how the names of jax's events begin
_TRACING = f"{_COMPILATION}jaxpr_trace_duration"


class Activity:
    """Something that takes time; its `text` may change while it goes on."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.began = clock()


_named: list[Activity] = []  # the outer ones first
_compiling: dict[int, list[Activity]] = {}  # by thread, since each device compiles in a thread of its own


@contextlib.contextmanager
def doing(text: str) -> Iterator[Activity]:
    """Name what the block does, as "drawing the overview".

    >>> with doing("making pictures"), doing("drawing the overview"):
    ...     describe()
    'making pictures: drawing the overview, 0 s'
    """
    activity = Activity(text)
    _named.append(activity)
    try:
        yield activity
    finally:
        _named.remove(activity)


def describe() -> str:
    """What is being done and for how long, the outer part first; empty if there is nothing with a name."""
    now = clock()
    # A program is traced within others: the outermost is the one that was called.
    compiling = [activity for stack in list(_compiling.values()) for activity in stack[:1]]
    activities = [*_named, *(activity for activity in compiling if now - activity.began >= NOTICED_S)]
    if not activities:
        return ""
    texts = dict.fromkeys(activity.text for activity in activities)  # devices compile the same program
    return f"{': '.join(texts)}, {now - activities[-1].began:.0f} s"


@functools.cache
def notice_compilation() -> None:
    """From now on, know what jax traces and compiles."""
    import jax

    def begin(event: str, value: float | int, **details: Any) -> None:
        if event.startswith(_COMPILATION):
            verb = "tracing" if event == _TRACING else "compiling"
            program = str(details.get("fun_name", "")).removeprefix("jit(").removesuffix(")")
            activity = Activity(f"{verb} {program}")
            _compiling.setdefault(threading.get_ident(), []).append(activity)

    def end(event: str, duration_secs: float, **details: Any) -> None:
        stack = _compiling.get(threading.get_ident())
        if stack and event.startswith(_COMPILATION):
            stack.pop()

    jax.monitoring.register_scalar_listener(begin)
    jax.monitoring.register_event_duration_secs_listener(end)
