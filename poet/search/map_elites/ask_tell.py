"""Ask and tell: the same archives and emitters for evaluations that are not JAX, as a simulator or a laboratory.

NumPy goes in and out; copies, so that whatever happens to an array outside changes nothing in here.
"""

import dataclasses
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from poet.archives.base import Archive, Entries
from poet.archives.layout import num_objectives
from poet.archives.stats import summary
from poet.archives.table import columns
from poet.errors import ConfigError, PoetError, ShapeError
from poet.nested import differences
from poet.seal import digest
from poet.search.map_elites.config import MapElitesConfig
from poet.search.map_elites.emitters import Offspring, orphans
from poet.search.map_elites.generation import generation
from poet.types import derive

EMIT, TELL, START = range(3)
IDLE = ("generations", "initial", "islands", "reevaluate")  # fields of the config that do nothing here


class AskTell:
    """MAP-Elites one batch at a time.

    Args:
      config: emitters and batch; generations, initial, islands and reevaluate do not matter here.
      archive: where solutions are kept.
      start: f32[S, G], solutions to evaluate first; they go round until the first batch is full.
      seed: of every random choice.
      offset: the worst fitness that can be, from which QD scores count.

    Raises `ShapeError` for a start of another shape.
    """

    def __init__(
        self, config: MapElitesConfig, archive: Archive, start: Any, *, seed: int = 0, offset: float = 0.0
    ) -> None:
        start = np.array(start, np.float32)
        if start.ndim != 2 or not start.size or not np.isfinite(start).all():
            raise ShapeError(f"expected start f32[S, G], finite solutions one per row; got shape {start.shape}")
        self.archive, self.offset = archive, offset
        self._num_descriptors = len(archive.spec["bounds"])
        first = jnp.asarray(start)
        parts = generation(
            config, archive, lambda key: first[jax.random.randint(key, (), 0, len(first))], start.shape[1]
        )
        settings = {name: value for name, value in dataclasses.asdict(config).items() if name not in IDLE}
        begin = f"{list(start.shape)} {digest(start)}"
        about = {**settings, "archive": dict(archive.spec), "seed": seed, "start": begin}
        self._settings = json.loads(json.dumps(about))
        self._first = np.resize(start, (config.batch, start.shape[1]))
        self._emit, self._absorb = jax.jit(parts.emit), jax.jit(parts.absorb)
        self._key = jax.random.key(seed)
        self._island = jax.jit(parts.init)(derive(self._key, START))
        self._round = 0
        self._asked: Offspring | None = None

    def ask(self) -> np.ndarray:
        """Solutions f32[B, G] to be evaluated; the same ones until they are told."""
        asked = self._asked
        if asked is None and self._round == 0:
            asked = orphans(self._first)
        elif asked is None:
            self._island, asked = self._emit(derive(self._key, EMIT, self._round), self._island)
        self._asked = asked
        return np.array(asked.params)

    def tell(self, fitness: Sequence[float] | np.ndarray, descriptor: Any) -> dict[str, np.ndarray]:
        """How they did: fitness [B] ([B, M] for an archive of M objectives), descriptors [B, D], in `ask`'s order.

        What could not be evaluated is told as NaN: it is counted and kept out. Returns "status" i32[B] (2 for a new
        cell, 1 for an improvement, else 0), "improvement" f32[B] and the archive's counts.

        Raises `ShapeError` for other shapes, and `PoetError` if nothing was asked; what is in the archive stays.
        """
        if self._asked is None:
            raise PoetError("tell() expects the scores of what ask() gave: call ask() first, and tell() once for it")
        batch = len(self._first)
        objectives = num_objectives(self.archive.spec)
        scores = _numbers("fitness", fitness, (batch,) if objectives == 1 else (batch, objectives))
        places = _numbers("descriptor", descriptor, (batch, self._num_descriptors))
        at = np.array([self._round, 0], np.uint32)
        self._island, _, info = self._absorb(
            derive(self._key, TELL, self._round), self._island, at, self._asked, scores, places
        )
        self._round, self._asked = self._round + 1, None
        counts = {name: np.asarray(count) for name, count in info.counts._asdict().items()}
        return {"status": np.array(info.status), "improvement": np.array(info.improvement), **counts}

    def table(self) -> dict[str, np.ndarray]:
        """The elites as columns: see `poet.archives.table.columns`."""
        return columns(self.archive.spec, self._elites())

    def summary(self) -> dict[str, float]:
        """Coverage, QD score, best and mean fitness."""
        found = summary(self.archive.spec, self._elites(), self.offset)
        return {name: float(value) for name, value in found._asdict().items()}

    def _elites(self) -> Entries:
        return jax.tree.map(np.asarray, self.archive.elites(self._island.archive))

    def save(self, path: Path | str) -> None:
        """Write everything that `load` needs to go on as one .npz, in one piece or not at all."""
        path = Path(path)
        asked = () if self._asked is None else self._asked
        arrays = [np.array(self._round), *map(np.asarray, jax.tree.leaves((self._island, asked)))]
        temporary = path.with_name(f".{path.name}.tmp")
        with temporary.open("wb") as file:
            np.savez(file, *arrays, allow_pickle=False, settings=np.array(json.dumps(self._settings)))
        temporary.replace(path)

    def load(self, path: Path | str) -> None:
        """Go on from what `save` wrote, by an `AskTell` of the same arguments.

        Raises `ConfigError` for a file that is none, is damaged, or was saved with other arguments.
        """
        try:
            with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
                settings = json.loads(str(file["settings"]))
                number, *leaves = (file[f"arr_{place}"] for place in range(len(file.files) - 1))
        except (OSError, ValueError, KeyError, IndexError, TypeError, zipfile.BadZipFile) as error:
            raise ConfigError(f"{path} is not what AskTell.save wrote, or it is damaged: {error}") from error
        changes = differences(settings, self._settings)
        if changes:
            listed = "\n  ".join(changes)
            raise ConfigError(f"{path} was saved with other settings:\n  {listed}\nGive those of then, or start afresh")
        mine, structure = jax.tree.flatten(self._island)
        island, asked = leaves[: len(mine)], leaves[len(mine) :]
        self._island = jax.tree.unflatten(structure, map(jnp.asarray, island))
        self._round, self._asked = int(number), Offspring(*asked) if asked else None


def _numbers(name: str, values: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(values)
    if array.shape != shape or array.dtype.kind not in "fiub":
        raise ShapeError(
            f"expected {name} numbers of shape {shape}, as many as ask() gave; got {array.dtype} {array.shape}"
        )
    with np.errstate(over="ignore"):
        return np.array(array, np.float32)
