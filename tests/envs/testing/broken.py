"""The toy environment and generator with one broken part."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from tests.envs.toy import CorridorEnvironment, CorridorGenerator

WORLD = CorridorEnvironment(horizon=12)
GENERATOR = CorridorGenerator(environment=WORLD)
COUNTER = itertools.count()


def altered(kind: type, parts: dict[str, Any], **options) -> Any:
    """A `kind(**options)` whose attributes or methods are replaced by `parts`."""
    changed = type("Broken", (kind,), {})(**options)
    for name, part in parts.items():
        object.__setattr__(changed, name, part)
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


@jax.custom_batching.custom_vmap
def mixed(x):
    return x


@mixed.def_vmap
def _(size, batched, x):
    return jnp.cumsum(x), True
