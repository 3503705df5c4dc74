"""Options of generators with environments of other libraries. Imports neither jax nor these libraries."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from poet.envs.config import GeneratorConfig

if TYPE_CHECKING:
    from poet.envs.vector import VectorGenerator


@dataclasses.dataclass(frozen=True)
class GymnasiumConfig(GeneratorConfig):
    """Any environment of gymnasium; a genome is the seed that it is reset with. Needs `--engine host`."""

    id: ClassVar[str] = "gymnasium"

    env: str = "BipedalWalker-v3"  # an id of gymnasium
    horizon: int | None = None  # steps of an episode; by default the limit of the environment
    return_range: tuple[float, float] = (-100.0, 300.0)  # of a hopeless and of a perfect agent
    solved_return: float | None = None  # by default what gymnasium says, if it is in the range, else the upper end
    descriptor: tuple[int, ...] = ()  # elements of the observation whose means over an episode describe an agent
    descriptor_bounds: tuple[float, float] = (0.0, 1.0)  # least and greatest value of these elements

    def make(self) -> VectorGenerator:
        """The generator. Raises `ConfigError` where gymnasium is not installed."""
        from poet.envs.adapters.gymnasium import seeded

        return seeded(self)


@dataclasses.dataclass(frozen=True)
class GymnaxPendulumConfig(GeneratorConfig):
    """Pendulum-v1 of gymnax with masses, lengths and motors of many kinds; needs the extra `gymnax`."""

    id: ClassVar[str] = "gymnax-pendulum"

    def make(self) -> VectorGenerator:
        """The generator. Raises `ConfigError` where gymnax is not installed."""
        from poet.envs.adapters.gymnax_tasks import pendulum

        return pendulum()


@dataclasses.dataclass(frozen=True)
class GymnaxAcrobotConfig(GeneratorConfig):
    """Acrobot-v1 of gymnax with links of many kinds; needs the extra `gymnax`."""

    id: ClassVar[str] = "gymnax-acrobot"

    def make(self) -> VectorGenerator:
        """The generator. Raises `ConfigError` where gymnax is not installed."""
        from poet.envs.adapters.gymnax_tasks import acrobot

        return acrobot()
