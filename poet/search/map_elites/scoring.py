"""What evaluates solutions: a problem, a user's jitted function, or episodes run by an executor."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from poet.agents.policy import Policy
from poet.envs.base import Environment, Problem
from poet.errors import ContractError
from poet.executors.base import Executor, Ground
from poet.types import Genome, Key, Params


class Scores(NamedTuple):
    """What a batch of solutions came to; what broke is not finite."""

    fitness: Float[Array, "B"] | Float[Array, "B M"]
    descriptor: Float[Array, "B D"]
    steps: int | Array = 0  # of the environment; a problem's evaluation counts as one each


class Scoring(NamedTuple):
    """A batch of solutions in, fitness and descriptors out.

    Attributes:
      evaluate: (key, params f32[B, G]) -> Scores.
      sample: key -> f32[G], a solution to begin with.
      num_params: G.
      traced: whether `evaluate` is pure and can be compiled into the search's own loop; else it is called between.
      offset: the worst fitness that can be, from which QD scores count.
      meta: JSON-ready, for whoever looks at the archive later: descriptor_names, fitness_bounds, problem.
      num_objectives: M; above 1 fitness is f32[B, M], for an archive that keeps trade-offs.
    """

    evaluate: Callable[[Key, Float[Array, "B G"]], Scores]
    sample: Callable[[Key], Params]
    num_params: int
    traced: bool = True
    offset: float = 0.0
    meta: Mapping[str, Any] = MappingProxyType({})
    num_objectives: int = 1


def checked(scoring: Scoring, batch: int, num_descriptors: int) -> Scoring:
    """The same, held to what it declares: at once where it can be traced, else whenever it is called.

    Raises `ContractError` that says what came instead.
    """
    sample = _shapes("sample(key)", scoring.sample, jax.random.key(0))
    if getattr(sample, "shape", None) != (scoring.num_params,):
        raise ContractError(f"sample(key) must give one solution f32[{scoring.num_params}], got {sample!r:.100}")

    def check(scores: Any, size: int) -> None:
        if not isinstance(scores, Scores):
            raise ContractError(
                f"evaluate(key, params) must give poet.Scores(fitness, descriptor, steps), got {type(scores).__name__}"
            )
        fitness = (size,) if scoring.num_objectives == 1 else (size, scoring.num_objectives)
        for name, wanted in (("fitness", fitness), ("descriptor", (size, num_descriptors))):
            got = np.shape(getattr(scores, name))
            if got != wanted:
                raise ContractError(
                    f"evaluate(key, params) must give {name} of shape {wanted} for params f32[{size}, "
                    f"{scoring.num_params}], a row for each solution; got shape {got}"
                )

    if scoring.traced:
        params = jax.ShapeDtypeStruct((batch, scoring.num_params), jnp.float32)
        check(_shapes("evaluate(key, params)", scoring.evaluate, jax.random.key(0), params), batch)
        return scoring

    def evaluate(key: Key, params: Float[Array, "B G"]) -> Scores:
        scores = scoring.evaluate(key, params)
        check(scores, params.shape[0])
        return scores

    return scoring._replace(evaluate=evaluate)


def _shapes(name: str, function: Callable[..., Any], *args: Any) -> Any:
    try:
        return jax.eval_shape(function, *args)
    except Exception as error:
        raise ContractError(
            f"{name} cannot be traced by jax: write it in jax.numpy, or give an `evaluate` that is something else as "
            f"Scoring(..., traced=False). It raised {error!r:.300}"
        ) from error


def of_problem(problem: Problem) -> Scoring:
    """A problem, in batches."""

    def evaluate(key: Key, params: Float[Array, "B G"]) -> Scores:
        keys = jax.vmap(lambda number: jax.random.fold_in(key, number))(jnp.arange(params.shape[0]))
        return Scores(*jax.vmap(problem.evaluate)(keys, params), params.shape[0])

    meta = {
        "descriptor_names": list(problem.descriptor_names),
        "fitness_bounds": list(problem.fitness_bounds),
        "problem": {"id": problem.id},
    }
    objectives = getattr(problem, "num_objectives", 1)
    return Scoring(evaluate, problem.sample, problem.num_params, True, problem.fitness_bounds[0], meta, objectives)


def of_agents(environment: Environment, genome: Genome, policy: Policy, executor: Executor, offset: float) -> Scoring:
    """Agents in one environment, an episode each, described by the environment at the end of it.

    Raises `ContractError` for an environment that has no `descriptor`.
    """
    if not hasattr(environment, "descriptor"):
        raise ContractError(
            f"{environment.interface.id} cannot describe an agent: give its environment descriptor(level, world), "
            "descriptor_names and descriptor_bounds"
        )

    def evaluate(key: Key, params: Float[Array, "B G"]) -> Scores:
        grounds = [Ground(genome, jax.random.fold_in(key, 0))]
        result = executor.evaluate(list(np.asarray(params)), grounds, [(agent, 0) for agent in range(len(params))])
        return Scores(jnp.asarray(result.fitness), jnp.asarray(result.descriptor), int(result.length.sum()))

    meta = {
        "descriptor_names": list(environment.descriptor_names),  # pyright: ignore[reportAttributeAccessIssue]
        "fitness_bounds": None,
        "problem": {"id": environment.interface.id},
    }
    return Scoring(evaluate, policy.init, policy.num_params, False, offset, meta)
