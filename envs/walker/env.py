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

from poet.envs.base import Box, Interface, Step
from poet.envs.walker import constants as c
from poet.envs.walker.contacts import Contact, find, hull_touches
from poet.envs.walker.dynamics import Motion, advance, hull_drag, hull_velocity, places, pose, project, turned
from poet.envs.walker.genome import ObstacleGenome
from poet.envs.walker.ground import cut
from poet.envs.walker.lidar import AHEAD, fractions
from poet.envs.walker.solver import assemble, joint_angles, joint_speeds, solve_places, solve_speeds
from poet.envs.walker.terrain import SCALE, STEP, Terrain, build_terrain
from poet.errors import ConfigError
from poet.types import Key

_START = c.START_ANGLE.astype(np.float32)
HULL_BEHIND = 3 * STEP  # m, a little more than the hull reaches behind its origin


class World(NamedTuple):
    """Everything that an episode carries from step to step."""

    com: Float[Array, "2"]  # m, centre of mass of the whole
    angle: Float[Array, "5"]  # rad, absolute: hull, upper 1, lower 1, upper 2, lower 2
    velocity: Float[Array, "2"]  # m/s, of the centre of mass
    spin: Float[Array, "5"]  # rad/s
    spin_angle: Float[Array, "5"]  # rad, the angles for which `spin` was solved
    contact: Bool[Array, "2"]  # whether each lower leg touches the ground
    shaping: Float[Array, ""]  # the potential whose change is the reward
    time: Int[Array, ""]  # steps done
    near: Contact  # where the legs may touch, found for this pose on this level


@dataclasses.dataclass(frozen=True)
class Walker:
    """POET's walker as an `poet.envs.base.Environment`.

    `sweeps` are the solver's rounds a step. `terrain` is "fixed" (the genome's seed lays out the course, so a genome
    is one course) or "fresh" (the key does). Raises `ConfigError` for values out of range.
    """

    sweeps: int = 10
    horizon: int = 2000
    terrain: Literal["fixed", "fresh"] = "fixed"

    def __post_init__(self) -> None:
        if self.sweeps < 1 or self.horizon < 1:
            raise ConfigError(f"walker: sweeps and horizon must be at least 1, got {self.sweeps} and {self.horizon}")
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
        angle, zero = jnp.asarray(_START), jnp.zeros(2)
        now = turned(angle)
        place = places(zero, now)
        x, y = jnp.float32(c.START_X), jnp.float32(c.START_Y)
        com = jnp.stack([x - place.x[5], y - place.y[5]])
        inverse, _ = project(Motion(com, angle, zero, jnp.zeros(5), angle), now)
        impulse = c.DT * level.push * jnp.array([1.0, 0.0])  # on the hull's centre
        spin = impulse[0] * (inverse @ hull_drag(now))
        world, obs, _ = _look(level, Motion(com, angle, impulse / c.MASS, spin, angle), jnp.int32(0))
        return world, obs

    def step(self, key: Key, level: Terrain, world: World, action: Float[Array, "4"]) -> Step:
        """Advance by 0.02 s. A world that is no longer finite ends, with its NaN for all to see."""
        del key
        before = Motion(*world[:5])
        now = turned(before.angle)
        inverse, spin = project(before, now)
        velocity = before.velocity - np.array([0, c.DT * c.GRAVITY], np.float32)
        system = assemble(world.near, now, places(before.com, now), inverse, velocity, spin)
        joint = joint_angles(before.angle)
        motors = jnp.stack([action[0], action[2], action[1], action[3]])  # hips, then knees
        impulse = solve_speeds(self.sweeps, system, joint, motors, world.near.gap)
        push = solve_places(system, impulse, joint, world.near.gap)
        velocity, spin = velocity + system.linear @ impulse / c.MASS, spin + system.response @ impulse
        shift, twist = system.linear @ push / c.MASS, system.response @ push
        after = advance(before, now, inverse, velocity, spin, shift, twist)

        new, obs, (x, fell) = _look(level, after, world.time + 1)
        effort = 0.00035 * c.MOTOR_TORQUE * jnp.minimum(jnp.abs(action), 1.0).sum()
        reward = jnp.where(fell, -100.0, new.shaping - world.shaping - effort)
        ended = fell | (x > c.FINISH) | ~jnp.isfinite(new.shaping)
        return Step(new, obs, reward, ended, new.time >= self.horizon, {})

    def success(self, level: Terrain, world: World) -> Float[Array, ""]:
        """1 if the walker reached the end of the course."""
        del level
        return (pose(world)[0, 0] > c.FINISH).astype(jnp.float32)


def renew(level: Terrain, world: World) -> World:
    """A world whose pose or level was changed by hand, with what follows from them found anew."""
    return _look(level, Motion(*world[:5]), world.time)[0]


def _look(level: Terrain, motion: Motion, time: Array) -> tuple[World, Float[Array, "24"], tuple[Array, Array]]:
    """The world in which the walker moves so, what it observes, and the hull's x and whether it fell."""
    now = turned(motion.angle)
    place = places(motion.com, now)
    near = find(level, place, now)
    touching = near.gap < c.TOUCH
    contact = touching[:2] | touching[4:6] | touching[6:]
    x, y, angle = place.x[5], place.y[5], motion.angle[0]
    ground = cut(level, x - HULL_BEHIND, 3 + AHEAD)
    shaping = 130 * x / SCALE - 5.0 * jnp.abs(angle)

    vx, vy = hull_velocity(motion)
    joint, turning = joint_angles(motion.angle), joint_speeds(motion.spin)
    hull = jnp.stack([angle, 2 * c.DT * motion.spin[0], 0.12 * vx, 0.08 * vy])
    legs = [joint[:2], turning[:2] / 4, joint[2:] + 1.0, turning[2:] / 6, contact.astype(jnp.float32)]
    obs = jnp.concatenate([hull, jnp.stack(legs, axis=1).reshape(-1), fractions(ground, x, y)])
    fell = hull_touches(ground, x, y, angle) | (x < 0)
    return World(*motion, contact, shaping, time, near), obs, (x, fell)
