"""The journal of a run with an archive as columns. Pure functions of journal rows.

What a search does not report is not a column; missing or broken numbers are NaN.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Row = dict[str, Any]
Table = dict[str, np.ndarray]
WHOLE = ("iteration", "env_steps", "evaluations", "added", "improved", "not_finite", "outside", "clipped")


def progress(rows: list[Row]) -> Table:
    """One row per iteration with every number that the search reported: coverage, qd_score, best, mean, added, ..."""
    found = [row for row in rows if row.get("event") == "iteration"]
    names = {name: None for row in found for name, value in row.items() if isinstance(value, int | float)}
    missing = {name: None for row in found for name in row.get("nonfinite") or () if "." not in name}
    return {
        name: np.array([row.get(name, 0) for row in found], np.int64)
        if name in WHOLE
        else np.array([np.nan if row.get(name) is None else row[name] for row in found], float)
        for name in dict.fromkeys(("iteration", "evaluations", *names, *missing))
    }


def emitters(rows: list[Row]) -> Table:
    """One row per iteration and emitter: its evaluations, and how many of them took a free place or improved one."""
    found = [
        (row["iteration"], name, each)
        for row in rows
        if row.get("event") == "iteration"
        for name, each in (row.get("emitters") or {}).items()
    ]
    names = dict.fromkeys(("evaluations", "added", "improved", *(name for _, _, each in found for name in each)))
    return {
        "iteration": np.array([iteration for iteration, _, _ in found], np.int64),
        "emitter": np.array([name for _, name, _ in found], str),
        **{name: np.array([each.get(name, 0) for _, _, each in found], float) for name in names},
    }


KINDS: dict[str, Callable[[list[Row]], Table]] = {"progress": progress, "emitters": emitters}
