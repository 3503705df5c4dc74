"""Mazes and robots with given actions, for tests."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from poet.envs.maze.env import Maze, World
from poet.envs.maze.genome import GOAL, START, MazeGenome
from poet.envs.maze.paths import GRID_SIZE, Paths

KEY = jax.random.key(0)


def make_maze(*walls: tuple, start=START, goal=GOAL) -> MazeGenome:
    """A genome with these walls."""
    rows = np.zeros((12, 4), np.float32)
    rows[: len(walls)] = np.reshape(walls, (-1, 4))
    return MazeGenome(jnp.asarray(rows), jnp.asarray(start, jnp.float32), jnp.asarray(goal, jnp.float32))


@functools.partial(jax.jit, static_argnums=0)
def start_episode(env: Maze, genome: MazeGenome):  # type: ignore[no-untyped-def]
    """The level, the first world and the first observation."""
    level = env.build(KEY, genome)
    return (level, *env.reset(KEY, level))


def run_actions(env: Maze, genome: MazeGenome, actions):  # type: ignore[no-untyped-def]
    """All steps with these actions [T, 2]; does not stop where the episode ends."""
    return scan_actions(env, genome, np.asarray(actions, np.float32))


@functools.partial(jax.jit, static_argnums=0)
def scan_actions(env: Maze, genome: MazeGenome, actions):  # type: ignore[no-untyped-def]
    """Jitted `run_actions`, for arrays."""
    level, world, _ = start_episode(env, genome)

    def advance(world: World, action):  # type: ignore[no-untyped-def]
        step = env.step(KEY, level, world, action)
        return step.world, step

    return jax.lax.scan(advance, world, actions)[1]


def follow_path(env: Maze, genome: MazeGenome, paths: Paths) -> list:
    """The steps of a robot that follows the shortest path from grid point to grid point, until the episode ends."""
    length = np.pad(np.asarray(paths.length), 1, constant_values=np.inf)
    i, j = (int(v * GRID_SIZE) + 1 for v in genome.start[:2])
    steps = []
    level, world, _ = start_episode(env, genome)
    step = jax.jit(env.step)
    moves = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a, b) != (0, 0)]
    while not (steps and (steps[-1].terminated or steps[-1].truncated)):
        x, y = (i - 0.5) / GRID_SIZE, (j - 0.5) / GRID_SIZE
        if np.hypot(x - world.x, y - world.y) < 0.006 and length[i, j] > 0:
            i, j = min(
                ((i + a, j + b) for a, b in moves), key=lambda to: length[to] + np.hypot(to[0] - i, to[1] - j) / 40
            )
            continue
        error = np.arctan2(y - world.y, x - world.x) / (2 * np.pi) - world.heading
        turn = float(np.clip(60 * ((error + 0.5) % 1 - 0.5), -1, 1))
        ahead = 1 - abs(turn)
        steps.append(step(KEY, level, world, jnp.array([ahead - turn, ahead + turn])))
        world = steps[-1].world
    return steps
