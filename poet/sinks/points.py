"""Journal rows as points of curves: numbers by name, for trackers and for rules that compare a metric."""

import datetime
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from poet.sinks.base import Row


class Point(NamedTuple):
    """The numbers of one iteration.

    Attributes:
      iteration: which.
      time: when it ended, in seconds since 1970.
      values: numbers by name; NaN for what is missing.
    """

    iteration: int
    time: float
    values: dict[str, float]


def points(rows: Iterable[Row]) -> Iterator[Point]:
    """One point for each iteration: its numbers, and under "events/NAME" how many events of a kind it had."""
    counts: Counter[str] = Counter()
    for row in rows:
        if row["event"] != "iteration":
            counts[f"events/{row['event']}"] += 1
            continue
        time = datetime.datetime.fromisoformat(row["wall"]["time"]).timestamp()
        yield Point(row["iteration"], time, scalars(row) | counts)
        counts.clear()


def scalars(row: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of an iteration's row by name; NaN for null.

    Names within names are joined by "/". Of a list of measurements there are the least, the mean and the greatest; a
    list of whole numbers holds ids and is left out, as is text.

    >>> scalars({"event": "iteration", "iteration": 3, "best": None, "niches": [0, 2], "fitness": [1.0, 4.0]})
    {'best': nan, 'fitness/min': 1.0, 'fitness/mean': 2.5, 'fitness/max': 4.0}
    >>> scalars({"emitters": {"es": {"added": 7}}})
    {'emitters/es/added': 7.0}
    """
    found: dict[str, float] = {}
    for name, value in row.items():
        if name == "iteration":
            continue
        if isinstance(value, Mapping):
            found |= {f"{name}/{below}": number for below, number in scalars(value).items()}
        elif isinstance(value, list):
            found |= {f"{name}/{below}": number for below, number in _spread(value).items()}
        elif value is None or isinstance(value, int | float):
            found[name] = math.nan if value is None else float(value)
    return found


def _spread(values: list[Any]) -> dict[str, float]:
    """Least, mean and greatest of measurements that are not null; empty for a list of anything else."""
    if not all(value is None or isinstance(value, int | float) for value in values):
        return {}
    if all(isinstance(value, int) for value in values):
        return {}
    known = [float(value) for value in values if value is not None] or [math.nan]
    return {"min": min(known), "mean": math.fsum(known) / len(known), "max": max(known)}
