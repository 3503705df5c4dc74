"""The bandit that chooses emitters: how many act, and that those act more whose solutions are stored."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.archives.config import GridConfig
from poet.envs.functions.config import SphereConfig
from poet.errors import ConfigError
from poet.search.map_elites.bandit import upper_confidence_bound
from poet.search.map_elites.config import ESEmitterConfig, GaussianConfig, IsoLineConfig, MapElitesConfig
from poet.search.map_elites.generation import generation

SPHERE = SphereConfig(num_params=6).make()


def test_arms_that_never_acted_come_first_and_of_equal_ones_the_one_that_acted_less() -> None:
    bound = upper_confidence_bound(jnp.array([100, 0, 100, 10]), jnp.array([30, 0, 50, 5]))
    assert np.argsort(-np.asarray(bound)).tolist() == [1, 3, 2, 0]
    assert bound[2] == pytest.approx(0.5 + 0.05 * np.sqrt(np.log(210) / 100))


@pytest.mark.slow
def test_emitters_whose_solutions_are_stored_act_more() -> None:
    emitters = (ESEmitterConfig(), GaussianConfig(), IsoLineConfig(iso_sigma=0.3), ESEmitterConfig())
    config = MapElitesConfig(batch=16, emitters=emitters, active=2)
    archive = GridConfig(shape=(12, 12)).make(SPHERE.descriptor_bounds)
    functions = generation(config, archive, SPHERE.sample, SPHERE.num_params)
    assert functions.names == ("es", "gaussian", "iso-line")
    emit, add_and_update = jax.jit(functions.emit), jax.jit(functions.add_and_update)
    evaluate = jax.jit(jax.vmap(SPHERE.evaluate))
    island, evaluations, seen = functions.init(jax.random.key(0)), np.zeros(3, int), []
    for turn in range(20):
        key = jax.random.key(turn)
        island, offspring = emit(key, island)
        fitness, descriptor = evaluate(jax.random.split(key, 16), offspring.params)
        # All that evolution strategies make fails here, and all that the others make is better than before.
        fitness = jnp.where(offspring.emitter == 0, jnp.nan, turn * 16 + jnp.arange(16.0))
        first_id = np.array([turn, 0], np.uint32)
        island, counts, _ = add_and_update(key, island, first_id, offspring, fitness, descriptor)
        state = island.emitters[0]
        assert len(set(state.active.tolist())) == 2
        evaluations += counts.emitters.evaluations
        seen.append(set(np.asarray(offspring.emitter).tolist()))
    assert set.union(*seen[:2]) == {0, 1, 2}, "all four arms act before any of them acts twice"
    assert evaluations.sum() == 20 * 16 == int(state.evaluated.sum())
    assert evaluations[0] < 80 < evaluations[1:].min(), "after that mostly the two whose solutions are stored"
    assert evaluations.tolist() == [int(state.evaluated[jnp.array(arms)].sum()) for arms in ([0, 1], [2], [3])]


@pytest.mark.parametrize("active", [0, 2, 3])
def test_fewer_act_than_there_are(active: int) -> None:
    with pytest.raises(ConfigError, match="search.active expects fewer than the 2"):
        MapElitesConfig(emitters=(IsoLineConfig(), GaussianConfig()), active=active)
