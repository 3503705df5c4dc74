"""Environments of gymnax. `make test-gymnax` runs this file in an environment that has it."""

import sys
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.envs.adapters.config import GymnaxAcrobotConfig, GymnaxPendulumConfig
from poet.envs.adapters.gymnax import GymnaxEnvironment
from poet.envs.base import Box, Discrete
from poet.envs.config import generators
from poet.envs.testing import check_generator
from poet.errors import ConfigError


@pytest.mark.parametrize("config", [GymnaxAcrobotConfig(), GymnaxPendulumConfig()])
def test_without_gymnax_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, config) -> None:
    from poet.envs.adapters.gymnax import _load

    _load.cache_clear()
    monkeypatch.setitem(sys.modules, "gymnax", None)
    with pytest.raises(ConfigError, match="the extra 'gymnax' is needed here and is not installed"):
        config.make()


class Light(NamedTuple):
    m: jax.Array


@pytest.fixture
def gymnax():
    return pytest.importorskip("gymnax", reason="needs the extra gymnax: make test-gymnax")


def test_the_generators_keep_the_contract(gymnax) -> None:
    for name in ("gymnax-acrobot", "gymnax-pendulum"):
        check_generator(generators.make(name))


@pytest.mark.parametrize("name", ["Pendulum-v1", "Acrobot-v1", "CartPole-v1", "Breakout-MinAtar"])
def test_steps_are_those_of_gymnax_and_end_at_its_time_limit(gymnax, name: str) -> None:
    class Empty(NamedTuple):
        pass

    ours = GymnaxEnvironment(name, horizon=30)
    theirs, params = gymnax.make(name)
    params = params.replace(max_steps_in_episode=30)
    key = jax.random.key(3)
    level = jax.jit(ours.build)(key, Empty())
    world, obs = jax.jit(ours.reset)(key, level)
    their_obs, state = theirs.reset(key, params)
    np.testing.assert_array_equal(obs, their_obs)
    step = jax.jit(ours.step)
    for t in range(30):
        key = jax.random.fold_in(key, t)
        action = theirs.action_space(params).sample(key)
        # `step` of gymnax gives the first half of its key to `step_env`.
        made = step(jax.random.split(key)[0], level, world, action)
        _, state, reward, terminated, truncated, info = theirs.step(key, state, action, params)
        np.testing.assert_allclose(made.obs, info["final_observation"], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(made.reward, reward, rtol=1e-4, atol=1e-5)
        assert (bool(made.terminated), bool(made.truncated)) == (bool(terminated), bool(truncated))
        assert bool(made.truncated) == (t == 29)
        if made.terminated:
            break
        world = made.world
    else:
        assert t == 29


def test_the_genome_replaces_parameters(gymnax) -> None:
    environment = GymnaxEnvironment("Pendulum-v1")
    speeds = []
    for mass in (1.0, 3.0):
        level = environment.build(jax.random.key(0), Light(jnp.float32(mass)))
        world, _ = environment.reset(jax.random.key(0), level)
        speeds.append(float(environment.step(jax.random.key(0), level, world, jnp.ones(1)).obs[2]))
    assert speeds[0] > speeds[1], "the same torque moves the light pendulum more"


def test_interfaces(gymnax) -> None:
    pendulum = GymnaxEnvironment("Pendulum-v1").interface
    assert (pendulum.id, pendulum.action, pendulum.horizon) == ("gymnax-Pendulum-v1", Box((1,), -2.0, 2.0), 200)
    breakout = GymnaxEnvironment("Breakout-MinAtar", horizon=50).interface
    assert (breakout.id, breakout.obs.shape, breakout.horizon) == ("gymnax-Breakout-MinAtar-v1", (10, 10, 4), 50)
    assert isinstance(breakout.action, Discrete)


def test_an_environment_that_gymnax_does_not_have_is_refused(gymnax) -> None:
    with pytest.raises(ConfigError, match="gymnax has no environment 'Pendulum-v9'; it has .*Pendulum-v1"):
        GymnaxEnvironment("Pendulum-v9")


def test_the_documented_generator_keeps_the_contract(gymnax) -> None:
    page = (Path(__file__).parents[3] / "docs" / "extending" / "gymnax.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    assert sum(bool(line.strip()) and not line.startswith("#") for line in code.splitlines()) < 30
    names: dict = {"__name__": "documented"}
    exec(code, names)
    check_generator(generators.make("my-cart-pole"))
