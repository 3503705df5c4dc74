"""A search that breaks its contract is told so in its first step, in words, before anything is saved."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from poet.errors import ContractError
from poet.runs.checkpoint import steps
from poet.runs.launch import build_search
from poet.runs.layout import CHECKPOINTS
from poet.search.base import Info, Search
from tests.runs.toy import ToyConfig, toy_run, walk

SHORT = ToyConfig(iterations=3)
STATES: dict[str, tuple[Any, str]] = {
    "no iteration": (SimpleNamespace(env_steps=np.zeros(())), r"state\.iteration expects an integer array"),
    "a float counter": (SimpleNamespace(iteration=np.zeros(()), env_steps=np.array(0)), r"state\.iteration expects"),
    "a counter with an axis": (
        SimpleNamespace(iteration=np.zeros(1, int), env_steps=np.array(0)),
        r"state\.iteration expects an integer array without axes",
    ),
    "no state": (None, r"got None in NoneType"),
    "no env_steps": (SimpleNamespace(iteration=np.array(0)), r"state\.env_steps expects"),
}


@pytest.mark.parametrize("kind", STATES)
def test_a_state_without_its_counters_is_refused(tmp_path: Path, kind: str) -> None:
    state, message = STATES[kind]
    with pytest.raises(ContractError, match=message):
        toy_run(tmp_path, SHORT, Search(lambda key: state, walk(SHORT).step))


def _with(**fields: Any) -> Callable[[Any, Info], Any]:
    return lambda state, info: (state, info._replace(**fields))


STEPS: dict[str, tuple[Callable[[Any, Info], Any], str]] = {
    "only the state": (lambda state, info: state, r"step must give \(state, poet.Info"),
    "a dict": (lambda state, info: (state, {}), r"step must give \(state, poet.Info"),
    "nothing": (lambda state, info: None, r"step must give \(state, poet.Info.*got None"),
    "a NumPy scalar": (
        lambda state, info: (state._replace(env_steps=np.int64(3)), info),
        r"state\.env_steps expects an array",
    ),
    "what JSON has not": (
        _with(metrics={"place": Path("here")}),
        "place is a PosixPath",
    ),
    "two iterations": (
        lambda state, info: (state._replace(iteration=np.asarray(state.iteration + 1)), info),
        "raise state.iteration by one, from 0; got 2",
    ),
    "an event in words": (_with(events=("solved",)), "an event expects a mapping"),
    "an event without kind": (_with(events=({"iteration": 0},)), 'an event expects a mapping with an "event"'),
    "a metric of ours": (_with(metrics={"iteration": 7}), "metrics expects other names than iteration"),
    "a path as artifact": (_with(artifacts={"../7": lambda: None}), r"artifacts expects names as .* got '\.\./7'"),
    "a path as snapshot": (_with(snapshots={"../elites": lambda: None}), "snapshots expects the name of a folder"),
    "checkpoints as snapshot": (_with(snapshots={"checkpoints": lambda: None}), "a folder of its own"),
}


@pytest.mark.parametrize("kind", STEPS)
def test_a_step_that_gives_something_else_is_refused(tmp_path: Path, kind: str) -> None:
    change, message = STEPS[kind]
    search = walk(SHORT)
    with pytest.raises(ContractError, match=message):
        toy_run(tmp_path, SHORT, Search(search.init, lambda state: change(*search.step(state))))
    assert not steps(tmp_path / CHECKPOINTS)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda config, context: 1 / 0,
            r"make of 'toy-walk' raises ZeroDivisionError.*line \d+ of test_contract",
        ),
        (lambda config, context: [][0], "raises IndexError: list index out of range"),
        (lambda config, context: None, "make of 'toy-walk' must give a poet.Search, got NoneType"),
    ],
)
def test_a_factory_that_fails_is_named(monkeypatch: pytest.MonkeyPatch, make: Any, message: str) -> None:
    monkeypatch.setattr(ToyConfig, "make", make)
    with pytest.raises(ContractError, match=message):
        build_search(SHORT)
