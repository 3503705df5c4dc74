"""The walker with a gait descriptor: the share of time that each foot touches the ground.

This is the descriptor of Cully et al. 2015 (arXiv 1407.3501) for a six-legged robot, applied to two legs.
"""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from poet.envs.base import Interface, Step
from poet.envs.walker import env
from poet.envs.walker.generator import ObstacleGenerator
from poet.envs.walker.genome import ObstacleGenome
from poet.envs.walker.terrain import Terrain
from poet.types import Key


class GaitWorld(NamedTuple):
    """The walker's world, and how long its feet touched the ground."""

    walker: env.World
    contact_steps: Int[Array, "2"]  # number of steps after which each foot touched the ground

    @property
    def com(self) -> Float[Array, "2"]:
        """The walker's centre of mass; the viewer reads it."""
        return self.walker.com

    @property
    def angle(self) -> Float[Array, "5"]:
        """The walker's angles; the viewer reads them."""
        return self.walker.angle


@dataclasses.dataclass(frozen=True)
class GaitWalker:
    """The walker, step for step, as a `poet.envs.base.Environment` with a gait descriptor f32[2].

    >>> GaitWalker(env.Walker()).descriptor_bounds
    ((0.0, 1.0), (0.0, 1.0))
    """

    walker: env.Walker
    descriptor_names: tuple[str, ...] = ("foot 1 contact", "foot 2 contact")
    descriptor_bounds: tuple[tuple[float, float], ...] = ((0.0, 1.0), (0.0, 1.0))

    @property
    def interface(self) -> Interface:
        """The walker's own, so that agents can be transferred between both."""
        return self.walker.interface

    def build(self, key: Key, genome: ObstacleGenome) -> Terrain:
        """Lay out the terrain."""
        return self.walker.build(key, genome)

    def reset(self, key: Key, level: Terrain) -> tuple[GaitWorld, Float[Array, "24"]]:
        """Put the walker on the flat start."""
        world, obs = self.walker.reset(key, level)
        return GaitWorld(world, jnp.zeros(2, jnp.int32)), obs

    def step(self, key: Key, level: Terrain, world: GaitWorld, action: Float[Array, "4"]) -> Step:
        """Advance by 0.02 s."""
        step = self.walker.step(key, level, world.walker, action)
        return step._replace(world=GaitWorld(step.world, world.contact_steps + step.world.foot_contact))

    def success(self, level: Terrain, world: GaitWorld) -> Float[Array, ""]:
        """1 if the walker passed the finish, else 0."""
        return self.walker.success(level, world.walker)

    def descriptor(self, level: Terrain, world: GaitWorld) -> Float[Array, "2"]:
        """Share of the steps so far after which each foot touched the ground; 0 before the first step."""
        del level
        return world.contact_steps / jnp.maximum(world.walker.time, 1).astype(jnp.float32)


@dataclasses.dataclass(frozen=True)
class GaitGenerator(ObstacleGenerator):
    """The generator of obstacle courses for the walker with a gait descriptor."""

    @property
    def environment(self) -> GaitWalker:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The walker with a gait descriptor on these terrains."""
        return GaitWalker(super().environment)
