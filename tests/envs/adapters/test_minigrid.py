"""Environments of XLand-MiniGrid. `make test-gymnax` runs this file in an environment that has it."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.envs.adapters.config import MiniGridConfig
from poet.envs.adapters.minigrid import MiniGrid, _load
from poet.envs.adapters.seeds import Seed
from poet.envs.base import Discrete
from poet.envs.config import generators
from poet.envs.testing import check_environment, check_generator
from poet.errors import ConfigError


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _load.cache_clear()
    monkeypatch.setitem(sys.modules, "xminigrid", None)
    with pytest.raises(ConfigError, match="the extra 'xland-minigrid' is needed here and is not installed"):
        MiniGridConfig().make()


def test_impossible_options() -> None:
    with pytest.raises(ConfigError, match="xland-minigrid: horizon expects at least 1, got 0"):
        MiniGridConfig(horizon=0)


@pytest.fixture
def library():
    return pytest.importorskip("xminigrid", reason="needs the extra xland-minigrid: make test-gymnax")


def test_the_generator_keeps_the_contract(library) -> None:
    check_generator(generators.make("xland-minigrid", env="MiniGrid-DoorKey-8x8", horizon=100))


@pytest.mark.parametrize("name", ["MiniGrid-MemoryS16", "XLand-MiniGrid-R4-13x13"])
def test_other_environments_keep_the_contract(library, name: str) -> None:
    genomes = [Seed(jnp.int32(seed)) for seed in (0, 9)]
    check_environment(MiniGrid(name, horizon=60), genomes, deterministic=True)


@pytest.mark.parametrize("name", ["MiniGrid-DoorKey-6x6", "MiniGrid-BlockedUnlockPickUp", "MiniGrid-MemoryS8"])
def test_steps_are_those_of_the_library_and_end_at_the_horizon(library, name: str) -> None:
    ours, seeds = MiniGrid(name, horizon=40), np.arange(8)
    theirs, params = library.make(name, max_steps=40)
    level = jax.jit(jax.vmap(lambda seed: ours.build(jax.random.key(5), Seed(seed))))(seeds)
    world, obs = jax.jit(jax.vmap(lambda level: ours.reset(jax.random.key(6), level)))(level)
    time_step = jax.jit(jax.vmap(lambda seed: theirs.reset(params, jax.random.key(seed))))(seeds)
    step, their_step = (
        jax.jit(jax.vmap(ours.step)),
        jax.jit(jax.vmap(lambda at, action: theirs.step(params, at, action))),
    )
    np.testing.assert_array_equal(obs, time_step.observation)
    rewarded, keys = False, jax.random.split(jax.random.key(7), len(seeds))
    for t in range(40):
        actions = np.random.default_rng(t).integers(6, size=len(seeds)).astype(np.int32)
        made, time_step = step(keys, level, world, actions), their_step(time_step, actions)
        world = made.world
        np.testing.assert_array_equal(made.obs, time_step.observation)
        np.testing.assert_array_equal(made.reward, time_step.reward)
        np.testing.assert_array_equal(made.terminated | made.truncated, time_step.last())
        np.testing.assert_array_equal(made.terminated, time_step.discount == 0)
        np.testing.assert_array_equal(world.grid, time_step.state.grid)
        np.testing.assert_array_equal(world.position, time_step.state.agent.position)
        np.testing.assert_array_equal(world.pocket, time_step.state.agent.pocket)
        assert bool(made.truncated.all()) == bool(made.truncated.any()) == (t == 39)
        rewarded |= bool((made.reward > 0).any())
    success = jax.vmap(ours.success)(level, world)
    assert bool((success > 0).any()) == rewarded


def test_the_descriptor_tells_all_places_apart(library) -> None:
    ours = MiniGrid("MiniGrid-LockedRoom")
    level = ours.build(jax.random.key(0), Seed(jnp.int32(0)))
    world = level.start
    rows, columns, _ = world.grid.shape
    places = jnp.stack(jnp.meshgrid(jnp.arange(rows), jnp.arange(columns), indexing="ij"), -1).reshape(-1, 2)
    descriptors = jax.vmap(lambda place: ours.descriptor(level, world._replace(position=place)))(places)
    cells = np.floor(np.asarray(descriptors) * [columns, rows]).astype(int)
    np.testing.assert_array_equal(cells[:, ::-1], places)


def test_interfaces_and_layouts(library) -> None:
    door_key = MiniGrid("MiniGrid-DoorKey-16x16")
    interface = door_key.interface
    assert (interface.id, interface.horizon) == ("xland-MiniGrid-DoorKey-16x16-v1", 2560)
    assert (interface.obs.shape, interface.obs.dtype, interface.action) == ((7, 7, 2), jnp.uint8, Discrete(6))
    first, same, other = (
        door_key.build(jax.random.key(key), Seed(jnp.int32(seed))) for key, seed in ((0, 3), (1, 3), (0, 4))
    )
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), first, same))
    assert not (first.start.grid == other.start.grid).all()
    generator = MiniGridConfig(seed=7).make()
    assert int(generator.simplest().seed) == 7
    assert generator.draw_level(generator.simplest()).shape == (16 * 24, 16 * 24, 3)


def test_an_environment_that_the_library_does_not_have_is_refused(library) -> None:
    with pytest.raises(ConfigError, match="xland-minigrid has no environment 'MiniGrid-Nine'; it has .*LockedRoom"):
        MiniGrid("MiniGrid-Nine")
