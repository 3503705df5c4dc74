"""The toy environment and generator with one broken part."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.envs.toy import Corridor, CorridorEnvironment, CorridorGenerator

WORLD = CorridorEnvironment(horizon=12)
COUNTER = itertools.count()


def altered(kind: type, parts: dict[str, Any], **options) -> Any:
    """A `kind(**options)` whose attributes or methods are replaced by `parts`."""
    members = {name: staticmethod(part) if callable(part) else part for name, part in parts.items()}
    changed = type("Broken", (kind,), members)(**options)
    for field in dataclasses.fields(kind):
        if field.name in parts:
            object.__setattr__(changed, field.name, parts[field.name])
    return changed


class Changed(CorridorEnvironment):
    """The corridor with changed steps, and with additional attributes or methods."""

    def __init__(self, step: Callable | None = None, **parts) -> None:
        super().__init__(12)
        object.__setattr__(self, "change_step", step)
        for name, part in parts.items():
            object.__setattr__(self, name, part)

    def step(self, key, level, world, action):
        step = super().step(key, level, world, action)
        return self.change_step(step, world) if self.change_step else step


@dataclasses.dataclass
class Mutable(CorridorEnvironment.__bases__[0]):
    interface, build, reset, step = WORLD.interface, WORLD.build, WORLD.reset, WORLD.step


class ResetsItself(CorridorEnvironment):
    def step(self, key, level, world, action):
        step = super().step(key, level, world, action)
        ended = step.terminated | step.truncated
        start, obs = self.reset(key, level)
        world, obs = jax.tree.map(lambda a, b: jnp.where(ended, a, b), (start, obs), (step.world, step.obs))
        return step._replace(world=world, obs=obs)


class KeepsTime(ResetsItself):
    """Resets itself, but truncates its episodes in time."""

    def reset(self, key, level):
        return super().reset(key, level)

    def step(self, key, level, world, action):
        step = super().step(key, level, world, action)
        return step._replace(world=step.world._replace(time=world.time + 1))


class Quick(CorridorGenerator):
    """The corridor with random numbers that compile fast: the data of a key is as random as this needs."""

    def sample(self, key):
        return Corridor(*(jnp.array([2.0, 0.0]) + jnp.array([7.0, 0.9]) * uniform(key)))

    def mutate(self, key, genome, strength):
        values = jnp.stack(genome) + strength * jnp.array([1.0, 0.2]) * (uniform(key) - 0.3)
        return Corridor(*jnp.clip(values, jnp.array([2.0, 0.0]), jnp.array([9.0, 0.9])))


def uniform(key):
    return jax.random.key_data(key) % 1024 / 1024


class Complete(Quick):
    """The corridor with every optional member, and with levels that the genome alone does not determine."""

    def crossover(self, key, genome_a, genome_b):
        return Corridor(genome_a.length, genome_b.wind)

    def repair(self, genome):
        return Corridor(jnp.clip(genome.length, 2, 9), jnp.clip(genome.wind, 0, 0.9))

    def json_schema(self):
        return {"type": "object", "required": ["id", "version", "length", "wind"]}

    def difficulty_class(self, genome):
        return "windy" if genome.wind > 0.3 else ""

    def draw_level(self, genome):
        return np.full((20, int(10 * genome.length), 3), int(255 * genome.wind), np.uint8)

    def render(self, genome, trajectory, level=None):
        assert trajectory.actions.shape == (len(trajectory.rewards), 2)
        frames = [self.draw_level(level) for _ in trajectory.rewards]
        for frame, (x, y) in zip(frames, trajectory.worlds.place):
            frame[int(np.clip(10 + 20 * y, 0, 19)), int(np.clip(10 * x, 0, 19))] = 255
        return frames


GENERATOR = Quick(environment=WORLD)


@jax.custom_batching.custom_vmap
def unbatched(x):
    return x


@unbatched.def_vmap
def _(size, batched, x):
    raise ValueError("no batches")


@jax.custom_batching.custom_vmap
def mixed(x):
    return x


@mixed.def_vmap
def _(size, batched, x):
    return jnp.cumsum(x), True
