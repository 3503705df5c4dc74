"""The bandit over emitters: who acts, and that those who bring more act more."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.archives import make
from poet.envs.functions.config import SphereConfig
from poet.errors import ConfigError
from poet.search.map_elites.bandit import bound
from poet.search.map_elites.config import MapElitesConfig
from poet.search.map_elites.generation import generation

SPHERE = SphereConfig(num_params=6).make()


def test_untried_arms_come_first_and_seldom_tried_ones_before_their_equals() -> None:
    found = bound(jnp.array([100, 0, 100, 10]), jnp.array([30, 0, 50, 5]))
    assert np.argsort(-np.asarray(found)).tolist() == [1, 3, 2, 0]
    assert found[2] == pytest.approx(0.5 + 0.05 * np.sqrt(np.log(210) / 100))


def test_those_who_bring_more_act_more() -> None:
    config = MapElitesConfig(batch=16, emitters=("es", "gaussian", "iso_line", "es"), active=2, iso_sigma=0.3)
    archive = make({"kind": "grid", "shape": [12, 12], "bounds": SPHERE.descriptor_bounds})
    parts = generation(config, archive, SPHERE.sample, SPHERE.num_params)
    assert parts.names == ("es", "gaussian", "iso_line")
    emit, absorb, evaluate = jax.jit(parts.emit), jax.jit(parts.absorb), jax.jit(jax.vmap(SPHERE.evaluate))
    island, evaluations, seen = parts.init(jax.random.key(0)), np.zeros(3, int), []
    for turn in range(20):
        key = jax.random.key(turn)
        island, made = emit(key, island)
        fitness, descriptor = evaluate(jax.random.split(key, 16), made.params)
        # Whatever evolution strategies make is broken here, what the others make gets better all the time.
        fitness = jnp.where(made.emitter == 0, jnp.nan, turn * 16 + jnp.arange(16.0))
        island, tally, _ = absorb(key, island, np.array([turn, 0], np.uint32), made, fitness, descriptor)
        state = island.emitters[0]
        assert len(set(state.active.tolist())) == 2
        evaluations += tally.sources.evaluations
        seen.append(set(np.asarray(made.emitter).tolist()))
    assert set.union(*seen[:2]) == {0, 1, 2}, "all four arms act before any of them acts twice"
    assert evaluations.sum() == 20 * 16 == int(state.asked.sum())
    assert evaluations[0] < 80 < evaluations[1:].min(), "after that mostly the two that the archive keeps"
    assert evaluations.tolist() == [int(state.asked[jnp.array(arms)].sum()) for arms in ([0, 1], [2], [3])]


@pytest.mark.parametrize("active", [0, 2, 3])
def test_fewer_act_than_there_are(active: int) -> None:
    with pytest.raises(ConfigError, match="search.active expects fewer than the 2"):
        MapElitesConfig(emitters=("iso_line", "gaussian"), active=active)
