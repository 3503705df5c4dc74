"""The generator of mazes."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

from poet.envs.genome_json import check_fields
from poet.envs.maze.config import MazeConfig
from poet.envs.maze.env import Maze
from poet.envs.maze.genome import GOAL, GOAL_RADIUS, HARD_MAZE_WALLS, START, MazeGenome
from poet.envs.maze.paths import MIN_CLEARANCE, shortest_paths
from poet.errors import ConfigError
from poet.types import Key, PyTree

MAX_SHIFT = 0.15  # of a wall in x and in y, at strength 1
MIN_LENGTH, MAX_LENGTH = 0.1, 0.5  # of a new wall
MAX_PATH_LENGTH = 8.0  # upper bound of the feature "path_length"
MAX_MEAN_CLEARANCE = 0.17  # a room without walls has a mean clearance of 1/6
REASONS = (
    "valid",
    "walls, start and goal must lie within the room",
    "the start is too close to a wall",
    "the start is in the goal",
    "no path leads to the goal",
)


@dataclasses.dataclass(frozen=True)
class MazeGenerator:
    """Mazes of up to `max_walls` straight walls. Mutation changes walls only, never start and goal.

    >>> generator = MazeGenerator(MazeConfig(first_maze="open"))
    >>> genome = generator.from_json({"id": "maze", "version": 1, "walls": [[0.0, 0.5, 0.5, 0.5]],
    ...                               "start": [0.1, 0.25, 0.0], "goal": [0.1, 0.9]})
    >>> generator.describe(genome)
    '1 wall (total length 0.50), path to the goal 1.08 (straight line 0.57)'
    """

    config: MazeConfig = dataclasses.field(default_factory=MazeConfig)

    id: str = "maze"
    version: int = 1
    reasons: tuple[str, ...] = REASONS
    feature_names: tuple[str, ...] = ("walls", "path_length", "clearance")
    deterministic: bool = True
    return_range: tuple[float, float] = (
        0.0,
        100.0,
    )  # of a robot that stands still, and of one in the goal at no effort
    solved_return: float = 90.0  # in the goal, at the largest effort

    @property
    def environment(self) -> Maze:
        """The robot in these mazes."""
        return Maze(self.config.horizon, self.config.speed)

    @property
    def feature_bounds(self) -> tuple[tuple[float, float], ...]:
        """(low, high) of each feature."""
        return ((0.0, float(self.config.max_walls)), (0.0, MAX_PATH_LENGTH), (0.0, MAX_MEAN_CLEARANCE))

    def sample(self, key: Key) -> MazeGenome:
        """Draw the number of walls, the walls, start and goal uniformly; some samples are invalid."""
        size = self.config.max_walls
        u = jax.random.uniform(key, (4 * size + 6,))  # a single draw, since each draw of random bits is slow to compile
        walls = _new_wall(u[: 4 * size].reshape(4, size)).T
        num = jnp.floor(u[-1] * (size + 1))
        return MazeGenome(
            jnp.where(jnp.arange(size)[:, None] < num, walls, 0), u[4 * size : 4 * size + 3], u[4 * size + 3 : -1]
        )

    def mutate(self, key: Key, genome: MazeGenome, strength: Float[Array, ""] | float) -> MazeGenome:
        """With equal probability move one end of a wall, move a whole wall, add a wall, or remove one.

        `strength` scales the distances of moves. A room without walls gets a wall; with `max_walls` walls, one is moved
        instead of added.
        """
        u = jax.random.uniform(key, (9,))
        walls, size = genome.walls, self.config.max_walls
        num = _present(walls).sum()
        index = jnp.minimum(jnp.floor(u[0] * num).astype(jnp.int32), size - 1)
        operation = jnp.floor(u[1] * 4).astype(jnp.int32)
        operation = jnp.where(num == 0, 2, jnp.where((operation == 2) & (num == size), 1, operation))

        wall, shift = walls[index], MAX_SHIFT * strength * jnp.tile(2 * u[2:4] - 1, 2)
        one_end = (jnp.arange(4) < 2) == (u[4] < 0.5)
        results = [wall + jnp.where(one_end, shift, 0), wall + shift, _new_wall(u[5:]), jnp.zeros(4)]
        new = jnp.stack(results)[operation]
        walls = walls.at[jnp.where(operation == 2, num, index)].set(jnp.clip(new, 0, 1))
        return genome._replace(walls=walls[jnp.argsort(~_present(walls), stable=True)])

    def check(self, genome: MazeGenome) -> tuple[Bool[Array, ""], Int[Array, ""]]:
        """Whether `shortest_paths` finds a path from start to goal, and the index of the first reason if not."""
        paths = shortest_paths(genome)
        coordinates = jnp.concatenate([genome.walls.reshape(-1), genome.start[:2], genome.goal])
        satisfied = jnp.stack(
            [
                ((coordinates >= 0) & (coordinates <= 1)).all() & jnp.isfinite(genome.start[2]),
                paths.start_clearance >= MIN_CLEARANCE,
                jnp.hypot(*(genome.start[:2] - genome.goal)) > GOAL_RADIUS,
                paths.start_length < jnp.inf,
            ]
        )
        return satisfied.all(), jnp.where(satisfied.all(), 0, 1 + jnp.argmin(satisfied))

    def features(self, genome: MazeGenome) -> Float[Array, "3"]:
        """Number of walls, length of the shortest path to the goal (at most 8), mean distance to the nearest wall."""
        paths = shortest_paths(genome)
        num = _present(genome.walls).sum().astype(jnp.float32)
        return jnp.stack([num, jnp.minimum(paths.start_length, MAX_PATH_LENGTH), paths.clearance.mean()])

    def simplest(self) -> MazeGenome:
        """The first maze of a search: the hard maze, or a room without walls if the option `first_maze` is "open"."""
        walls = np.zeros((self.config.max_walls, 4), np.float32)
        if self.config.first_maze == "hard":
            walls[: len(HARD_MAZE_WALLS)] = HARD_MAZE_WALLS
        return MazeGenome(jnp.asarray(walls), jnp.asarray(START), jnp.asarray(GOAL))

    def describe(self, genome: MazeGenome) -> str:
        """Number of walls and lengths, where the room's side is 1."""
        walls = np.asarray(genome.walls, float)
        num = int(_present(walls).sum())
        total = float(np.hypot(*(walls[:, 2:] - walls[:, :2]).T).sum())
        straight = float(np.hypot(*(np.asarray(genome.goal) - np.asarray(genome.start)[:2]))) - GOAL_RADIUS
        path = float(_shortest_paths(genome).start_length)
        text = f"{num} wall{'s' if num > 1 else ''} (total length {total:.2f})" if num else "no walls"
        if not path < np.inf:
            return f"{text}, no path to the goal"
        return f"{text}, path to the goal {path:.2f} (straight line {max(straight, 0.0):.2f})"

    def to_json(self, genome: MazeGenome) -> dict[str, Any]:
        """The genome as the shortest decimal numbers that give the same float32 values."""
        walls = np.asarray(genome.walls)
        return {
            "id": self.id,
            "version": self.version,
            "walls": [_decimals(wall) for wall in walls[np.asarray(_present(walls))]],
            "start": _decimals(genome.start),
            "goal": _decimals(genome.goal),
        }

    def from_json(self, data: dict[str, Any]) -> MazeGenome:
        """Inverse of `to_json`. Raises `ConfigError` for another id, version or field, and for too many walls."""
        check_fields(data, self.id, self.version, MazeGenome._fields)
        rows, size = data["walls"], self.config.max_walls
        if not isinstance(rows, list) or len(rows) > size:
            raise ConfigError(f"walls expects a list of at most {size}, got {rows!r:.200}; increase max_walls for more")
        walls = np.zeros((size, 4), np.float32)
        for i, row in enumerate(rows):
            walls[i] = _numbers("a wall", row, 4)
        start, goal = _numbers("start", data["start"], 3), _numbers("goal", data["goal"], 2)
        return MazeGenome(jnp.asarray(walls), jnp.asarray(start), jnp.asarray(goal))

    def draw_level(self, genome: MazeGenome, width: int = 600) -> UInt8[np.ndarray, "H W 3"]:
        """The maze from above with the robot at the start, `width` pixels wide."""
        from poet.envs.maze import viewer

        return viewer.draw_level(genome, width)

    def render(self, genome: MazeGenome, trajectory: PyTree) -> list[np.ndarray]:
        """The maze from above as one frame u8[H, W, 3] per world; `trajectory` has `worlds`, or is the worlds."""
        from poet.envs.maze import viewer

        return viewer.render(genome, getattr(trajectory, "worlds", trajectory))


_shortest_paths = jax.jit(shortest_paths)


def _present(walls: Float[Array, "W 4"] | np.ndarray) -> Any:
    return (walls != 0).any(axis=1)


def _new_wall(u: Float[Array, "4 *N"]) -> Float[Array, "4 *N"]:
    """A wall of random position, length and direction, from uniform numbers in [0, 1)."""
    half = (MIN_LENGTH + (MAX_LENGTH - MIN_LENGTH) * u[2]) / 2
    dx, dy = half * jnp.cos(np.pi * u[3]), half * jnp.sin(np.pi * u[3])
    return jnp.clip(jnp.stack([u[0] - dx, u[1] - dy, u[0] + dx, u[1] + dy]), 0, 1)


def _decimals(values: Any) -> list[float]:
    return [float(str(value)) for value in np.asarray(values, np.float32)]


def _numbers(name: str, values: Any, length: int) -> np.ndarray:
    finite = isinstance(values, list) and all(
        isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < 1e6 for v in values
    )
    if not finite or len(values) != length:
        raise ConfigError(f"{name} expects {length} finite numbers, got {values!r:.200}")
    return np.asarray(values, np.float32)
