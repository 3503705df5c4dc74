"""Does a problem keep what `poet.envs.base.Problem` promises?"""

import jax
import jax.numpy as jnp
import numpy as np

from poet.envs.base import Problem
from poet.envs.testing.common import (
    LANES,
    call,
    check_coordinates,
    check_hashable,
    check_scalar,
    check_within,
    fail,
    is_array,
    require,
    same,
    trace,
)


def check_problem(problem: Problem) -> None:
    """Check a problem on samples of its own. Raises `ContractError`."""
    protocol = ("id", "num_params", "descriptor_names", "descriptor_bounds", "fitness_bounds", "deterministic")
    for name in (*protocol, "sample", "evaluate"):
        require(hasattr(problem, name), f"problem has no `{name}`; see poet.envs.base.Problem")
    check_hashable("problem", problem)
    require(isinstance(problem.id, str) and problem.id != "", f"id must be a name, got {problem.id!r}")
    objectives = getattr(problem, "num_objectives", 1)
    require(isinstance(objectives, int) and objectives >= 1, f"num_objectives must be at least 1, got {objectives!r}")
    size = problem.num_params
    require(isinstance(size, int) and size >= 1, f"num_params must be an int of at least 1, got {size!r}")
    num = check_coordinates("descriptor", problem.descriptor_names, problem.descriptor_bounds)
    check_coordinates("fitness", ("fitness",), (problem.fitness_bounds,))
    require(isinstance(problem.deterministic, bool), f"deterministic must be a bool, got {problem.deterministic!r}")

    key = jax.random.key(0)
    params = trace("sample", "", problem.sample, key)
    require(is_array(params, (size,), jnp.float32), f"sample(key) must be f32[{size}] as declared, got {params}")
    said = trace("evaluate", "", problem.evaluate, key, params)
    require(isinstance(said, tuple) and len(said) == 2, f"evaluate must give (fitness, descriptor), got {said!r:.100}")
    if objectives == 1:
        check_scalar("fitness", said[0], jnp.float32)
    else:
        require(
            is_array(said[0], (objectives,), jnp.float32), f"fitness must be f32[{objectives}], got {said[0]!r:.100}"
        )
    require(is_array(said[1], (num,), jnp.float32), f"descriptor must be f32[{num}] as declared, got {said[1]!r:.100}")

    sample, evaluate = jax.jit(jax.vmap(problem.sample)), jax.jit(jax.vmap(problem.evaluate))
    keys, chance = jax.random.split(key, LANES), jax.random.split(jax.random.key(1), LANES)
    params = sample(keys)
    if (params == params[:1]).all():
        fail(f"sample gave the same solution for {LANES} keys; it must use its key")
    seen = fitness, descriptor = jax.device_get(evaluate(chance, params))
    bounds = (problem.fitness_bounds, *problem.descriptor_bounds)
    names = ("fitness", *(f"descriptor {name!r}" for name in problem.descriptor_names))
    for name, (low, high), column in zip(names, bounds, (fitness.reshape(LANES, -1).sum(1), *descriptor.T)):
        check_within(f"{name} of samples", low, high, column)
    if not same((params, seen), (sample(keys), evaluate(chance, params))):
        fail("the same inputs gave two results; sample and evaluate must be pure functions")
    if not same(seen, jax.tree.map(lambda leaf: leaf[::-1], evaluate(chance[::-1], params[::-1]))):
        fail("a solution's result depends on its place in a batch; each must be evaluated on its own")
    if problem.deterministic and not same(seen, evaluate(chance[::-1], params)):
        fail("deterministic is declared, but another key gives another result; declare False")
    if draw := getattr(problem, "draw", None):
        picture = call("draw", "it must draw every solution", draw, params[0])
        if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or picture.shape[2:] != (3,):
            fail(f"draw(params) must be u8[H, W, 3], got {picture!r:.100}")
