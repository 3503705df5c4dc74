"""The rollout engine of jax: whole episodes in one compiled program, for environments that are written in jax."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from poet.agents.advance import advance, enter
from poet.agents.config import XLAEngineConfig
from poet.agents.engine import Engine, Lanes, Levels
from poet.agents.lane import broadcast, build_level, new_starts
from poet.agents.policy import Policy
from poet.agents.queue import run_queue
from poet.agents.replay import replay
from poet.envs.host import is_host
from poet.errors import ConfigError
from poet.types import Genome, Key, PyTree, numbered_keys


def xla(environment: Any, policy: Policy, genome: Genome, config: XLAEngineConfig) -> Engine:
    """The engine for an environment and a policy; `genome` is an example, of which only the shapes count.

    Raises `ConfigError` if `config.lanes` is not resolved, and for an environment of simulators.

    >>> from poet.agents.config import MLPConfig
    >>> from poet.envs.config import generators
    >>> mazes = generators.make("maze", horizon=20)
    >>> policy = MLPConfig(hidden=(4,)).make(mazes.environment.interface)
    >>> engine = xla(mazes.environment, policy, mazes.simplest(), XLAEngineConfig(lanes=2))
    >>> lanes = engine.idle(jax.random.key(0), 3)
    >>> lanes.running.tolist(), lanes.limit.tolist()
    ([False, False, False], [20, 20, 20])
    """
    if is_host(environment):
        raise ConfigError(
            f"engine xla runs environments that are written in JAX, and {environment.interface.id} is one of "
            "simulators: add --engine host"
        )
    if config.lanes is None:
        raise ConfigError("engine.lanes expects a number here: take `config.resolve()`, which asks the device for it")
    build_block = jax.vmap(functools.partial(build_level, environment))
    reset = functools.partial(new_starts, environment, policy)
    enter_lanes = enter(environment, policy)

    def build(levels: Levels) -> PyTree:
        return build_block(levels.genome, levels.key)

    def idle(key: Key, num_lanes: int) -> Lanes:
        # They hold a started episode, so that every leaf has a value of its kind.
        keys = numbered_keys(key, num_lanes)
        level = build(Levels(broadcast(genome, num_lanes), keys))
        return enter_lanes(level, reset(level, keys), key)._replace(running=jnp.zeros(num_lanes, bool))

    run = run_queue(environment, policy, config.lanes, config.chunk)
    advance_lanes = advance(environment, policy, reset)
    replay_episode = replay(config.lanes, build, reset, enter_lanes, advance_lanes)
    return Engine(config.lanes, True, run, build, reset, idle, enter_lanes, advance_lanes, replay_episode)
