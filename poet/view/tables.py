"""A run's journal as columns. Pure functions of journal rows; the order of rows is the order of events.

Missing integers (no parent, not retired, not solved) are -1, missing or broken numbers are NaN.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

Row = dict[str, Any]
Table = dict[str, np.ndarray]
COLUMNS = ("fitness", "best", "mean", "length")  # of iterations, always there; a learner adds its own


def _floats(values: Iterable[Any]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], float)


def _ints(values: Iterable[Any]) -> np.ndarray:
    return np.array([-1 if value is None else value for value in values], np.int64)


def _words(values: Iterable[Any]) -> np.ndarray:
    return np.array(["" if value is None else value for value in values], dtype=str)


def _of(rows: list[Row], event: str) -> list[Row]:
    return [row for row in rows if row.get("event") == event]


def last_iteration(rows: list[Row]) -> int:
    """The last iteration that the journal speaks of; -1 if of none."""
    return max((row["iteration"] for row in rows if "iteration" in row), default=-1)


def progress(rows: list[Row]) -> Table:
    """One row per iteration: cumulative env_steps and episodes, and how many niches were active and ever were."""
    found = _of(rows, "iteration")
    names = ("iteration", "env_steps", "episodes", "active", "ever")
    return {name: _ints(row.get(name) for row in found) for name in names}


def iterations(rows: list[Row]) -> Table:
    """One row per iteration and active niche: fitness of its agent as it came in, best, mean, length, sigma, ..."""
    found = _of(rows, "iteration")
    sizes = [len(row["niches"]) for row in found]
    table = {
        "iteration": np.repeat(_ints(row["iteration"] for row in found), sizes),
        "niche": _ints(niche for row in found for niche in row["niches"]),
    }
    lists = {name: None for row in found for name, value in row.items() if isinstance(value, list)}
    for name in (*COLUMNS, *(name for name in lists if name not in (*COLUMNS, "niches", "nonfinite"))):
        table[name] = _floats(
            value for row, size in zip(found, sizes, strict=True) for value in row.get(name) or [None] * size
        )
    return table


def niches(rows: list[Row]) -> Table:
    """One row per environment ever admitted, with its features as columns `feature_NAME`.

    `born`, `retired` and `solved` are iterations, `age` runs to retirement or to the journal's end, `fitness` and
    `best` are the last known, `received` counts the transfers it accepted.
    """
    found = _of(rows, "admission")
    ended = {row["niche"]: row for row in _of(rows, "retirement")}
    solved: dict[int, int] = {}
    for row in _of(rows, "milestone"):
        if row.get("kind") == "solved":
            solved.setdefault(row["niche"], row["iteration"])
    fitness = {row["niche"]: row.get("fitness") for row in found}
    best = dict(fitness)
    for row in _of(rows, "iteration"):
        fitness |= zip(row["niches"], row["fitness"], strict=True)
        best |= zip(row["niches"], row.get("best") or row["fitness"], strict=True)
    fitness |= {niche: row.get("fitness") for niche, row in ended.items()}
    received: dict[int, int] = {}
    for row in _of(rows, "transfer"):
        received[row["target"]] = received.get(row["target"], 0) + 1
    now = last_iteration(rows)
    ids = [row["niche"] for row in found]
    born = _ints(row["iteration"] for row in found)
    retired = _ints(ended[niche]["iteration"] if niche in ended else None for niche in ids)
    table = {
        "niche": _ints(ids),
        "parent": _ints(row.get("parent") for row in found),
        "via": _words(row.get("via") for row in found),
        "agent_from": _ints(row.get("agent_from") for row in found),
        "born": born,
        "retired": retired,
        "solved": _ints(solved.get(niche) for niche in ids),
        "age": np.where(retired < 0, now, retired) - born,
        "fitness": _floats(fitness[niche] for niche in ids),
        "best": _floats(best[niche] for niche in ids),
        "received": _ints(received.get(niche, 0) for niche in ids),
        "difficulty": _words(row.get("difficulty") for row in found),
        "novelty": _floats(row.get("novelty") for row in found),
        "description": _words(row.get("description") for row in found),
    }
    for name in dict.fromkeys(name for row in found for name in row.get("features") or {}):
        table[f"feature_{name}"] = _floats((row.get("features") or {}).get(name) for row in found)
    return table


def transfers(rows: list[Row]) -> Table:
    """One row per accepted transfer: which agent (`source`) replaced which (`target`), and their fitness there."""
    found = _of(rows, "transfer")
    return {
        **{name: _ints(row.get(name) for row in found) for name in ("iteration", "target", "source")},
        "via": _words(row.get("via") for row in found),
        **{name: _floats(row.get(name) for row in found) for name in ("fitness", "incumbent")},
    }


def trials(rows: list[Row]) -> Table:
    """One row per mutant tried at a reproduction, with the verdict on it."""
    found = _of(rows, "trial")
    return {
        **{name: _ints(row.get(name) for row in found) for name in ("iteration", "trial", "parent")},
        "verdict": _words(row.get("verdict") for row in found),
        **{name: _floats(row.get(name) for row in found) for name in ("fitness", "novelty")},
    }


KINDS: dict[str, Callable[[list[Row]], Table]] = {
    "progress": progress,
    "iterations": iterations,
    "niches": niches,
    "transfers": transfers,
    "trials": trials,
}
