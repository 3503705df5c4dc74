"""Cell functions: a state of an environment -> coordinates, which an archive divides into equal cells.

Axes: D coordinates.
"""

import dataclasses
import math
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from poet.envs.base import Environment
from poet.envs.host import is_host
from poet.errors import ConfigError, ContractError
from poet.search.go_explore.cell_functions import (
    DescriptorCellConfig,
    FieldsCellConfig,
    FramesCellConfig,
    MiniGridCellConfig,
)
from poet.search.go_explore.cell_hash import BITS, WORDS, byte_hash, to_bytes
from poet.types import Genome, Key, PyTree

NUM_TILES, NUM_COLOURS = 13, 12  # of XLand-MiniGrid


class Coordinates(Protocol):
    """Where a state is."""

    def __call__(self, level: PyTree, world: PyTree, obs: PyTree, /) -> Float[Array, "D"]:
        """Of one state, traced; what is outside the bounds counts as at the bounds."""
        ...


class CellFunction(NamedTuple):
    """In which cell a state is.

    Attributes:
      coordinates: (level, world, observation) -> f32[D].
      names: of the D coordinates.
      bounds: (low, high) of each.
      shape: number of equal cells along each.
    """

    coordinates: Coordinates
    names: tuple[str, ...]
    bounds: tuple[tuple[float, float], ...]
    shape: tuple[int, ...]


def descriptor_cells(environment: Environment, config: DescriptorCellConfig) -> CellFunction:
    """Equal cells of the descriptor. Raises `ContractError` for an environment without one.

    >>> from poet.envs.maze.env import Maze
    >>> descriptor_cells(Maze(), DescriptorCellConfig(shape=(20,))).shape
    (20, 20)
    """
    described: Any = environment
    if is_host(environment):
        raise ContractError(
            f"{environment.interface.id} has simulators, whose descriptor is known at the end of an episode only: "
            "choose another cell function, as in --cell fields"
        )
    if not hasattr(described, "descriptor"):
        raise ContractError(
            f"{environment.interface.id} has no descriptor to make cells of: choose another cell function, as in "
            "--cell fields"
        )
    names = tuple(described.descriptor_names)
    shape = _for_each("cell.shape", config.shape, len(names))
    return CellFunction(
        lambda level, world, obs: described.descriptor(level, world),
        names,
        tuple(map(tuple, described.descriptor_bounds)),  # type: ignore[arg-type]
        shape,
    )


def field_cells(environment: Environment, genome: Genome, config: FieldsCellConfig) -> CellFunction:
    """Equal cells of numbers in the world or the observation. Raises `ConfigError` for a path that is not there.

    >>> from poet.envs.maze.config import MazeConfig
    >>> mazes = MazeConfig().make()
    >>> config = FieldsCellConfig(fields=("world.x", "obs"), low=(0.0,), cells=(4,))
    >>> field_cells(mazes.environment, mazes.simplest(), config).names
    ('world.x', 'obs.0', 'obs.1', 'obs.2', 'obs.3', 'obs.4')
    """

    example = _example(environment, genome)
    arrays = [_follow(example, path) for path in config.fields]
    sizes = [math.prod(array.shape) for array in arrays]
    names = [
        f"{path}.{index}" if array.shape else path
        for path, array, size in zip(config.names or config.fields, arrays, sizes)
        for index in range(size)
    ]
    per_field = [_for_each(f"cell.{name}", getattr(config, name), len(sizes)) for name in ("low", "high", "cells")]
    low, high, cells = (tuple(np.repeat(values, sizes).tolist()) for values in per_field)

    def hashed(tree: PyTree) -> UInt8[Array, "S"]:
        return jnp.concatenate([to_bytes(_follow(tree, path, "cell.hashed")) for path in config.hashed])

    words = WORDS if config.hashed else 0
    hash_words = byte_hash(jax.eval_shape(hashed, example).size) if words else None

    def coordinates(level: PyTree, world: PyTree, obs: PyTree, /) -> Float[Array, "D"]:
        tree = {"world": world, "obs": obs}
        parts = [jnp.ravel(_follow(tree, path)).astype(jnp.float32) for path in config.fields]
        return jnp.concatenate([*parts, hash_words(hashed(tree))] if hash_words else parts)

    return CellFunction(
        coordinates,
        (*names, *(f"hash.{word}" for word in range(words))),
        (*zip(low, high), *[(0.0, 2.0**BITS)] * words),
        (*cells, *[2**BITS] * words),
    )


