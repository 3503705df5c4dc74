"""Evolution strategies: any of evosax, by default POET's (Wang et al. 2019, arXiv 1901.01753).

POET's step is OpenAI's ES (Salimans et al. 2017, arXiv 1703.03864): mirrored Gaussian candidates, centred ranks,
Adam with L2 inside its gradient, and a sigma and a learning rate that decay to a floor after each step. We use evosax's
`Open_ES` for that step, with three corrections. It divides the gradient by P where POET divides by the number of pairs:
Adam is invariant to that factor but the coupled L2 is not, so L2 is halved. Its schedules lag by one generation, so
sigma and learning rate are set here. It minimises, so fitness is negated: the one negation of the project.
"""

import inspect
from typing import Any, NamedTuple

import evosax.algorithms as evosax
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from poet.errors import ConfigError, unknown
from poet.learners.base import AskTellLearner
from poet.learners.config import ESConfig
from poet.types import Key, Params, PyTree

UNEVALUATED = 1e6  # the cost of a first population: finite, since some strategies standardise costs
STRATEGIES = evosax.distribution_based_algorithms | evosax.population_based_algorithms


class ESState(NamedTuple):
    """What an agent carries from one step to the next; executors hand it over with NumPy leaves."""

    strategy: PyTree
    sigma: Float[Array, ""] | Float[np.ndarray, ""]
    learning_rate: Float[Array, ""] | Float[np.ndarray, ""]


def es(config: ESConfig, num_params: int) -> AskTellLearner:
    """A learner for flat weights f32[num_params]. Raises `ConfigError` for a strategy that evosax lacks."""
    if config.strategy == "Open_ES":
        return _open_es(config, num_params)
    if config.strategy not in STRATEGIES:
        raise unknown("evosax strategy", config.strategy, STRATEGIES)
    if config.strategy in evosax.distribution_based_algorithms:
        return _distribution_based(config, num_params)
    return _population_based(config, num_params)


def _open_es(config: ESConfig, num_params: int) -> AskTellLearner:
    optimizer = optax.inject_hyperparams(
        lambda learning_rate: optax.chain(
            optax.add_decayed_weights(config.l2 / 2),
            optax.scale_by_adam(),
            optax.scale_by_learning_rate(learning_rate),
        )
    )(learning_rate=config.learning_rate)
    strategy = evosax.Open_ES(config.population, jnp.zeros(num_params), optimizer=optimizer)

    def set_rates(state: ESState) -> PyTree:
        hyperparams = state.strategy.opt_state.hyperparams | {"learning_rate": state.learning_rate}
        opt_state = state.strategy.opt_state._replace(hyperparams=hyperparams)
        return state.strategy.replace(std=state.sigma, opt_state=opt_state)

    def init(key: Key, params: Params) -> ESState:
        inner = _strongly_typed(strategy.init(key, params, strategy.default_params))
        return ESState(inner, jnp.float32(config.sigma), jnp.float32(config.learning_rate))

    def ask(key: Key, state: ESState) -> tuple[ESState, Float[Array, "P G"]]:
        candidates, inner = strategy.ask(key, set_rates(state), strategy.default_params)
        return state._replace(strategy=_strongly_typed(inner)), candidates

    def tell(key: Key, state: ESState, candidates: Array, fitness: Array) -> ESState:
        inner, _ = strategy.tell(key, candidates, _cost(fitness), set_rates(state), strategy.default_params)
        sigma = jnp.maximum(state.sigma * config.sigma_decay, config.sigma_floor)
        rate = jnp.maximum(state.learning_rate * config.learning_rate_decay, config.learning_rate_floor)
        return ESState(_strongly_typed(inner), sigma, rate)

    def with_params(key: Key, state: ESState, params: Params) -> ESState:
        return state._replace(strategy=state.strategy.replace(mean=params))

    def rates(state: ESState) -> dict[str, Any]:
        return {"sigma": state.sigma, "learning_rate": state.learning_rate}

    return AskTellLearner(init, lambda state: state.strategy.mean, with_params, ask, tell, config.population, rates)


def _distribution_based(config: ESConfig, num_params: int) -> AskTellLearner:
    strategy, options = _make_strategy(config, num_params)

    def init(key: Key, params: Params) -> PyTree:
        return _strongly_typed(strategy.init(key, params, options))

    return _ask_tell_learner(config, strategy, options, init, lambda state: state.mean)


def _population_based(config: ESConfig, num_params: int) -> AskTellLearner:
    strategy, options = _make_strategy(config, num_params)

    def init(key: Key, params: Params) -> PyTree:
        spread = config.sigma * jax.random.normal(key, (config.population, num_params))
        population = params + spread.at[0].set(0.0)
        state = strategy.init(key, population, jnp.full(config.population, UNEVALUATED), options)
        return _strongly_typed(state.replace(best_solution=params))

    return _ask_tell_learner(config, strategy, options, init, lambda state: state.best_solution)


def _ask_tell_learner(config: ESConfig, strategy: Any, options: Any, init: Any, params_of: Any) -> AskTellLearner:
    def ask(key: Key, state: PyTree) -> tuple[PyTree, Float[Array, "P G"]]:
        candidates, state = strategy.ask(key, state, options)
        return _strongly_typed(state), candidates

    def tell(key: Key, state: PyTree, candidates: Array, fitness: Array) -> PyTree:
        return _strongly_typed(strategy.tell(key, candidates, _cost(fitness), state, options)[0])

    # The state of these strategies is about their own weights, so other weights start a new one.
    def with_params(key: Key, state: PyTree, params: Params) -> PyTree:
        return init(key, params)

    return AskTellLearner(init, params_of, with_params, ask, tell, config.population)


def _make_strategy(config: ESConfig, num_params: int) -> tuple[Any, Any]:
    kind = STRATEGIES[config.strategy]
    try:
        strategy = kind(population_size=config.population, solution=jnp.zeros(num_params))
    except TypeError as error:
        needs = inspect.signature(kind.__init__)
        raise ConfigError(f"strategy {config.strategy} needs more than a population: {needs}") from error
    options = strategy.default_params
    if hasattr(options, "std_init"):
        options = options.replace(std_init=config.sigma)
    return strategy, options


def _strongly_typed(state: PyTree) -> PyTree:
    """Strongly typed arrays only, as a checkpoint returns them: a Python scalar would be traced again."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.result_type(leaf)), state)


def _cost(fitness: Float[Array, "P"]) -> Float[Array, "P"]:
    """What evosax minimises; a fitness that is not finite ranks just behind the worst finite one."""
    finite = jnp.isfinite(fitness)
    worst = jnp.max(jnp.where(finite, -fitness, -jnp.inf))
    last = jnp.where(jnp.any(finite), worst + 1.0, 0.0)
    return jnp.where(finite, -fitness, last)
