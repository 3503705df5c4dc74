"""A point in a corridor with side wind: a minimal environment and its generator."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from poet.envs.base import Box, Interface, Step
from poet.envs.config import GeneratorConfig
from poet.envs.vector import VectorGenerator, real
from poet.registry import register


class Corridor(NamedTuple):
    length: Float[Array, ""]  # 2 .. 9
    wind: Float[Array, ""]  # 0 .. 0.9, sideways


class Point(NamedTuple):
    place: Float[Array, "2"]
    speed: Float[Array, "2"]
    time: Int[Array, ""]


@dataclasses.dataclass(frozen=True)
class CorridorEnvironment:
    """Reach the end without touching the walls at y = +-0.5, by full thrust ahead and steering against the wind."""

    horizon: int = 50

    @property
    def interface(self) -> Interface:
        return Interface("corridor-v1", jax.ShapeDtypeStruct((4,), jnp.float32), Box((2,)), self.horizon, ("y",))

    def build(self, key, genome):
        return genome

    def reset(self, key, level):
        return Point(jnp.zeros(2), jnp.zeros(2), jnp.int32(0)), jnp.zeros(4)

    def step(self, key, level, world, action):
        force = jnp.clip(action, -1, 1) + level.wind * jnp.array([0.0, 1.0])
        speed = 0.7 * world.speed + 0.3 * force
        point = Point(world.place + 0.2 * speed, speed, world.time + 1)
        x, y = point.place
        crashed = jnp.abs(y) > 0.5
        reward = 100 * (x - world.place[0]) / level.length - jnp.where(crashed, 20.0, 0.0)
        terminated = crashed | (x >= level.length)
        obs = jnp.concatenate([jnp.stack([x / 9, 2 * y]), speed])
        return Step(point, obs, reward, terminated, point.time >= self.horizon, {"y": y})

    def success(self, level, world):
        return (world.place[0] >= level.length).astype(jnp.float32)


NUMBERS = Corridor(length=real(2, 9, step=(-0.5, 1.0)), wind=real(0, 0.9, step=(-0.1, 0.2)))


@dataclasses.dataclass(frozen=True)
class CorridorGenerator(VectorGenerator):
    id: str = "corridor"
    environment: CorridorEnvironment = CorridorEnvironment()
    numbers: Corridor = NUMBERS
    return_range: tuple[float, float] = (0.0, 100.0)
    solved_return: float = 90.0

    def describe(self, genome):
        return f"a corridor {genome.length:.1f} long with a side wind of {genome.wind:.2f}"


@register
@dataclasses.dataclass(frozen=True)
class CorridorConfig(GeneratorConfig):
    id: ClassVar[str] = "corridor"
    horizon: int = 50

    def make(self):
        return CorridorGenerator(environment=CorridorEnvironment(self.horizon))
