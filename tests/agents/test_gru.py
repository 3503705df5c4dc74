"""A task that needs memory: the sign that is shown at the first step has to be given at all later ones."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.agents.config import GRUConfig, MLPConfig, PolicyConfig, XLAEngineConfig
from poet.envs.base import Box, Interface, Step
from poet.executors.base import Batch, Episode, TrainJob
from poet.executors.config import LocalExecutorConfig
from poet.executors.recipe import Recipe
from poet.learners.config import ESConfig
from poet.types import derive_key

HORIZON, NUM_TESTS, GENERATIONS = 5, 100, 40
KEY = jax.random.key(0)


class RecallWorld(NamedTuple):
    shown: Any
    time: Any


class Recall(NamedTuple):
    """Rewards for later actions that have the sign that was shown at first; at most 1 in sum, 0 for a constant."""

    interface: Interface = Interface("recall-v1", jax.ShapeDtypeStruct((2,), jnp.float32), Box((1,)), HORIZON)

    def build(self, key, genome):
        return genome

    def reset(self, key, level):
        sign = jnp.where(jax.random.bernoulli(key), 1.0, -1.0)
        return RecallWorld(sign, jnp.int32(0)), jnp.stack([sign, 0.0])

    def step(self, key, level, world, action):
        new = world._replace(time=world.time + 1)
        reward = jnp.where(world.time > 0, action[0] * world.shown, 0.0) / (HORIZON - 1)
        return Step(new, jnp.array([0.0, 1.0]), reward, jnp.bool_(False), new.time >= HORIZON, {})


class Generator(NamedTuple):
    environment: Recall = Recall()

    def simplest(self):
        return np.zeros(1, np.float32)


def mean_return(policy: PolicyConfig) -> float:
    """In new episodes, after training by the evolution strategy."""
    learner_config = ESConfig(population=64, learning_rate=0.1, sigma=0.2, episodes=16)
    recipe = Recipe(Generator(), policy, XLAEngineConfig(lanes=64, chunk=HORIZON), learner_config)
    made, _, learner = recipe.build()
    executor = LocalExecutorConfig(queue=1024).make(recipe)
    state, genome = learner.init(KEY, made.init(KEY)), Generator().simplest()
    for generation in range(GENERATIONS):
        episodes = [Episode(genome, derive_key(KEY, generation, e)) for e in range(16)]
        (result,) = executor.train([TrainJob(state, derive_key(KEY, 1000, generation), episodes, [])])
        state = result.learner
    tests = [Episode(genome, derive_key(KEY, 2000, e)) for e in range(NUM_TESTS)]
    pairs = np.array([(0, e) for e in range(NUM_TESTS)])
    score = executor.evaluate(Batch(np.asarray(learner.params(state))[None], tests, pairs))
    executor.close()
    return float(score.fitness.mean())


@pytest.mark.slow
def test_a_network_with_memory_recalls_what_one_without_cannot() -> None:
    assert mean_return(MLPConfig(hidden=(8,))) < 0.2
    assert mean_return(GRUConfig(units=8)) > 0.8
