"""Options of Go-Explore; imports no jax."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from poet.agents.config import PolicyConfig, RandomActionsConfig
from poet.archives.selections import LeastChosenConfig, SelectionConfig
from poet.envs.config import GeneratorConfig
from poet.envs.maze.config import MazeConfig
from poet.errors import ConfigError
from poet.search.config import RunConfig
from poet.search.go_explore.cell_functions import CellFunctionConfig, DescriptorCellConfig
from poet.typed_config import TypedConfig

if TYPE_CHECKING:
    from poet.envs.base import Generator
    from poet.search.base import RunContext, Search


@dataclasses.dataclass(frozen=True)
class BonusConfig(TypedConfig):
    """What is added to the weights of cells by what is known of a domain; see `poet.search.go_explore.bonus`.

    Coordinates are those of the cells, by name. Raises `ConfigError` for impossible values.
    """

    # Coordinates along which a cell gets its weight for each of its two neighbours that is not in the archive. A single
    # number applies to all coordinates, here and below. The paper of 2021 has 0.1, along the horizontal one.
    neighbours: tuple[str, ...] = ()
    neighbour_weights: tuple[float, ...] = (0.1,)
    values: tuple[str, ...] = ()  # coordinates whose position, a number from 0 on, is added with its weight
    value_weights: tuple[float, ...] = (1.0,)
    most: str = ""  # a coordinate, as the number of keys: a bonus for its largest value where all others are equal
    most_weight: float = 1.0
    level: str = ""  # a coordinate: weights are multiplied by `level_factor` for each level below the highest
    level_factor: float = 0.1

    def __post_init__(self) -> None:
        for names, weights in (("neighbours", "neighbour_weights"), ("values", "value_weights")):
            num, given = len(getattr(self, names)), getattr(self, weights)
            if len(given) not in (1, num) and num:
                raise ConfigError(
                    f"search.bonus.{weights} expects one number, or one for each of {num}; got {len(given)}"
                )
        if min(*self.neighbour_weights, *self.value_weights, self.most_weight, self.level_factor) < 0:
            raise ConfigError("search.bonus expects weights and level_factor of at least 0")


@dataclasses.dataclass(frozen=True)
class GoExploreConfig(TypedConfig):
    """How cells are chosen, and how long they are explored from.

    Raises `ConfigError` for impossible values.
    """

    rounds: int = 16  # selections in an iteration, one after the other on the device
    batch: int = 128  # cells that are returned to at once
    draw: int = 32  # of them drawn at once; they count as chosen before the next are drawn
    steps: int = 100  # at most, of the exploration from a cell
    # Which cells: by default by 1 / sqrt(1 + seen), as for Atari games in the paper of 2021.
    selection: SelectionConfig = dataclasses.field(default_factory=lambda: LeastChosenConfig("seen"))
    bonus: BonusConfig = BonusConfig()  # what is added to the weights of the selection
    reset_on_update: bool = True  # whether a better way to a cell sets its counters to 0
    capacity: int = 4096  # cells for which there is room at first; doubles as they fill
    max_capacity: int = 2**20  # no growth from here on; cells beyond it are counted as dropped

    def __post_init__(self) -> None:
        for name in ("rounds", "batch", "draw", "steps", "capacity"):
            if getattr(self, name) < 1:
                raise ConfigError(f"search.{name} expects at least 1, got {getattr(self, name)}")
        if self.max_capacity < self.capacity:
            raise ConfigError(
                f"search.max_capacity expects at least search.capacity {self.capacity}, got {self.max_capacity}"
            )


@dataclasses.dataclass(frozen=True)
class GoExploreRunConfig(RunConfig):
    """Cells of one environment, the states in which they were reached best, and the ways there."""

    id: ClassVar[str] = "go-explore"
    view: ClassVar[str] = "cells"

    generator: GeneratorConfig = dataclasses.field(default_factory=MazeConfig)  # its simplest environment
    policy: PolicyConfig = dataclasses.field(default_factory=RandomActionsConfig)  # what explores
    cell: CellFunctionConfig = dataclasses.field(default_factory=DescriptorCellConfig)
    search: GoExploreConfig = GoExploreConfig()

    def describe(self) -> str:
        """The environment and the cells."""
        return f"states of {self.generator.id} by cells of {self.cell.id}"

    def make(self, context: RunContext, *, generator: Generator | None = None) -> Search:
        """The search; `generator` replaces the one that the config names."""
        from poet.executors.recipe import Recipe
        from poet.search.go_explore.algorithm import go_explore

        generator = generator or self.generator.make()
        policy, engine, _ = Recipe(generator, self.policy, self.engine).build(context)
        cell = self.cell.make(generator.environment, generator.simplest())
        return go_explore(self.search, generator, policy, engine, cell)
