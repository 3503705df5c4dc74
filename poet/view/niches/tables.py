"""The journal of a run with niches as columns. Functions are pure; rows keep the order of the journal.

A search with this view reports lists `niches` (ids) and `fitness` of equal length in each iteration, and the events
"admission", "retirement", "milestone", "transfer" and "child" with the fields that are read here.

Missing integers (no parent, not retired, not solved) are -1, missing or broken numbers are NaN.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from poet.checked import NATURAL, Form
from poet.view import tables
from poet.view.tables import Row, Table, floats, integers, rows_of, texts

COLUMNS = ("fitness", "best", "mean", "length")  # of iterations, always there; a learner adds others

NUMBER = (float, None)
ROW_FORMS: dict[str, Form] = {
    "iteration": {"niches": [int]},
    "admission": {"iteration": int, "niche": NATURAL, "features?": ({str: NUMBER}, None)},
    "retirement": {"iteration": int, "niche": int},
    "milestone": {"iteration": int, "niche": int},
    "transfer": {"source": int, "target": int},
}


def last_iteration(rows: list[Row]) -> int:
    """The last iteration in the journal; -1 if there is none."""
    return max((row["iteration"] for row in rows if "iteration" in row), default=-1)


def progress(rows: list[Row]) -> Table:
    """One row per iteration: total env_steps and episodes, niches active, ever admitted and solved, best fitness."""
    return tables.progress(rows, ("iteration", "env_steps", "episodes", "active", "admitted"))


def iterations(rows: list[Row]) -> Table:
    """One row per iteration and active niche.

    `fitness` is that of its agent before training, `best` the best so far, `mean` and `length` those of the learner's
    episodes; the learner adds columns such as `sigma`.
    """
    found = rows_of(rows, "iteration")
    sizes = [len(row["niches"]) for row in found]
    table = {
        "iteration": np.repeat(integers(row["iteration"] for row in found), sizes),
        "niche": integers(niche for row in found for niche in row["niches"]),
    }
    lists = {name: None for row in found for name, value in row.items() if isinstance(value, list)}
    for name in (*COLUMNS, *(name for name in lists if name not in (*COLUMNS, "niches", "nonfinite"))):
        table[name] = floats(value for row in found for value in _per_niche(row, name))
    return table


def _per_niche(row: Row, name: str) -> list[Any]:
    """One value of an iteration for each of its niches; all None where the row has none."""
    values, size = row.get(name), len(row["niches"])
    return values if isinstance(values, list) and len(values) == size else [None] * size


def niches(rows: list[Row]) -> Table:
    """One row per environment ever admitted, with its features as columns `feature_NAME`.

    `born`, `retired` and `solved` are iterations. `age` counts iterations until retirement, or until the end of the
    journal. `fitness` and `best` are the last known values. `received` counts the transfers that it accepted.
    """
    found = rows_of(rows, "admission")
    ended = {row["niche"]: row for row in rows_of(rows, "retirement")}
    solved: dict[int, int] = {}
    for row in rows_of(rows, "milestone"):
        if row.get("kind") == "solved":
            solved.setdefault(row["niche"], row["iteration"])
    fitness = {row["niche"]: row.get("fitness") for row in found}
    best = dict(fitness)
    for row in rows_of(rows, "iteration"):
        fitness |= zip(row["niches"], _per_niche(row, "fitness"), strict=True)
        best |= zip(row["niches"], _per_niche(row, "best" if row.get("best") else "fitness"), strict=True)
    fitness |= {niche: row.get("fitness") for niche, row in ended.items()}
    received: dict[int, int] = {}
    for row in rows_of(rows, "transfer"):
        received[row["target"]] = received.get(row["target"], 0) + 1
    now = last_iteration(rows)
    ids = [row["niche"] for row in found]
    born = integers(row["iteration"] for row in found)
    retired = integers(ended[niche]["iteration"] if niche in ended else None for niche in ids)
    table = {
        "niche": integers(ids),
        "parent": integers(row.get("parent") for row in found),
        "via": texts(row.get("via") for row in found),
        "agent_from": integers(row.get("agent_from") for row in found),
        "born": born,
        "retired": retired,
        "solved": integers(solved.get(niche) for niche in ids),
        "age": np.where(retired < 0, now, retired) - born,
        "fitness": floats(fitness[niche] for niche in ids),
        "best": floats(best[niche] for niche in ids),
        "received": integers(received.get(niche, 0) for niche in ids),
        "difficulty": texts(row.get("difficulty") for row in found),
        "novelty": floats(row.get("novelty") for row in found),
        "description": texts(row.get("description") for row in found),
    }
    for name in dict.fromkeys(name for row in found for name in row.get("features") or {}):
        table[f"feature_{name}"] = floats((row.get("features") or {}).get(name) for row in found)
    return table


def transfers(rows: list[Row]) -> Table:
    """One row per accepted transfer: the agent of niche `source` replaced that of niche `target`.

    `fitness` is that of the new agent in the target, `incumbent` that of the agent that it replaced.
    """
    found = rows_of(rows, "transfer")
    return {
        **{name: integers(row.get(name) for row in found) for name in ("iteration", "target", "source")},
        "via": texts(row.get("via") for row in found),
        **{name: floats(row.get(name) for row in found) for name in ("fitness", "incumbent")},
    }


def children(rows: list[Row]) -> Table:
    """One row per child that was made at a reproduction, with the verdict on it."""
    found = rows_of(rows, "child")
    return {
        **{name: integers(row.get(name) for row in found) for name in ("iteration", "child", "parent")},
        "verdict": texts(row.get("verdict") for row in found),
        **{name: floats(row.get(name) for row in found) for name in ("fitness", "novelty")},
    }


TABLES: dict[str, Callable[[list[Row]], Table]] = {
    "progress": progress,
    "iterations": iterations,
    "niches": niches,
    "transfers": transfers,
    "children": children,
}
