"""Mazes made, varied, checked, measured and described."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

from poet.envs.maze.config import MazeConfig
from poet.envs.maze.env import Maze
from poet.envs.maze.genome import GOAL, GOAL_RADIUS, HARD_MAZE, START, MazeGenome
from poet.envs.maze.paths import CLEARANCE, ways
from poet.errors import ConfigError
from poet.types import Key, PyTree

SHIFT = 0.15  # how far a wall is moved at most in x and in y, at strength 1
SHORT, LONG = 0.1, 0.5  # of a new wall
FAR = 8.0  # longest way that features tell apart
ROOMIEST = 0.17  # mean distance to the sides of a room without walls: 1/6
REASONS = (
    "valid",
    "walls, start and goal must lie within the room",
    "the start has too little room",
    "the start is in the goal",
    "there is no way to the goal",
)


@dataclasses.dataclass(frozen=True)
class MazeGenerator:
    """Up to `max_walls` straight walls; start and goal stay where they are when a maze is mutated."""

    config: MazeConfig = dataclasses.field(default_factory=MazeConfig)

    id: str = "maze"
    version: int = 1
    reasons: tuple[str, ...] = REASONS
    feature_names: tuple[str, ...] = ("walls", "way", "room")
    deterministic: bool = True

    @property
    def environment(self) -> Maze:
        """The robot in such mazes."""
        return Maze(self.config.horizon, self.config.speed)

    @property
    def feature_bounds(self) -> tuple[tuple[float, float], ...]:
        """Number of walls, length of the shortest way to the goal, mean distance to the nearest wall."""
        return ((0.0, float(self.config.max_walls)), (0.0, FAR), (0.0, ROOMIEST))

    def sample(self, key: Key) -> MazeGenome:
        """Any number of walls, start and goal anywhere; not every one is valid."""
        size = self.config.max_walls
        u = jax.random.uniform(key, (4 * size + 6,))  # one draw for all: random bits are most of what is to compile
        walls = _new_wall(u[: 4 * size].reshape(4, size)).T
        num = jnp.floor(u[-1] * (size + 1))
        return MazeGenome(
            jnp.where(jnp.arange(size)[:, None] < num, walls, 0), u[4 * size : 4 * size + 3], u[4 * size + 3 : -1]
        )

    def mutate(self, key: Key, genome: MazeGenome, strength: Float[Array, ""] | float) -> MazeGenome:
        """With equal chance move an end of a wall, shift a whole one, add one or take one away.

        `strength` scales how far walls are moved. What cannot be done is replaced by what can.
        """
        u = jax.random.uniform(key, (9,))
        walls, size = genome.walls, self.config.max_walls
        num = _present(walls).sum()
        pick = jnp.minimum(jnp.floor(u[0] * num).astype(jnp.int32), size - 1)
        deed = jnp.floor(u[1] * 4).astype(jnp.int32)
        deed = jnp.where(num == 0, 2, jnp.where((deed == 2) & (num == size), 1, deed))

        wall, moved = walls[pick], SHIFT * strength * jnp.tile(2 * u[2:4] - 1, 2)
        one_end = (jnp.arange(4) < 2) == (u[4] < 0.5)
        new = jnp.stack([wall + jnp.where(one_end, moved, 0), wall + moved, _new_wall(u[5:]), jnp.zeros(4)])[deed]
        walls = walls.at[jnp.where(deed == 2, num, pick)].set(jnp.clip(new, 0, 1))
        return genome._replace(walls=walls[jnp.argsort(~_present(walls), stable=True)])

    def check(self, genome: MazeGenome) -> tuple[Bool[Array, ""], Int[Array, ""]]:
        """Whether it can be solved, as far as `paths` sees, and the index of the first reason why not."""
        found = ways(genome)
        places = jnp.concatenate([genome.walls.reshape(-1), genome.start[:2], genome.goal])
        good = jnp.stack(
            [
                ((places >= 0) & (places <= 1)).all() & jnp.isfinite(genome.start[2]),
                found.start_room >= CLEARANCE,
                jnp.hypot(*(genome.start[:2] - genome.goal)) > GOAL_RADIUS,
                found.length < jnp.inf,
            ]
        )
        return good.all(), jnp.where(good.all(), 0, 1 + jnp.argmin(good))

    def features(self, genome: MazeGenome) -> Float[Array, "3"]:
        """Number of walls, length of the shortest way to the goal (8 at most), mean distance to the nearest wall."""
        found = ways(genome)
        num = _present(genome.walls).sum().astype(jnp.float32)
        return jnp.stack([num, jnp.minimum(found.length, FAR), found.room.mean()])

    def simplest(self) -> MazeGenome:
        """The maze at which a search starts: the hard one, or with `start` "open" its room without walls."""
        walls = np.zeros((self.config.max_walls, 4), np.float32)
        if self.config.start == "hard":
            walls[: len(HARD_MAZE)] = HARD_MAZE
        return MazeGenome(jnp.asarray(walls), jnp.asarray(START), jnp.asarray(GOAL))

    def describe(self, genome: MazeGenome) -> str:
        """Walls and the way to the goal; the side of the room is 1."""
        walls = np.asarray(genome.walls, float)
        num = int(_present(walls).sum())
        length = float(np.hypot(*(walls[:, 2:] - walls[:, :2]).T).sum())
        straight = float(np.hypot(*(np.asarray(genome.goal) - np.asarray(genome.start)[:2]))) - GOAL_RADIUS
        way = float(_ways(genome).length)
        room = f"{num} wall{'s' if num > 1 else ''} of {length:.2f} in all" if num else "an open room"
        if not way < np.inf:
            return f"{room}, no way to the goal"
        return f"{room}, a way of {way:.2f} to the goal {max(straight, 0.0):.2f} away"

    def to_json(self, genome: MazeGenome) -> dict[str, Any]:
        """Exact: the shortest decimals that are read back as the same float32."""
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
        if not isinstance(data, dict) or (data.get("id"), data.get("version")) != (self.id, self.version):
            raise ConfigError(f"expected a genome of {self.id!r} version {self.version}, got {data!r:.200}")
        fields = {"id", "version", *MazeGenome._fields}
        if set(data) != fields:
            raise ConfigError(f"a {self.id!r} genome has the fields {sorted(fields)}, got {sorted(data)}")
        rows, size = data["walls"], self.config.max_walls
        if not isinstance(rows, list) or len(rows) > size:
            raise ConfigError(f"walls expects a list of at most {size}, got {rows!r:.200}; raise max_walls for more")
        walls = np.zeros((size, 4), np.float32)
        for at, row in enumerate(rows):
            walls[at] = _numbers("a wall", row, 4)
        start, goal = _numbers("start", data["start"], 3), _numbers("goal", data["goal"], 2)
        return MazeGenome(jnp.asarray(walls), jnp.asarray(start), jnp.asarray(goal))

    def draw_course(self, genome: MazeGenome, width: int = 600) -> UInt8[np.ndarray, "H W 3"]:
        """The maze from above, with the robot at its start."""
        from poet.envs.maze import viewer

        return viewer.draw_course(genome, width)

    def render(self, genome: MazeGenome, trajectory: PyTree) -> list[np.ndarray]:
        """An episode as frames u8[H, W, 3]; `trajectory` holds its worlds stacked along time, or is those worlds."""
        from poet.envs.maze import viewer

        return viewer.render(genome, getattr(trajectory, "worlds", trajectory))


_ways = jax.jit(ways)


def _present(walls: Float[Array, "W 4"] | np.ndarray) -> Any:
    return (walls != 0).any(axis=1)


def _new_wall(u: Float[Array, "4 *N"]) -> Float[Array, "4 *N"]:
    """Somewhere in the room, in any direction, from uniform numbers."""
    half = (SHORT + (LONG - SHORT) * u[2]) / 2
    dx, dy = half * jnp.cos(np.pi * u[3]), half * jnp.sin(np.pi * u[3])
    return jnp.clip(jnp.stack([u[0] - dx, u[1] - dy, u[0] + dx, u[1] + dy]), 0, 1)


def _decimals(values: Any) -> list[float]:
    return [float(str(value)) for value in np.asarray(values, np.float32)]


def _numbers(name: str, values: Any, length: int) -> np.ndarray:
    plain = isinstance(values, list) and all(
        isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < 1e6 for v in values
    )
    if not plain or len(values) != length:
        raise ConfigError(f"{name} expects {length} finite numbers, got {values!r:.200}")
    return np.asarray(values, np.float32)
