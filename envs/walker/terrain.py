"""The walker's ground: POET's terrain generator (arXiv 1901.01753, after gym's BipedalWalkerHardcore).

A course alternates runs of grass and single obstacles over 200 knots, 14/30 m apart. Its surface is what the
original's edges and boxes add up to, so a pit is as wide as one can fall into: the original's box on the near side
takes the first step of its nominal 1 + U(lo, hi), and the opening is U(lo, hi) steps.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from poet.envs.walker.genome import PIT_UNIT, ROUGHNESS_UNIT, STAIR_UNIT, STUMP_UNIT, ObstacleGenome
from poet.types import Key

SCALE = 30.0
STEP = 14 / SCALE  # one cell of the course
KNOTS = 200
PAD = 20  # flat cells at the start
HEIGHT = 400 / SCALE / 4  # of the pad
PIT_DEPTH = 4  # steps
TREAD = 4  # cells of a stair's step, as in gym
GRASS_RUN = (5, 10)  # knots, high end excluded
PUSH = 5.0

GRASS, PIT, STUMP, STAIR = range(4)


class Terrain(NamedTuple):
    """A course as K knots; pieces right[i] -> left[i+1] are straight, left[i] -> right[i] is a vertical wall."""

    x: Float[Array, "K"]  # m, non-decreasing; x[i] is at most one cell left of i * STEP
    left: Float[Array, "K"]  # m, height just left of the knot
    right: Float[Array, "K"]  # m, height just right of the knot
    push: Float[Array, ""]  # N, horizontal, on the hull during the first step


class Draws(NamedTuple):
    """All the randomness of a course, uniform in [0, 1); one of each for every knot."""

    bump: Float[Array, "K"]
    length: Float[Array, "K"]  # of a grass run
    kind: Float[Array, "K"]  # of an obstacle
    size: Float[Array, "K"]  # of an obstacle
    upward: Float[Array, "K"]  # stairs go up from 0.5
    push: Float[Array, ""]


class _Run(NamedTuple):
    kind: Array
    n: Array  # knots of this run already laid
    length: Array  # knots of this run
    size: Array  # of the obstacle, in steps
    slope: Array  # +1 or -1, of a stair
    ground: Array  # height on which this run stands
    speed: Array  # vertical, of the grass
    surface: Array  # height just right of the last knot


def draw(key: Key) -> Draws:
    """The random numbers of one course."""
    per_knot, push = jax.random.split(key)
    return Draws(*jax.random.uniform(per_knot, (5, KNOTS)), jax.random.uniform(push))  # pyright: ignore


def lay_out(draws: Draws, genome: ObstacleGenome) -> Terrain:
    """The course that these random numbers give with this genome."""
    f32 = jnp.float32
    roughness = ROUGHNESS_UNIT * jnp.asarray(genome.roughness, f32)
    # kinds in the order PIT, STUMP, STAIR
    lattice = jnp.stack([genome.pit, genome.stump, genome.stair])
    limits = lattice.astype(f32) * jnp.array([PIT_UNIT, STUMP_UNIT, STAIR_UNIT], f32)[:, None]
    present = lattice[:, 1] > 0
    count = present.sum()
    rank = jnp.cumsum(present) - 1  # of each kind among those present

    def knot(run: _Run, inputs: tuple[Array, Draws]) -> tuple[_Run, tuple[Array, Array, Array]]:
        i, d = inputs
        n, ground = run.n, run.ground
        # The first knot of a run and every obstacle continue level; only grass rises and falls.
        rolling = (run.kind == GRASS) & (n > 0)
        bump = jnp.where(i > PAD, (2 * d.bump - 1) / SCALE, 0.0)
        speed = jnp.where(rolling, 0.8 * run.speed + 0.01 * jnp.sign(HEIGHT - ground) + bump, run.speed)
        climb = (run.kind == STAIR) & (n > 0) & (n % TREAD == 0)
        ground = ground + jnp.where(rolling, roughness * speed, 0.0)
        ground = ground + jnp.where(climb, run.slope * run.size * STEP, 0.0)

        cells = jnp.ceil(1 + run.size).astype(jnp.int32)  # from a pit's first knot to its far wall, rounded up
        in_pit = (run.kind == PIT) & (n >= 1) & (n < cells)
        beyond = (run.kind == PIT) & (n >= cells)
        shift = jnp.where(beyond, 1 + run.size - cells, 0.0)
        surface = ground + jnp.where(in_pit, -PIT_DEPTH * STEP, 0.0)
        surface = surface + jnp.where(run.kind == STUMP, run.size * STEP, 0.0)
        left = jnp.where(rolling, surface, run.surface)

        done = n + 1 == run.length
        obstacle = (run.kind == GRASS) & (count > 0)
        pick = jnp.minimum((d.kind * count).astype(jnp.int32), count - 1)
        kind = jnp.argmax(present & (rank == pick)) + 1
        lo, hi = limits[kind - 1]
        size = lo + d.size * (hi - lo)
        grass = GRASS_RUN[0] + (d.length * (GRASS_RUN[1] - GRASS_RUN[0])).astype(jnp.int32)
        pit = jnp.ceil(1 + size).astype(jnp.int32) + 2
        stair = TREAD * genome.stair_steps + 1
        length = jnp.where(obstacle, jnp.where(kind == PIT, pit, jnp.where(kind == STUMP, 1, stair)), grass)
        following = _Run(
            kind=jnp.where(done, jnp.where(obstacle, kind, GRASS), run.kind),
            n=jnp.where(done, 0, n + 1),
            length=jnp.where(done, length, run.length),
            size=jnp.where(done, size, run.size),
            slope=jnp.where(done, jnp.where(d.upward >= 0.5, 1.0, -1.0), run.slope),
            ground=ground,
            speed=speed,
            surface=surface,
        )
        return following, ((i + shift) * STEP, left, surface)

    zero, base = f32(0), f32(HEIGHT)
    start = _Run(jnp.int32(GRASS), jnp.int32(0), jnp.int32(PAD), zero, f32(1), base, zero, base)
    per_knot: Any = draws._replace(push=jnp.zeros(KNOTS))
    _, (x, left, right) = jax.lax.scan(knot, start, (jnp.arange(KNOTS), per_knot))
    return Terrain(x.astype(f32), left, right, PUSH * (2 * draws.push - 1))


def build_terrain(key: Key, genome: ObstacleGenome) -> Terrain:
    """One course; the same key and genome give the same course. One compiled program serves every genome."""
    return lay_out(draw(key), genome)
