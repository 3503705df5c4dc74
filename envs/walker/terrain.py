"""The level of the walker: a terrain made by POET's rules (Wang et al. 2019, arXiv 1901.01753), which extend those of
gym's BipedalWalkerHardcore.

A terrain alternates sections of grass and single obstacles. It is stored as 200 knots, one per terrain step of 14/30 m.
The surface is the upper envelope of the original's edges and boxes. This makes a pit U(lo, hi) terrain steps wide: the
original's nominal width is 1 + U(lo, hi), but its box on the near side covers the first step.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from poet.envs.walker.genome import PIT_UNIT, ROUGHNESS_UNIT, STAIR_UNIT, STUMP_UNIT, ObstacleGenome
from poet.types import Key

SCALE = 30.0  # pixels per metre in gym, whose constants are given in pixels
TERRAIN_STEP = 14 / SCALE  # m
NUM_KNOTS = 200
START_STEPS = 20  # flat terrain steps at the start
START_HEIGHT = 400 / SCALE / 4  # m
PIT_DEPTH = 4  # terrain steps
TREAD_STEPS = 4  # terrain steps per stair step, as in gym
GRASS_KNOTS = (5, 10)  # length of a grass section; the upper end is excluded
MAX_PUSH = 5.0  # N

GRASS, PIT, STUMP, STAIR = range(4)


class Terrain(NamedTuple):
    """A surface as K knots: straight pieces right[i] -> left[i+1], and vertical walls left[i] -> right[i]."""

    x: Float[Array, "K"]  # m, non-decreasing; x[i] is at most one terrain step left of i * TERRAIN_STEP
    left: Float[Array, "K"]  # m, height just left of the knot
    right: Float[Array, "K"]  # m, height just right of the knot
    push: Float[Array, ""]  # N, horizontal force on the hull during the first time step


class UniformDraws(NamedTuple):
    """All random numbers of a terrain, uniform in [0, 1); those with an axis K hold one for every knot."""

    bump: Float[Array, "K"]
    length: Float[Array, "K"]  # of a grass section
    kind: Float[Array, "K"]  # of an obstacle
    size: Float[Array, "K"]  # of an obstacle
    upward: Float[Array, "K"]  # a stair goes up from 0.5 on
    push: Float[Array, ""]


class _Section(NamedTuple):
    """The section that the next knot belongs to."""

    kind: Array
    position: Array  # of the next knot within the section
    length: Array  # number of knots
    size: Array  # of the obstacle, in terrain steps
    direction: Array  # of a stair: +1 up, -1 down
    ground: Array  # height on which the section stands
    velocity: Array  # change of height per knot of grass, at roughness 1
    surface: Array  # height just right of the last knot


def draw_uniforms(key: Key) -> UniformDraws:
    """The random numbers of one terrain."""
    knots_key, push_key = jax.random.split(key)
    uniforms = jax.random.uniform(knots_key, (5, NUM_KNOTS))
    return UniformDraws(*uniforms, jax.random.uniform(push_key))  # pyright: ignore


def terrain_from_draws(draws: UniformDraws, genome: ObstacleGenome) -> Terrain:
    """The terrain of a genome with these random numbers."""
    f32 = jnp.float32
    roughness = ROUGHNESS_UNIT * jnp.asarray(genome.roughness, f32)
    sizes = jnp.stack([genome.pit, genome.stump, genome.stair])  # in the order of PIT, STUMP, STAIR
    limits = sizes.astype(f32) * jnp.array([PIT_UNIT, STUMP_UNIT, STAIR_UNIT], f32)[:, None]
    present = sizes[:, 1] > 0
    num_present = present.sum()
    rank = jnp.cumsum(present) - 1  # of each kind among those present

    def add_knot(section: _Section, inputs: tuple[Array, UniformDraws]) -> tuple[_Section, tuple[Array, Array, Array]]:
        i, draw = inputs
        position, ground = section.position, section.ground
        # The ground rises and falls at all knots of a grass section but its first, and is level under obstacles.
        rolling = (section.kind == GRASS) & (position > 0)
        bump = jnp.where(i > START_STEPS, (2 * draw.bump - 1) / SCALE, 0.0)
        velocity = jnp.where(
            rolling, 0.8 * section.velocity + 0.01 * jnp.sign(START_HEIGHT - ground) + bump, section.velocity
        )
        climb = (section.kind == STAIR) & (position > 0) & (position % TREAD_STEPS == 0)
        ground = ground + jnp.where(rolling, roughness * velocity, 0.0)
        ground = ground + jnp.where(climb, section.direction * section.size * TERRAIN_STEP, 0.0)

        pit_knots = jnp.ceil(1 + section.size).astype(jnp.int32)  # from a pit's first knot to its far wall, rounded up
        in_pit = (section.kind == PIT) & (position >= 1) & (position < pit_knots)
        behind_pit = (section.kind == PIT) & (position >= pit_knots)
        shift = jnp.where(behind_pit, 1 + section.size - pit_knots, 0.0)
        surface = ground + jnp.where(in_pit, -PIT_DEPTH * TERRAIN_STEP, 0.0)
        surface = surface + jnp.where(section.kind == STUMP, section.size * TERRAIN_STEP, 0.0)
        left = jnp.where(rolling, surface, section.surface)

        done = position + 1 == section.length
        obstacle_next = (section.kind == GRASS) & (num_present > 0)
        choice = jnp.minimum((draw.kind * num_present).astype(jnp.int32), num_present - 1)
        kind = jnp.argmax(present & (rank == choice)) + 1
        lo, hi = limits[kind - 1]
        size = lo + draw.size * (hi - lo)
        grass_length = GRASS_KNOTS[0] + (draw.length * (GRASS_KNOTS[1] - GRASS_KNOTS[0])).astype(jnp.int32)
        pit_length = jnp.ceil(1 + size).astype(jnp.int32) + 2
        stair_length = TREAD_STEPS * genome.stair_steps + 1
        obstacle_length = jnp.where(kind == PIT, pit_length, jnp.where(kind == STUMP, 1, stair_length))
        length = jnp.where(obstacle_next, obstacle_length, grass_length)
        following = _Section(
            kind=jnp.where(done, jnp.where(obstacle_next, kind, GRASS), section.kind),
            position=jnp.where(done, 0, position + 1),
            length=jnp.where(done, length, section.length),
            size=jnp.where(done, size, section.size),
            direction=jnp.where(done, jnp.where(draw.upward >= 0.5, 1.0, -1.0), section.direction),
            ground=ground,
            velocity=velocity,
            surface=surface,
        )
        return following, ((i + shift) * TERRAIN_STEP, left, surface)

    zero, height = f32(0), f32(START_HEIGHT)
    start = _Section(jnp.int32(GRASS), jnp.int32(0), jnp.int32(START_STEPS), zero, f32(1), height, zero, height)
    per_knot: Any = draws._replace(push=jnp.zeros(NUM_KNOTS))
    _, (x, left, right) = jax.lax.scan(add_knot, start, (jnp.arange(NUM_KNOTS), per_knot))
    return Terrain(x.astype(f32), left, right, MAX_PUSH * (2 * draws.push - 1))


def build_terrain(key: Key, genome: ObstacleGenome) -> Terrain:
    """The terrain of a genome; equal keys and genomes give equal terrains. One compiled program serves all genomes."""
    return terrain_from_draws(draw_uniforms(key), genome)
