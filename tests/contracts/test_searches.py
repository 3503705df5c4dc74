"""What every search must keep. A package adds its own to `cases`."""

import dataclasses
import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

from poet.agents.config import MLPConfig, XLAEngineConfig
from poet.archives.config import CellsConfig, GridConfig
from poet.archives.selections import LeastChosenConfig
from poet.envs.arm.config import ArmConfig
from poet.envs.maze.config import MazeConfig
from poet.executors.config import LocalExecutorConfig
from poet.learners.config import ESConfig
from poet.registry import registries
from poet.runs import checkpoint
from poet.runs.artifacts import write_artifact
from poet.runs.checkpoint import check_state
from poet.runs.journal import Mark, encode
from poet.runs.launch import build_search
from poet.runs.snapshots import write_snapshot
from poet.search.base import Info, Record, Search
from poet.search.config import RunConfig, searches
from poet.search.go_explore.config import GoExploreConfig, GoExploreRunConfig
from poet.search.map_elites.config import MapElitesConfig, MapElitesRunConfig
from poet.search.paired_map_elites.config import PairedMapElitesConfig, PairedMapElitesRunConfig
from poet.search.poet.config import PoetConfig, PoetRunConfig
from tests.contracts import foreign
from tests.contracts.carried import check_carried
from tests.contracts.cases import parameters
from tests.envs.toy import CorridorConfig
from tests.search.helpers import assert_equal_trees

NUM_STEPS = 3
SMALL: dict[str, Any] = {
    "generator": CorridorConfig(horizon=12),
    "policy": MLPConfig(hidden=()),
    "learner": ESConfig(population=4),
    "engine": XLAEngineConfig(lanes=8, chunk=6),
    "executor": LocalExecutorConfig(devices=1, queue=32),
}


def cases() -> list[RunConfig]:
    """A small run of each search, in which a few steps show all kinds of events."""
    anything_passes = PoetConfig(
        max_niches=2,
        reproduce_every=1,
        reproduce_threshold=-9.0,
        num_children=2,
        mc_lower=-9.0,
        mc_upper=9.0,
        transfer_every=1,
    )
    few_pairs = PairedMapElitesConfig(
        solved_score=0.0, training_score=-9.0, children=3, variants=1, neighbours=1, trainees=1, max_training_steps=2
    )
    return [
        PoetRunConfig(search=anything_passes, **SMALL),
        MapElitesRunConfig(
            problem=ArmConfig(num_joints=4),
            archive=GridConfig(shape=(4, 4)),
            search=MapElitesConfig(batch=8, generations=2, initial=8),
            executor=LocalExecutorConfig(devices=1),
        ),
        PairedMapElitesRunConfig(search=few_pairs, archive=GridConfig(shape=(3, 3)), **SMALL),
        PairedMapElitesRunConfig(
            search=dataclasses.replace(few_pairs, trainees_from="elites", selection=LeastChosenConfig("seen")),
            archive=CellsConfig(shape=(3, 3), capacity=9),
            **SMALL,
        ),
        GoExploreRunConfig(
            generator=MazeConfig(horizon=12),
            engine=XLAEngineConfig(lanes=8),
            search=GoExploreConfig(rounds=2, batch=8, draw=8, steps=10, capacity=16),
        ),
        foreign.TINY,
    ]


class Case(NamedTuple):
    """A search and a few steps of it.

    Attributes:
      given: the state that each step was given; a step may consume its arrays of jax, but not change any array.
      states: copies of the states, before the first step and after each.
      infos: what each step reported.
    """

    config: RunConfig
    search: Search
    given: list[Any]
    states: list[Any]
    infos: list[Info]


def copied(state: Any) -> Any:
    """The state in other memory: a search may reuse that of the jax arrays in the state it is given."""
    return jax.tree.map(lambda leaf: leaf.copy(), state)


@pytest.fixture(scope="module", params=parameters(cases(), ci=(foreign.TINY.id,)))
def case(request: pytest.FixtureRequest):
    search = build_search(request.param)
    state = search.init(jax.random.key(request.param.seed))
    given, states, infos = [], [copied(state)], []
    for _ in range(NUM_STEPS):
        check_state(state)
        given.append(state)
        state, info = search.step(state)
        states.append(copied(state))
        infos.append(info)
    check_state(state)
    yield Case(request.param, search, given, states, infos)
    search.close()


def test_every_installed_search_of_ours_has_a_case() -> None:
    ours = {id for id in searches.ids() if searches.origin(id).package == "poet-evolution"}
    assert ours <= {config.id for config in cases()}


