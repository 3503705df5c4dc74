"""Does an environment keep what `poet.envs.base.Environment` promises?"""

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from poet.envs.base import Box, Discrete, Environment, Interface, MultiDiscrete, Step
from poet.envs.testing.common import (
    LANES,
    check_alike,
    check_coordinates,
    check_hashable,
    check_scalar,
    fail,
    is_array,
    require,
    same,
    spec_of,
    trace,
)
from poet.types import Genome, PyTree


def check_environment(environment: Environment, genomes: Sequence[Genome], deterministic: bool = False) -> None:
    """Check an environment on a few genomes, with random actions to its horizon. Raises `ContractError`.

    `deterministic` says that level and episode must not depend on the key.
    """
    for name in ("interface", "build", "reset", "step"):
        require(hasattr(environment, name), f"environment has no `{name}`; see poet.envs.base.Environment")
    check_hashable("environment", environment)
    interface = _interface(environment)
    require(len(genomes) > 0, "check_environment expects at least one genome to build levels from")
    first = spec_of("genome", genomes[0])
    for genome in genomes[1:]:
        check_alike("a genome", spec_of("genome", genome), "the first one", first)
    _shapes(environment, interface, genomes[0])

    episode = _episode(environment, interface)

    @jax.jit
    def episodes(keys: jax.Array, chance: jax.Array, which: jax.Array) -> dict:
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves)[which], *genomes)
        return jax.vmap(episode)(keys, chance, stacked)

    keys, chance = jax.random.split(jax.random.key(0), LANES), jax.random.split(jax.random.key(1), LANES)
    which = jnp.arange(LANES) % len(genomes)
    seen = jax.device_get(episodes(keys, chance, which))
    for part, step in zip(("obs", "reward", "info"), seen["broken"].T):
        if (step >= 0).any():
            fail(f"{part} is not finite under random actions, first at step {step[step >= 0].min()}")
    if seen["went_on"].any():
        fail(
            f"an episode was neither terminated nor truncated at its horizon ({interface.horizon}) or one step after; "
            "truncate from the horizon on, and never reset inside `step`: the framework starts new episodes"
        )
    if not same(seen, episodes(keys, chance, which)):
        fail("the same inputs gave two results; keep all state in the world and all randomness in the key")
    flipped = jax.device_get(episodes(keys[::-1], chance[::-1], which[::-1]))
    if not same(seen, jax.tree.map(lambda leaf: leaf[::-1], flipped)):
        fail("an episode's result depends on its place in a batch; each instance must be computed on its own")
    if deterministic and not same(seen, episodes(keys, chance[::-1], which)):
        fail("deterministic is declared, but another key gives another level or episode; declare False")
    if not np.isfinite(seen["descriptor"]).all():
        fail("`descriptor` is not finite under random actions; say what a world is like at any time, its start too")
    success = seen["success"]
    if not ((success >= 0) & (success <= 1)).all():
        fail(f"`success` must lie in [0, 1], got {success.min()} to {success.max()}")


def _interface(environment: Environment) -> Interface:
    interface = environment.interface
    if not isinstance(interface, Interface):
        fail(f"interface must be an poet.envs.base.Interface, got {type(interface).__name__}")
    check_hashable("interface", interface)
    name, _, number = interface.id.rpartition("-v")
    require(bool(name) and number.isdigit(), f'interface.id must end in a version, as "maze-v1", got {interface.id!r}')
    if not isinstance(interface.obs, jax.ShapeDtypeStruct):
        fail(f"interface.obs must be a jax.ShapeDtypeStruct, got {interface.obs!r}")
    horizon = interface.horizon
    require(
        isinstance(horizon, int) and horizon >= 1, f"interface.horizon must be an int of at least 1, got {horizon!r}"
    )
    info = interface.info
    if not isinstance(info, tuple) or len(set(info)) != len(info) or not all(isinstance(key, str) for key in info):
        fail(f"interface.info must be a tuple of distinct names, got {info!r}")
    match interface.action:
        case Box(_, low, high):
            require(-math.inf < low < high < math.inf, f"a Box action needs finite low < high, got {low} and {high}")
        case Discrete(num):
            require(num >= 1, f"a Discrete action needs at least one choice, got {num}")
        case MultiDiscrete(nums):
            require(len(nums) > 0 and min(nums) >= 1, f"a MultiDiscrete action needs choices everywhere, got {nums}")
        case other:
            fail(f"interface.action must be a Box, Discrete or MultiDiscrete, got {other!r}")
    require(environment.interface == interface, "interface must be the same each time it is read")
    return interface