def minigrid_cells(environment: Environment, genome: Genome, config: MiniGridCellConfig) -> CellFunction:
    """Position, carried object and layout in a grid world. Raises `ConfigError` for an environment without a grid."""
    grid = getattr(_example(environment, genome).get("world"), "grid", None)
    if grid is None:
        raise ConfigError(
            f"{environment.interface.id} has no grid: --cell minigrid is for the generator xland-minigrid; choose "
            "another cell function, as in --cell fields"
        )
    rows, columns, _ = grid.shape
    sizes = {
        "world.position.1": ("column", columns),
        "world.position.0": ("row", rows),
        "world.pocket.0": ("carried object", NUM_TILES),
        "world.pocket.1": ("carried colour", NUM_COLOURS),
        **({"world.direction": ("direction", 4)} if config.direction else {}),
    }
    names, num = zip(*sizes.values())
    high = tuple(map(float, num))
    fields = FieldsCellConfig(tuple(sizes), (0.0,), high, num, names=names, hashed=("world.grid",))
    return field_cells(environment, genome, fields)


def frame_cells(environment: Environment, genome: Genome, config: FramesCellConfig) -> CellFunction:
    """Cells of small grey pictures. Raises `ConfigError` for a path that is not there, and for what is no frame.

    >>> from poet.envs.adapters.config import AtariConfig
    >>> games = AtariConfig(game="pong", frame=(105, 80)).make()
    >>> cells = frame_cells(games.environment, games.simplest(), FramesCellConfig(rows=2, columns=1))
    >>> cells.names, cells.shape
    (('grey 0 0', 'grey 1 0'), (9, 9))
    """
    array = _follow(_example(environment, genome), config.frame, "cell.frame")
    height, width, *colours = array.shape if len(array.shape) > 1 else (0, 0)
    if colours not in ([], [3]) or height < config.rows or width < config.columns:
        raise ConfigError(
            f"cell.frame expects [H, W] or [H, W, 3] with at least {config.rows} rows and {config.columns} columns; "
            f"{config.frame!r} is {array.dtype}{list(array.shape)}"
        )
    brightest = 255.0 if np.issubdtype(array.dtype, np.integer) else 1.0
    rows, columns = _areas(height, config.rows), _areas(width, config.columns)

    def coordinates(level: PyTree, world: PyTree, obs: PyTree, /) -> Float[Array, "D"]:
        frame = _follow({"world": world, "obs": obs}, config.frame).astype(jnp.float32)
        grey = frame.mean(axis=2) if colours else frame
        return jnp.ravel(rows @ grey @ columns.T) / brightest

    names = tuple(f"grey {row} {column}" for row in range(config.rows) for column in range(config.columns))
    # A cell for each shade, of which the last begins at the brightest grey.
    bounds, shades = (0.0, (config.shades + 1) / config.shades), config.shades + 1
    return CellFunction(coordinates, names, (bounds,) * len(names), (shades,) * len(names))


def _areas(size: int, parts: int) -> Float[np.ndarray, "parts size"]:
    """How much of each of `parts` equal intervals every pixel covers."""
    edges = np.linspace(0, size, parts + 1)
    pixel = np.arange(size)
    overlap = np.minimum(pixel + 1, edges[1:, None]) - np.maximum(pixel, edges[:-1, None])
    return (np.maximum(overlap, 0) * parts / size).astype(np.float32)


def _example(environment: Environment, genome: Genome) -> dict[str, PyTree]:
    """Shapes of a world and an observation; simulators have no world."""
    if is_host(environment):
        return {"obs": environment.interface.obs}

    def start(key: Key) -> dict[str, PyTree]:
        level = environment.build(key, genome)
        world, obs = environment.reset(key, level)
        return {"world": world, "obs": obs}

    return jax.eval_shape(start, jax.random.key(0))


def _first(example: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(example.shape[1:], example.dtype)


def _for_each(name: str, values: tuple, num: int) -> tuple:
    values = values * num if len(values) == 1 else values
    if len(values) != num:
        raise ConfigError(f"{name} expects one number, or one for each of {num}; got {len(values)}")
    return values


def _follow(tree: PyTree, path: str, option: str = "cell.fields") -> Any:
    """The array at a path that an option names. Raises `ConfigError` if there is none."""
    at: Any = tree
    for part in path.split("."):
        known = at.keys() if isinstance(at, dict) else _field_names(at)
        if part in known:
            at = at[part] if isinstance(at, dict) else getattr(at, part)
        elif part.isdigit() and getattr(at, "shape", ())[:1] > (int(part),):
            at = at[int(part)] if not isinstance(at, jax.ShapeDtypeStruct) else _first(at)
        else:
            there = ", ".join(known) or f"an array of shape {getattr(at, 'shape', ())}"
            raise ConfigError(f"{option}: {path!r} has no {part!r}; there: {there}")
    if not hasattr(at, "shape"):
        raise ConfigError(f"{option}: {path!r} is not one array: name one of its fields, {', '.join(_field_names(at))}")
    return at


def _field_names(tree: Any) -> tuple[str, ...]:
    """Of a NamedTuple or a dataclass; empty for anything else."""
    if dataclasses.is_dataclass(tree):
        return tuple(field.name for field in dataclasses.fields(tree))
    return getattr(tree, "_fields", ())
