"""What tests break in one place or another."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from tests.envs.toy import CorridorGenerator, CorridorWorld

WORLD = CorridorWorld(horizon=12)
GENERATOR = CorridorGenerator(environment=WORLD)
COUNTER = itertools.count()


def altered(kind: type, parts: dict[str, Any], **options) -> Any:
    """A `kind` made with `options`, with these attributes or methods in place of its own."""
    changed = type("Broken", (kind,), {})(**options)
    for name, part in parts.items():
        object.__setattr__(changed, name, part)
    return changed


class Changed(CorridorWorld):
    """A corridor some of whose steps come out otherwise; with extra optional parts."""

    def __init__(self, step: Callable | None = None, **parts) -> None:
        super().__init__(12)
        object.__setattr__(self, "change", step)
        for name, part in parts.items():
            object.__setattr__(self, name, part)

    def step(self, key, level, world, action):
        step = super().step(key, level, world, action)
        return self.change(step, world) if self.change else step


@dataclasses.dataclass
class Mutable(CorridorWorld.__bases__[0]):
    interface, build, reset, step = WORLD.interface, WORLD.build, WORLD.reset, WORLD.step


class ResetsItself(CorridorWorld):
    def step(self, key, level, world, action):
        step = super().step(key, level, world, action)
        over = step.terminated | step.truncated
        start, obs = self.reset(key, level)
        world, obs = jax.tree.map(lambda a, b: jnp.where(over, a, b), (start, obs), (step.world, step.obs))
        return step._replace(world=world, obs=obs)


@jax.custom_batching.custom_vmap
def mixed(x):
    return x


@mixed.def_vmap
def _(size, batched, x):
    return jnp.cumsum(x), True