def test_the_config_is_the_same_after_a_round_trip_through_json(case: Case) -> None:
    assert RunConfig.from_dict(json.loads(json.dumps(case.config.to_dict()))) == case.config
    assert case.config.describe()


def test_the_view_of_the_config_is_registered(case: Case) -> None:
    (views,) = (registry for registry in registries() if registry.kind == "view")
    assert case.config.view in views.ids()


def test_states_have_the_declared_types(case: Case) -> None:
    assert all(check_carried(state) for state in case.states)


def test_each_step_counts_one_iteration(case: Case) -> None:
    assert [int(state.iteration) for state in case.states] == list(range(NUM_STEPS + 1))
    env_steps = [int(state.env_steps) for state in case.states]
    assert env_steps[0] == 0 or isinstance(case.config, MapElitesRunConfig)
    assert env_steps == sorted(env_steps)
    assert env_steps[-1] > 0


def test_a_step_is_a_function_of_the_state(case: Case) -> None:
    state, info = case.search.step(copied(case.states[1]))
    assert_equal_trees(state, case.states[2])
    assert [encode(event) for event in info.events] == [encode(event) for event in case.infos[1].events]
    assert encode(dict(info.metrics)) == encode(dict(case.infos[1].metrics))


def test_a_step_does_not_write_into_the_given_state(case: Case) -> None:
    for given, copy in zip(case.given, case.states):
        kept = [
            (leaf, expected)
            for leaf, expected in zip(jax.tree.leaves(given), jax.tree.leaves(copy))
            if not (isinstance(leaf, jax.Array) and leaf.is_deleted())
        ]
        assert_equal_trees([leaf for leaf, _ in kept], [expected for _, expected in kept])


def test_a_search_that_is_made_again_continues_from_a_saved_state(case: Case, tmp_path: Path) -> None:
    checkpoint.save(tmp_path, case.states[2], 2, Mark(0, ""))
    search = build_search(RunConfig.from_dict(json.loads(json.dumps(case.config.to_dict()))))
    example = search.init(jax.random.key(case.config.seed))
    assert_equal_trees(example, case.states[0])
    state, _ = checkpoint.load(tmp_path, 2, example)
    state, info = search.step(state)
    search.close()
    assert_equal_trees(state, case.states[3])
    assert encode(dict(info.metrics)) == encode(dict(case.infos[2].metrics))


def test_events_are_rows_of_the_journal(case: Case) -> None:
    events = [(number, event) for number, info in enumerate(case.infos) for event in info.events]
    for number, event in events:
        encode(event)
        assert event["iteration"] == number
        assert isinstance(event["event"], str)
        assert event["event"] != "iteration", "the runner writes this row"
        assert "wall" not in event


def test_metrics_are_the_row_of_the_iteration(case: Case) -> None:
    for before, after, info in zip(case.states, case.states[1:], case.infos):
        encode(dict(info.metrics))
        assert int(before.env_steps) <= info.metrics["env_steps"] <= int(after.env_steps)
        assert not {"event", "iteration", "wall"} & set(info.metrics), "the runner adds these"
        assert info.metrics.keys() == case.infos[0].metrics.keys()


def test_the_headline_names_metrics(case: Case) -> None:
    assert case.search.headline
    for info in case.infos:
        assert set(case.search.headline) <= set(info.metrics)


def test_the_identity_is_json(case: Case) -> None:
    assert json.loads(json.dumps(case.search.identity)) == dict(case.search.identity)


def test_timings_are_numbers(case: Case) -> None:
    for info in case.infos:
        assert all(float(value) >= 0 for value in info.timings.values())


def test_records_can_be_written(case: Case, tmp_path: Path) -> None:
    for number, info in enumerate(case.infos):
        for place, make in info.artifacts.items():
            folder, slash, rest = place.partition("/")
            assert folder
            assert slash
            assert rest
            assert "/" not in rest
            record = make()
            check_record(record)
            assert 0 <= record.meta["born"] <= number
            write_artifact(tmp_path / place, record)
        for place, make in info.snapshots.items():
            assert place
            assert "/" not in place
            check_record(make())
            write_snapshot(tmp_path / place, number, make())


def check_record(record: Record) -> None:
    encode(record.meta)
    for name, array in record.arrays.items():
        assert isinstance(name, str)
        assert isinstance(array, np.ndarray)
        assert array.dtype.kind in "biuf"
