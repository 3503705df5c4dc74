"""Does an environment keep the contract of `poet.envs.base.Environment`?"""

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from poet.envs.base import Box, Discrete, Environment, Interface, MultiDiscrete, Step
from poet.envs.testing.common import (
    BATCH,
    check_array,
    check_coordinates,
    check_hashable,
    check_members,
    check_same_spec,
    check_scalar,
    fail,
    require,
    same_bits,
    spec_of,
    trace,
)
from poet.jax_settings import pinned
from poet.types import Genome, PyTree


@pinned()
def check_environment(environment: Environment, genomes: Sequence[Genome], deterministic: bool = False) -> None:
    """Check an environment on the levels of some genomes, with random actions until after its horizon.

    Args:
      environment: the environment.
      genomes: at least one genome; all must have the same structure, shapes and dtypes.
      deterministic: whether level and episode must not depend on keys.

    Raises `ContractError` with what was expected, what was found, and what to do.
    """
    check_members("environment", environment, ("interface", "build", "reset", "step"))
    check_hashable("environment", environment)
    interface = _check_interface(environment)
    require(len(genomes) > 0, "check_environment expects at least one genome, got none: pass one to build a level from")
    first_spec = spec_of("genome", genomes[0])
    for genome in genomes[1:]:
        check_same_spec("a genome", spec_of("genome", genome), "the first one", first_spec)
    _check_shapes(environment, interface, genomes[0])

    episode = _episode(environment, interface)

    @jax.jit
    def episodes(action_keys: jax.Array, keys: jax.Array, indices: jax.Array) -> dict:
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves)[indices], *genomes)
        return jax.vmap(episode)(action_keys, keys, stacked)

    action_keys, keys = jax.random.split(jax.random.key(0), BATCH), jax.random.split(jax.random.key(1), BATCH)
    indices = jnp.arange(BATCH) % len(genomes)
    results = jax.device_get(episodes(action_keys, keys, indices))
    _check_steps(interface, results)
    if not same_bits(results, episodes(action_keys, keys, indices)):
        fail(
            "expected equal results for the same inputs, but two calls gave different results: "
            "keep all state in the world and take all randomness from the key"
        )
    reversed_results = jax.device_get(episodes(action_keys[::-1], keys[::-1], indices[::-1]))
    if not same_bits(results, jax.tree.map(lambda leaf: leaf[::-1], reversed_results)):
        fail(
            "expected the result of an episode not to depend on its place in a batch, but it does: "
            "compute each instance from its own inputs only"
        )
    if deterministic and not same_bits(results, episodes(action_keys, keys[::-1], indices)):
        fail(
            "deterministic is declared, but another key gives another level or episode: "
            "declare False, or do not use the key"
        )
    _check_last_world(results)


def _check_interface(environment: Environment) -> Interface:
    interface = environment.interface
    if not isinstance(interface, Interface):
        fail(f"interface must be a poet.envs.base.Interface, got {type(interface).__name__}: return an Interface")
    check_hashable("interface", interface)
    name, _, number = interface.id.rpartition("-v")
    require(
        bool(name) and number.isdigit(),
        f'interface.id must end in a version, as in "maze-v1", got {interface.id!r}: append "-v1"',
    )
    if not isinstance(interface.obs, jax.ShapeDtypeStruct):
        fail(
            f"interface.obs must be a jax.ShapeDtypeStruct, got {interface.obs!r}: "
            "declare the shape and dtype of an observation"
        )
    horizon, info = interface.horizon, interface.info
    require(
        isinstance(horizon, int) and horizon >= 1,
        f"interface.horizon must be an int of at least 1, got {horizon!r}: declare the maximum number of steps",
    )
    if not isinstance(info, tuple) or len(set(info)) != len(info) or not all(isinstance(key, str) for key in info):
        fail(f"interface.info must be a tuple of distinct names, got {info!r}: declare each key of Step.info once")
    _check_action_space(interface)
    require(
        environment.interface == interface,
        "interface must be equal at each access, but two accesses gave different values: compute it from fields only",
    )
    return interface


def _check_action_space(interface: Interface) -> None:
    match interface.action:
        case Box(_, low, high):
            require(
                -math.inf < low < high < math.inf,
                f"a Box action needs finite low < high, got {low} and {high}: declare finite bounds",
            )
        case Discrete(num):
            require(num >= 1, f"a Discrete action needs at least one choice, got {num}: declare num >= 1")
        case MultiDiscrete(nums):
            require(
                len(nums) > 0 and min(nums) >= 1,
                f"a MultiDiscrete action needs at least one choice in each entry, got {nums}: declare all nums >= 1",
            )
        case other:
            fail(f"interface.action must be a Box, Discrete or MultiDiscrete, got {other!r}: use one of these types")


