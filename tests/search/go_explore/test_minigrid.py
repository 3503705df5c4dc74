"""Go-Explore in grids with doors and keys. `make test-gymnax` runs this file, which needs XLand-MiniGrid."""

import dataclasses

import jax
import numpy as np
import pytest

from poet.executors.recipe import Recipe
from poet.search.go_explore.algorithm import go_explore
from poet.search.go_explore.presets import MINIGRID
from tests.search.go_explore.rooms import explorer_of, way_to
from tests.search.helpers import assert_equal_trees, run_search

pytest.importorskip("xminigrid", reason="needs the extra xland-minigrid: make test-gymnax")


@pytest.fixture(scope="module")
def parts():
    generator = dataclasses.replace(MINIGRID.generator, env="MiniGrid-DoorKey-8x8").make()  # type: ignore[call-arg]
    config = dataclasses.replace(MINIGRID.search, rounds=4)
    policy, engine, _ = Recipe(generator, MINIGRID.policy, MINIGRID.engine.resolve()).build()
    cell = MINIGRID.cell.make(generator.environment, generator.simplest())
    search = go_explore(config, generator, policy, engine, cell)
    return search, explorer_of(generator, policy, engine, config), cell


def test_the_first_reward_is_found_and_replayed(parts) -> None:
    search, explorer, _ = parts
    state, infos = run_search(search, 4)
    assert float(state.best.score) > 0.1, "the key was fetched, the door opened, the goal reached"
    replayed = explorer.replay(state.key, way_to(state, np.asarray(state.best.id)))
    assert replayed.score == float(state.best.score)
    assert bool(replayed.point.world.solved)
    rewards = np.asarray(replayed.trajectory.rewards)
    assert rewards[-1] == np.float32(replayed.score)
    assert (rewards[:-1] == 0).all()
    store = state.archive.store
    rows = np.random.default_rng(0).choice(infos[-1].metrics["cells"], 20, replace=False)
    for row in rows:
        replayed = explorer.replay(state.key, way_to(state, np.asarray(store.tag[row, :2])))
        assert_equal_trees(jax.tree.map(lambda leaf, at=row: np.asarray(leaf)[at], store.payload), replayed.point)


def test_cells_tell_places_objects_and_layouts_apart(parts) -> None:
    search, _, cell = parts
    state, infos = run_search(search, 2)
    num = infos[-1].metrics["cells"]
    world = jax.tree.map(lambda leaf: np.asarray(leaf)[:num], state.archive.store.payload.world)
    keys = {(*place, *pocket, grid.tobytes()) for place, pocket, grid in zip(world.position, world.pocket, world.grid)}
    assert len(keys) == num, "no two cells have the same place, object and layout"
    assert cell.shape[:4] == (8, 8, 13, 12)
    assert len({grid.tobytes() for grid in world.grid}) > 10
