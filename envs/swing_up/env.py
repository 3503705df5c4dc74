"""A cart on a rail that swings a pole up and balances it, `swing-up-v1`.

The task of Deisenroth and Rasmussen (2011, PILCO) with the reward of David Ha's
CartPoleSwingUpHarder (2017, blog.otoro.net/2017/11/12/evolving-stable-strategies), whose masses and lengths vary too.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from poet.envs.base import Box, Interface, Step
from poet.envs.trigonometry import cos_sin_turns
from poet.types import Key

GRAVITY = 9.82  # m/s^2
CART_MASS = 0.5  # kg
STEP_S, SUBSTEPS = 0.05, 4
TURN = 2 * jnp.pi  # rad


class SwingUp(NamedTuple):
    """The genome, which is also the level."""

    pole_length: Float[Array, ""]  # m
    pole_mass: Float[Array, ""]  # kg
    friction: Float[Array, ""]  # of the cart, N per m/s
    rail: Float[Array, ""]  # m, from the middle to each end
    motor: Float[Array, ""]  # N at full power


class World(NamedTuple):
    """The simulation state."""

    x: Float[Array, ""]  # m, of the cart
    speed: Float[Array, ""]  # m/s
    angle: Float[Array, ""]  # turns, 0 for upright
    spin: Float[Array, ""]  # rad/s
    time: Int[Array, ""]  # number of steps so far


@dataclasses.dataclass(frozen=True)
class SwingUpEnvironment:
    """The cart, as a `poet.envs.base.Environment`.

    Actions f32[1]: power of the motor, -1 to 1. Observations f32[5]: position as a share of the rail, speed, cosine and
    sine of the pole's angle, its angular speed. Reward: 0 for a hanging and 1 for an upright pole, in each step, times
    0 at the ends of the rail and 1 in its middle. The cart starts in the middle with a hanging pole, and stops at the
    ends of the rail.

    >>> SwingUpEnvironment(horizon=50).interface.action
    Box(shape=(1,), low=-1.0, high=1.0)
    """

    horizon: int = 200

    @property
    def interface(self) -> Interface:
        """5 observations, 1 motor."""
        return Interface("swing-up-v1", jax.ShapeDtypeStruct((5,), jnp.float32), Box((1,)), self.horizon)

    def build(self, key: Key, genome: SwingUp) -> SwingUp:
        """The genome itself."""
        del key
        return genome

    def reset(self, key: Key, level: SwingUp) -> tuple[World, Float[Array, "5"]]:
        """The cart in the middle, the pole hanging."""
        del key
        zero = jnp.float32(0)
        world = World(zero, zero, jnp.float32(0.5), zero, jnp.int32(0))
        return world, self.observe(level, world)

    def step(self, key: Key, level: SwingUp, world: World, action: Float[Array, "1"]) -> Step:
        """Advance by 0.05 s."""
        del key
        force = level.motor * jnp.clip(action[0], -1, 1)
        new = world
        for _ in range(SUBSTEPS):
            new = _advance(level, new, force, STEP_S / SUBSTEPS)
        new = new._replace(time=world.time + 1)
        cos, _ = cos_sin_turns(new.angle)
        middle, _ = cos_sin_turns(jnp.clip(new.x / level.rail, -1, 1) / 4)
        reward = (1 + cos) / 2 * middle
        return Step(new, self.observe(level, new), reward, ~jnp.isfinite(new.x), new.time >= self.horizon, {})

    def observe(self, level: SwingUp, world: World) -> Float[Array, "5"]:
        """Position as a share of the rail, speed, and the angle of the pole as cosine and sine, with its speed."""
        cos, sin = cos_sin_turns(world.angle)
        return jnp.stack([world.x / level.rail, world.speed / 4, cos, sin, world.spin / 8])


def _advance(level: SwingUp, world: World, force: Float[Array, ""], seconds: float) -> World:
    """Semi-implicit Euler of a cart with a uniform pole."""
    cos, sin = cos_sin_turns(world.angle)
    half, mass = level.pole_length / 2, CART_MASS + level.pole_mass
    push = (force - level.friction * world.speed + level.pole_mass * half * world.spin * world.spin * sin) / mass
    angular = (GRAVITY * sin - cos * push) / (half * (4 / 3 - level.pole_mass * cos * cos / mass))
    speed = world.speed + seconds * (push - level.pole_mass * half * angular * cos / mass)
    spin = world.spin + seconds * angular
    x, angle = world.x + seconds * speed, world.angle + seconds * spin / TURN
    inside = jnp.abs(x) < level.rail
    return World(jnp.clip(x, -level.rail, level.rail), jnp.where(inside, speed, 0), angle, spin, world.time)
