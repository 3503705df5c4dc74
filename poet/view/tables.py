"""Journal rows as columns, for every kind of run.

Missing or broken numbers are NaN, missing texts are empty. Functions are pure; rows keep the order of the journal.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

Row = dict[str, Any]
Table = dict[str, np.ndarray]


def rows_of(rows: Iterable[Row], event: str) -> list[Row]:
    """The rows of one kind of event."""
    return [row for row in rows if row.get("event") == event]


def floats(values: Iterable[Any]) -> np.ndarray:
    """A column f64; NaN where a value is missing or no number."""
    return np.array([value if isinstance(value, int | float) else np.nan for value in values], float)


def integers(values: Iterable[Any]) -> np.ndarray:
    """A column i64; -1 where a value is missing or no integer."""
    return np.array([value if isinstance(value, int) else -1 for value in values], np.int64)


def texts(values: Iterable[Any]) -> np.ndarray:
    """A column of strings; empty where a value is missing."""
    return np.array(["" if value is None else str(value) for value in values], dtype=str)


def progress(rows: list[Row], required: Sequence[str] = ("iteration",)) -> Table:
    """One row per iteration with every scalar that the search reported: a number, a truth value or a text.

    `required` names columns that are there in any case.
    """
    found = rows_of(rows, "iteration")
    names = dict.fromkeys(required)
    # A number that is not finite is null in the journal.
    names |= {name: None for row in found for name, value in row.items() if value is None or _is_scalar(value)}
    return {name: _column([row.get(name) for row in found]) for name in names if name != "event"}


def _is_scalar(value: Any) -> bool:
    return isinstance(value, bool | int | float | str)


def _column(values: list[Any]) -> np.ndarray:
    if any(isinstance(value, str) for value in values):
        return texts(values)
    for kind, dtype in ((bool, bool), (int, np.int64)):
        if all(isinstance(value, kind) for value in values):
            return np.array(values, np.int64 if not values else dtype)
    return floats(values)
