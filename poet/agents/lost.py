"""Episodes that were lost three times with the worker process of their simulator: their result is NaN from then on.

Such a verdict may come from an accident of the machine, so it is kept in the run folder, and a run that resumes takes
it as it was: results do not depend on accidents.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from poet.agents.engine import EngineContext
from poet.envs.base import Interface

FILE = "lost_episodes.jsonl"
MAX_LOSSES = 3  # of an episode, all but the first one alone in its worker


def name_of(interface: Interface, parts: Iterable[np.ndarray]) -> str:
    """A digest of what determines an episode."""
    digest = hashlib.sha256(repr(interface).encode())
    for part in parts:
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


class LostEpisodes:
    """The verdicts of a run, or of this process where there is no run folder."""

    def __init__(self, context: EngineContext | None) -> None:
        self._context = context
        folder = None if context is None else context.transcripts
        self._path: Path | None = None if folder is None else folder / FILE
        self._names: set[str] = set()
        if self._path is not None and self._path.is_file():
            for line in self._path.read_text().splitlines():
                try:
                    self._names.add(json.loads(line)["episode"])
                except (ValueError, KeyError, TypeError):  # a kill cut the last line
                    continue

    def any(self) -> bool:
        """Whether there is any verdict."""
        return bool(self._names)

    def has(self, name: str) -> bool:
        """Whether there is a verdict on an episode, by the digest of what determines it."""
        return name in self._names

    def add(self, name: str, environment: str) -> None:
        """Keep a verdict: on disk before it has any effect."""
        self._names.add(name)
        if self._path is not None:
            self._path.parent.mkdir(exist_ok=True)
            with self._path.open("a") as file:
                file.write(json.dumps({"episode": name, "environment": environment}) + "\n")
                file.flush()
                os.fsync(file.fileno())
        if self._context is not None:
            self._context.log("lost_episode", {"episode": name, "environment": environment})
