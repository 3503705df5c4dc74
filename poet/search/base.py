"""What a search is: a pair of functions. State is carried and checkpointed; Info is journalled and dropped.

Knows no jax, since those who read runs use its records.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    import numpy as np

    from poet.executors.config import ExecutorConfig
    from poet.types import Key

StateT = TypeVar("StateT")
StateT_co = TypeVar("StateT_co", covariant=True)


class Record(NamedTuple):
    """Something worth a file, readable without the code that made it.

    Attributes:
      meta: JSON-ready.
      arrays: NumPy arrays by name.
    """

    meta: dict[str, Any]
    arrays: Mapping[str, np.ndarray]


class Info(NamedTuple):
    """What one step reports. The runner journals and stores it; nothing of it is needed for the next step.

    Attributes:
      events: journal rows, JSON-ready, each with an "event" and the "iteration"; floats may be NaN, the journal marks
        them.
      metrics: the journal row of the iteration itself, JSON-ready: "env_steps" and whatever else is worth a curve.
      artifacts: records that are replaced as the run goes on, by their place in the run folder, as in "niches/3".
        `meta` has "born", the iteration in which the record first appeared. Made when they are written.
      snapshots: records kept beside each checkpoint, by the name of their folder, as in "elites". Made when written.
      timings: seconds and counts that depend on the machine, so never part of a result.
    """

    events: tuple[dict[str, Any], ...] = ()
    metrics: Mapping[str, Any] = MappingProxyType({})
    artifacts: Mapping[str, Callable[[], Record]] = MappingProxyType({})
    snapshots: Mapping[str, Callable[[], Record]] = MappingProxyType({})
    timings: Mapping[str, float] = MappingProxyType({})


class Init(Protocol[StateT_co]):
    """The state before the first step."""

    def __call__(self, key: Key, /) -> StateT_co:
        """From the key of the run."""
        ...


class Advance(Protocol[StateT]):
    """One iteration of the outer loop, on the host."""

    def __call__(self, state: StateT, /) -> tuple[StateT, Info]:
        """The next state, and what to report."""
        ...


class Search(NamedTuple, Generic[StateT]):
    """An outer algorithm. The state is a pytree of non-empty arrays and typed keys: a checkpoint is exactly that.

    Attributes:
      init: key -> state. It has an `iteration` i64[], steps done, and an `env_steps` i64[].
      step: state -> (state, Info). It may reuse the memory of the jax arrays in the state that it is given.
      close: releases processes and threads; called once, when the run ends.
      headline: names of the metrics that a status line shows, the most important last.
      identity: JSON-ready facts that must not change when a run is resumed, as the generator's version; stored in
        run.json.
    """

    init: Init[StateT]
    step: Advance[StateT]
    close: Callable[[], None] = lambda: None
    headline: tuple[str, ...] = ()
    identity: Mapping[str, Any] = MappingProxyType({})


TRANSCRIPTS = "transcripts"  # the folder, in that of a run


def _discard(event: str, fields: Mapping[str, Any]) -> None:
    """Outside a run there is no journal."""


@dataclasses.dataclass(frozen=True)
class RunContext:
    """What the factory of a search gets besides its config.

    Attributes:
      executor: where its work runs; None for the executor of the config.
      folder: the run folder; None where a search is driven by hand and keeps nothing.
      log: (event, fields) -> None; journals an event about the process, not about the history, at once.
    """

    executor: ExecutorConfig | None = None
    folder: Path | None = None
    log: Callable[[str, Mapping[str, Any]], None] = _discard

    @property
    def transcripts(self) -> Path | None:
        """Folder of recorded answers of foundation models."""
        return None if self.folder is None else self.folder / TRANSCRIPTS

    @property
    def blobs(self) -> Path | None:
        """Folder of files that a state refers to by digest."""
        return None if self.folder is None else self.folder / "blobs"
