"""The journal of a run with an archive as columns. Pure functions of journal rows.

A metric that the search does not report has no column; missing or broken numbers are NaN.
"""

from collections.abc import Callable

import numpy as np

from poet.checked import Form
from poet.view import tables
from poet.view.tables import Row, Table, rows_of, texts

# Metrics that count something: integers in each row, 0 where a row does not report them.
COUNTS = (
    "iteration", "env_steps", "evaluations", "added", "improved", "rejected", "not_finite", "out_of_bounds",
    "clipped",
)  # fmt: skip

NUMBER = (float, None)
SHOWN = ("coverage", "qd_score", "best", "mean", "trainee_best", "solved_score")  # and printed as numbers
ROW_FORMS: dict[str, Form] = {
    "iteration": {
        **{f"{name}?": NUMBER for name in (*COUNTS, *SHOWN)},
        "emitters?": ({str: {str: NUMBER}}, None),
    }
}


def progress(rows: list[Row]) -> Table:
    """One row per iteration with every metric that the search reported: coverage, qd_score, best, mean, added, ..."""
    table = tables.progress(rows, ("iteration", "evaluations"))
    for name in table.keys() & set(COUNTS):
        with np.errstate(invalid="ignore"):  # a number that is too large, as a damaged file may have it
            table[name] = np.nan_to_num(table[name]).astype(np.int64)
    return table


def emitters(rows: list[Row]) -> Table:
    """One row per iteration and emitter: its evaluations, and how many of them were added to an empty cell (`added`) or
    replaced an elite (`improved`)."""
    found = [
        (row["iteration"], name, metrics)
        for row in rows_of(rows, "iteration")
        for name, metrics in (row.get("emitters") or {}).items()
    ]
    names = dict.fromkeys(("evaluations", "added", "improved", *(name for _, _, metrics in found for name in metrics)))
    return {
        "iteration": np.array([iteration for iteration, _, _ in found], np.int64),
        "emitter": texts(name for _, name, _ in found),
        **{name: np.array([metrics.get(name, 0) for _, _, metrics in found], float) for name in names},
    }


TABLES: dict[str, Callable[[list[Row]], Table]] = {"progress": progress, "emitters": emitters}
