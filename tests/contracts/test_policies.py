"""What every policy must keep. A package adds its own to `cases`, or runs this module where it is installed."""

import json
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.agents.config import GRUConfig, MLPConfig, PolicyConfig, policies
from poet.agents.policy import Policy, check_params
from poet.envs.base import Box, Discrete, Interface, MultiDiscrete
from poet.envs.interface import interface_from_dict, interface_to_dict
from poet.envs.spaces import bounds
from poet.errors import ConfigError
from poet_curriculum.config import LinearConfig
from tests.contracts.cases import installed, parameters


class Parts(NamedTuple):
    """An observation of two arrays."""

    picture: Any
    number: Any


KEY = jax.random.key(0)
INTERFACES = {
    "box": Interface("box", jax.ShapeDtypeStruct((3,), jnp.float32), Box((2,), -2.0, 0.5), horizon=10),
    "discrete": Interface("discrete", jax.ShapeDtypeStruct((2, 3), jnp.int32), Discrete(4), horizon=10),
    "parts": Interface(
        "parts",
        Parts(jax.ShapeDtypeStruct((2, 2), jnp.float32), jax.ShapeDtypeStruct((), jnp.int32)),
        Box((2,), (-2.0, 0.0), (0.5, 1.0)),
        horizon=10,
    ),
    "multi-discrete": Interface("multi", jax.ShapeDtypeStruct((2,), jnp.uint8), MultiDiscrete((2, 3)), horizon=10),
}


def cases() -> list[PolicyConfig]:
    """All installed policies, and others with the options that change their code."""
    return [
        *installed(policies),
        MLPConfig(hidden=(), init_sigma=2.0),
        MLPConfig(hidden=(), actor_critic=True),
        GRUConfig(units=2, actor_critic=True),
        LinearConfig(),
    ]


class Case(NamedTuple):
    """A policy, its compiled functions, and the weights of 16 agents."""

    interface: Interface
    policy: Policy
    init: Any
    act: Any
    params: np.ndarray


@pytest.fixture(
    scope="module",
    params=["box", *(pytest.param(name, marks=pytest.mark.slow) for name in INTERFACES if name != "box")],
)
def interface(request: pytest.FixtureRequest) -> Interface:
    return INTERFACES[request.param]


@pytest.fixture(scope="module", params=parameters(cases()))
def case(request: pytest.FixtureRequest, interface: Interface) -> Case:
    """Skipped where a policy refuses an interface, which it does with a `ConfigError`."""
    try:
        policy = request.param.make(interface)
    except ConfigError as error:
        pytest.skip(str(error))
    init = jax.jit(policy.init)
    params = np.stack([init(jax.random.key(number)) for number in range(16)])
    act = jax.jit(jax.vmap(lambda params, obs: policy.act(policy.unravel(params), policy.init_memory(), obs, KEY)[0]))
    return Case(interface, policy, init, act, params)


def observations(interface: Interface, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: rng.uniform(0, 5, (16, *leaf.shape)).astype(leaf.dtype), interface.obs)


def test_weights_are_one_flat_vector(case: Case) -> None:
    assert case.params.shape == (16, case.policy.num_params)
    check_params(case.policy, case.init(jax.random.key(0)))
    assert np.isfinite(case.params).all()


def test_first_weights_depend_on_the_key(case: Case) -> None:
    if case.policy.num_params == 1:
        pytest.skip("a policy without weights")
    np.testing.assert_array_equal(case.init(jax.random.key(1)), case.params[1])
    assert not np.array_equal(case.params[1], case.params[2])


def test_actions_are_in_the_action_space(case: Case) -> None:
    space = case.interface.action
    actions = np.asarray(case.act(case.params, observations(case.interface)))
    if isinstance(space, Box):
        assert (actions.shape[1:], actions.dtype) == (space.shape, np.float32)
        low, high = bounds(space)
        assert ((low <= actions) & (actions <= high)).all()
    else:
        nums = np.array(space.num if isinstance(space, Discrete) else space.nums)
        assert (actions.shape[1:], actions.dtype) == (nums.shape, np.int32)
        assert ((actions >= 0) & (actions < nums)).all()


def test_extreme_weights_and_observations_stay_in_the_action_space(case: Case) -> None:
    space = case.interface.action
    actions = np.asarray(case.act(np.float32(1e4) * case.params, observations(case.interface)))
    assert np.isfinite(actions).all()
    if isinstance(space, Box):
        low, high = bounds(space)
        assert ((low <= actions) & (actions <= high)).all()


def test_an_action_is_a_function_of_weights_and_observation(case: Case) -> None:
    first, second = (case.act(case.params, observations(case.interface)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert case.act._cache_size() == 1, "the same shapes must not be traced again"


def test_memory_keeps_its_structure(case: Case) -> None:
    policy, obs = case.policy, jax.tree.map(lambda leaf: leaf[0], observations(case.interface))
    memory = policy.init_memory()
    _, after = policy.act(policy.unravel(case.params[0]), memory, obs, KEY)
    assert jax.tree.structure(after) == jax.tree.structure(memory)
    for leaf, before in zip(jax.tree.leaves(after), jax.tree.leaves(memory)):
        assert (leaf.shape, leaf.dtype) == (before.shape, before.dtype)


def test_the_distribution_is_that_of_the_actions(case: Case) -> None:
    """Drawn actions have the probability or density that `log_prob` says, and the mode has the greatest."""
    policy, obs = case.policy, jax.tree.map(lambda leaf: leaf[0], observations(case.interface))
    if policy.evaluate is None:
        pytest.skip("a policy without a distribution")
    weights, keys = policy.unravel(0.1 * case.params[0]), jax.random.split(KEY, 4000)
    distribution, value, _ = policy.evaluate(weights, policy.init_memory(), obs)
    assert (value.shape, value.dtype) == ((), np.float32)
    drawn = jax.jit(jax.vmap(distribution.sample))(keys)
    acted = jax.jit(jax.vmap(lambda key: policy.act(weights, policy.init_memory(), obs, key)[0]))(keys)
    np.testing.assert_allclose(np.mean(acted, axis=0), np.mean(drawn, axis=0), atol=0.15)
    log_probs = np.asarray(jax.jit(jax.vmap(distribution.log_prob))(drawn))
    assert np.isfinite(log_probs).all()
    if isinstance(case.interface.action, Box):
        low, high = bounds(case.interface.action)
        inside = ((np.asarray(drawn) > low) & (np.asarray(drawn) < high)).all(axis=1)
        assert log_probs[inside].max() <= float(distribution.log_prob(distribution.mode())) + 1e-4
    else:
        assert float(distribution.entropy()) == pytest.approx(-log_probs.mean(), abs=0.1)
        assert log_probs.max() <= float(distribution.log_prob(distribution.mode())) + 1e-6


@pytest.mark.parametrize("name", INTERFACES)
def test_interfaces_are_json_ready_and_hashable(name: str) -> None:
    interface = INTERFACES[name]
    again = interface_from_dict(json.loads(json.dumps(interface_to_dict(interface))))
    assert again == interface
    assert hash(again) == hash(interface)
