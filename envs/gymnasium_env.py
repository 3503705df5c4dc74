"""One level as an environment of gymnasium, for agents and tools that expect those.

Needs gymnasium, which this package does not install.
"""

from typing import Any

import jax
import numpy as np

from poet.envs.base import Box, Discrete, Environment, Space
from poet.envs.episode_keys import level_key, reset_key, step_key
from poet.envs.spaces import bounds
from poet.errors import ConfigError
from poet.jax_settings import pinned
from poet.types import Genome

try:
    import gymnasium
    from gymnasium import spaces
except ImportError as error:
    raise ConfigError(
        "poet.envs.gymnasium_env needs gymnasium, which is not installed: pip install gymnasium"
    ) from error


class LevelEnv(gymnasium.Env):
    """The level of one genome. `reset(seed=N)` starts the episode that `poet video --seed N` shows.

    >>> from poet.envs.config import generators
    >>> mazes = generators.make("maze", horizon=50)
    >>> env = LevelEnv(mazes.environment, mazes.simplest())
    >>> env.action_space
    Box(-1.0, 1.0, (2,), float32)
    >>> observation, _ = env.reset(seed=0)
    >>> observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
    """

    def __init__(self, environment: Environment, genome: Genome) -> None:
        interface = environment.interface
        self.observation_space = _observation_space(interface.obs)
        self.action_space = _action_space(interface.action)
        self._action_dtype = np.float32 if isinstance(interface.action, Box) else np.int32
        self._genome = genome
        self._build, self._reset, self._step = map(jax.jit, (environment.build, environment.reset, environment.step))

    @pinned()
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict]:
        """Start an episode; without a seed, one that depends on the seed of an earlier reset."""
        super().reset(seed=seed, options=options)
        self._key = jax.random.key(int(self.np_random.integers(2**31)) if seed is None else seed)
        self._level = self._build(level_key(self._key), self._genome)
        self._world, obs = self._reset(reset_key(self._key), self._level)
        self._length = 0
        return _to_numpy(self.observation_space, obs), {}

    @pinned()
    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, float]]:
        """Advance by one action."""
        key = step_key(self._key, self._length)
        step = self._step(key, self._level, self._world, np.asarray(action, self._action_dtype))
        self._world, self._length = step.world, self._length + 1
        info = {name: float(value) for name, value in step.info.items()}
        obs = _to_numpy(self.observation_space, step.obs)
        return obs, float(step.reward), bool(step.terminated), bool(step.truncated), info


def _to_numpy(space: spaces.Space, obs: Any) -> Any:
    if isinstance(space, spaces.Dict):
        return {name: _to_numpy(space[name], value) for name, value in obs._asdict().items()}
    return np.asarray(obs).astype(space.dtype)


def _observation_space(obs: Any) -> spaces.Space:
    if not isinstance(obs, jax.ShapeDtypeStruct):
        return spaces.Dict({name: _observation_space(value) for name, value in obs._asdict().items()})
    dtype = np.dtype(obs.dtype)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return spaces.Box(limits.min, limits.max, obs.shape, dtype)
    if dtype.kind == "b":
        return spaces.Box(0, 1, obs.shape, np.uint8)
    return spaces.Box(-np.inf, np.inf, obs.shape, np.float32)


def _action_space(space: Space) -> spaces.Space:
    if isinstance(space, Box):
        low, high = bounds(space)
        return spaces.Box(low.astype(np.float32), high.astype(np.float32), space.shape, np.float32)
    return spaces.Discrete(space.num) if isinstance(space, Discrete) else spaces.MultiDiscrete(list(space.nums))
