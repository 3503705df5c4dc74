"""What is filmed is what was scored, bit for bit: a rounding apart, and a walker soon takes another course."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.agents.config import PolicyConfig
from poet.agents.policy import mlp
from poet.agents.rollout import Grounds, recorder, rollout
from poet.envs.walker.config import WalkerConfig
from poet.envs.walker.env import Walker

LANES, HORIZON = 8, 120


class Told(Walker):
    """A walker that says where all of it was in the end."""

    def descriptor(self, level, world):  # type: ignore[no-untyped-def]
        return jnp.concatenate([jnp.ravel(leaf).astype(jnp.float32) for leaf in jax.tree.leaves(world)])


@pytest.mark.slow
def test_a_recorded_episode_ends_as_the_rollout_does() -> None:
    generator = WalkerConfig(horizon=HORIZON).make()
    course = {"roughness": 3.3, "pit": [0.4, 0.8], "stump": [0.0, 1.0], "stair": [0.0, 0.0], "stair_steps": 0}
    genome = generator.from_json({"id": "walker", "version": 1, **course, "seed": 873626})
    environment = Told(horizon=HORIZON)
    policy = mlp(environment.interface, PolicyConfig(hidden=(8,)))
    params = jax.vmap(policy.init)(jax.random.split(jax.random.key(1), LANES))
    grounds = Grounds(
        jax.tree.map(lambda leaf: jnp.stack([leaf] * LANES), genome), jax.random.split(jax.random.key(0), LANES)
    )
    run = jax.jit(rollout(environment, policy, LANES, 32))
    outcome = run(params, grounds, jnp.arange(LANES), jnp.int32(LANES), jnp.int32(LANES))
    seen = recorder(environment, policy, LANES)(params[0], grounds.key[0], genome)
    assert len(seen.rewards) == int(outcome.length[0])
    last = jax.tree.map(lambda leaf: leaf[-1], seen.worlds)
    np.testing.assert_array_equal(np.asarray(environment.descriptor(None, last)), outcome.descriptor[0])
