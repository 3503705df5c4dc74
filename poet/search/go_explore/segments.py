"""The record of the segments on the ways to all elites, from which readers of a run replay them.

Axes: N segments, M elites.
"""

from typing import Any

import jax
import numpy as np
from jaxtyping import UInt32

from poet.agents.segments import Phases, reachable
from poet.search.base import Record
from poet.search.go_explore.config import GoExploreConfig
from poet.search.go_explore.state import Best
from poet.search.keys import GoExplorePhase
from poet.types import Key

PHASES = Phases(GoExplorePhase.START, GoExplorePhase.SEGMENT, GoExplorePhase.POLICY)


def segments_record(
    config: GoExploreConfig,
    key: Key,
    parent: UInt32[np.ndarray, "N 2"],
    ids: UInt32[np.ndarray, "M 2"],
    best: Best,
    iteration: int,
) -> Record:
    """Of each segment on the way to an elite, or to the best episode that has ended, where it began.

    `meta` has what `poet.agents.segments.Explorer` needs besides the options of the run.
    """
    ended = bool(np.isfinite(best.score))
    wanted = np.concatenate([ids[:, 0], np.asarray(best.id)[None, 0]]) if ended else ids[:, 0]
    segments = reachable(parent, wanted)
    meta: dict[str, Any] = {
        "iteration": iteration,
        "key": np.asarray(jax.random.key_data(key)).tolist(),
        "phases": {name: int(phase) for name, phase in PHASES._asdict().items()},
        "lanes": config.batch,
        "steps": config.steps,
        "best_ended": {"id": np.asarray(best.id).tolist(), "score": float(best.score), "length": int(best.length)}
        if ended
        else None,
    }
    return Record(meta, {"segment": segments.astype(np.uint32), "parent": parent[segments]})
