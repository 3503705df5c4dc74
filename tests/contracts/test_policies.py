"""What every policy must keep. A package adds its own to `cases`, or runs this module where it is installed."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.agents.config import MLPConfig, PolicyConfig, policies
from poet.agents.policy import Policy, check_params
from poet.envs.base import Box, Discrete, Interface, MultiDiscrete
from poet.errors import ConfigError
from poet_curriculum.config import LinearConfig
from tests.contracts.cases import installed, parameters

KEY = jax.random.key(0)
INTERFACES = {
    "box": Interface("box", jax.ShapeDtypeStruct((3,), jnp.float32), Box((2,), -2.0, 0.5), horizon=10),
    "discrete": Interface("discrete", jax.ShapeDtypeStruct((2, 3), jnp.int32), Discrete(4), horizon=10),
    "multi-discrete": Interface("multi", jax.ShapeDtypeStruct((2,), jnp.uint8), MultiDiscrete((2, 3)), horizon=10),
}


def cases() -> list[PolicyConfig]:
    """All installed policies, and others with the options that change their code."""
    return [*installed(policies), MLPConfig(hidden=(), init_sigma=2.0), LinearConfig()]


class Case(NamedTuple):
    """A policy, its compiled functions, and the weights of 16 agents."""

    interface: Interface
    policy: Policy
    init: Any
    act: Any
    params: np.ndarray


@pytest.fixture(
    scope="module",
    params=["box", *(pytest.param(name, marks=pytest.mark.slow) for name in ("discrete", "multi-discrete"))],
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


def observations(interface: Interface, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed).uniform(0, 5, (16, *interface.obs.shape))
    return drawn.astype(interface.obs.dtype)


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
        assert ((space.low <= actions) & (actions <= space.high)).all()
    else:
        nums = np.array(space.num if isinstance(space, Discrete) else space.nums)
        assert (actions.shape[1:], actions.dtype) == (nums.shape, np.int32)
        assert ((actions >= 0) & (actions < nums)).all()


def test_extreme_weights_and_observations_stay_in_the_action_space(case: Case) -> None:
    space = case.interface.action
    actions = np.asarray(case.act(np.float32(1e4) * case.params, observations(case.interface)))
    assert np.isfinite(actions).all()
    if isinstance(space, Box):
        assert ((space.low <= actions) & (actions <= space.high)).all()


def test_an_action_is_a_function_of_weights_and_observation(case: Case) -> None:
    first, second = (case.act(case.params, observations(case.interface)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert case.act._cache_size() == 1, "the same shapes must not be traced again"
