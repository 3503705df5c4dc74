"""Options of generators with environments of other libraries. Imports neither jax nor these libraries."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from poet.envs.config import GeneratorConfig
from poet.errors import ConfigError

if TYPE_CHECKING:
    from poet.envs.adapters.minigrid import MiniGridGenerator
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
class AtariConfig(GeneratorConfig):
    """A game of the Arcade Learning Environment. Needs the extra `atari` and `--engine host`."""

    id: ClassVar[str] = "atari"

    game: str = "montezuma_revenge"  # a name of a ROM in ale-py
    horizon: int = 27_000  # actions of an episode: half an hour of the game at 4 frames each
    frame_skip: int = 4  # frames for which an action is held
    sticky: float = 0.0  # probability that a frame repeats the action before (arXiv 1709.06009 has 0.25)
    frame: tuple[int, int] | None = None  # rows and columns of a grey screen in the observation; None: memory only
    one_life: bool = True  # whether the loss of a life ends an episode
    return_range: tuple[float, float] = (0.0, 10_000.0)  # of a hopeless and of a perfect agent
    solved_return: float | None = None  # by default the upper end of the range

    def __post_init__(self) -> None:
        for name in ("horizon", "frame_skip"):
            if getattr(self, name) < 1:
                raise ConfigError(f"generator atari: {name} expects at least 1, got {getattr(self, name)}")
        if not 0 <= self.sticky < 1:
            raise ConfigError(f"generator atari: sticky expects a probability below 1, got {self.sticky}")
        if self.frame is not None and not (1 <= self.frame[0] <= 210 and 1 <= self.frame[1] <= 160):
            raise ConfigError(f"generator atari: frame expects at most 210 rows and 160 columns, got {self.frame}")

    def make(self) -> VectorGenerator:
        """The generator. Raises `ConfigError` where ale-py is not installed, and for an unknown game."""
        from poet.envs.adapters.atari import atari

        return atari(self)


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


@dataclasses.dataclass(frozen=True)
class MiniGridConfig(GeneratorConfig):
    """Any environment of XLand-MiniGrid; a genome is the seed of a layout. Needs the extra `xland-minigrid`.

    Raises `ConfigError` for impossible values.
    """

    id: ClassVar[str] = "xland-minigrid"

    env: str = "MiniGrid-DoorKey-16x16"  # an id of XLand-MiniGrid
    horizon: int | None = None  # steps of an episode; by default the limit of the environment
    seed: int = 0  # of the first layout

    def __post_init__(self) -> None:
        _check_horizon(self.id, self.horizon)

    def make(self) -> MiniGridGenerator:
        """The generator. Raises `ConfigError` where XLand-MiniGrid is not installed."""
        from poet.envs.adapters.minigrid import minigrid

        return minigrid(self)


@dataclasses.dataclass(frozen=True)
class CraftaxClassicConfig(GeneratorConfig):
    """Craftax-Classic with symbolic observations; a genome is the seed of a map. Needs the extra `craftax`.

    Raises `ConfigError` for impossible values.
    """

    id: ClassVar[str] = "craftax-classic"

    horizon: int = 10_000  # steps of an episode
    seed: int = 0  # of the first map

    def __post_init__(self) -> None:
        _check_horizon(self.id, self.horizon)

    def make(self) -> VectorGenerator:
        """The generator. Raises `ConfigError` where Craftax is not installed."""
        from poet.envs.adapters.craftax import craftax_classic

        return craftax_classic(self)


def _check_horizon(id: str, horizon: int | None) -> None:
    if horizon is not None and horizon < 1:
        raise ConfigError(f"{id}: horizon expects at least 1, got {horizon}")
