"""What evaluates solutions: a problem, a user-defined function, or episodes that an executor runs.

Axes: B batch, G parameters, D descriptor, M objectives.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from poet.agents.policy import Policy
from poet.archives.base import nan_where_missing
from poet.envs.base import Environment, Problem
from poet.envs.host import is_host
from poet.errors import ContractError, ShapeError, unknown
from poet.executors.base import Batch, Episode, Executor
from poet.search.map_elites.solutions import SolutionForm, solution_form
from poet.types import Genome, Key, Params, PyTree, numbered_keys


class Scores(NamedTuple):
    """The evaluation of a batch of solutions; a failed one has a fitness or descriptor that is not finite.

    From a scoring that is not jittable, None and masked values are failed too.

    Attributes:
      fitness: bigger is better; f32[B, M] for M > 1 objectives.
      descriptor: coordinates of the archive.
      steps: environment steps of the whole batch; an evaluation of a problem counts as one.
      extra: more facts about each solution, which are stored with elites: those that the scoring declares, [B, ...].
    """

    fitness: Float[Array, "B"] | Float[Array, "B M"]
    descriptor: Float[Array, "B D"]
    steps: int | Array = 0
    extra: Mapping[str, Array] = {}


class Evaluate(Protocol):
    """The evaluation of solutions."""

    def __call__(self, key: Key, params: Float[Array, "B G"] | PyTree, /) -> Scores:
        """The scores of a batch, one row for each solution; the leaves of a tree are [B, ...]."""
        ...


class ScoringFn(NamedTuple):
    """The evaluation of solutions, and what the search must know about it.

    Attributes:
      evaluate: (key, params f32[B, G]) -> Scores.
      sample: key -> f32[G], a solution from the prior; or a tree of f32 arrays, as `evaluate` then gets in batches.
      num_params: G, the number of all numbers in a solution.
      jittable: whether `evaluate` is pure and traceable, so that it is compiled into the loop of the search; otherwise
        it is called between two compiled programs.
      qd_offset: the worst possible fitness, which QD scores subtract.
      meta: JSON-ready, for tables and pictures: "descriptor_names", "fitness_bounds", "problem".
      num_objectives: M; above 1 fitness is f32[B, M], for an archive that keeps trade-offs.
      extra: examples of the `extra` of one solution (arrays or `jax.ShapeDtypeStruct`s).
      close: releases threads and processes.

    >>> def evaluate(key, params):
    ...     return Scores(-jnp.square(params).sum(axis=1), jnp.tanh(params[:, :2]), params.shape[0])
    >>> scoring = ScoringFn(evaluate, sample=lambda key: jax.random.normal(key, (10,)), num_params=10, qd_offset=-100.0)
    """

    evaluate: Evaluate
    sample: Callable[[Key], Params | PyTree]
    num_params: int
    jittable: bool = True
    qd_offset: float = 0.0
    meta: Mapping[str, Any] = MappingProxyType({})
    num_objectives: int = 1
    extra: Mapping[str, Any] = MappingProxyType({})
    close: Callable[[], None] = lambda: None


def check_scoring(scoring: ScoringFn, batch: int, num_descriptors: int) -> tuple[ScoringFn, SolutionForm]:
    """The same scoring of solutions f32[G], and what they stand for; what is not jittable checks its scores in each
    call.

    Raises `ContractError` where samples or scores have another shape than declared: for a jittable scoring at once,
    otherwise when it is called.
    """
    sample = _output_shapes("sample(key)", "", scoring.sample, jax.random.key(0))
    form = _solution_form(sample, scoring.num_params)
    on_vectors = _on_vectors(scoring, form)
    if scoring.jittable:
        params = jax.ShapeDtypeStruct((batch, scoring.num_params), jnp.float32)
        advice = ", or pass ScoringFn(..., jittable=False) for one that is not JAX"
        scores = _output_shapes("evaluate(key, params)", advice, on_vectors.evaluate, jax.random.key(0), params)
        _check_scores(scores, scoring, batch, num_descriptors)
        return on_vectors, form

    def evaluate(key: Key, params: Float[Array, "B G"]) -> Scores:
        scores = on_vectors.evaluate(key, params)
        _check_scores(scores, scoring, params.shape[0], num_descriptors)
        fitness, descriptor = (jnp.asarray(nan_where_missing(each)) for each in scores[:2])
        extra = {
            name: jnp.asarray(scores.extra[name], jnp.result_type(example)) for name, example in scoring.extra.items()
        }
        return scores._replace(fitness=fitness, descriptor=descriptor, extra=extra)

    return on_vectors._replace(evaluate=evaluate), form


def _on_vectors(scoring: ScoringFn, form: SolutionForm) -> ScoringFn:
    if form.is_vector:
        return scoring

    def sample(key: Key) -> Params:
        return form.ravel(jax.tree.map(lambda leaf: leaf[None], scoring.sample(key)))[0]

    def evaluate(key: Key, params: Float[Array, "B G"]) -> Scores:
        return scoring.evaluate(key, form.unravel(params))

    return scoring._replace(sample=sample, evaluate=evaluate)


def _solution_form(sample: Any, num_params: int) -> SolutionForm:
    expected = f"sample(key) must give one solution f32[{num_params}], or a tree of float32 arrays with so many numbers"
    try:
        form = solution_form(sample)
    except ShapeError as error:
        raise ContractError(f"{expected}: {error}") from error
    if form.num_params != num_params:
        raise ContractError(f"{expected}; got {form.num_params} numbers, {form.shapes}")
    return form


def _check_scores(scores: Any, scoring: ScoringFn, batch: int, num_descriptors: int) -> None:
    if not isinstance(scores, Scores):
        raise ContractError(
            f"evaluate(key, params) must give poet.Scores(fitness, descriptor, steps), got {type(scores).__name__}"
        )
    fitness = (batch,) if scoring.num_objectives == 1 else (batch, scoring.num_objectives)
    for name, expected in (("fitness", fitness), ("descriptor", (batch, num_descriptors))):
        shape = np.shape(getattr(scores, name))
        if shape != expected:
            raise ContractError(
                f"evaluate(key, params) must give {name} of shape {expected} for params f32[{batch}, "
                f"{scoring.num_params}], one row for each solution; got shape {shape}"
            )
    if scores.extra.keys() != scoring.extra.keys():
        raise ContractError(
            f"evaluate(key, params) must give the extra fields that ScoringFn(extra=...) declares, "
            f"{', '.join(scoring.extra) or 'none'}; got {', '.join(scores.extra) or 'none'}"
        )
    for name, example in scoring.extra.items():
        found, wanted = np.shape(scores.extra[name]), (batch, *np.shape(example))
        if found != wanted:
            raise ContractError(f"evaluate(key, params) must give {name} of shape {wanted}, as declared; got {found}")


def _output_shapes(name: str, advice: str, function: Callable[..., Any], *args: Any) -> Any:
    try:
        return jax.eval_shape(function, *args)
    except Exception as error:
        raise ContractError(
            f"{name} cannot be traced by jax: write it in jax.numpy{advice}. It raised {error!r:.300}"
        ) from error


def problem_scoring(problem: Problem) -> ScoringFn:
    """The scoring of a problem, whose `evaluate` is for one solution, in batches.

    >>> from poet.envs.functions.config import SphereConfig
    >>> scoring = problem_scoring(SphereConfig(num_params=4).make())
    >>> scores = scoring.evaluate(jax.random.key(0), jnp.zeros((8, 4)))
    >>> scores.fitness.shape, scores.descriptor.shape, scores.steps
    ((8,), (8, 2), 8)
    """

    def evaluate(key: Key, params: Float[Array, "B G"] | PyTree) -> Scores:
        size = jax.tree.leaves(params)[0].shape[0]
        return Scores(*jax.vmap(problem.evaluate)(numbered_keys(key, size), params), size)

    meta = {
        "descriptor_names": list(problem.descriptor_names),
        "fitness_bounds": list(problem.fitness_bounds),
        "problem": {"id": problem.id},
    }
    return ScoringFn(
        evaluate,
        problem.sample,
        problem.num_params,
        qd_offset=problem.fitness_bounds[0],
        meta=meta,
        num_objectives=getattr(problem, "num_objectives", 1),
    )


EPISODE_FACTS = {"length": jnp.int32, "success": jnp.float32}


def episode_scoring(
    environment: Environment,
    genome: Genome,
    policy: Policy,
    executor: Executor,
    qd_offset: float = 0.0,
    extra: Sequence[str] = (),
) -> ScoringFn:
    """The scoring of agents in one environment: one episode each, with the environment's descriptor at its end.

    All agents of a batch run the same episode; `close` closes the executor. `extra` names facts of the episode that are
    stored with elites: "length" (steps) and "success".
    Raises `ContractError` for an environment without `descriptor`, and `ConfigError` for an unknown fact.

    >>> from poet.agents.config import MLPConfig
    >>> from poet.envs.walker.config import WalkerGaitConfig
    >>> from poet.agents.config import XLAEngineConfig
    >>> from poet.executors.config import LocalExecutorConfig
    >>> from poet.executors.recipe import Recipe
    >>> generator = WalkerGaitConfig(horizon=20).make()
    >>> recipe = Recipe(generator, MLPConfig(hidden=(4,)), XLAEngineConfig(lanes=8))
    >>> executor = LocalExecutorConfig(queue=8, devices=1).make(recipe)
    >>> scoring = episode_scoring(
    ...     generator.environment, generator.simplest(), recipe.build().policy, executor, qd_offset=-150.0
    ... )
    >>> scoring.jittable, scoring.num_params
    (False, 120)
    >>> scoring.close()
    """
    described = hasattr(environment, "descriptor")
    if is_host(environment):
        described = bool(getattr(environment, "descriptor_names", ()))
    if not described:
        raise ContractError(
            f"{environment.interface.id} has no descriptor of an agent: give its environment "
            "descriptor(level, world), descriptor_names and descriptor_bounds"
        )

    for name in extra:
        if name not in EPISODE_FACTS:
            raise unknown("search.extra", name, EPISODE_FACTS)

    def evaluate(key: Key, params: Float[Array, "B G"]) -> Scores:
        pairs = np.stack([np.arange(len(params)), np.zeros(len(params), np.int64)], axis=1)
        result = executor.evaluate(Batch(params, [Episode(genome, key)], pairs))
        facts = {name: jnp.asarray(getattr(result, name)) for name in extra}
        return Scores(jnp.asarray(result.fitness), jnp.asarray(result.descriptor), int(result.length.sum()), facts)

    meta = {
        "descriptor_names": list(environment.descriptor_names),  # pyright: ignore[reportAttributeAccessIssue]
        "fitness_bounds": None,
        "problem": {"id": environment.interface.id},
    }
    return ScoringFn(
        evaluate,
        policy.init,
        policy.num_params,
        jittable=False,
        qd_offset=qd_offset,
        meta=meta,
        extra={name: jax.ShapeDtypeStruct((), EPISODE_FACTS[name]) for name in extra},
        close=executor.close,
    )
