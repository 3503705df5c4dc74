"""Robots in mazes driven by hand, for tests."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from poet.envs.maze.env import Maze, World
from poet.envs.maze.genome import GOAL, START, MazeGenome
from poet.envs.maze.paths import PLACES, Ways

KEY = jax.random.key(0)


def maze(*walls: tuple, start=START, goal=GOAL) -> MazeGenome:
    """A genome with these walls."""
    rows = np.zeros((12, 4), np.float32)
    rows[: len(walls)] = np.reshape(walls, (-1, 4))
    return MazeGenome(jnp.asarray(rows), jnp.asarray(start, jnp.float32), jnp.asarray(goal, jnp.float32))


@functools.partial(jax.jit, static_argnums=0)
def begin(env: Maze, genome: MazeGenome):  # type: ignore[no-untyped-def]
    """The level, the first world and the first observation."""
    level = env.build(KEY, genome)
    return (level, *env.reset(KEY, level))


def go(env: Maze, genome: MazeGenome, actions):  # type: ignore[no-untyped-def]
    """All steps of an episode with these actions [T, 2], whatever it says of its end."""
    return run(env, genome, np.asarray(actions, np.float32))


@functools.partial(jax.jit, static_argnums=0)
def run(env: Maze, genome: MazeGenome, actions):  # type: ignore[no-untyped-def]
    """As `go`, of arrays."""
    level, world, _ = begin(env, genome)

    def tick(world: World, action):  # type: ignore[no-untyped-def]
        step = env.step(KEY, level, world, action)
        return step.world, step

    return jax.lax.scan(tick, world, actions)[1]


def follow(env: Maze, genome: MazeGenome, found: Ways) -> list:
    """The steps of a robot that goes from place to place downhill to the goal, until the episode ends."""
    left = np.pad(np.asarray(found.left), 1, constant_values=np.inf)
    i, j = (int(v * PLACES) + 1 for v in genome.start[:2])
    steps = []
    level, world, _ = begin(env, genome)
    step = jax.jit(env.step)
    moves = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a, b) != (0, 0)]
    while not (steps and (steps[-1].terminated or steps[-1].truncated)):
        x, y = (i - 0.5) / PLACES, (j - 0.5) / PLACES
        if np.hypot(x - world.x, y - world.y) < 0.006 and left[i, j] > 0:
            i, j = min(
                ((i + a, j + b) for a, b in moves), key=lambda to: left[to] + np.hypot(to[0] - i, to[1] - j) / 40
            )
            continue
        off = np.arctan2(y - world.y, x - world.x) / (2 * np.pi) - world.heading
        turn = float(np.clip(60 * ((off + 0.5) % 1 - 0.5), -1, 1))
        ahead = 1 - abs(turn)
        steps.append(step(KEY, level, world, jnp.array([ahead - turn, ahead + turn])))
        world = steps[-1].world
    return steps
