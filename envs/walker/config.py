"""Options of the generators of obstacle courses. Imports no jax."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar, Literal

from poet.envs.config import GeneratorConfig
from poet.errors import ConfigError

if TYPE_CHECKING:
    from poet.envs.walker.gait import GaitGenerator
    from poet.envs.walker.generator import ObstacleGenerator


@dataclasses.dataclass(frozen=True)
class WalkerConfig(GeneratorConfig):
    """POET's walker on obstacle courses (Wang et al. 2019, arXiv 1901.01753).

    Maximum sizes have the units of the original: sizes of obstacles count terrain steps of 14/30 m, roughness is a
    factor. Raises `ConfigError` for values out of range.
    """

    id: ClassVar[str] = "walker"

    sweeps: int = 10  # iterations of the contact solver per time step
    horizon: int = 2000  # maximum number of time steps in an episode
    # "fixed": the genome determines the terrain; "fresh": each episode draws another terrain.
    terrain: Literal["fixed", "fresh"] = "fixed"
    # A mutation varies roughness and all kinds of obstacles, or one of these chosen at random.
    mutation: Literal["all", "one"] = "all"
    stairs: bool = False
    max_roughness: float = 10.0
    max_pit: float = 8.0
    max_stump: float = 5.0
    max_stair: float = 5.0
    max_stair_steps: int = 1  # in the original 1; its encoding allows 9

    def __post_init__(self) -> None:
        for name in ("sweeps", "horizon"):
            if getattr(self, name) < 1:
                raise ConfigError(f"walker: {name} expects at least 1, got {getattr(self, name)}")
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
        """The generator with these options.

        >>> generator = WalkerConfig(stairs=True, max_stair_steps=5).make()
        >>> generator.feature_names
        ('roughness', 'pit_lo', 'pit_hi', 'stump_lo', 'stump_hi', 'stair_lo', 'stair_hi', 'stair_steps')
        """
        from poet.envs.walker.generator import ObstacleGenerator

        return ObstacleGenerator(self)


@dataclasses.dataclass(frozen=True)
class WalkerGaitConfig(WalkerConfig):
    """The same walker and terrains with a gait descriptor: the share of time that each foot touches the ground."""

    id: ClassVar[str] = "walker-gaits"

    def make(self) -> GaitGenerator:
        """The generator with these options.

        >>> WalkerGaitConfig().make().environment.descriptor_names
        ('foot 1 contact', 'foot 2 contact')
        """
        from poet.envs.walker.gait import GaitGenerator

        return GaitGenerator(self)
