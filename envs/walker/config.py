"""Options of the obstacle generator; imports no jax, so that listing and configuring start no accelerator."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar, Literal

from poet.envs.registry import GeneratorConfig
from poet.errors import ConfigError

if TYPE_CHECKING:
    from poet.envs.walker.gait import GaitGenerator
    from poet.envs.walker.generator import ObstacleGenerator


@dataclasses.dataclass(frozen=True)
class WalkerConfig(GeneratorConfig):
    """POET's walker with obstacle courses. Limits are in the original's raw units (one terrain step is 14/30 m)."""

    id: ClassVar[str] = "walker"

    sweeps: int = 10  # of the contact solver, per step
    horizon: int = 2000  # steps of an episode at most
    terrain: Literal["fixed", "fresh"] = "fixed"  # one course per genome, or another in every episode
    mutate: Literal["all", "one"] = "all"  # vary every kind of obstacle in a child, or one of them
    stairs: bool = False
    max_roughness: float = 10.0
    max_pit: float = 8.0
    max_stump: float = 5.0
    max_stair: float = 5.0
    max_stair_steps: int = 1  # the original's stairs never grow; its encoding allows 9

    def __post_init__(self) -> None:
        for name in ("sweeps", "horizon"):
            if getattr(self, name) < 1:
                raise ConfigError(f"walker: {name} expects at least 1, got {getattr(self, name)}")
        for name, choices in (("terrain", ("fixed", "fresh")), ("mutate", ("all", "one"))):
            if getattr(self, name) not in choices:
                raise ConfigError(f"walker: {name} expects one of {choices}, got {getattr(self, name)!r}")
        for name, low, high in (
            ("max_roughness", 0.1, 100.0),
            ("max_pit", 0.8, 50.0),
            ("max_stump", 0.4, 20.0),
            ("max_stair", 0.4, 20.0),
            ("max_stair_steps", 1, 9),
        ):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"walker: {name} expects {low} to {high}, got {getattr(self, name)}")

    def make(self) -> ObstacleGenerator:
        """The generator with these options."""
        from poet.envs.walker.generator import ObstacleGenerator

        return ObstacleGenerator(self)


@dataclasses.dataclass(frozen=True)
class WalkerGaitConfig(WalkerConfig):
    """The same walker and courses, described by its gait: how much of the time each foot touches the ground."""

    id: ClassVar[str] = "walker-gaits"

    def make(self) -> GaitGenerator:
        """The generator with these options."""
        from poet.envs.walker.gait import GaitGenerator

        return GaitGenerator(self)
