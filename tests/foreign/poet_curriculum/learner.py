"""Random search: the best of some changes replaces the weights if it is better than they are."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from poet.learners.base import AskTellLearner


class RandomSearchState(NamedTuple):
    """The weights, the first of the candidates that were proposed last."""

    params: Float[Array, "G"]


def random_search(population: int, sigma: float) -> AskTellLearner[RandomSearchState]:
    """A learner with `population` candidates, the weights themselves among them."""

    def ask(key, state):
        noise = sigma * jax.random.normal(key, (population, *state.params.shape))
        return state, state.params + noise.at[0].set(0.0)

    def tell(key, state, candidates, fitness):
        ranked = jnp.where(jnp.isfinite(fitness), fitness, -jnp.inf)
        return RandomSearchState(candidates[jnp.argmax(ranked)])

    def init(key, params):
        return RandomSearchState(jnp.asarray(params))

    def with_params(key, state, params):
        return RandomSearchState(jnp.asarray(params))

    return AskTellLearner(init, lambda state: state.params, with_params, ask, tell, population)
