"""Does a problem keep the contract of `poet.envs.base.Problem`?"""

import math

import jax
import jax.numpy as jnp

from poet.envs.base import Problem
from poet.envs.testing.common import (
    BATCH,
    Progress,
    Report,
    call,
    check_array,
    check_coordinates,
    check_count,
    check_hashable,
    check_members,
    check_picture,
    check_scalar,
    check_within,
    example_key,
    fail,
    optional_method,
    print_to_stderr,
    random_key_data,
    require,
    same_bits,
    trace,
)
from poet.jax_settings import pinned

MEMBERS = (
    *("id", "num_params", "descriptor_names", "descriptor_bounds", "fitness_bounds", "deterministic"),
    *("sample", "evaluate"),
)


@pinned()
def check_problem(problem: Problem, report: Report = print_to_stderr) -> None:
    """Check a problem on solutions that it samples.

    `report` gets a line for each group of checks, with the seconds since the start. Raises `ContractError` with what
    was expected, what was found, and what to do.

    >>> from poet.envs.config import problems
    >>> check_problem(problems.make("sphere", num_params=4))
    """
    progress = Progress(problem, report)
    progress("declarations, shapes and dtypes")
    num_objectives = _check_declarations(problem)
    _check_shapes(problem, num_objectives)

    progress(f"{BATCH} samples and their evaluation, after compiling")
    sample = jax.jit(lambda data: jax.vmap(problem.sample)(jax.random.wrap_key_data(data)))
    evaluate = jax.jit(lambda data, params: jax.vmap(problem.evaluate)(jax.random.wrap_key_data(data), params))
    sample_keys, keys = random_key_data(0, BATCH), random_key_data(1, BATCH)
    advice = "sample and evaluate must run under jax.vmap and jax.jit"
    params = jax.device_get(call("a batch of samples", advice, sample, sample_keys))
    if all((leaf == leaf[:1]).all() for leaf in jax.tree.leaves(params)):
        fail(f"sample must depend on its key, but it gave the same solution for {BATCH} keys: draw it from the key")
    results = fitness, descriptor = jax.device_get(call("a batch of evaluations", advice, evaluate, keys, params))
    bounds = (problem.fitness_bounds, *problem.descriptor_bounds)
    names = ("fitness", *(f"descriptor {name!r}" for name in problem.descriptor_names))
    for name, (low, high), column in zip(names, bounds, (fitness.reshape(BATCH, -1).sum(1), *descriptor.T)):
        check_within(f"{name} of samples", low, high, column)
    if not same_bits((params, results), (sample(sample_keys), evaluate(keys, params))):
        fail(
            "expected equal results for the same inputs, but two calls gave different results: "
            "make sample and evaluate pure functions"
        )
    backwards = jax.tree.map(lambda leaf: leaf[::-1], params)
    if not same_bits(results, jax.tree.map(lambda leaf: leaf[::-1], evaluate(keys[::-1], backwards))):
        fail(
            "expected the result of a solution not to depend on its place in a batch, but it does: "
            "compute each result from its own inputs only"
        )
    if problem.deterministic and not same_bits(results, evaluate(keys[::-1], params)):
        fail(
            "deterministic is declared, but another key gives another result: "
            "declare False, or do not use the key in evaluate"
        )
    if draw := optional_method(problem, "draw"):
        first = jax.tree.map(lambda leaf: leaf[0], params)
        check_picture("draw(params)", call("draw", "it must draw every solution", draw, first))
    progress("no error found")


def _check_declarations(problem: Problem) -> int:
    """Returns the number of objectives."""
    check_members("problem", problem, MEMBERS)
    check_hashable("problem", problem)
    require(
        isinstance(problem.id, str) and problem.id != "",
        f"id must be a non-empty string, got {problem.id!r}: use the id of the problem's config",
    )
    num_objectives = getattr(problem, "num_objectives", 1)
    check_count("num_objectives", num_objectives, "declare the length of the fitness vector, or leave it out")
    check_count("num_params", problem.num_params, "declare the length of a solution")
    check_coordinates("descriptor", problem.descriptor_names, problem.descriptor_bounds)
    check_coordinates("fitness", ("fitness",), (problem.fitness_bounds,))
    require(
        isinstance(problem.deterministic, bool),
        f"deterministic must be a bool, got {problem.deterministic!r}: declare True or False",
    )
    return num_objectives


def _check_shapes(problem: Problem, num_objectives: int) -> None:
    key = example_key()
    params = trace("sample", "", problem.sample, key)
    if jax.tree_util.treedef_is_leaf(jax.tree.structure(params)) and len(getattr(params, "shape", ())) < 2:
        check_array("sample(key)", params, (problem.num_params,), jnp.float32, "return what num_params declares")
    else:
        leaves = jax.tree.leaves(params)
        found = sum(math.prod(leaf.shape) for leaf in leaves)
        require(
            found == problem.num_params and all(leaf.dtype == jnp.float32 for leaf in leaves),
            f"sample(key) must give float32 arrays with num_params = {problem.num_params} numbers, got {found} in "
            f"{params!r:.200}: return what num_params declares",
        )
    result = trace("evaluate", "", problem.evaluate, key, params)
    require(
        isinstance(result, tuple) and len(result) == 2,
        f"evaluate must return (fitness, descriptor), got {result!r:.100}: return a tuple of both",
    )
    fitness, descriptor = result
    if num_objectives == 1:
        check_scalar("fitness", fitness, jnp.float32)
    else:
        check_array("fitness", fitness, (num_objectives,), jnp.float32, "return what num_objectives declares")
    shape = (len(problem.descriptor_names),)
    check_array("descriptor", descriptor, shape, jnp.float32, "return what descriptor_names declares")
