"""Environments of XLand-MiniGrid (Nikulin et al. 2023, arXiv 2312.12044): grids with doors, keys and other objects."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

from poet.envs.adapters.config import MiniGridConfig
from poet.envs.adapters.seeds import Seed, seeds
from poet.envs.base import Discrete, Interface, Step
from poet.envs.vector import VectorGenerator
from poet.errors import ConfigError
from poet.extras import import_extra
from poet.types import Key, PyTree

TILE_PIXELS = 24
SOLVED = 0.1  # what reaching the goal in the last step of the time limit gives


class World(NamedTuple):
    """What changes in an episode. A tile of the grid, and what is carried, is a kind of object and a colour."""

    grid: UInt8[Array, "rows columns 2"]
    position: Int[Array, "2"]  # row and column of the agent
    direction: Int[Array, ""]  # of its next move: 0 up, 1 right, 2 down, 3 left
    pocket: UInt8[Array, "2"]  # the object that it carries; (0, 0) for none
    time: Int[Array, ""]  # number of steps so far
    solved: Bool[Array, ""]  # whether a step was rewarded


class Level(NamedTuple):
    """What a seed determines."""

    start: World
    goal: UInt8[Array, "5"]  # as the library encodes it
    rules: UInt8[Array, "rules 7"]
    carry: PyTree  # what else the environment of the library remembers


@dataclasses.dataclass(frozen=True)
class MiniGrid:
    """An environment of XLand-MiniGrid as a `poet.envs.base.Environment`.

    The genome is the seed of the layout, so that level and episode are deterministic. Actions: forward, turn right,
    turn left, pick up, put down, toggle. Observations u8[V, V, 2]: kind and colour of the tiles ahead of the agent,
    which stands in the middle of the last row. Reward: 1 - 0.9 time / horizon for the goal, else 0. The descriptor is
    the place of the agent as shares of the grid. Needs the extra `xland-minigrid`.

    Attributes:
      name: as in the library, "MiniGrid-DoorKey-16x16". Those whose names begin with "XLand" have no goal.
      horizon: number of steps of an episode; by default that of the library.

    Raises `ConfigError` where the library is not installed, and for an environment that it does not have.
    """

    name: str
    horizon: int | None = None
    descriptor_names: tuple[str, ...] = ("column", "row")
    descriptor_bounds: tuple[tuple[float, float], ...] = ((0.0, 1.0), (0.0, 1.0))

    def __post_init__(self) -> None:
        _load(self.name, self.horizon)

    @property
    def interface(self) -> Interface:
        """Tiles that are seen, 6 actions."""
        environment, params = _load(self.name, self.horizon)
        obs = jax.ShapeDtypeStruct((params.view_size, params.view_size, 2), jnp.uint8)
        return Interface(f"xland-{self.name}-v1", obs, Discrete(environment.num_actions(params)), int(params.max_steps))

    def build(self, key: Key, genome: Seed) -> Level:
        """The layout of a seed."""
        del key
        environment, params = _load(self.name, self.horizon)
        state = environment.reset(params, jax.random.key(genome.seed)).state
        return Level(_world(state, jnp.bool_(False)), state.goal_encoding, state.rule_encoding, state.carry)

    def reset(self, key: Key, level: Level) -> tuple[World, UInt8[Array, "V V 2"]]:
        """Put everything at its start."""
        del key
        return level.start, self.observe(level, level.start)

    def step(self, key: Key, level: Level, world: World, action: Int[Array, ""]) -> Step:
        """Advance by one action. The key is for environments of the library that are random; its own are not."""
        environment, params = _load(self.name, self.horizon)
        types = import_extra("xland-minigrid", "xminigrid.types")
        agent = types.AgentState(world.position, world.direction, world.pocket)
        state = types.State(key, world.time, world.grid, agent, level.goal, level.rules, level.carry)
        # Of a time step of the library, its next one needs the state alone.
        made = environment.step(params, types.TimeStep(state, None, None, None, None), action)
        reward = jnp.asarray(made.reward, jnp.float32)
        new = _world(made.state, world.solved | (reward > 0))
        truncated = new.time >= self.interface.horizon
        return Step(new, self.observe(level, new), reward, made.discount == 0, truncated, {})

    def observe(self, level: Level, world: World) -> UInt8[Array, "V V 2"]:
        """The tiles ahead of the agent; walls do not hide what is behind them."""
        del level
        size = _load(self.name, self.horizon)[1].view_size
        agent = import_extra("xland-minigrid", "xminigrid.types").AgentState(world.position, world.direction)
        library = import_extra("xland-minigrid", "xminigrid.core.observation")
        return library.transparent_field_of_view(world.grid, agent, size, size)

    def success(self, level: Level, world: World) -> Float[Array, ""]:
        """1 if the goal was reached, else 0."""
        del level
        return world.solved.astype(jnp.float32)

    def descriptor(self, level: Level, world: World) -> Float[Array, "2"]:
        """The middle of the agent's tile."""
        del level
        rows, columns, _ = world.grid.shape
        return (world.position[::-1] + 0.5) / jnp.array([columns, rows], jnp.float32)


