"""A replayed episode equals the scored one bit for bit; after one rounding error a walker soon moves differently."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.agents.config import MLPConfig, XLAEngineConfig
from poet.agents.engine import Episodes, Levels
from poet.agents.mlp import mlp
from poet.envs.walker.config import WalkerConfig
from poet.envs.walker.env import Walker

LANES, HORIZON = 8, 120


class FullDescriptor(Walker):
    """A walker whose descriptor is its whole last world."""

    def descriptor(self, level, world):  # type: ignore[no-untyped-def]
        return jnp.concatenate([jnp.ravel(leaf).astype(jnp.float32) for leaf in jax.tree.leaves(world)])


@pytest.mark.slow
def test_a_replayed_episode_ends_as_the_scored_one_does() -> None:
    generator = WalkerConfig(horizon=HORIZON).make()
    course = {"roughness": 3.3, "pit": [0.4, 0.8], "stump": [0.0, 1.0], "stair": [0.0, 0.0], "stair_steps": 0}
    genome = generator.from_json({"id": "walker", "version": 1, **course, "seed": 873626})
    environment = FullDescriptor(horizon=HORIZON)
    policy = mlp(environment.interface, MLPConfig(hidden=(8,)))
    params = jax.vmap(policy.init)(jax.random.split(jax.random.key(1), LANES))
    levels = Levels(
        jax.tree.map(lambda leaf: jnp.stack([leaf] * LANES), genome), jax.random.split(jax.random.key(0), LANES)
    )
    engine = XLAEngineConfig(lanes=LANES).make(environment, policy, genome)
    episodes, num = Episodes(jnp.arange(LANES), jnp.arange(LANES)), jnp.int32(LANES)
    result, _ = jax.jit(engine.run)(params, levels, episodes, num, num)
    trajectory = engine.replay(params[0], levels.key[0], genome)
    assert len(trajectory.rewards) == int(result.length[0])
    last = jax.tree.map(lambda leaf: leaf[-1], trajectory.worlds)
    np.testing.assert_array_equal(np.asarray(environment.descriptor(None, last)), result.descriptor[0])
