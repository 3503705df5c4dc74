"""Environments of gymnasium as simulators: any environment id, with the fields of a genome as its options.

An episode gets an environment of its own: `reset` of some environments leaves traces of the episode before.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import math
import warnings
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from poet.envs.adapters.seeds import seeds
from poet.envs.base import Box, Discrete, Interface, MultiDiscrete, Observation, Space
from poet.envs.host import HostStep
from poet.envs.vector import VectorGenerator
from poet.errors import ConfigError
from poet.extras import import_extra
from poet.types import Genome, PyTree

if TYPE_CHECKING:
    import gymnasium

    from poet.envs.adapters.config import GymnasiumConfig

SEED = "seed"  # a field of a genome of this name is what `reset` gets, in place of the seed of the episode


@dataclasses.dataclass(frozen=True)
class GymnasiumEnvironment:
    """A `HostEnvironment` of an environment id of gymnasium.

    Derive from it to change `make_env`, where parameters of a genome are not options of the environment.

    Attributes:
      env: id, as in "BipedalWalker-v3".
      options: that `gymnasium.make` gets, as pairs of name and value.
      horizon: time limit; by default that of the environment.
      descriptor_elements: of the flat observation: the mean of each over an episode is the descriptor of an agent.
      descriptor_names: of these elements.
      descriptor_bounds: low and high of each.

    Raises `ConfigError` where gymnasium is not installed, for an unknown id, and for spaces that agents cannot handle.

    >>> walker = GymnasiumEnvironment("BipedalWalker-v3")
    >>> walker.interface.id, walker.interface.horizon, walker.interface.action.shape
    ('BipedalWalker-v3', 1600, (4,))
    """

    env: str
    options: tuple[tuple[str, Any], ...] = ()
    horizon: int | None = None
    descriptor_elements: tuple[int, ...] = ()
    descriptor_names: tuple[str, ...] = ()
    descriptor_bounds: tuple[tuple[float, float], ...] = ()

    @property
    def interface(self) -> Interface:
        """Observations, actions and time limit."""
        return _interface(self)

    @property
    def can_render(self) -> bool:
        """Whether there are pictures of its episodes."""
        return True

    def make_env(self, genome: Genome) -> gymnasium.Env:
        """The environment of a genome, whose fields are options besides the fixed ones."""
        fields = {} if genome is None else {name: value.item() for name, value in genome._asdict().items()}
        fields.pop(SEED, None)
        library = import_extra("gymnasium", "gymnasium")
        try:
            with warnings.catch_warnings():
                # Box2D crashes at its import where a warning of deprecation is an error.
                warnings.simplefilter("ignore", DeprecationWarning)
                return library.make(
                    self.env,
                    max_episode_steps=self.horizon,
                    render_mode="rgb_array",
                    disable_env_checker=True,
                    **dict(self.options),
                    **fields,
                )
        except library.error.Error as error:
            raise ConfigError(f"gymnasium cannot make {self.env!r}: {error}") from error

    def make_simulator(self, genome: Genome) -> GymnasiumSimulator:
        """One episode of a level."""
        return GymnasiumSimulator(self.make_env(genome), self, getattr(genome, SEED, None))


class GymnasiumSimulator:
    """A `Simulator`: one episode of an environment of gymnasium. `success` is what the environment says in its info."""

    def __init__(self, env: gymnasium.Env, environment: GymnasiumEnvironment, seed: np.ndarray | None) -> None:
        self._env, self._seed = env, seed
        self._elements = list(environment.descriptor_elements)
        self._sum, self._steps = np.zeros(len(self._elements)), 0
        self._info: dict[str, Any] = {}

    def reset(self, seed: int) -> PyTree:
        """The first observation."""
        obs, self._info = self._env.reset(seed=seed if self._seed is None else int(self._seed))
        return _to_arrays(self._env.observation_space, obs)

    def step(self, action: np.ndarray | np.integer) -> HostStep:
        """One transition. What the environment truncates before the time limit has ended by its rules."""
        space: Any = self._env.action_space
        obs, reward, terminated, truncated, self._info = self._env.step(
            action.astype(space.dtype) if action.ndim else int(action) + int(space.start)
        )
        arrays = _to_arrays(self._env.observation_space, obs)
        if self._elements:
            flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(arrays)])
            self._sum, self._steps = self._sum + flat[self._elements], self._steps + 1
        return HostStep(arrays, float(reward), bool(terminated or truncated))

    def success(self) -> float:
        """How far the task was solved; 1 for an environment that does not say."""
        return float(self._info.get("is_success", self._info.get("success", 1.0)))

    def descriptor(self) -> np.ndarray:
        """Means of the chosen elements of the observations."""
        return (self._sum / max(self._steps, 1)).astype(np.float32)

    def render(self) -> np.ndarray:
        """A picture."""
        return np.asarray(self._env.render(), np.uint8)

    def close(self) -> None:
        """Close the environment."""
        self._env.close()


def seeded(config: GymnasiumConfig) -> VectorGenerator:
    """The generator of an environment id, whose genomes are seeds.

    >>> from poet.envs.adapters.config import GymnasiumConfig
    >>> generator = seeded(GymnasiumConfig(env="Acrobot-v1", return_range=(-500.0, -60.0)))
    >>> generator.solved_return, generator.describe(generator.simplest())
    (-100.0, 'seed 0')
    """
    environment = GymnasiumEnvironment(
        config.env,
        (),
        config.horizon,
        config.descriptor,
        tuple(f"obs {element}" for element in config.descriptor),
        (config.descriptor_bounds,) * len(config.descriptor),
    )
    solved, (low, high) = config.solved_return, config.return_range
    if solved is None:
        spec: Any = environment.make_env(None).spec
        threshold = spec.reward_threshold
        solved = float(threshold) if threshold is not None and low < threshold <= high else high
    return VectorGenerator(
        "gymnasium",
        environment,
        seeds(),
        return_range=config.return_range,
        solved_return=solved,
    )


@functools.lru_cache(maxsize=32)
def _interface(environment: GymnasiumEnvironment) -> Interface:
    env = GymnasiumEnvironment.make_env(environment, None)
    limit = environment.horizon or (env.spec and env.spec.max_episode_steps)
    if not limit:
        raise ConfigError(f"{environment.env} has no time limit: give one with horizon")
    interface = Interface(
        environment.env, _observation(env.observation_space, environment.env), _action(env.action_space), int(limit)
    )
    env.close()
    return interface


def _observation(space: Any, name: str) -> Observation:
    spaces = import_extra("gymnasium", "gymnasium").spaces
    if isinstance(space, spaces.Dict | spaces.Tuple):
        parts = _parts(space)
        return _observations(tuple(parts))(*(_array(part, name) for part in parts.values()))
    return _array(space, name)


def _array(space: Any, name: str) -> jax.ShapeDtypeStruct:
    spaces = import_extra("gymnasium", "gymnasium").spaces
    if isinstance(space, spaces.Discrete):
        return jax.ShapeDtypeStruct((), jnp.int32)
    if isinstance(space, spaces.Box | spaces.MultiBinary | spaces.MultiDiscrete):
        return jax.ShapeDtypeStruct(space.shape, _dtype(space))
    raise ConfigError(
        f"observations of {name} are expected as an array, or a Dict or a Tuple of arrays, got {space}: wrap the "
        "environment, as with gymnasium.wrappers.FlattenObservation"
    )


def _parts(space: Any) -> dict[str, Any]:
    """The spaces of a Dict or a Tuple by name."""
    spaces = import_extra("gymnasium", "gymnasium").spaces
    if isinstance(space, spaces.Dict):
        return dict(space.spaces)
    return {f"part{number}": part for number, part in enumerate(space.spaces)}


@functools.cache
def _observations(names: tuple[str, ...]) -> Any:
    """The NamedTuple of observations with these parts: one class, since trees of different classes differ."""
    return collections.namedtuple("Observations", names)


def _dtype(space: Any) -> Any:
    """Numbers as jax has them: at most 32 bits."""
    kind = np.dtype(space.dtype).kind
    return space.dtype if kind in "iu" and space.dtype.itemsize < 4 else jnp.int32 if kind in "iu" else jnp.float32


def _action(space: Any) -> Space:
    spaces = import_extra("gymnasium", "gymnasium").spaces
    if isinstance(space, spaces.Discrete):
        return Discrete(int(space.n))
    if isinstance(space, spaces.MultiDiscrete) and len(space.shape) == 1:
        return MultiDiscrete(tuple(int(num) for num in space.nvec))
    if isinstance(space, spaces.Box) and np.isfinite(space.low).all() and np.isfinite(space.high).all():
        low, high = (_bound(values) for values in (space.low, space.high))
        return Box(tuple(space.shape), low, high)
    raise ConfigError(f"actions must be discrete or within finite bounds, got {space}: wrap the environment")


def _bound(values: np.ndarray) -> float | tuple[float, ...]:
    flat = [float(value) for value in values.ravel()]
    return flat[0] if math.prod(values.shape) and len(set(flat)) == 1 else tuple(flat)


def _to_arrays(space: Any, obs: Any) -> PyTree:
    """An observation as the interface declares it."""
    spaces = import_extra("gymnasium", "gymnasium").spaces
    if isinstance(space, spaces.Dict | spaces.Tuple):
        parts = _parts(space)
        values = obs.values() if isinstance(obs, dict) else obs
        return _observations(tuple(parts))(*(_to_arrays(part, value) for part, value in zip(parts.values(), values)))
    if isinstance(space, spaces.Discrete):
        return np.asarray(obs - space.start, np.int32)
    return np.asarray(obs).astype(_dtype(space))
