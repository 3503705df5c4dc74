"""The ways to the cells of a run: replayed, compared with the stored scores, filmed, and written to files.

A replay needs the generator and jax; nothing of it is needed to read cells and their scores.
"""

from __future__ import annotations

import io
import json
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from poet.activity import doing
from poet.agents.segments import Explorer, Phases, Replayed, chain, parents_of
from poet.errors import RunError, named_errors
from poet.jax_settings import pinned
from poet.runs.layout import MEDIA
from poet.types import Key
from poet.view.programs import engine_for
from poet.view.style import require_suffix, write_file
from poet.view.video import SUFFIX, require_renderer, trajectory_gif

if TYPE_CHECKING:
    from poet.view.cells.run import CellsRun


class Verified(NamedTuple):
    """The scores of some cells, and what their replays gave.

    Attributes:
      cells: their rows.
      stored: f32, scores as they are on file.
      replayed: f32, sums of the rewards of the replays.
    """

    cells: np.ndarray
    stored: np.ndarray
    replayed: np.ndarray

    @property
    def equal(self) -> np.ndarray:
        """Whether a replay gave the stored score, to the last bit."""
        return self.stored == self.replayed


class Ways:
    """What replays of a run share. Close it after use: simulators run in processes of their own."""

    def __init__(self, run: CellsRun) -> None:
        record, generator = run.segments(), run.generator()
        meta = record.meta
        self.key: Key = jax.random.wrap_key_data(jnp.array(meta["key"], jnp.uint32))
        self._parents = parents_of(record.arrays)
        with named_errors(f"environment of generator {generator.id!r}"):
            genome = generator.simplest()
            engine = engine_for(generator.environment, run.policy_config, run.engine_config, genome)
        phases = Phases(**meta["phases"])
        self._explorer = Explorer(generator, run.policy(), engine, phases, lanes=meta["lanes"], steps=meta["steps"])
        self._run, self._meta, self.close = run, meta, engine.close

    def __enter__(self) -> Ways:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    @property
    def start_key(self) -> Key:
        """The key of the level and of the start of all ways."""
        return self._explorer.start_key(self.key)

    def replay(self, cell: int | None) -> Replayed:
        """The way to a cell step by step; None is the best episode that has ended."""
        with self._named(), doing("replaying the way to a cell"):
            return self._explorer.replay(self.key, chain(self._parents.__getitem__, self._id(cell)))

    def verify(self, cells: np.ndarray) -> Verified:
        """Replay the ways to cells."""
        ids = [self._id(cell) for cell in cells]
        with self._named(), doing("replaying the ways to cells"):
            needed = {segment for id in ids for segment, _ in chain(self._parents.__getitem__, id)}
            scores = self._explorer.scores(self.key, {each: self._parents[each] for each in needed}, ids)
        stored = np.asarray(self._run.archive().columns["fitness"], np.float32)[cells]
        return Verified(np.asarray(cells), stored, np.array(scores, np.float32))

    def _named(self) -> AbstractContextManager:
        return named_errors(f"an episode of generator {self._run.generator().id!r}")

    def _id(self, cell: int | None) -> tuple[int, int]:
        if cell is not None:
            return self._run.archive().id(cell)
        best = self._meta["best_ended"]
        if best is None:
            raise RunError(f"no episode of {self._run.name} has ended yet: name a cell")
        return best["id"]


@pinned()
def replay(run: CellsRun, cell: int | None) -> Replayed:
    """The way to a cell, or the best episode that has ended (None). Raises `RunError` for a cell that is not there."""
    with Ways(run) as ways:
        return ways.replay(cell)


@pinned()
def verify(run: CellsRun, most: int | None = None) -> Verified:
    """Replay the ways to all cells, or to those with the best scores, at most so many."""
    with Ways(run) as ways:
        return ways.verify(run.best_cells(most))


@pinned()
def film(run: CellsRun, cell: int | None, path: str | os.PathLike[str] | None = None, width: int = 480) -> Path:
    """The way to a cell, or the best episode that has ended (None), as a GIF; by default in the run's media folder."""
    given = None if path is None else require_suffix(path, SUFFIX, "a video")
    require_renderer(run)
    with Ways(run) as ways:
        replayed, key = ways.replay(cell), ways.start_key
    if not len(replayed.trajectory.actions):
        raise RunError(f"cell {cell} of {run.name} is where every way begins: choose another one")
    steps = f"score {replayed.score:.6g} after {len(replayed.trajectory.actions)} steps"
    where = "" if cell is None else run.coordinates(cell)
    lines = ",  ".join(filter(None, [f"{run.name}, {_name(cell)}", steps, where]))
    gif = trajectory_gif(run, run.simplest(), key, replayed.trajectory, (lines, run.describe(run.simplest())), width)
    target = given or run.path / MEDIA / f"{_name(cell).replace(' ', '_')}{SUFFIX}"
    write_file(target, gif)
    return target


@pinned()
def export(run: CellsRun, cell: int | None, path: str | os.PathLike[str]) -> Path:
    """Write the way to a cell as a demonstration, for learners and other tools; returns the path.

    The file is an .npz: `actions` [T, ...], `rewards` f32[T], `keys` u32[T, 2] (data of the key of each step),
    `start_key` u32[2] (of level and reset), and `meta`, a JSON text: score, options of the generator, interface, cell.
    """
    target = require_suffix(path, ".npz", "a demonstration")
    with Ways(run) as ways:
        replayed, key = ways.replay(cell), ways.start_key
    meta = {
        "run": run.name,
        "what": _name(cell),
        "score": replayed.score,
        "steps": len(replayed.keys),
        "generator": run.options.get("generator"),
        "environment": run.interface().id,
    }
    packed = io.BytesIO()
    np.savez_compressed(
        packed,
        actions=replayed.trajectory.actions,
        rewards=replayed.trajectory.rewards,
        keys=replayed.keys,
        start_key=np.asarray(jax.random.key_data(key)),
        meta=np.array(json.dumps(meta)),
    )
    write_file(target, packed.getvalue())
    return target


def _name(cell: int | None) -> str:
    return "best episode" if cell is None else f"cell {cell}"
