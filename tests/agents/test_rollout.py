"""Episodes in refilled lanes equal those of a plain loop, whatever their lane and position in the queue."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.agents.config import MLPConfig
from poet.agents.policy import check_params, mlp
from poet.agents.rollout import EpisodeResult, Episodes, recorder, rollout
from poet.envs.base import Box, Discrete, Interface, MultiDiscrete
from poet.errors import ConfigError, ShapeError
from tests.agents.drift import HORIZON, Drift

LANES, QUEUE = 16, 80


ENV = Drift()
POLICY = mlp(ENV.interface, MLPConfig(hidden=(8,)))


def arguments(num_queued: int = 70, num_episodes: int = 5):  # type: ignore[no-untyped-def]
    params = jax.vmap(POLICY.init)(jax.random.split(jax.random.key(1), QUEUE)) * 10
    genome = {"wind": jnp.linspace(-0.03, 0.03, LANES)}
    keys = jax.random.split(jax.random.key(2), LANES)
    index = jnp.arange(QUEUE) % num_episodes
    return params, Episodes(genome, keys), index, jnp.int32(num_queued), jnp.int32(num_episodes)


def run(*args, lanes: int = LANES, chunk: int = 7) -> EpisodeResult:  # type: ignore[no-untyped-def]
    return run_and_count(*args, lanes=lanes, chunk=chunk)[0]


def run_and_count(*args, lanes: int = LANES, chunk: int = 7) -> tuple[EpisodeResult, int]:  # type: ignore[no-untyped-def]
    """The results, and the steps that lanes took."""
    result, lane_steps = compiled(lanes, chunk)(*args)
    return result, int(lane_steps)


@functools.cache
def compiled(lanes: int, chunk: int):  # type: ignore[no-untyped-def]
    return jax.jit(rollout(ENV, POLICY, lanes, chunk))


def run_in_a_loop(params, genome, key):  # type: ignore[no-untyped-def]
    level = ENV.build(jax.random.fold_in(key, 0), genome)
    world, obs = ENV.reset(jax.random.fold_in(key, 1), level)
    step = jax.jit(ENV.step)
    fitness, length = 0.0, 0
    while length < HORIZON:
        action = POLICY.apply(POLICY.unravel(params), obs)
        transition = step(jax.random.fold_in(key, 2 + length), level, world, action)
        world, obs, fitness, length = transition.world, transition.obs, fitness + float(transition.reward), length + 1
        if transition.terminated:
            break
    return fitness, length, float(ENV.success(level, world))


def test_results_equal_those_of_a_plain_loop() -> None:
    params, episodes, index, num, _ = args = arguments()
    result = run(*args)
    for q in (0, 13, 37, 69):
        at = int(index[q])
        fitness, length, success = run_in_a_loop(params[q], {"wind": episodes.genome["wind"][at]}, episodes.key[at])
        assert float(result.fitness[q]) == pytest.approx(fitness, abs=1e-3)
        assert (int(result.length[q]), float(result.success[q])) == (length, success)
    assert len(set(np.asarray(result.length[: int(num)]))) > 5, "lengths must differ for this test to mean anything"
    assert 0 < float(result.success[: int(num)].mean()) < 1
    assert not np.asarray(result.length[int(num) :]).any(), "what lies behind the end of the queue must not run"


def test_position_in_the_queue_and_chunk_change_no_bit() -> None:
    params, episodes, index, num, num_episodes = arguments()
    result = run(params, episodes, index, num, num_episodes)
    order = np.random.default_rng(0).permutation(int(num))
    shuffled = np.concatenate([order, np.arange(int(num), QUEUE)])
    again = run(params[shuffled], episodes, index[shuffled], num, num_episodes, chunk=13)
    for name in ("fitness", "length", "success"):
        np.testing.assert_array_equal(np.asarray(getattr(result, name))[shuffled], getattr(again, name))


def test_refilled_lanes_take_fewer_steps_than_the_horizon_for_each_episode() -> None:
    result, lane_steps = run_and_count(*arguments())
    needed = int(result.length.sum())
    assert needed <= lane_steps < 70 * HORIZON
    assert lane_steps % LANES == 0


def test_nan_in_one_episode_does_not_reach_others() -> None:
    params, *rest = arguments()
    result, broken = run(params, *rest), run(params.at[3].set(jnp.nan), *rest)
    assert not np.isfinite(broken.fitness[3])
    assert int(broken.length[3]) <= HORIZON
    others = np.arange(QUEUE) != 3
    np.testing.assert_array_equal(np.asarray(result.fitness)[others], np.asarray(broken.fitness)[others])


def test_an_empty_queue_takes_no_steps() -> None:
    params, episodes, index, _, num_episodes = arguments()
    assert run_and_count(params, episodes, index, jnp.int32(0), num_episodes)[1] == 0


def test_one_program_for_any_number_of_episodes() -> None:
    program = jax.jit(rollout(ENV, POLICY, LANES, 7))
    for num in (1, 40, 80):
        program(*arguments(num, num_episodes=1 + num % 7))
    assert program._cache_size() == 1


class DescribedDrift(Drift):
    """A drifting point whose descriptor is where it ended, and the wind."""

    def descriptor(self, level, world):  # type: ignore[no-untyped-def]
        return jnp.stack([world, level["wind"]])


@pytest.mark.ci
def test_descriptors_are_read_at_the_end_of_each_episode() -> None:
    params, episodes, index, num, _ = args = arguments()
    plain, plain_steps = run_and_count(*args)
    described, steps = jax.jit(rollout(DescribedDrift(), POLICY, LANES, 7))(*args)
    assert int(steps) == plain_steps
    assert plain.descriptor.shape == (QUEUE, 0)
    assert described.descriptor.shape == (QUEUE, 2)
    for name in ("fitness", "length", "success"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(described, name))
    for q in (0, 37, 69):
        at = int(index[q])
        trajectory = recorder(ENV, POLICY, LANES)(params[q], episodes.key[at], {"wind": episodes.genome["wind"][at]})
        assert float(described.descriptor[q, 0]) == pytest.approx(float(trajectory.worlds[-1]), abs=1e-5)
    same_wind = np.asarray(described.descriptor[: int(num), 1]).reshape(-1, 5)
    assert (same_wind == same_wind[0]).all()
    assert len(set(same_wind[0])) == 5
    assert not np.asarray(described.descriptor[int(num) :]).any()


@pytest.mark.ci
def test_a_recorded_episode_is_the_same_episode() -> None:
    params, episodes, index, num, num_episodes = arguments()
    result = run(params, episodes, index, num, num_episodes)
    for q in (0, 37):
        at = int(index[q])
        trajectory = recorder(ENV, POLICY, LANES)(params[q], episodes.key[at], {"wind": episodes.genome["wind"][at]})
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
    got = policy.apply(policy.unravel(params), jnp.linspace(-1, 1, 24))
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
    act = jax.jit(jax.vmap(lambda p: policy.apply(policy.unravel(p), jnp.ones((2, 2), jnp.int32))))
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
