"""REINFORCE (Williams 1992): the gradient of the expected return, estimated from episodes of the agent itself.

A learner of the step kind, and a small example of one. Each step collects a fixed number of steps of all lanes. The
weight of an action is the return from there on: rewards are summed to the end of its episode, or to the end of what
was collected, where the value of the policy estimates the rest; the value is also the baseline, and it is fitted to
these returns.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Bool, Float

from poet.agents.engine import Engine, Finished, Lanes, Transition
from poet.agents.lane import where_lanes
from poet.agents.policy import Policy
from poet.errors import ConfigError
from poet.learners.base import Collect, StepLearner
from poet.learners.config import REINFORCEConfig
from poet.types import Key, Params, PyTree


class REINFORCEState(NamedTuple):
    """What an agent carries from one step to the next."""

    params: Params
    optimizer: PyTree  # of optax
    lanes: Lanes


class _Experience(NamedTuple):
    """What is kept of each step; leaves [T, B, ...]."""

    obs: PyTree
    action: Array
    reward: Float[Array, "T B"]


def reinforce(config: REINFORCEConfig, policy: Policy, engine: Engine) -> StepLearner[REINFORCEState]:
    """The learner for a policy that gives distributions. Raises `ConfigError` for any other policy."""
    evaluate = policy.evaluate
    if evaluate is None:
        raise ConfigError(
            "learner reinforce needs a policy that gives a distribution over actions: add --policy.actor-critic, for "
            "policies that have this option"
        )
    optimizer = optax.chain(optax.clip_by_global_norm(config.max_norm), optax.adam(config.learning_rate))

    def init(key: Key, params: Params) -> REINFORCEState:
        params = jnp.asarray(params)
        return REINFORCEState(params, optimizer.init(params), engine.idle(key, config.lanes))

    def with_params(key: Key, state: REINFORCEState, params: Params) -> REINFORCEState:
        return REINFORCEState(jnp.asarray(params), state.optimizer, engine.idle(key, config.lanes))

    def loss(params: Params, memory: PyTree, taken: _Experience, ended: Bool[Array, "T B"]) -> Float[Array, ""]:
        weights = policy.unravel(params)

        def step(memory: PyTree, now: tuple[_Experience, Bool[Array, "B"]]) -> tuple[PyTree, Any]:
            taken, ended = now
            distribution, value, after = jax.vmap(evaluate, (None, 0, 0))(weights, memory, taken.obs)
            log_prob = jax.vmap(lambda each, action: each.log_prob(action))(distribution, taken.action)
            entropy = jax.vmap(lambda each: each.entropy())(distribution)
            return where_lanes(ended, initial_memory(), after), (log_prob, entropy, value)

        _, (log_prob, entropy, value) = lax.scan(step, memory, (taken, ended))
        returns = _returns(taken.reward, ended, lax.stop_gradient(value[-1]), config.discount)
        advantage = lax.stop_gradient(_normalised(returns - value))
        fit = jnp.square(value - returns).mean()
        return -(log_prob * advantage).mean() + config.value_weight * fit - config.entropy_weight * entropy.mean()

    def initial_memory() -> PyTree:
        memory = policy.init_memory()
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (config.lanes, *leaf.shape)), memory)

    @jax.jit  # for engines that are not traceable, where `step` runs as it stands
    def update(params: Params, optimizer_state: PyTree, memory: PyTree, taken: _Experience, ended: Array) -> Any:
        gradient = jax.grad(loss)(params, memory, taken, ended)
        changes, optimizer_state = optimizer.update(gradient, optimizer_state, params)
        return optax.apply_updates(params, changes), optimizer_state

    def step(key: Key, state: REINFORCEState, collect: Collect) -> tuple[REINFORCEState, Finished]:
        memory = where_lanes(state.lanes.running, state.lanes.memory, initial_memory())
        lanes, taken, finished = collect(state.params, state.lanes, config.steps, _keep)
        params, optimizer_state = update(state.params, state.optimizer, memory, taken, finished.ended)
        return REINFORCEState(params, optimizer_state, lanes), finished

    return StepLearner(init, lambda state: state.params, with_params, step)


def _keep(step: Transition) -> _Experience:
    return _Experience(step.obs, step.action, step.reward)


def _returns(
    reward: Float[Array, "T B"], ended: Bool[Array, "T B"], last: Float[Array, "B"], discount: float
) -> Float[Array, "T B"]:
    """Discounted sums of the rewards to the end of each episode; `last` estimates what follows the last step.

    >>> _returns(jnp.array([[1.0], [1.0], [1.0]]), jnp.array([[False], [True], [False]]), jnp.array([8.0]), 0.5)[:, 0]
    Array([1.5, 1. , 5. ], dtype=float32)
    """

    def back(later: Float[Array, "B"], now: tuple[Array, Array]) -> tuple[Array, Array]:
        reward, ended = now
        total = reward + discount * jnp.where(ended, 0.0, later)
        return total, total

    return lax.scan(back, last, (reward, ended), reverse=True)[1]


def _normalised(values: Float[Array, "T B"]) -> Float[Array, "T B"]:
    return (values - values.mean()) / (values.std() + 1e-8)
