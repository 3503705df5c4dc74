"""Options of generators with environments of other libraries. Imports neither jax nor these libraries."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from poet.envs.config import GeneratorConfig

if TYPE_CHECKING:
    from poet.envs.vector import VectorGenerator


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