def _shapes(environment: Environment, interface: Interface, genome: Genome) -> None:
    key = jax.random.key(0)
    level = trace("build", "", environment.build, key, genome)
    begun = trace("reset", "", environment.reset, key, level)
    require(isinstance(begun, tuple) and len(begun) == 2, "reset must give (world, obs)")
    world, obs = begun
    action = jax.eval_shape(lambda: _action(key, interface))
    step = trace("step", "", environment.step, key, level, world, action)
    require(isinstance(step, Step), f"step must give an poet.envs.base.Step, got {type(step).__name__}")
    for name, seen in (("reset", obs), ("step", step.obs)):
        if not is_array(seen, interface.obs.shape, interface.obs.dtype):
            fail(f"obs of {name} must be {interface.obs} as declared in interface, got {seen!r:.100}")
    check_scalar("reward", step.reward, jnp.float32)
    check_scalar("terminated", step.terminated, jnp.bool_)
    check_scalar("truncated", step.truncated, jnp.bool_)
    if not isinstance(step.info, dict) or set(step.info) != set(interface.info):
        fail(f"step.info must be a dict with the keys declared in interface.info {interface.info}, got {step.info}")
    for name, value in step.info.items():
        check_scalar(f"info[{name!r}]", value, jnp.float32)
    check_alike("the world after step", spec_of("world", step.world), "the world of reset", spec_of("world", world))
    if success := getattr(environment, "success", None):
        check_scalar("success(level, world)", trace("success", "", success, level, world), jnp.float32)
    if describe := getattr(environment, "descriptor", None):
        descriptor = trace("descriptor", "", describe, level, world)
        declared = (getattr(environment, name, None) for name in ("descriptor_names", "descriptor_bounds"))
        num = check_coordinates("descriptor", *declared)
        require(
            is_array(descriptor, (num,), jnp.float32), f"descriptor must be f32[{num}] as declared, got {descriptor}"
        )


def _action(key: jax.Array, interface: Interface) -> jax.Array:
    match interface.action:
        case Box(shape, low, high):
            return jax.random.uniform(key, shape, minval=low, maxval=high)
        case Discrete(num):
            return jax.random.randint(key, (), 0, num)
        case MultiDiscrete(nums):
            return jax.random.randint(key, (len(nums),), 0, jnp.array(nums))


def _finite(tree: PyTree) -> jax.Array:
    floats = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return jnp.all(jnp.array([True, *(jnp.isfinite(leaf).all() for leaf in floats)]))


def _episode(environment: Environment, interface: Interface) -> Callable[[jax.Array, jax.Array, Genome], dict]:
    """One lane: random actions for a step more than the horizon, whether or not the episode ends before."""

    def episode(act: jax.Array, chance: jax.Array, genome: Genome) -> dict:
        build, reset, chance = jax.random.split(chance, 3)
        level = environment.build(build, genome)
        world, obs = environment.reset(reset, level)

        def tick(carry: tuple, t: jax.Array) -> tuple[tuple, None]:
            world, _, total, live, broken, went_on = carry
            action = _action(jax.random.fold_in(act, t), interface)
            step = environment.step(jax.random.fold_in(chance, t), level, world, action)
            bad = ~jnp.stack([_finite(step.obs), _finite(step.reward), _finite(step.info)])
            broken = jnp.where(live & bad & (broken < 0), t, broken)
            ended = step.terminated | step.truncated
            went_on = went_on | (~ended & (t + 1 >= interface.horizon))
            total = total + jnp.where(live, step.reward, 0.0)
            return (step.world, step.obs, total, live & ~ended, broken, went_on), None

        start = (world, obs, jnp.float32(0), jnp.bool_(True), jnp.full(3, -1), jnp.bool_(False))
        (world, obs, total, _, broken, went_on), _ = lax.scan(tick, start, jnp.arange(interface.horizon + 1))
        success = getattr(environment, "success", lambda level, world: jnp.float32(1))(level, world)
        descriptor = getattr(environment, "descriptor", lambda level, world: jnp.zeros(0))(level, world)
        outcome = {"world": world, "obs": obs, "total": total, "success": success, "descriptor": descriptor}
        return {**outcome, "broken": broken, "went_on": went_on}

    return episode
