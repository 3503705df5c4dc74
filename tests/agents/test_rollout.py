"""Episodes through refilled lanes are the episodes that a plain loop runs, wherever and whenever they run."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.agents.config import PolicyConfig
from poet.agents.policy import check_params, mlp
from poet.agents.rollout import Grounds, recorder, rollout
from poet.envs.base import Box, Discrete, Interface, MultiDiscrete
from poet.errors import ConfigError, ShapeError
from tests.agents.drift import HORIZON, Drift

LANES, QUEUE = 16, 80


ENV = Drift()
POLICY = mlp(ENV.interface, PolicyConfig(hidden=(8,)))


def work(num: int = 70, grounds: int = 5):  # type: ignore[no-untyped-def]
    params = jax.vmap(POLICY.init)(jax.random.split(jax.random.key(1), QUEUE)) * 10
    genome = {"wind": jnp.linspace(-0.03, 0.03, LANES)}
    keys = jax.random.split(jax.random.key(2), LANES)
    return params, Grounds(genome, keys), jnp.arange(QUEUE) % grounds, jnp.int32(num), jnp.int32(grounds)


def run(*args, lanes: int = LANES, chunk: int = 7):  # type: ignore[no-untyped-def]
    return compiled(lanes, chunk)(*args)


@functools.cache
def compiled(lanes: int, chunk: int):  # type: ignore[no-untyped-def]
    return jax.jit(rollout(ENV, POLICY, lanes, chunk))


def plain(params, genome, key):  # type: ignore[no-untyped-def]
    level = ENV.build(jax.random.fold_in(key, 0), genome)
    world, obs = ENV.reset(jax.random.fold_in(key, 1), level)
    step = jax.jit(ENV.step)
    fitness, length = 0.0, 0
    while length < HORIZON:
        action = POLICY.apply(POLICY.unravel(params), obs)
        done = step(jax.random.fold_in(key, 2 + length), level, world, action)
        world, obs, fitness, length = done.world, done.obs, fitness + float(done.reward), length + 1
        if done.terminated:
            break
    return fitness, length, float(ENV.success(level, world))


def test_outcomes_are_those_of_a_plain_loop() -> None:
    params, grounds, ground, num, _ = args = work()
    outcome = run(*args)
    for q in (0, 13, 37, 69):
        at = int(ground[q])
        fitness, length, success = plain(params[q], {"wind": grounds.genome["wind"][at]}, grounds.key[at])
        assert float(outcome.fitness[q]) == pytest.approx(fitness, abs=1e-3)
        assert (int(outcome.length[q]), float(outcome.success[q])) == (length, success)
    assert len(set(np.asarray(outcome.length[: int(num)]))) > 5, "lengths must differ for this to say anything"
    assert 0 < float(outcome.success[: int(num)].mean()) < 1
    assert not np.asarray(outcome.length[int(num) :]).any(), "what lies behind the queue's end must not run"


def test_place_in_the_queue_and_chunk_change_no_bit() -> None:
    params, grounds, ground, num, num_grounds = work()
    outcome = run(params, grounds, ground, num, num_grounds)
    order = np.random.default_rng(0).permutation(int(num))
    shuffled = np.concatenate([order, np.arange(int(num), QUEUE)])
    again = run(params[shuffled], grounds, ground[shuffled], num, num_grounds, chunk=13)
    for name in ("fitness", "length", "success"):
        np.testing.assert_array_equal(np.asarray(getattr(outcome, name))[shuffled], getattr(again, name))


def test_refilling_does_less_than_running_to_the_cap() -> None:
    outcome = run(*work())
    needed = int(outcome.length.sum())
    assert needed <= int(outcome.lane_steps) < 70 * HORIZON
    assert int(outcome.lane_steps) % LANES == 0


def test_nan_stays_with_its_episode() -> None:
    params, *rest = work()
    outcome, broken = run(params, *rest), run(params.at[3].set(jnp.nan), *rest)
    assert not np.isfinite(broken.fitness[3])
    assert int(broken.length[3]) <= HORIZON
    keep = np.arange(QUEUE) != 3
    np.testing.assert_array_equal(np.asarray(outcome.fitness)[keep], np.asarray(broken.fitness)[keep])


def test_no_episodes_is_no_work() -> None:
    params, grounds, ground, _, num_grounds = work()
    assert int(run(params, grounds, ground, jnp.int32(0), num_grounds).lane_steps) == 0


def test_one_program_for_any_amount_of_work() -> None:
    program = jax.jit(rollout(ENV, POLICY, LANES, 7))
    for num in (1, 40, 80):
        program(*work(num, grounds=1 + num % 7))
    assert program._cache_size() == 1


class Told(Drift):
    """A drifting point that says where it ended, and how that compares with the wind."""

    def descriptor(self, level, world):  # type: ignore[no-untyped-def]
        return jnp.stack([world, level["wind"]])


def test_descriptors_are_read_at_the_end_of_each_episode() -> None:
    params, grounds, ground, num, _ = args = work()
    silent, told = run(*args), jax.jit(rollout(Told(), POLICY, LANES, 7))(*args)
    assert silent.descriptor.shape == (QUEUE, 0)
    assert told.descriptor.shape == (QUEUE, 2)
    for name in ("fitness", "length", "success", "lane_steps"):
        np.testing.assert_array_equal(getattr(silent, name), getattr(told, name))
    for q in (0, 37, 69):
        at = int(ground[q])
        seen = recorder(ENV, POLICY, LANES)(params[q], grounds.key[at], {"wind": grounds.genome["wind"][at]})
        assert float(told.descriptor[q, 0]) == pytest.approx(float(seen.worlds[-1]), abs=1e-5)
    same_wind = np.asarray(told.descriptor[: int(num), 1]).reshape(-1, 5)
    assert (same_wind == same_wind[0]).all()
    assert len(set(same_wind[0])) == 5
    assert not np.asarray(told.descriptor[int(num) :]).any()


def test_record_shows_the_same_episode() -> None:
    params, grounds, ground, num, num_grounds = work()
    outcome = run(params, grounds, ground, num, num_grounds)
    for q in (0, 37):
        at = int(ground[q])
        seen = recorder(ENV, POLICY, LANES)(params[q], grounds.key[at], {"wind": grounds.genome["wind"][at]})
        assert len(seen.rewards) == int(outcome.length[q]) == len(seen.worlds) == len(seen.actions)
        assert float(seen.rewards.sum()) == pytest.approx(float(outcome.fitness[q]), abs=1e-3)


def test_default_policy_is_the_papers() -> None:
    interface = Interface("walker", jax.ShapeDtypeStruct((24,), jnp.float32), Box((4,)), 2000)
    policy = mlp(interface, PolicyConfig())
    assert policy.num_params == 2804
    params = policy.init(jax.random.key(0))
    assert float(params.std()) == pytest.approx(0.1, rel=0.05)
    tree = policy.unravel(params)["params"]
    x = np.linspace(-1, 1, 24)
    for layer in ("Dense_0", "Dense_1", "Dense_2"):
        x = np.tanh(x @ np.asarray(tree[layer]["kernel"]) + np.asarray(tree[layer]["bias"]))
    got = policy.apply(policy.unravel(params), jnp.linspace(-1, 1, 24))
    np.testing.assert_allclose(got, x, atol=1e-6)


@pytest.mark.parametrize(
    ("space", "num_outputs", "shape"),
    [(Box((2, 3), -2.0, 4.0), 6, (2, 3)), (Discrete(5), 5, ()), (MultiDiscrete((2, 3)), 5, (2,))],
)
def test_actions_fit_every_space(space, num_outputs: int, shape: tuple) -> None:  # type: ignore[no-untyped-def]
    policy = mlp(Interface("x", jax.ShapeDtypeStruct((2, 2), jnp.int32), space, 1), PolicyConfig(hidden=()))
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
        PolicyConfig(hidden=(8, 0))
