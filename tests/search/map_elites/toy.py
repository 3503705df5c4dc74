"""A point that the agent pushes for three steps; its last position is the descriptor."""

import dataclasses
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from poet.envs.base import Box, Interface, Step
from poet.envs.config import GeneratorConfig


class World(NamedTuple):
    position: Any
    time: Any


@dataclasses.dataclass(frozen=True)
class PushEnvironment:
    interface: ClassVar = Interface("push-v1", jax.ShapeDtypeStruct((2,), jnp.float32), Box((2,)), 3)

    def build(self, key, genome):
        return genome

    def reset(self, key, level):
        return World(jnp.zeros(2), jnp.int32(0)), jnp.zeros(2)

    def step(self, key, level, world, action):
        position = world.position + action * level
        ended = world.time + 1 >= self.interface.horizon
        return Step(World(position, world.time + 1), position, position.sum(), jnp.bool_(False), ended, {})


@dataclasses.dataclass(frozen=True)
class DescribedPushEnvironment(PushEnvironment):
    descriptor_names: tuple[str, ...] = ("x", "y")
    descriptor_bounds: tuple[tuple[float, float], ...] = ((-3.0, 3.0), (-3.0, 3.0))

    def descriptor(self, level, world):
        return world.position


class PushGenerator(NamedTuple):
    """What MAP-Elites uses of a generator."""

    environment: PushEnvironment
    id: str = "push"
    version: int = 2

    def simplest(self):
        return jnp.ones(2)


@dataclasses.dataclass(frozen=True)
class PushConfig(GeneratorConfig):
    id: ClassVar[str] = "push"

    described: bool = True

    def make(self):
        return PushGenerator(DescribedPushEnvironment() if self.described else PushEnvironment())
