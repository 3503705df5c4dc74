"""The walker described by its gait: the share of time that each foot touches the ground.

The descriptor of Cully et al. 2015 (arXiv 1407.3501) for a six-legged robot, on two legs.
"""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from poet.envs.base import Interface, Step
from poet.envs.walker import env as walker
from poet.envs.walker.generator import ObstacleGenerator
from poet.envs.walker.genome import ObstacleGenome
from poet.envs.walker.terrain import Terrain
from poet.types import Key


class GaitWorld(NamedTuple):
    """The walker's world and what its feet did so far."""

    walker: walker.World
    touched: Int[Array, "2"]  # steps after which each foot touched the ground

    @property
    def com(self) -> Float[Array, "2"]:
        """As of the walker, for the viewer."""
        return self.walker.com

    @property
    def angle(self) -> Float[Array, "5"]:
        """As of the walker, for the viewer."""
        return self.walker.angle


@dataclasses.dataclass(frozen=True)
class Gaits:
    """A walker, step for step, whose world counts its feet's contacts."""

    walker: walker.Walker
    descriptor_names: tuple[str, ...] = ("foot 1", "foot 2")
    descriptor_bounds: tuple[tuple[float, float], ...] = ((0.0, 1.0), (0.0, 1.0))

    @property
    def interface(self) -> Interface:
        """The walker's own: agents go from one to the other."""
        return self.walker.interface

    def build(self, key: Key, genome: ObstacleGenome) -> Terrain:
        """Lay out the course."""
        return self.walker.build(key, genome)

    def reset(self, key: Key, level: Terrain) -> tuple[GaitWorld, Float[Array, "24"]]:
        """Stand the walker on the flat start."""
        world, obs = self.walker.reset(key, level)
        return GaitWorld(world, jnp.zeros(2, jnp.int32)), obs

    def step(self, key: Key, level: Terrain, world: GaitWorld, action: Float[Array, "4"]) -> Step:
        """Advance by 0.02 s."""
        step = self.walker.step(key, level, world.walker, action)
        return step._replace(world=GaitWorld(step.world, world.touched + step.world.contact))

    def success(self, level: Terrain, world: GaitWorld) -> Float[Array, ""]:
        """1 if the walker reached the end of the course."""
        return self.walker.success(level, world.walker)

    def descriptor(self, level: Terrain, world: GaitWorld) -> Float[Array, "2"]:
        """Share of the steps so far after which each foot touched the ground; 0 before the first."""
        del level
        return world.touched / jnp.maximum(world.walker.time, 1).astype(jnp.float32)


@dataclasses.dataclass(frozen=True)
class GaitGenerator(ObstacleGenerator):
    """The obstacle generator whose environment tells gaits apart."""

    @property
    def environment(self) -> Gaits:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The walker on such courses, its feet watched."""
        return Gaits(super().environment)
