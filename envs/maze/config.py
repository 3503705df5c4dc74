"""Options of the maze generator. Imports no jax."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar, Literal

from poet.envs.config import GeneratorConfig
from poet.errors import ConfigError

if TYPE_CHECKING:
    from poet.envs.maze.generator import MazeGenerator

NUM_HARD_MAZE_WALLS = 7
MAX_SPEED = 10.0  # one robot radius per step, so that the robot cannot pass through a wall within a step


@dataclasses.dataclass(frozen=True)
class MazeConfig(GeneratorConfig):
    """Mazes of straight walls in a square room, for a small wheeled robot.

    Raises `ConfigError` for impossible values.
    """

    id: ClassVar[str] = "maze"

    # The first maze of a search: the deceptive hard maze, or a room without walls.
    first_maze: Literal["hard", "open"] = "hard"
    max_walls: int = 12
    horizon: int = 2000  # maximum number of steps in an episode
    speed: float = 1.0  # of a wheel at full power, in 1/600 of the room's side per step

    def __post_init__(self) -> None:
        min_walls = NUM_HARD_MAZE_WALLS if self.first_maze == "hard" else 1
        for name, low in (("max_walls", min_walls), ("horizon", 1)):
            if getattr(self, name) < low:
                raise ConfigError(f"maze: {name} expects at least {low}, got {getattr(self, name)}")
        if not 0 < self.speed <= MAX_SPEED:
            raise ConfigError(f"maze: speed expects more than 0 and at most {MAX_SPEED}, got {self.speed}")

    def make(self) -> MazeGenerator:
        """The generator with these options.

        >>> MazeConfig(first_maze="open", horizon=400).make().environment.horizon
        400
        """
        from poet.envs.maze.generator import MazeGenerator

        return MazeGenerator(self)
