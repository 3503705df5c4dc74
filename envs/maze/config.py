"""Options of the maze generator; imports no jax."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar, Literal

from poet.envs.registry import GeneratorConfig
from poet.errors import ConfigError

if TYPE_CHECKING:
    from poet.envs.maze.generator import MazeGenerator

HARD_WALLS = 7
MAX_SPEED = 10.0  # one radius a step: the robot cannot jump a wall


@dataclasses.dataclass(frozen=True)
class MazeConfig(GeneratorConfig):
    """Mazes for a small robot that feels and sees a little, in a square room; the hard maze is one of them."""

    id: ClassVar[str] = "maze"

    start: Literal["hard", "open"] = "hard"  # where a search starts: the deceptive hard maze, or a room without walls
    max_walls: int = 12
    horizon: int = 2000  # steps of an episode at most
    speed: float = 1.0  # of a wheel at full power, in 1/600 of the room a step

    def __post_init__(self) -> None:
        if self.start not in ("hard", "open"):
            raise ConfigError(f'maze: start expects "hard" or "open", got {self.start!r}')
        least = HARD_WALLS if self.start == "hard" else 1
        for name, low in (("max_walls", least), ("horizon", 1)):
            if getattr(self, name) < low:
                raise ConfigError(f"maze: {name} expects at least {low}, got {getattr(self, name)}")
        if not 0 < self.speed <= MAX_SPEED:
            raise ConfigError(f"maze: speed expects more than 0 and at most {MAX_SPEED}, got {self.speed}")

    def make(self) -> MazeGenerator:
        """The generator with these options."""
        from poet.envs.maze.generator import MazeGenerator

        return MazeGenerator(self)