@dataclasses.dataclass(frozen=True)
class MiniGridGenerator(VectorGenerator):
    """Seeds of layouts, with the pictures of the library."""

    def draw_level(self, genome: Seed) -> UInt8[np.ndarray, "H W 3"]:
        """The grid with the agent at its start; what the agent sees is brighter."""
        level = self.environment.build(jax.random.key(0), genome)
        return self._draw(jax.tree.map(np.asarray, level.start))

    def render(self, genome: Seed, trajectory: PyTree) -> list[np.ndarray]:
        """The grid as one frame u8[H, W, 3] per world."""
        del genome
        worlds = jax.tree.map(np.asarray, trajectory.worlds)
        return [self._draw(World(*leaves)) for leaves in zip(*worlds)]

    def _draw(self, world: World) -> UInt8[np.ndarray, "H W 3"]:
        types, library = (
            import_extra("xland-minigrid", f"xminigrid.{name}") for name in ("types", "rendering.rgb_render")
        )
        size = _load(self.environment.name, self.environment.horizon)[1].view_size
        agent = types.AgentState(world.position, world.direction, world.pocket)
        return library.render(world.grid, agent, size, TILE_PIXELS)


def minigrid(config: MiniGridConfig) -> MiniGridGenerator:
    """The generator of an environment id, whose genomes are seeds."""
    return MiniGridGenerator(
        "xland-minigrid",
        MiniGrid(config.env, config.horizon),
        seeds(config.seed),
        return_range=(0.0, 1.0),
        solved_return=SOLVED,
    )


@functools.lru_cache
def _load(name: str, horizon: int | None) -> tuple[Any, Any]:
    """The environment of the library and its parameters."""
    # Modules of the library hold arrays, which must not be those of a program that is being traced.
    with jax.ensure_compile_time_eval():
        library = import_extra("xland-minigrid", "xminigrid")
        for module in ("types", "core.observation"):
            import_extra("xland-minigrid", f"xminigrid.{module}")
        if name not in library.registered_environments():
            known = ", ".join(library.registered_environments())
            raise ConfigError(f"xland-minigrid has no environment {name!r}; it has {known}")
        return library.make(name, **({} if horizon is None else {"max_steps": horizon}))


def _world(state: Any, solved: Bool[Array, ""]) -> World:
    """The part of a state of the library that changes, as arrays of fixed types."""
    agent = state.agent
    return World(
        jnp.asarray(state.grid, jnp.uint8),
        jnp.asarray(agent.position, jnp.int32),
        jnp.asarray(agent.direction, jnp.int32),
        jnp.asarray(agent.pocket, jnp.uint8),
        jnp.asarray(state.step_num, jnp.int32),
        solved,
    )
