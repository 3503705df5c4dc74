"""The walker's step: what must hold whatever the course."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from envs.base import Step
from envs.walker.env import Walker, World
from envs.walker.genome import ObstacleGenome
from envs.walker.terrain import Terrain

KINDS = {
    "flat": (0, (0, 0), (0, 0), (0, 0), 0),
    "rough": (100, (0, 0), (0, 0), (0, 0), 0),
    "pits": (0, (0, 20), (0, 0), (0, 0), 0),
    "stumps": (0, (0, 0), (0, 25), (0, 0), 0),
    "stairs": (0, (0, 0), (0, 0), (0, 25), 5),
    "everything": (100, (2, 20), (2, 25), (2, 25), 9),
}
LANES = 32


def genome(kind: str, seed: int = 0) -> ObstacleGenome:
    return ObstacleGenome(*(jnp.array(v, jnp.int32) for v in (*KINDS[kind], seed)))


@jax.jit
def play(key: jax.Array, level: Terrain, start_x: jax.Array) -> tuple[World, Step]:
    """300 steps of jerky random actions from start_x, f32[LANES], starting again wherever an episode ends."""
    walker = Walker()

    def lane(key: jax.Array, level: Terrain, x: jax.Array) -> tuple[World, Step]:
        fresh, _ = walker.reset(key, level)
        height = jnp.interp(x, level.x, jnp.maximum(level.left, level.right)) - jnp.interp(4.6, level.x, level.left)
        fresh = fresh._replace(com=fresh.com + jnp.stack([x - fresh.com[0], height]))

        def step(world: World, key: jax.Array) -> tuple[World, tuple[World, Step]]:
            done = walker.step(key, level, world, jax.random.uniform(key, (4,), minval=-1.5, maxval=1.5))
            world = jax.tree.map(lambda a, b: jnp.where(done.terminated, a, b), fresh, done.world)
            return world, (done.world, done)

        return jax.lax.scan(step, fresh, jax.random.split(key, 300))[1]

    return jax.vmap(lane)(jax.random.split(key, LANES), level, start_x)


@pytest.fixture(scope="module")
def build():
    return jax.jit(Walker().build)


@pytest.mark.parametrize("kind", KINDS)
def test_stays_finite_and_on_the_ground(kind: str, build) -> None:
    levels = [build(jax.random.key(0), genome(kind, seed)) for seed in range(LANES)]
    level = jax.tree.map(lambda *v: jnp.stack(v), *levels)
    worlds, steps = play(jax.random.key(1), level, jnp.linspace(5.0, 80.0, LANES))
    assert all(np.isfinite(v).all() for v in jax.tree.leaves((worlds, steps)))
    assert np.abs(worlds.velocity).max() < 25
    assert np.abs(worlds.spin).max() < 80
