"""Go-Explore in simulators, which are returned to by snapshots or by the actions so far."""

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest

from poet.agents.config import HostEngineConfig, RandomActionsConfig
from poet.agents.segments import Explorer
from poet.errors import ContractError
from poet.executors.recipe import Recipe
from poet.search.base import Search
from poet.search.go_explore.algorithm import go_explore
from poet.search.go_explore.cell_functions import DescriptorCellConfig, FieldsCellConfig
from poet.search.go_explore.config import GoExploreConfig
from poet.search.go_explore.state import GoExploreState
from tests.search.go_explore.rooms import RoomsGenerator, SimulatedRooms, elites, explorer_of, way_to
from tests.search.helpers import assert_equal_trees, run_search

SEARCH = GoExploreConfig(rounds=2, batch=12, draw=6, steps=8, capacity=128, max_capacity=256)
CELL = FieldsCellConfig(fields=("obs",), low=(0.0,), high=(12.0,), cells=(12,))
SNAPSHOTS = SimulatedRooms(snapshot_bytes=1000)


def parts(environment: SimulatedRooms, workers: int = 2) -> tuple[Search[GoExploreState], Explorer]:
    generator: Any = RoomsGenerator(environment)
    policy, engine, _ = Recipe(generator, RandomActionsConfig(repeat=0.5), HostEngineConfig(workers=workers)).build()
    cell = CELL.make(generator.environment, generator.simplest())
    return go_explore(SEARCH, generator, policy, engine, cell), explorer_of(generator, policy, engine, SEARCH)


def search_for(environment: SimulatedRooms, num: int, workers: int = 2) -> GoExploreState:
    search, _ = parts(environment, workers)
    try:
        return run_search(search, num)[0]
    finally:
        search.close()


@pytest.mark.ci
@pytest.mark.parametrize(
    "environment", [SNAPSHOTS, pytest.param(SimulatedRooms(), marks=pytest.mark.slow)], ids=["snapshots", "actions"]
)
def test_each_elite_is_reached_again_by_its_actions_from_the_start(environment: SimulatedRooms) -> None:
    state = search_for(environment, 4)
    _, explorer = parts(environment)
    store, rows = state.archive.store, elites(state)
    assert len(rows) > 50
    assert max(len(way_to(state, id)) for _, id in rows) > 2
    for row, id in rows[::4]:
        replayed = explorer.replay(state.key, way_to(state, id))
        assert replayed.score == float(store.fitness[row])
        assert len(replayed.trajectory.actions) == int(store.extra["length"][row])
        assert replayed.point.obs.tolist() == np.asarray(store.payload.obs[row]).tolist()
    explorer.engine.close()


@pytest.mark.slow
def test_workers_and_restarts_change_no_bit() -> None:
    whole = search_for(SNAPSHOTS, 3)
    assert_equal_trees(search_for(SNAPSHOTS, 3, workers=1), whole)
    before, (search, _) = search_for(SNAPSHOTS, 2), parts(SNAPSHOTS)
    after, _ = search.step(before._replace(key=jax.random.key(0)))
    search.close()
    assert_equal_trees(after, whole)


@pytest.mark.slow
def test_both_ways_to_return_find_the_same() -> None:
    """A simulator has the same luck whether it is restored or its actions are repeated."""
    with_snapshots, without = search_for(SNAPSHOTS, 2), search_for(SimulatedRooms(), 2)
    points = [state.archive.store.payload.obs for state in (with_snapshots, without)]
    np.testing.assert_array_equal(*points)
    assert_equal_trees(with_snapshots.counters, without.counters)


def test_snapshots_that_are_too_large_and_cells_of_descriptors_are_refused() -> None:
    with pytest.raises(ContractError, match="snapshots of rooms-v1 are expected to have at most snapshot_bytes = 10"):
        search_for(dataclasses.replace(SNAPSHOTS, snapshot_bytes=10), 1)
    environment: Any = SNAPSHOTS
    with pytest.raises(ContractError, match="known at the end of an episode only"):
        DescriptorCellConfig().make(environment, {})
