"""POET's two-legged walker (arXiv 1901.01753), id `walker-v1`: observations, reward and ends of the original.

One compiled step serves every course. The task is the original's, the physics is our own (see dynamics, contacts and
solver): scores are not comparable with Box2D's without a transfer test.
"""

import dataclasses
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from envs.base import Box, Interface, Step
from envs.walker import constants as c
from envs.walker.contacts import LOWER_LEG, find, hull_touches, window
from envs.walker.dynamics import Motion, advance, levers, point_velocity, project
from envs.walker.genome import ObstacleGenome
from envs.walker.lidar import AHEAD, fractions
from envs.walker.solver import assemble, joint_angles, solve_places, solve_speeds
from envs.walker.terrain import SCALE, Terrain, build_terrain
from poet.errors import ConfigError
from poet.types import Key

_START = c.START_ANGLE.astype(np.float32)
HULL_BEHIND = 3  # cells that the hull can reach behind its origin


class World(NamedTuple):
    """Everything that an episode carries from step to step."""

    com: Float[Array, "2"]  # m, centre of mass of the whole
    angle: Float[Array, "5"]  # rad, absolute: hull, upper 1, lower 1, upper 2, lower 2
    velocity: Float[Array, "2"]  # m/s, of the centre of mass
    spin: Float[Array, "5"]  # rad/s
    spin_angle: Float[Array, "5"]  # rad, the angles for which `spin` was solved
    contact: Bool[Array, "2"]  # whether each lower leg touched the ground
    shaping: Float[Array, ""]  # the potential whose change is the reward
    time: Int[Array, ""]  # steps done


@dataclasses.dataclass(frozen=True)
class Walker:
    """POET's walker as an `envs.base.Environment`.

    `sweeps` are the solver's rounds a step. `terrain` is "fixed" (the genome's seed lays out the course, so a genome
    is one course) or "fresh" (the key does). Raises `ConfigError` for values out of range.
    """

    sweeps: int = 10
    horizon: int = 2000
    terrain: Literal["fixed", "fresh"] = "fixed"

    def __post_init__(self) -> None:
        if self.sweeps < 1 or self.horizon < 1:
            raise ConfigError(
                f"walker: sweeps and horizon must be at least 1, got {self.sweeps} and {self.horizon}"
            )
        if self.terrain not in ("fixed", "fresh"):
            raise ConfigError(f'walker: terrain must be "fixed" or "fresh", got {self.terrain!r}')

    @property
    def interface(self) -> Interface:
        """24 observations, 4 motors."""
        return Interface("walker-v1", jax.ShapeDtypeStruct((24,), jnp.float32), Box((4,)), self.horizon)

    def build(self, key: Key, genome: ObstacleGenome) -> Terrain:
        """Lay out the course."""
        return build_terrain(jax.random.key(genome.seed) if self.terrain == "fixed" else key, genome)

    def reset(self, key: Key, level: Terrain) -> tuple[World, Float[Array, "24"]]:
        """Stand the walker on the flat start, given a small push by the level."""
        del key
        lever = levers(jnp.asarray(_START))
        start = jnp.array([c.START_X, c.START_Y], jnp.float32)
        com = start - lever[5].sum(0)
        still = Motion(com, jnp.asarray(_START), jnp.zeros(2), jnp.zeros(5), jnp.asarray(_START))
        inverse, _ = project(still)
        impulse = c.DT * level.push
        motion = still._replace(
            velocity=jnp.stack([impulse / c.MASS, jnp.zeros(())]), spin=-inverse @ lever[0, :, 1] * impulse
        )
        ground = window(level, start[0], HULL_BEHIND, AHEAD)
        world = World(*motion, jnp.zeros(2, bool), _shaping(start[0], motion.angle[0]), jnp.int32(0))
        return world, _observe(motion, world.contact, fractions(ground, start))

    def step(self, key: Key, level: Terrain, world: World, action: Float[Array, "4"]) -> Step:
        """Advance by 0.02 s. A world that is no longer finite ends, with its NaN for all to see."""
        del key
        before = Motion(*world[:5])
        lever = levers(before.angle)
        place = before.com + lever.sum(1)
        inverse, spin = project(before)
        contact = find(level, place[:5], before.angle)
        velocity = before.velocity - np.array([0, c.DT * c.GRAVITY], np.float32)
        system = assemble(contact, lever, place, inverse, velocity, spin)
        joint = joint_angles(before.angle)
        impulse = solve_speeds(self.sweeps, system, joint, action[c.ACTION_TO_JOINT], contact)
        push = solve_places(system, impulse, joint, contact)
        velocity, spin = velocity + impulse @ system.linear / c.MASS, spin + impulse @ system.response
        after = advance(before, inverse, velocity, spin, push @ system.linear / c.MASS, push @ system.response)

        hull = after.com + levers(after.angle)[5].sum(0)
        ground = window(level, hull[0], HULL_BEHIND, AHEAD)
        touched = (contact.gap[LOWER_LEG] < c.TOUCH).any(0)
        shaping = _shaping(hull[0], after.angle[0])
        fell = hull_touches(ground, hull, after.angle[0]) | (hull[0] < 0)
        effort = 0.00035 * c.MOTOR_TORQUE * jnp.minimum(jnp.abs(action), 1.0).sum()
        reward = jnp.where(fell, -100.0, shaping - world.shaping - effort)
        time = world.time + 1
        return Step(
            World(*after, touched, shaping, time),
            _observe(after, touched, fractions(ground, hull)),
            reward,
            fell | (hull[0] > c.FINISH) | ~jnp.isfinite(shaping),
            time >= self.horizon,
            {},
        )

    def success(self, level: Terrain, world: World) -> Float[Array, ""]:
        """1 if the walker reached the end of the course."""
        del level
        hull = world.com + levers(world.angle)[5].sum(0)
        return (hull[0] > c.FINISH).astype(jnp.float32)


def _shaping(x: Array, angle: Array) -> Array:
    return 130 * x / SCALE - 5.0 * jnp.abs(angle)


def _observe(motion: Motion, contact: Array, rays: Array) -> Float[Array, "24"]:
    speed = point_velocity(levers(motion.spin_angle)[0], motion.velocity, motion.spin)
    joint = motion.angle[c.CHILD] - motion.angle[c.PARENT] - c.REFERENCE.astype(np.float32)
    turning = (motion.spin[c.CHILD] - motion.spin[c.PARENT]) / c.MOTOR_SPEED.astype(np.float32)
    hull = jnp.stack([motion.angle[0], 2 * c.DT * motion.spin[0], 0.12 * speed[0], 0.08 * speed[1]])
    # contact flags as the leg's last value; the knee's angle is reported from -1
    leg = [joint[:2], turning[:2], joint[2:] + 1.0, turning[2:], contact.astype(jnp.float32)]
    return jnp.concatenate([hull, jnp.stack(leg, axis=1).reshape(-1), rays])