def _check_shapes(environment: Environment, interface: Interface, genome: Genome) -> None:
    key = jax.random.key(0)
    level = trace("build", "", environment.build, key, genome)
    start = trace("reset", "", environment.reset, key, level)
    require(
        isinstance(start, tuple) and len(start) == 2,
        f"reset must return (world, obs), got {type(start).__name__}: return a tuple of both",
    )
    world, obs = start
    action = jax.eval_shape(lambda: _random_action(key, interface))
    step = trace("step", "", environment.step, key, level, world, action)
    require(
        isinstance(step, Step),
        f"step must return a poet.envs.base.Step, got {type(step).__name__}: return Step(world, obs, reward, ...)",
    )
    for name, value in (("reset", obs), ("step", step.obs)):
        check_array(
            f"obs of {name}", value, interface.obs.shape, interface.obs.dtype, "return what interface.obs declares"
        )
    check_scalar("reward", step.reward, jnp.float32)
    check_scalar("terminated", step.terminated, jnp.bool_)
    check_scalar("truncated", step.truncated, jnp.bool_)
    if not isinstance(step.info, dict) or set(step.info) != set(interface.info):
        fail(
            f"step.info must be a dict with the keys declared in interface.info {interface.info}, got {step.info}: "
            "declare and return the same keys"
        )
    for name, value in step.info.items():
        check_scalar(f"info[{name!r}]", value, jnp.float32)
    check_same_spec("the world after step", spec_of("world", step.world), "the world of reset", spec_of("world", world))
    if success := getattr(environment, "success", None):
        check_scalar("success(level, world)", trace("success", "", success, level, world), jnp.float32)
    if descriptor := getattr(environment, "descriptor", None):
        value = trace("descriptor", "", descriptor, level, world)
        declared = (getattr(environment, name, None) for name in ("descriptor_names", "descriptor_bounds"))
        num = check_coordinates("descriptor", *declared)
        check_array("descriptor(level, world)", value, (num,), jnp.float32, "return what descriptor_names declares")


def _check_steps(interface: Interface, results: dict) -> None:
    for part, steps in zip(("obs", "reward", "info"), results["first_not_finite"].T):
        if (steps >= 0).any():
            fail(
                f"{part} must be finite, but under random actions it is not finite, first at step "
                f"{steps[steps >= 0].min()}: bound the dynamics, or terminate earlier"
            )
    if results["continued"].any():
        fail(
            f"an episode must be terminated or truncated at its horizon ({interface.horizon}) and one step later, but "
            "one was neither terminated nor truncated: set truncated at the horizon and at all later steps, and never "
            "reset inside `step`, since the framework starts new episodes"
        )


def _check_last_world(results: dict) -> None:
    if not np.isfinite(results["descriptor"]).all():
        fail(
            "`descriptor` must be finite for every world, but after random actions it is not finite: "
            "bound it, and define it for the first world too"
        )
    success = results["success"]
    if not ((success >= 0) & (success <= 1)).all():
        fail(f"`success` must lie in [0, 1], got {success.min()} to {success.max()}: clip it")


def _random_action(key: jax.Array, interface: Interface) -> jax.Array:
    match interface.action:
        case Box(shape, low, high):
            return jax.random.uniform(key, shape, minval=low, maxval=high)
        case Discrete(num):
            return jax.random.randint(key, (), 0, num)
        case MultiDiscrete(nums):
            return jax.random.randint(key, (len(nums),), 0, jnp.array(nums))


def _is_finite(tree: PyTree) -> jax.Array:
    floats = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return jnp.all(jnp.array([True, *(jnp.isfinite(leaf).all() for leaf in floats)]))


def _episode(environment: Environment, interface: Interface) -> Callable[[jax.Array, jax.Array, Genome], dict]:
    """One episode of random actions that always takes horizon + 1 steps, even if it ends before.

    The result has `first_not_finite` i32[3], the first step at which obs, reward and info are not finite (-1 for
    never), and `continued` bool[], whether a step from the horizon on neither terminated nor truncated.
    """

    def episode(action_key: jax.Array, key: jax.Array, genome: Genome) -> dict:
        build_key, reset_key, step_key = jax.random.split(key, 3)
        level = environment.build(build_key, genome)
        world, obs = environment.reset(reset_key, level)

        def advance(carry: tuple, t: jax.Array) -> tuple[tuple, None]:
            world, _, total, running, first_not_finite, continued = carry
            action = _random_action(jax.random.fold_in(action_key, t), interface)
            step = environment.step(jax.random.fold_in(step_key, t), level, world, action)
            not_finite = ~jnp.stack([_is_finite(step.obs), _is_finite(step.reward), _is_finite(step.info)])
            first_not_finite = jnp.where(running & not_finite & (first_not_finite < 0), t, first_not_finite)
            ended = step.terminated | step.truncated
            continued = continued | (~ended & (t + 1 >= interface.horizon))
            total = total + jnp.where(running, step.reward, 0.0)
            return (step.world, step.obs, total, running & ~ended, first_not_finite, continued), None

        start = (world, obs, jnp.float32(0), jnp.bool_(True), jnp.full(3, -1), jnp.bool_(False))
        carry, _ = lax.scan(advance, start, jnp.arange(interface.horizon + 1))
        world, obs, total, _, first_not_finite, continued = carry
        success = getattr(environment, "success", lambda level, world: jnp.float32(1))(level, world)
        descriptor = getattr(environment, "descriptor", lambda level, world: jnp.zeros(0))(level, world)
        results = {"world": world, "obs": obs, "total": total, "success": success, "descriptor": descriptor}
        return {**results, "first_not_finite": first_not_finite, "continued": continued}

    return episode
