"""An environment whose episodes differ much in length, for tests of how episodes are run."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from poet.envs.base import Box, Interface, Step

HORIZON = 60


class Drift(NamedTuple):
    """A point that the policy and noise push about until it leaves [-1, 1]; episodes differ much in length."""

    interface = Interface("drift-v1", jax.ShapeDtypeStruct((2,), jnp.float32), Box((1,)), HORIZON)

    def build(self, key, genome):  # type: ignore[no-untyped-def]
        return {"wind": genome["wind"] + 0.01 * jax.random.normal(key)}

    def reset(self, key, level):  # type: ignore[no-untyped-def]
        x = 0.5 * jax.random.uniform(key)
        return x, jnp.stack([x, level["wind"]])

    def step(self, key, level, world, action):  # type: ignore[no-untyped-def]
        x = world + 0.1 * action[0] + level["wind"] + 0.03 * jax.random.normal(key)
        out = jnp.abs(x) > 1
        return Step(x, jnp.stack([x, level["wind"]]), 1.0 - x**2, out, jnp.bool_(False), {})

    def success(self, level, world):  # type: ignore[no-untyped-def]
        return (world > 1).astype(jnp.float32)


class DriftGenerator(NamedTuple):
    """As much of a generator as a recipe needs."""

    environment: Drift = Drift()

    def simplest(self):  # type: ignore[no-untyped-def]
        return {"wind": jnp.float32(0)}
