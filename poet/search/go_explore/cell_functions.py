"""Cell functions: in which cell a state of an environment is. Config classes and their registry; imports no jax.

Derive a frozen dataclass from `CellFunctionConfig`; in a separate package it is found by an entry point in the group
`poet.cell_functions`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from poet.errors import ConfigError, ContractError
from poet.registry import PluginConfig, Registry

if TYPE_CHECKING:
    from poet.envs.base import Environment
    from poet.search.go_explore.cells import CellFunction
    from poet.types import Genome


@dataclasses.dataclass(frozen=True)
class CellFunctionConfig(PluginConfig):
    """Base of the configs of cell functions. Subclasses set `id`, add fields with defaults, and define `make`."""

    def make(self, environment: Environment, genome: Genome) -> CellFunction:
        """The cell function for an environment, of which `genome` is an example.

        Import jax here, not at the top of the module that holds the config.
        """
        raise ContractError(f"{type(self).__name__} must define make(self, environment, genome) -> CellFunction")


@dataclasses.dataclass(frozen=True)
class DescriptorCellConfig(CellFunctionConfig):
    """Equal cells of the environment's own descriptor, as the position of a robot."""

    id: ClassVar[str] = "descriptor"

    shape: tuple[int, ...] = (30,)  # cells along each coordinate; a single number applies to all coordinates

    def make(self, environment: Environment, genome: Genome) -> CellFunction:
        """Raises `ContractError` for an environment without a descriptor."""
        from poet.search.go_explore.cells import descriptor_cells

        return descriptor_cells(environment, self)


@dataclasses.dataclass(frozen=True)
class FieldsCellConfig(CellFunctionConfig):
    """Numbers of the world or of the observation, each divided into cells; others that must be equal in a cell.

    Raises `ConfigError` for no path at all.
    """

    id: ClassVar[str] = "fields"

    # Paths from "world" or "obs" on, through names of fields and indices of arrays: "world.x", "obs.0". An array stands
    # for all of its numbers.
    fields: tuple[str, ...] = ("obs",)
    low: tuple[float, ...] = (-1.0,)  # smallest value of each field; a single number applies to all fields
    high: tuple[float, ...] = (1.0,)  # largest value of each
    # Number of cells between them. For integers from 0 to n: low 0, high n + 1, n + 1 cells.
    cells: tuple[int, ...] = (8,)
    # More paths, to what distinguishes cells as a whole: all of its bits are equal in a cell, by a hash of 66 bits.
    hashed: tuple[str, ...] = ()
    names: tuple[str, ...] = ()  # of the coordinates in tables and pictures, one for each field; by default the paths

    def __post_init__(self) -> None:
        if not self.fields and not self.hashed:
            raise ConfigError("cell.fields expects one path or more, as in --cell.fields world.x world.y")
        if self.names and (len(self.names), len({*self.names})) != (len(self.fields), len(self.fields)):
            raise ConfigError(
                f"cell.names expects {len(self.fields)} different names, one for each field; got {self.names}"
            )

    def make(self, environment: Environment, genome: Genome) -> CellFunction:
        """Raises `ConfigError` for a path that the environment does not have."""
        from poet.search.go_explore.cells import field_cells

        return field_cells(environment, genome, self)


@dataclasses.dataclass(frozen=True)
class MiniGridCellConfig(CellFunctionConfig):
    """Where the agent is in a grid, what it carries, and what lies where: for environments of XLand-MiniGrid."""

    id: ClassVar[str] = "minigrid"

    direction: bool = False  # whether a cell is also of one direction of the agent

    def make(self, environment: Environment, genome: Genome) -> CellFunction:
        """Raises `ConfigError` for an environment without a grid."""
        from poet.search.go_explore.cells import minigrid_cells

        return minigrid_cells(environment, genome, self)


@dataclasses.dataclass(frozen=True)
class FramesCellConfig(CellFunctionConfig):
    """Small grey pictures: a frame of the observation or of the world, averaged over areas, with few shades.

    The defaults are those of Go-Explore without domain knowledge (arXiv 1901.10995): 88 numbers from 0 to 8.
    """

    id: ClassVar[str] = "frames"

    frame: str = "obs.frame"  # path to an array [H, W] or [H, W, 3]; integers from 0 to 255, or numbers from 0 to 1
    rows: int = 8
    columns: int = 11
    shades: int = 8  # a shade of the brightest grey and this many darker ones

    def __post_init__(self) -> None:
        for name in ("rows", "columns", "shades"):
            if getattr(self, name) < 1:
                raise ConfigError(f"cell.{name} expects at least 1, got {getattr(self, name)}")

    def make(self, environment: Environment, genome: Genome) -> CellFunction:
        """Raises `ConfigError` for a path that the environment does not have, or that is no frame."""
        from poet.search.go_explore.cells import frame_cells

        return frame_cells(environment, genome, self)


cell_functions: Registry[type[CellFunctionConfig]] = Registry("cell function", CellFunctionConfig)
