"""Episodes in refilled lanes equal those of a plain loop, whatever their lane and position in the queue."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.agents.config import MLPConfig, XLAEngineConfig
from poet.agents.engine import Engine, EpisodeResult, Episodes, Levels
from poet.agents.mlp import mlp
from poet.agents.policy import check_params
from poet.envs.base import Box, Discrete, Interface, MultiDiscrete, Step
from poet.envs.episode_keys import level_key, reset_key, step_key
from poet.errors import ConfigError, ShapeError
from tests.agents.drift import HORIZON, Drift, DriftGenerator

LANES, QUEUE = 16, 80


ENV = Drift()
POLICY = mlp(ENV.interface, MLPConfig(hidden=(8,)))


def make_engine(environment: Drift = ENV, lanes: int = LANES, chunk: int = 7) -> Engine:
    return XLAEngineConfig(lanes=lanes, chunk=chunk).make(environment, POLICY, DriftGenerator().simplest())


class Work(NamedTuple):
    """Arguments of a queue: by default each episode has an agent of its own."""

    agents: jax.Array
    levels: Levels
    episodes: Episodes
    num_levels: jax.Array
    num_episodes: jax.Array


def work(num_episodes: int = 70, num_levels: int = 5) -> Work:
    agents = jax.vmap(POLICY.init)(jax.random.split(jax.random.key(1), QUEUE)) * 10
    genome = {"wind": jnp.linspace(-0.03, 0.03, LANES)}
    levels = Levels(genome, jax.random.split(jax.random.key(2), LANES))
    episodes = Episodes(jnp.arange(QUEUE), jnp.arange(QUEUE) % num_levels)
    return Work(agents, levels, episodes, jnp.int32(num_levels), jnp.int32(num_episodes))


def level_of(given: Work, q: int):  # type: ignore[no-untyped-def]
    """The genome and the key of an episode."""
    at = int(given.episodes.level[q])
    return {"wind": given.levels.genome["wind"][at]}, given.levels.key[at]


def run(given: Work, chunk: int = 7) -> EpisodeResult:
    return run_and_count(given, chunk)[0]


def run_and_count(given: Work, chunk: int = 7) -> tuple[EpisodeResult, int]:
    """The results, and the steps that lanes took."""
    result, lane_steps = compiled(chunk)(*given)
    return result, int(lane_steps)


@functools.cache
def compiled(chunk: int):  # type: ignore[no-untyped-def]
    return jax.jit(make_engine(chunk=chunk).run)


def run_in_a_loop(params, genome, key):  # type: ignore[no-untyped-def]
    level = ENV.build(level_key(key), genome)
    world, obs = ENV.reset(reset_key(key), level)
    step = jax.jit(ENV.step)
    fitness, length = 0.0, 0
    while length < HORIZON:
        action, _ = POLICY.act(POLICY.unravel(params), (), obs, key)
        transition = step(step_key(key, length), level, world, action)
        world, obs, fitness, length = transition.world, transition.obs, fitness + float(transition.reward), length + 1
        if transition.terminated:
            break
    return fitness, length, float(ENV.success(level, world))


def test_results_equal_those_of_a_plain_loop() -> None:
    given = work()
    num, result = int(given.num_episodes), run(given)
    for q in (0, 13, 37, 69):
        fitness, length, success = run_in_a_loop(given.agents[q], *level_of(given, q))
        assert float(result.fitness[q]) == pytest.approx(fitness, abs=1e-3)
        assert (int(result.length[q]), float(result.success[q])) == (length, success)
    assert len(set(np.asarray(result.length[:num]))) > 5, "lengths must differ for this test to mean anything"
    assert 0 < float(result.success[:num].mean()) < 1
    assert not np.asarray(result.length[num:]).any(), "what lies behind the end of the queue must not run"


def test_position_in_the_queue_and_chunk_change_no_bit() -> None:
    given = work()
    num, result = int(given.num_episodes), run(given)
    order = np.random.default_rng(0).permutation(num)
    shuffled = np.concatenate([order, np.arange(num, QUEUE)])
    again = run(given._replace(episodes=jax.tree.map(lambda leaf: leaf[shuffled], given.episodes)), chunk=13)
    for name in ("fitness", "length", "success"):
        np.testing.assert_array_equal(np.asarray(getattr(result, name))[shuffled], getattr(again, name))


def test_the_place_of_an_agent_in_the_table_changes_no_bit() -> None:
    given = work()
    order = np.random.default_rng(0).permutation(QUEUE)
    moved = given._replace(agents=given.agents[order])
    moved = moved._replace(episodes=given.episodes._replace(agent=jnp.argsort(order)[given.episodes.agent]))
    for values, others in zip(run(given), run(moved)):
        np.testing.assert_array_equal(values, others)


def test_refilled_lanes_take_fewer_steps_than_the_horizon_for_each_episode() -> None:
    result, lane_steps = run_and_count(work())
    needed = int(result.length.sum())
    assert needed <= lane_steps < 70 * HORIZON
    assert lane_steps % LANES == 0


def test_nan_in_one_episode_does_not_reach_others() -> None:
    given = work()
    result, broken = run(given), run(given._replace(agents=given.agents.at[3].set(jnp.nan)))
    assert not np.isfinite(broken.fitness[3])
    assert int(broken.length[3]) <= HORIZON
    others = np.arange(QUEUE) != 3
    np.testing.assert_array_equal(np.asarray(result.fitness)[others], np.asarray(broken.fitness)[others])


def test_an_empty_queue_takes_no_steps() -> None:
    assert run_and_count(work(num_episodes=0))[1] == 0


def test_one_program_for_any_number_of_episodes() -> None:
    program = jax.jit(make_engine().run)
    for num in (1, 40, 80):
        program(*work(num, num_levels=1 + num % 7))
    assert program._cache_size() == 1


class DescribedDrift(Drift):
    """A drifting point whose descriptor is where it ended, and the wind."""

    def descriptor(self, level, world):  # type: ignore[no-untyped-def]
        return jnp.stack([world, level["wind"]])


@pytest.mark.slow
def test_descriptors_are_read_at_the_end_of_each_episode() -> None:
    given = work()
    num = int(given.num_episodes)
    plain, plain_steps = run_and_count(given)
    described, steps = jax.jit(make_engine(DescribedDrift()).run)(*given)
    assert int(steps) == plain_steps
    assert plain.descriptor.shape == (QUEUE, 0)
    assert described.descriptor.shape == (QUEUE, 2)
    for name in ("fitness", "length", "success"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(described, name))
    play = make_engine().replay
    for q in (0, 37, 69):
        genome, key = level_of(given, q)
        trajectory = play(given.agents[q], key, genome)
        assert float(described.descriptor[q, 0]) == pytest.approx(float(trajectory.worlds[-1]), abs=1e-5)
    same_wind = np.asarray(described.descriptor[:num, 1]).reshape(-1, 5)
    assert (same_wind == same_wind[0]).all()
    assert len(set(same_wind[0])) == 5
    assert not np.asarray(described.descriptor[num:]).any()


@pytest.mark.ci
def test_a_replayed_episode_is_the_same_episode() -> None:
    given = work()
    result, play = run(given), make_engine().replay
    for q in (0, 37):
        genome, key = level_of(given, q)
        trajectory = play(given.agents[q], key, genome)
        assert len(trajectory.rewards) == int(result.length[q]) == len(trajectory.worlds) == len(trajectory.actions)
        assert float(trajectory.rewards.sum()) == pytest.approx(float(result.fitness[q]), abs=1e-3)


@pytest.mark.ci
def test_the_default_policy_is_that_of_the_paper() -> None:
    interface = Interface("walker", jax.ShapeDtypeStruct((24,), jnp.float32), Box((4,)), 2000)
    policy = mlp(interface, MLPConfig())
    assert policy.num_params == 2804
    params = policy.init(jax.random.key(0))
    assert float(params.std()) == pytest.approx(0.1, rel=0.05)
    tree = policy.unravel(params)["params"]
    x = np.linspace(-1, 1, 24)
    for layer in ("Dense_0", "Dense_1", "Dense_2"):
        x = np.tanh(x @ np.asarray(tree[layer]["kernel"]) + np.asarray(tree[layer]["bias"]))
    got, _ = policy.act(policy.unravel(params), (), jnp.linspace(-1, 1, 24), jax.random.key(0))
    np.testing.assert_allclose(got, x, atol=1e-6)


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("space", "num_outputs", "shape"),
    [(Box((2, 3), -2.0, 4.0), 6, (2, 3)), (Discrete(5), 5, ()), (MultiDiscrete((2, 3)), 5, (2,))],
)
def test_actions_fit_every_space(space, num_outputs: int, shape: tuple) -> None:  # type: ignore[no-untyped-def]
    policy = mlp(Interface("x", jax.ShapeDtypeStruct((2, 2), jnp.int32), space, 1), MLPConfig(hidden=()))
    assert policy.num_params == 4 * num_outputs + num_outputs
    params = 10 * jax.jit(jax.vmap(policy.init))(jax.random.split(jax.random.key(0), 100))
    obs, key = jnp.ones((2, 2), jnp.int32), jax.random.key(0)
    act = jax.jit(jax.vmap(lambda p: policy.act(policy.unravel(p), (), obs, key)[0]))
    actions = act(params)
    assert actions.shape == (100, *shape)
    if isinstance(space, Box):
        assert -2 <= actions.min() < -1
        assert 3 < actions.max() <= 4
    else:
        highest = [space.num - 1] if isinstance(space, Discrete) else [n - 1 for n in space.nums]
        assert actions.dtype == jnp.int32
        assert actions.reshape(100, -1).max(axis=0).tolist() == highest


def test_wrong_weights_and_sizes() -> None:
    for params in (jnp.zeros(3), jnp.zeros(POLICY.num_params, jnp.int32), jnp.zeros((1, POLICY.num_params))):
        with pytest.raises(ShapeError, match=r"expected params f32\[\d+\], got"):
            check_params(POLICY, params)
    with pytest.raises(ConfigError, match="positive layer sizes"):
        MLPConfig(hidden=(8, 0))


class Unkeyed(Drift):
    """A point that only the policy pushes: no key is used."""

    def build(self, key, genome):  # type: ignore[no-untyped-def]
        return {"wind": genome["wind"]}

    def reset(self, key, level):  # type: ignore[no-untyped-def]
        return jnp.float32(0.1), jnp.stack([jnp.float32(0.1), level["wind"]])

    def step(self, key, level, world, action):  # type: ignore[no-untyped-def]
        x = world + 0.1 * action[0] + level["wind"]
        return Step(x, jnp.stack([x, level["wind"]]), 1.0 - x**2, jnp.abs(x) > 1, jnp.bool_(False), {})


def test_keys_that_are_not_used_are_not_computed() -> None:
    """Threefry has more xor operations than anything else here, so they tell whether it is there."""

    def count_xors(environment: Drift) -> int:
        compiled = jax.jit(make_engine(environment).run).lower(*work()).compile()
        return compiled.as_text().count(" xor(")

    assert count_xors(Unkeyed()) == 0
    assert count_xors(Drift()) > 20, "the count must tell them apart"
