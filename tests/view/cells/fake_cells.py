"""Cells and a run of Go-Explore written by hand, without a search."""

from pathlib import Path
from typing import Any

import numpy as np

from poet.runs.read import Record
from poet.view.archive.elites import Elites
from poet.view.cells.run import CellsRun
from poet.view.open import open_run
from tests.view.run_folder import write_run

ROOM_NAMES = ("level", "room", "carried", "x", "y")


def cells_of(names: tuple[str, ...], shape: tuple[int, ...], place: np.ndarray) -> Elites:
    """Cells in these parts [M, D] of unit width, in this order."""
    count = len(place)
    rng = np.random.default_rng(0)
    spec = {
        "id": "cells",
        "shape": list(shape),
        "bounds": [[0.0, float(parts)] for parts in shape],
        "layout": {"cells": 4096, "rows_per_cell": 1, "geometry": "other"},
    }
    columns = {
        "fitness": rng.normal(size=count).astype(np.float32) * 1000,
        "cell": np.arange(count, dtype=np.int32),
        "descriptor": (place + rng.random(place.shape) * 0.9).astype(np.float32),
        "id": np.ones((count, 2), np.uint32),
        **{f"extra.{name}": rng.integers(0, 3, count).astype(np.int32) for name in ("length", "seen", "chosen")},
    }
    meta: dict[str, Any] = {"spec": spec, "iteration": 3, "descriptor_names": list(names)}
    return Elites(Record(meta, columns))


def in_rooms(count: int, levels: int = 1) -> Elites:
    """Cells in so many rooms, 90, 89, ... in the order in which they were met; levels in turn."""
    rng = np.random.default_rng(1)
    parts = [
        np.unique(np.column_stack([rng.integers(3, 11, 40), rng.integers(2, 9, 40)]), axis=0) for _ in range(count)
    ]
    place = [np.column_stack([np.full((len(xy), 3), (n % levels, 90 - n, 0)), xy]) for n, xy in enumerate(parts)]
    return cells_of(ROOM_NAMES, (3, 256, 256, 32, 16), np.concatenate(place))


def fake_run(folder: Path, cells: Elites) -> CellsRun:
    """A run whose cells are these; they are not on file."""
    rows = [
        {"event": "iteration", "iteration": t, "env_steps": 1000 * (t + 1), "cells": len(cells) * (t + 1) // 3}
        | {"best": 1.5 * t, "best_ended": 1.2 * t}
        for t in range(3)
    ]
    write_run(folder, {"id": "go-explore", "seed": 0, "iterations": 3}, rows, view="cells", headline=["cells", "best"])
    run = open_run(folder)
    assert isinstance(run, CellsRun)
    run._archives = {None: cells}
    return run
