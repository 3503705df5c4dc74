"""Environments of gymnax, with some of their parameters as the genome (Lange 2022, github.com/RobertTLange/gymnax)."""

import dataclasses
import functools
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from poet.envs.base import Box, Discrete, Interface, Space, Step
from poet.errors import ConfigError
from poet.extras import import_extra
from poet.types import Genome, Key, PyTree

TIME_LIMIT = "max_steps_in_episode"


@dataclasses.dataclass(frozen=True)
class GymnaxEnvironment:
    """An environment of gymnax as a `poet.envs.base.Environment`.

    The genome is a NamedTuple whose fields are parameters of the environment; the other parameters keep their defaults.
    The space of actions is that of the default parameters. Observations must be one array, actions a choice or numbers
    with the same bounds. Needs the extra `gymnax`.

    Attributes:
      name: as in gymnax, "Pendulum-v1".
      horizon: number of steps of an episode; by default that of gymnax.

    Raises `ConfigError` where gymnax is not installed, and for an environment that it does not have.
    """

    name: str
    horizon: int | None = None

    def __post_init__(self) -> None:
        _load(self.name)

    @property
    def interface(self) -> Interface:
        """Observations and actions of the environment with its default parameters."""
        environment, params = _load(self.name)
        obs = jax.eval_shape(lambda: environment.reset_env(jax.random.key(0), params)[0])
        if not isinstance(obs, jax.ShapeDtypeStruct):
            raise ConfigError(f"gymnax {self.name}: observations must be one array, got {obs}: wrap the environment")
        version = "" if re.search(r"-v\d+$", self.name) else "-v1"
        horizon = getattr(params, TIME_LIMIT) if self.horizon is None else self.horizon
        return Interface(
            f"gymnax-{self.name}{version}",
            jax.ShapeDtypeStruct(obs.shape, obs.dtype),
            _action_space(self.name, environment.action_space(params)),
            int(horizon),
        )

    def build(self, key: Key, genome: Genome) -> PyTree:
        """The parameters of gymnax with those of the genome."""
        del key
        _, params = _load(self.name)
        params = params.replace(**genome._asdict(), **{TIME_LIMIT: self.interface.horizon})
        return jax.tree.map(jnp.asarray, params)

    def reset(self, key: Key, level: PyTree) -> tuple[PyTree, Array]:
        """Start an episode of gymnax."""
        environment, _ = _load(self.name)
        obs, world = environment.reset_env(key, level)
        # Numbers of Python become arrays, which have the same type after each step.
        return jax.tree.map(lambda leaf: jax.lax.convert_element_type(leaf, jnp.result_type(leaf)), world), obs

    def step(self, key: Key, level: PyTree, world: PyTree, action: Array) -> Step:
        """Advance by one action, without the automatic reset of gymnax."""
        environment, _ = _load(self.name)
        obs, new, reward, terminated, _ = environment.step_env(key, world, action, level)
        new = jax.tree.map(lambda leaf, old: jnp.asarray(leaf, old.dtype), new, world)
        # `step_env` knows no time limit: `step` of gymnax adds it, and resets.
        truncated = environment.is_truncated(new, level)
        return Step(new, obs, jnp.float32(reward), jnp.bool_(terminated), jnp.bool_(truncated), {})


@functools.lru_cache
def _load(name: str) -> tuple[Any, Any]:
    """The environment of gymnax and its default parameters, with NumPy leaves."""
    gymnax = import_extra("gymnax", "gymnax")
    if name not in gymnax.registered_envs:
        known = ", ".join(gymnax.registered_envs)
        raise ConfigError(f"gymnax has no environment {name!r}; it has {known}")
    with jax.ensure_compile_time_eval():
        environment, params = gymnax.make(name)
        return environment, jax.tree.map(lambda leaf: np.asarray(leaf) if isinstance(leaf, jax.Array) else leaf, params)


def _action_space(name: str, space: Any) -> Space:
    if hasattr(space, "n"):
        return Discrete(int(space.n))
    low, high = (np.unique(np.asarray(getattr(space, end), float)) for end in ("low", "high"))
    if len(low) != 1 or len(high) != 1 or not np.isfinite([*low, *high]).all():
        raise ConfigError(f"gymnax {name}: actions must have the same finite bounds, got {space}: wrap the environment")
    return Box(tuple(space.shape), float(low[0]), float(high[0]))
