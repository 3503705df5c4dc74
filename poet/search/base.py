"""What a search is: a pair of functions. State is carried and checkpointed; Info is journalled and dropped.

Knows no jax, since those who read runs use its records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from poet.types import Key, PyTree


class NicheRecord(NamedTuple):
    """One environment ever admitted and its agents, readable without the code that made them.

    Attributes:
      meta: JSON-ready: id, genome, description, features, difficulty, parent, born, retired, solved, fitness, via.
      agents: flat weights f32[G] by occasion: "admission", "best", "retirement" (once it happened), "current".
    """

    meta: dict[str, Any]
    agents: dict[str, np.ndarray]


class Snapshot(NamedTuple):
    """The M elites of an archive, readable without jax or the code that made them.

    Attributes:
      meta: JSON-ready: spec (of the archive), iteration, evaluations, payload (shape and dtype of each of its
        columns), descriptor_names, fitness_bounds or null, problem (id and options), rows (R).
      columns: arrays over the M occupied rows: "cell" i32[M], "fitness" f32[M], "descriptor" f32[M, D], "id" u32[M, 2],
        "parents" u32[M, 2, 2], "emitter" i32[M], and the leaves of the payload by name ("params" f32[M, G], ...).
    """

    meta: dict[str, Any]
    columns: Mapping[str, np.ndarray]


class Info(NamedTuple):
    """What one step tells the outside.

    Attributes:
      events: journal rows, JSON-ready; floats may be NaN, the journal marks them.
      niches: files of niches to write anew, by niche id.
      wall: seconds by what they were spent on; depends on the machine, so never on the path of a result.
      elites: the archive as it is now, if the search has one; called before the next step, or never.
    """

    events: tuple[dict[str, Any], ...]
    niches: Mapping[int, NicheRecord]
    wall: Mapping[str, float]
    elites: Callable[[], Snapshot] | None = None


class Search(NamedTuple):
    """An outer algorithm. `step` is one tick of the outer clock and runs on the host.

    The state is a pytree whose leaves are non-empty arrays or typed keys, with an `iteration` i32[] that counts
    the steps done and an `env_steps` i64[]: a checkpoint is exactly the state.
    """

    init: Callable[[Key], PyTree]
    step: Callable[[PyTree], tuple[PyTree, Info]]
