"""Craftax-Classic. `make test-gymnax` runs this file in an environment that has it."""

import sys

import jax
import numpy as np
import pytest

from poet.envs.adapters.config import CraftaxClassicConfig
from poet.envs.adapters.craftax import CraftaxClassic, _load
from poet.envs.adapters.seeds import Seed
from poet.envs.base import Discrete
from poet.envs.config import generators
from poet.envs.testing import check_generator
from poet.errors import ConfigError


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _load.cache_clear()
    monkeypatch.setitem(sys.modules, "craftax", None)
    monkeypatch.setitem(sys.modules, "craftax.craftax_classic.envs.craftax_symbolic_env", None)
    with pytest.raises(ConfigError, match="the extra 'craftax' is needed here and is not installed"):
        CraftaxClassicConfig().make()


def test_impossible_options() -> None:
    with pytest.raises(ConfigError, match="craftax-classic: horizon expects at least 1, got -1"):
        CraftaxClassicConfig(horizon=-1)


@pytest.fixture
def library():
    reason = "needs the extra craftax: make test-gymnax"
    return pytest.importorskip("craftax.craftax_classic.envs.craftax_symbolic_env", reason=reason)


def test_the_generator_keeps_the_contract(library) -> None:
    check_generator(generators.make("craftax-classic", horizon=40))


def test_steps_of_a_batch_are_those_of_the_library_until_the_horizon(library) -> None:
    """Of the whole batch: of some programs, XLA for CPU computes the ninth and later lanes wrongly."""
    ours, theirs = CraftaxClassic(horizon=12), library.CraftaxClassicSymbolicEnvNoAutoReset()
    params, seeds = theirs.default_params.replace(max_timesteps=12), np.arange(5, 17, dtype=np.int32)
    level = jax.jit(jax.vmap(lambda seed: ours.build(jax.random.key(0), Seed(seed))))(seeds)
    world, obs = jax.vmap(lambda level: ours.reset(jax.random.key(0), level))(level)
    step = jax.jit(jax.vmap(ours.step))
    made, keys = [], [jax.random.split(jax.random.key(t), len(seeds)) for t in range(12)]
    actions = np.random.default_rng(0).integers(1, 7, (12, len(seeds))).astype(np.int32)
    for key, action in zip(keys, actions):
        made.append(step(key, level, world, action))
        world = made[-1].world
    for lane in (0, 8, 11):
        their_obs, state = theirs.reset(jax.random.key(seeds[lane]), params)
        np.testing.assert_allclose(obs[lane], their_obs, rtol=1e-6)
        for t in range(12):
            their_obs, state, reward, done, _ = theirs.step(keys[t][lane], state, actions[t, lane], params)
            ours_now = jax.tree.map(lambda leaf, lane=lane: np.asarray(leaf)[lane], made[t])
            np.testing.assert_allclose(ours_now.obs, their_obs, rtol=1e-6, atol=1e-6)
            np.testing.assert_allclose(ours_now.reward, reward, rtol=1e-6)
            assert (bool(ours_now.terminated | ours_now.truncated), bool(ours_now.truncated)) == (bool(done), t == 11)
            np.testing.assert_array_equal(ours_now.world.map, state.map)
            np.testing.assert_array_equal(ours_now.world.player_position, state.player_position)
    returns = np.sum([step.reward for step in made], axis=0)
    health = 0.1 * (np.asarray(world.player_health) - 9)
    np.testing.assert_allclose(returns, np.sum(world.achievements, axis=1) + health, atol=1e-5)
    np.testing.assert_allclose(jax.vmap(ours.success)(level, world), np.mean(world.achievements, axis=1), atol=1e-6)


def test_the_interface(library) -> None:
    interface = CraftaxClassic().interface
    assert (interface.id, interface.horizon) == ("craftax-classic-symbolic-v1", 10_000)
    assert (interface.obs.shape, interface.action) == ((1345,), Discrete(17))
    assert int(CraftaxClassicConfig(seed=3).make().simplest().seed) == 3
