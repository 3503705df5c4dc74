"""POET's two-legged walker, `walker-v1` (Wang et al. 2019, arXiv 1901.01753), with the original's observations, reward
and ends of an episode.

One compiled step serves all terrains. The task is the original's, the physics is not (see dynamics, contacts and
solver): scores are only comparable with those in Box2D after a transfer test.
"""

import dataclasses
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from poet.envs.base import Box, Interface, Step
from poet.envs.walker import constants as c
from poet.envs.walker.contacts import Contact, find_contacts, hull_touches_ground
from poet.envs.walker.dynamics import (
    Motion,
    body_points,
    directions,
    hull_force_torques,
    hull_velocity,
    integrate,
    pose,
    project_momentum,
)
from poet.envs.walker.genome import ObstacleGenome
from poet.envs.walker.lidar import KNOTS_AHEAD, lidar_readings
from poet.envs.walker.solver import assemble_system, joint_angles, joint_speeds, solve_positions, solve_velocities
from poet.envs.walker.terrain import SCALE, TERRAIN_STEP, Terrain, build_terrain
from poet.envs.walker.terrain_window import cut_window
from poet.errors import ConfigError
from poet.types import Key

_START_ANGLES = c.START_ANGLES.astype(np.float32)
HULL_REACH = 3 * TERRAIN_STEP  # m, slightly more than the hull extends behind its origin


class World(NamedTuple):
    """The simulation state."""

    com: Float[Array, "2"]  # m, centre of mass of the whole walker
    angle: Float[Array, "5"]  # rad, absolute: hull, upper leg 1, lower leg 1, upper leg 2, lower leg 2
    velocity: Float[Array, "2"]  # m/s, of the centre of mass
    spin: Float[Array, "5"]  # rad/s, angular velocities
    spin_angle: Float[Array, "5"]  # rad, the angles for which `spin` was solved
    foot_contact: Bool[Array, "2"]  # whether each lower leg touches the ground
    shaping: Float[Array, ""]  # potential; its change is the reward
    time: Int[Array, ""]  # number of steps so far
    candidates: Contact  # candidate contacts of the legs for this pose on this level


