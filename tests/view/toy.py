"""A cart that is pushed over hills; its generator draws environments and videos."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from poet.envs.base import Box, Interface, Step
from poet.envs.config import GeneratorConfig
from poet.errors import ConfigError
from poet.registry import register

LENGTH = 10.0


class Hills(NamedTuple):
    height: jax.Array  # f32[]
    width: jax.Array  # f32[]


class World(NamedTuple):
    x: jax.Array
    speed: jax.Array
    time: jax.Array


@dataclasses.dataclass(frozen=True)
class HillsEnvironment:
    horizon: int = 50
    terrain: str = "fixed"

    @property
    def interface(self):
        return Interface("hills-v1", jax.ShapeDtypeStruct((3,), jnp.float32), Box((1,)), self.horizon)

    def build(self, key, genome):
        wider = 0.5 * jax.random.uniform(key) if self.terrain == "fresh" else 0.0
        return Hills(genome.height, genome.width + wider)

    def _obs(self, level, world):
        slope = level.height * jnp.cos(world.x / level.width)
        return jnp.stack([world.x / LENGTH, world.speed, slope])

    def reset(self, key, level):
        world = World(jnp.float32(0), jnp.float32(0), jnp.int32(0))
        return world, self._obs(level, world)

    def step(self, key, level, world, action):
        slope = level.height * jnp.cos(world.x / level.width)
        speed = 0.9 * world.speed + 0.1 * (action[0] + 0.5 - slope)
        moved = World(world.x + speed, speed, world.time + 1)
        terminated = moved.x >= LENGTH
        return Step(moved, self._obs(level, moved), 10 * speed, terminated, moved.time >= self.horizon, {})

    def success(self, level, world):
        return jnp.float32(world.x >= LENGTH)


@register
@dataclasses.dataclass(frozen=True)
class HillsConfig(GeneratorConfig):
    id: ClassVar[str] = "hills"
    horizon: int = 50
    terrain: str = "fixed"
    draws: bool = True

    def make(self):
        return DrawingHillsGenerator(self) if self.draws else HillsGenerator(self)


@dataclasses.dataclass(frozen=True)
class HillsGenerator:
    config: HillsConfig = HillsConfig()
    id: ClassVar[str] = "hills"
    version: ClassVar[int] = 1
    reasons: ClassVar[tuple[str, ...]] = ("valid", "too high")
    feature_names: ClassVar[tuple[str, ...]] = ("height", "width")
    feature_bounds: ClassVar[tuple[tuple[float, float], ...]] = ((0.0, 2.0), (0.2, 3.0))
    return_range: ClassVar[tuple[float, float]] = (0.0, 110.0)
    solved_return: ClassVar[float] = 100.0

    @property
    def deterministic(self):
        return self.config.terrain == "fixed"

    @property
    def environment(self):
        return HillsEnvironment(self.config.horizon, self.config.terrain)

    def sample(self, key):
        height, width = jax.random.uniform(key, (2,))
        return Hills(2 * height, 0.2 + 2 * width)

    def mutate(self, key, genome, strength):
        up, aside = strength * jax.random.uniform(key, (2,), minval=-0.1, maxval=0.2)
        return Hills(jnp.clip(genome.height + up, 0, 2), jnp.clip(genome.width - aside, 0.2, 3))

    def check(self, genome):
        return genome.height <= 2, jnp.int32(genome.height > 2)

    def features(self, genome):
        return jnp.stack([genome.height, genome.width])

    def simplest(self):
        return Hills(jnp.float32(0), jnp.float32(1))

    def describe(self, genome):
        return f"hills {float(genome.height):.2f} high and {float(genome.width):.2f} wide"

    def difficulty_class(self, genome):
        met = int(genome.height > 0.4) + int(genome.height > 0.8) + int(genome.width < 0.5)
        return ("", "challenging", "very challenging", "extremely challenging")[met]

    def to_json(self, genome):
        return {"id": self.id, "version": self.version, "height": float(genome.height), "width": float(genome.width)}

    def from_json(self, data):
        if (data["id"], data["version"]) != (self.id, self.version):
            raise ConfigError(f"expected a genome of {self.id} version {self.version}, got {data}")
        return Hills(jnp.float32(data["height"]), jnp.float32(data["width"]))


class DrawingHillsGenerator(HillsGenerator):
    def _surface(self, genome, columns):
        x = np.linspace(0, LENGTH, columns)
        return 20 - 8 * float(genome.height) * np.sin(x / float(genome.width))

    def draw_level(self, genome):
        below = self._surface(genome, 400)[None] < np.arange(40)[:, None]
        return np.where(below[..., None], np.uint8([90, 140, 60]), np.uint8([225, 238, 250]))

    def render(self, genome, trajectory, level=None):
        if level is None:
            raise ValueError("with fresh terrain the level does not follow from the genome")
        genome, frames = level, []
        for x in np.asarray(trajectory.worlds.x):
            frame = np.kron(self.draw_level(genome), np.ones((2, 1, 1), np.uint8))
            column = int(np.clip(x / LENGTH, 0, 0.97) * 400)
            row = int(2 * self._surface(genome, 400)[column])
            frame[max(row - 10, 0) : row, column : column + 12] = (200, 60, 30)
            frames.append(frame)
        return frames
