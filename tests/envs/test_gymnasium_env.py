import subprocess
import sys

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from poet.envs.base import Box, Discrete, Interface, MultiDiscrete, Step
from poet.envs.config import generators
from poet.envs.gymnasium_env import LevelEnv
from tests.envs.toy import Corridor, CorridorEnvironment

GENOME = Corridor(jnp.float32(3), jnp.float32(0.5))


class Noisy(CorridorEnvironment):
    """A corridor whose levels, first worlds and steps depend on their keys."""

    def build(self, key, genome):
        return genome._replace(wind=genome.wind * jax.random.uniform(key))

    def reset(self, key, level):
        world, obs = super().reset(key, level)
        world = world._replace(speed=0.1 * jax.random.normal(key, (2,)))
        return world, obs.at[2:].set(world.speed)

    def step(self, key, level, world, action):
        return super().step(key, level, world, action + 0.1 * jax.random.normal(key, (2,)))


class Counter:
    """Observations and actions of other kinds: the observation counts the steps."""

    def __init__(self, dtype, space):
        self.interface = Interface("counter-v1", jax.ShapeDtypeStruct((2,), dtype), space, 5, ("time",))

    def build(self, key, genome):
        return genome

    def reset(self, key, level):
        return jnp.int32(0), jnp.zeros(2).astype(self.interface.obs.dtype)

    def step(self, key, level, world, action):
        obs, time = jnp.full(2, world + 1).astype(self.interface.obs.dtype), jnp.float32(world + 1)
        return Step(world + 1, obs, jnp.float32(action.sum()), jnp.bool_(False), world + 1 >= 5, {"time": time})


def replay(env: LevelEnv, actions: np.ndarray, **options) -> list[np.ndarray]:
    observations = [env.reset(**options)[0]]
    for action in actions:
        observations.append(env.step(action)[0])
    return observations


@pytest.mark.filterwarnings("ignore:.*A Box observation space m.*imum value is")  # observations have no bounds
@pytest.mark.parametrize("make", [lambda: (CorridorEnvironment(), GENOME), lambda: (Noisy(), GENOME)])
def test_gymnasium_accepts_it(make) -> None:
    check_env(LevelEnv(*make()), skip_render_check=True)


@pytest.mark.few(4)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.int32, jnp.uint8, jnp.bool_, jnp.bfloat16])
@pytest.mark.parametrize("space", [Box((2, 3), -2.0, 4.0), Discrete(5), MultiDiscrete((3, 4))])
def test_every_kind_of_observation_and_action(dtype, space) -> None:
    env = LevelEnv(Counter(dtype, space), GENOME)
    env.action_space.seed(0)
    env.reset(seed=0)
    for number in range(1, 6):
        action = env.action_space.sample()
        obs, reward, terminated, truncated, info = env.step(action)
        assert env.observation_space.contains(obs)
        assert reward == pytest.approx(float(np.sum(action)), abs=1e-5)
        assert (terminated, truncated, info) == (False, number == 5, {"time": number})


def test_the_seed_names_the_episode() -> None:
    env, actions = LevelEnv(Noisy(), GENOME), np.random.default_rng(0).uniform(-1, 1, (10, 2))
    first, again, other = (replay(env, actions, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    following, next_one = replay(env, actions), replay(env, actions)
    assert not np.array_equal(following, next_one), "episodes without a seed differ"


@pytest.mark.slow
def test_an_episode_is_that_of_a_rollout() -> None:
    from poet.agents.config import MLPConfig, XLAEngineConfig

    environment = Noisy()
    policy = MLPConfig(hidden=(4,)).make(environment.interface)
    weights = policy.init(jax.random.key(1)) * 5
    engine = XLAEngineConfig(lanes=4).make(environment, policy, GENOME)
    trajectory = engine.replay(weights, jax.random.key(7), GENOME)
    env = LevelEnv(environment, GENOME)
    env.reset(seed=7)
    steps = [env.step(action) for action in trajectory.actions]
    np.testing.assert_allclose([reward for _, reward, *_ in steps], trajectory.rewards, atol=1e-4)
    assert [terminated or truncated for _, _, terminated, truncated, _ in steps[-2:]] == [False, True]


def test_mazes_run_in_gymnasium() -> None:
    mazes = generators.make("maze", horizon=20)
    env = gymnasium.wrappers.RecordEpisodeStatistics(LevelEnv(mazes.environment, mazes.simplest()))
    env.reset(seed=0)
    ended = False
    while not ended:
        *_, terminated, truncated, info = env.step(np.ones(2, np.float32))
        ended = terminated or truncated
    assert info["episode"]["l"] == 20


def test_without_gymnasium_the_error_says_what_to_install() -> None:
    code = "import sys; sys.modules['gymnasium'] = None; import poet.envs.gymnasium_env"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ConfigError: poet.envs.gymnasium_env needs gymnasium, which is not installed" in done.stderr
