"""What the runner demands of a search, checked in every iteration."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from poet.errors import ContractError
from poet.runs import checkpoint
from poet.runs.layout import CHECKPOINTS, MEDIA
from poet.search.base import Info
from poet.types import PyTree

OURS = {"event", "iteration", "wall"}  # in the row of an iteration


def check_state(state: PyTree) -> None:
    """Raise `ContractError` unless a state has its counters and can be saved."""
    for name in ("iteration", "env_steps"):
        counter: Any = getattr(state, name, None)
        if np.shape(counter) or getattr(getattr(counter, "dtype", None), "kind", None) not in ("i", "u"):
            raise ContractError(
                f"state.{name} expects an integer array without axes, as np.asarray(0, np.int64); "
                f"got {counter!r:.100} in {type(state).__name__}"
            )
    checkpoint.check_state(state)


def check_step(result: Any, iteration: int) -> tuple[PyTree, Info]:
    """What the step of this iteration gave. Raises `ContractError` unless it is (state, Info), as `Search` says."""
    if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], Info)):
        raise ContractError(f"step must give (state, poet.Info(...)), got {result!r:.200}")
    state, info = result
    check_state(state)
    if int(state.iteration) != iteration + 1:
        raise ContractError(f"step must raise state.iteration by one, from {iteration}; got {int(state.iteration)}")
    for event in info.events:
        if not (isinstance(event, Mapping) and isinstance(event.get("event"), str)):
            raise ContractError(f'an event expects a mapping with an "event", its kind; got {event!r:.200}')
    if taken := OURS & set(info.metrics):
        raise ContractError(f"metrics expects other names than {', '.join(sorted(taken))}, which every row has")
    for name in info.artifacts:
        if not re.fullmatch(r"\w+/\d+", name):
            raise ContractError(f"artifacts expects names as 'niches/3', a folder and a number; got {name!r}")
    for name in info.snapshots:
        if not re.fullmatch(r"\w+", name) or name in (CHECKPOINTS, MEDIA):
            raise ContractError(f"snapshots expects the name of a folder of its own, as 'elites'; got {name!r}")
    return state, info