@dataclasses.dataclass(frozen=True)
class Walker:
    """POET's walker, as a `poet.envs.base.Environment`.

    Actions f32[4]: motors of hip 1, knee 1, hip 2, knee 2, -1 to 1. Observations f32[24]: angle, angular velocity and
    velocity of the hull (4); for each leg angle and speed of hip and knee, and ground contact (5); ten lidar rays.
    Reward: 130/30 per metre, minus changes of the hull's tilt and the effort of the motors; -100 for a fall. An episode
    terminates with a fall or behind the finish.

    Args:
      sweeps: iterations of the contact solver per step.
      horizon: maximum number of steps in an episode.
      terrain: "fixed" if the seed of the genome determines the terrain, "fresh" if the key of the episode does.

    Raises `ConfigError` for values out of range.

    >>> Walker(horizon=1600).interface.obs
    ShapeDtypeStruct(shape=(24,), dtype=float32)
    """

    sweeps: int = 10
    horizon: int = 2000
    terrain: Literal["fixed", "fresh"] = "fixed"

    def __post_init__(self) -> None:
        if self.sweeps < 1 or self.horizon < 1:
            raise ConfigError(f"walker: sweeps and horizon expect at least 1, got {self.sweeps} and {self.horizon}")
        if self.terrain not in ("fixed", "fresh"):
            raise ConfigError(f'walker: terrain expects "fixed" or "fresh", got {self.terrain!r}')

    @property
    def interface(self) -> Interface:
        """24 observations, 4 motors."""
        return Interface("walker-v1", jax.ShapeDtypeStruct((24,), jnp.float32), Box((4,)), self.horizon)

    def build(self, key: Key, genome: ObstacleGenome) -> Terrain:
        """Lay out the terrain."""
        return build_terrain(jax.random.key(genome.seed) if self.terrain == "fixed" else key, genome)

    def reset(self, key: Key, level: Terrain) -> tuple[World, Float[Array, "24"]]:
        """Put the walker on the flat start, with the level's small push."""
        del key
        angle, zero = jnp.asarray(_START_ANGLES), jnp.zeros(2)
        now = directions(angle)
        points = body_points(zero, now)
        x, y = jnp.float32(c.START_X), jnp.float32(c.START_Y)
        com = jnp.stack([x - points.x[5], y - points.y[5]])
        inverse, _ = project_momentum(Motion(com, angle, zero, jnp.zeros(5), angle), now)
        impulse = c.DT * level.push * jnp.array([1.0, 0.0])  # on the hull's centre
        spin = impulse[0] * (inverse @ hull_force_torques(now))
        world, obs, _ = _observe(level, Motion(com, angle, impulse / c.TOTAL_MASS, spin, angle), jnp.int32(0))
        return world, obs

    def step(self, key: Key, level: Terrain, world: World, action: Float[Array, "4"]) -> Step:
        """Advance by 0.02 s. A world that is not finite terminates the episode with a NaN reward."""
        del key
        before = Motion(*world[:5])
        now = directions(before.angle)
        inverse, spin = project_momentum(before, now)
        velocity = before.velocity - np.array([0, c.DT * c.GRAVITY], np.float32)
        system = assemble_system(world.candidates, now, body_points(before.com, now), inverse, velocity, spin)
        joint = joint_angles(before.angle)
        motors = jnp.stack([action[0], action[2], action[1], action[3]])  # hips, then knees
        impulse = solve_velocities(self.sweeps, system, joint, motors, world.candidates.gap)
        push = solve_positions(system, impulse, joint, world.candidates.gap)
        velocity, spin = velocity + system.linear @ impulse / c.TOTAL_MASS, spin + system.response @ impulse
        shift, twist = system.linear @ push / c.TOTAL_MASS, system.response @ push
        after = integrate(before, now, inverse, velocity, spin, shift, twist)

        new, obs, (x, fell) = _observe(level, after, world.time + 1)
        effort = 0.00035 * c.MOTOR_TORQUE * jnp.minimum(jnp.abs(action), 1.0).sum()
        reward = jnp.where(fell, -100.0, new.shaping - world.shaping - effort)
        terminated = fell | (x > c.FINISH_X) | ~jnp.isfinite(new.shaping)
        return Step(new, obs, reward, terminated, new.time >= self.horizon, {})

    def observe(self, level: Terrain, world: World) -> Float[Array, "24"]:
        """What the walker sees in a world, whose pose and velocities decide."""
        return _observe(level, Motion(*world[:5]), world.time)[1]

    def success(self, level: Terrain, world: World) -> Float[Array, ""]:
        """1 if the walker passed the finish, else 0."""
        del level
        return (pose(world)[0, 0] > c.FINISH_X).astype(jnp.float32)


def update_derived(level: Terrain, world: World) -> World:
    """Recompute the fields from `foot_contact` on, after `level` or the pose and velocities of `world` were changed."""
    return _observe(level, Motion(*world[:5]), world.time)[0]


def _observe(level: Terrain, motion: Motion, time: Array) -> tuple[World, Float[Array, "24"], tuple[Array, Array]]:
    """The world with this motion, its observation, and the hull's x and whether the walker fell."""
    now = directions(motion.angle)
    points = body_points(motion.com, now)
    candidates = find_contacts(level, points, now)
    touching = candidates.gap < c.CONTACT_DISTANCE
    foot_contact = touching[:2] | touching[4:6] | touching[6:]
    x, y, angle = points.x[5], points.y[5], motion.angle[0]
    window = cut_window(level, x - HULL_REACH, 3 + KNOTS_AHEAD)
    shaping = 130 * x / SCALE - 5.0 * jnp.abs(angle)

    vx, vy = hull_velocity(motion)
    joint, speed = joint_angles(motion.angle), joint_speeds(motion.spin)
    hull = jnp.stack([angle, 2 * c.DT * motion.spin[0], 0.12 * vx, 0.08 * vy])
    legs = [joint[:2], speed[:2] / 4, joint[2:] + 1.0, speed[2:] / 6, foot_contact.astype(jnp.float32)]
    obs = jnp.concatenate([hull, jnp.stack(legs, axis=1).reshape(-1), lidar_readings(window, x, y)])
    fell = hull_touches_ground(window, x, y, angle) | (x < 0)
    return World(*motion, foot_contact, shaping, time, candidates), obs, (x, fell)
