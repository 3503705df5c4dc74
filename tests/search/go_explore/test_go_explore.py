"""Go-Explore: every elite is reached again by its trajectory, and what is counted adds up."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.agents.config import RandomActionsConfig, XLAEngineConfig
from poet.agents.segments import Explorer
from poet.errors import ConfigError, ContractError, RunError
from poet.executors.recipe import Recipe
from poet.search.base import Search
from poet.search.go_explore.algorithm import go_explore
from poet.search.go_explore.cell_functions import DescriptorCellConfig, FieldsCellConfig
from poet.search.go_explore.config import GoExploreConfig
from poet.search.go_explore.state import GoExploreState
from tests.search.go_explore.rooms import Rooms, RoomsGenerator, elites, explorer_of, way_to
from tests.search.helpers import assert_equal_trees, run_search

ENGINE, POLICY = XLAEngineConfig(lanes=16), RandomActionsConfig(repeat=0.5)
CELL = FieldsCellConfig(fields=("world.x", "world.y"), low=(0.0,), high=(12.0,), cells=(12,))
SEARCH = GoExploreConfig(rounds=3, batch=16, draw=8, steps=10, capacity=128, max_capacity=256)


def parts(environment: Rooms | None = None, **options: Any) -> tuple[Search[GoExploreState], Explorer]:
    environment = environment or Rooms()
    generator: Any = RoomsGenerator(environment)
    config = dataclasses.replace(SEARCH, **options)
    policy, engine, _ = Recipe(generator, POLICY, ENGINE).build()
    cell = CELL.make(environment, generator.simplest())
    return go_explore(config, generator, policy, engine, cell), explorer_of(generator, policy, engine, config)


@pytest.fixture(scope="module")
def finished() -> tuple[GoExploreState, list, Explorer]:
    search, explorer = parts()
    state, infos = run_search(search, 12)
    return state, infos, explorer


def test_each_elite_is_reached_again_by_its_trajectory(finished) -> None:
    """With its score, its length and its state, to the last bit; also where the environment is random."""
    state, _, explorer = finished
    store, rows = state.archive.store, elites(state)
    assert len(rows) > 100
    lengths = []
    for row, id in rows[::3]:
        replayed = explorer.replay(state.key, way_to(state, id))
        assert replayed.score == float(store.fitness[row])
        assert len(replayed.trajectory.actions) == len(replayed.keys) == int(store.extra["length"][row])
        assert_equal_trees(jax.tree.map(lambda leaf, at=row: np.asarray(leaf)[at], store.payload), replayed.point)
        lengths.append(len(way_to(state, id)))
    assert max(lengths) > 3, "some trajectories have several segments"


def test_all_scores_are_replayed_at_once(finished) -> None:
    """Each segment once; without one of them there is an error, and no endless search for it."""
    state, _, explorer = finished
    rows = elites(state)
    ids = [(int(first), int(second)) for _, (first, second) in rows]
    parents = {segment: tuple(map(int, state.parent[segment])) for id in ids for segment, _ in way_to(state, id)}
    found = explorer.scores(state.key, parents, ids)
    assert found == [float(state.archive.store.fitness[row]) for row, _ in rows]
    lost = {segment: (7777, 1) if parent[0] else parent for segment, parent in parents.items()}
    with pytest.raises(RunError, match="expected all segments on the ways to the states"):
        explorer.scores(state.key, lost, ids)


def test_the_best_episode_that_ended_is_replayed_too(finished) -> None:
    state, infos, explorer = finished
    assert sum(info.metrics["ended"] for info in infos) > 0
    replayed = explorer.replay(state.key, way_to(state, np.asarray(state.best.id)))
    assert replayed.score == float(state.best.score)
    assert len(replayed.trajectory.actions) == int(state.best.length)
    x, y = replayed.point.obs
    assert (x, y) in [(9, 0), (11, 11)] or len(replayed.trajectory.actions) == Rooms().horizon
    with pytest.raises(RunError, match="expected the id of a state of this run, got segment 99999"):
        explorer.replay(state.key, way_to(state, (99999, 1)))


def test_elites_are_in_the_cell_of_their_state_and_counts_add_up(finished) -> None:
    state, infos, _ = finished
    table = infos[-1].snapshots["elites"]().arrays
    store = state.archive.store
    places = np.stack([store.payload.world.x, store.payload.world.y], axis=1)[: len(table["fitness"])]
    np.testing.assert_array_equal(table["descriptor"], places)
    assert len({tuple(place) for place in places}) == len(places) == infos[-1].metrics["cells"]
    assert 1 + sum(info.metrics["added"] for info in infos) == len(places)
    assert not [place for place in places.tolist() if place in ([9, 0], [11, 11])], "no ended state is returned to"
    assert int(state.env_steps) <= SEARCH.steps * (int(state.num_segments) - 1)
    assert int(state.num_segments) - 1 == 12 * SEARCH.rounds * SEARCH.batch
    assert len(state.parent) >= int(state.num_segments) > len(state.parent) // 2


@pytest.mark.slow
def test_a_restart_changes_no_bit(finished) -> None:
    state, _, _ = finished
    before, _ = run_search(parts()[0], 7)
    search, after = parts()[0], jax.tree.map(jnp.array, before._replace(key=jax.random.key(0)))
    after = after._replace(**{name: np.asarray(getattr(before, name)) for name in ("iteration", "env_steps", "parent")})
    for _ in range(5):
        after, _ = search.step(after._replace(num_segments=np.asarray(after.num_segments)))
    assert_equal_trees(after, state)


@pytest.mark.slow
def test_the_archive_grows_and_drops_what_it_has_no_room_for(finished) -> None:
    state, infos, _ = finished
    assert state.counters.seen.shape == (256,)
    assert infos[-1].metrics["dropped"] == 0
    small, reports = run_search(parts(capacity=32, max_capacity=32)[0], 6)
    assert small.counters.seen.shape == (32,)
    assert sum(info.metrics["dropped"] for info in reports) > 0
    assert reports[-1].metrics["cells"] == 32


@pytest.mark.slow
def test_counters_without_resets_add_up() -> None:
    state, _ = run_search(parts(reset_on_update=False, draw=6)[0], 4)
    counters = jax.tree.map(np.asarray, state.counters)
    assert counters.chosen.sum() == int(state.num_segments) - 1
    assert (counters.chosen_since_new <= counters.chosen).all()
    assert (counters.seen >= counters.chosen).all()
    assert counters.seen.sum() > counters.chosen.sum()


@pytest.mark.slow
def test_states_after_a_score_that_is_nan_are_never_stored() -> None:
    state, infos = run_search(parts(Rooms(cursed=True))[0], 4)
    assert sum(info.metrics["not_finite"] for info in infos) > 0
    rows = [row for row, _ in elites(state)]
    assert (np.asarray(state.archive.store.payload.world.x)[rows] < 5).all()
    assert not np.isnan(float(state.best.score))


@pytest.mark.slow
def test_returning_reaches_what_starting_over_does_not() -> None:
    """With room for the cells around the root only, the search does not get far."""
    with_archive, _ = run_search(parts(steps=6)[0], 6)
    without, _ = run_search(parts(steps=6, capacity=8, max_capacity=8, reset_on_update=False)[0], 6)
    assert len(elites(with_archive)) > 5 * len(elites(without))


def test_impossible_options() -> None:
    rooms, genome = Rooms(), RoomsGenerator().simplest()
    with pytest.raises(ContractError, match="rooms-v1 has no descriptor to make cells of"):
        DescriptorCellConfig().make(rooms, genome)
    for fields, message in (
        (("world.z",), "'world.z' has no 'z'; there: x, y, luck"),
        (("obs.7",), r"'obs.7' has no '7'; there: an array of shape \(2,\)"),
        (("world",), "'world' is not one array: name one of its fields, x, y, luck"),
    ):
        with pytest.raises(ConfigError, match=message):
            FieldsCellConfig(fields=fields).make(rooms, genome)
    with pytest.raises(ConfigError, match="cell.names expects 2 different names, one for each field"):
        FieldsCellConfig(fields=("world.x", "world.y"), names=("x", "x"))
    assert FieldsCellConfig(fields=("obs",), names=("place",)).make(rooms, genome).names == ("place.0", "place.1")
    with pytest.raises(ConfigError, match="cell.low expects one number, or one for each of 1; got 2"):
        FieldsCellConfig(fields=("obs",), low=(0.0, 1.0)).make(rooms, genome)
    with pytest.raises(ConfigError, match="search.max_capacity expects at least search.capacity 10, got 5"):
        GoExploreConfig(capacity=10, max_capacity=5)
    assert FieldsCellConfig(fields=("obs", "world.luck")).make(rooms, genome).names == ("obs.0", "obs.1", "world.luck")
