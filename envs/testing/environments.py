"""Does an environment keep the contract of `poet.envs.base.Environment`?"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from poet.envs.base import Box, Discrete, Environment, Interface, MultiDiscrete, Step
from poet.envs.spaces import bounds
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
    check_same_spec,
    check_scalar,
    check_within,
    example_key,
    fail,
    optional_method,
    print_to_stderr,
    require,
    same_bits,
    spec_of,
    trace,
)
from poet.envs.testing.episodes import ACTION_KINDS, BACKWARDS, FORWARDS, Episodes, Player, make_actions
from poet.errors import ConfigError
from poet.jax_settings import pinned
from poet.typed_config import check_value
from poet.types import Genome

MANY = 8  # episodes of which it is no coincidence that all have some property


@pinned()
def check_environment(
    environment: Environment,
    genomes: Sequence[Genome],
    deterministic: bool = False,
    report: Report = print_to_stderr,
) -> None:
    """Check an environment on the levels of some genomes, with 128 episodes until after its horizon.

    A third of the episodes has random actions, a third random actions at the bounds, a third one constant action.

    Args:
      environment: the environment.
      genomes: at least one valid genome; all must have the same structure, shapes and dtypes.
      deterministic: whether level and episode must not depend on keys.
      report: gets a line for each group of checks, with the seconds since the start.

    Raises `ContractError` with what was expected, what was found, and what to do.
    """
    genomes = check_value("genomes", tuple[Any, ...], genomes)
    check_value("deterministic", bool, deterministic)
    play_environment(environment, genomes, deterministic, Progress(environment, report))


def play_environment(
    environment: Environment, genomes: Sequence[Genome], deterministic: bool, progress: Progress
) -> tuple[Player, Episodes]:
    """`check_environment`, which also returns what played the episodes, and their results."""
    progress("environment: interface, shapes and dtypes of build, reset and step")
    check_members("environment", environment, ("interface", "build", "reset", "step"))
    check_hashable("environment", environment)
    interface = check_interface(environment)
    require(len(genomes) > 0, "check_environment expects at least one genome, got none: pass one to build a level from")
    first_spec = spec_of("genome", genomes[0])
    for genome in genomes[1:]:
        check_same_spec("a genome", spec_of("genome", genome), "the first one", first_spec)
    _check_shapes(environment, interface, genomes[0])

    progress(f"environment: {BATCH} episodes of {interface.horizon + 1} steps, after compiling")
    player = Player(environment, genomes)
    advice = "build, reset, step, observe, success and descriptor must run under jax.vmap and jax.jit"
    results = call("a batch of episodes", advice, player.play, interface.horizon + 1)
    _check_start(results)
    _check_steps(interface, player.kinds, results)
    _check_ends(interface, results)
    _check_measures(environment, results)

    progress("environment: the same episodes again, in another order" + deterministic * " and with other keys")
    _check_repeated(player, results, interface.horizon + 1, deterministic)
    return player, results


def check_interface(environment: Any) -> Interface:
    """The interface of an environment of any kind, checked."""
    interface = environment.interface
    if not isinstance(interface, Interface):
        fail(f"interface must be a poet.envs.base.Interface, got {type(interface).__name__}: return an Interface")
    check_hashable("interface", interface)
    name, _, number = str(interface.id).rpartition("-v")
    require(
        bool(name) and number.isdigit(),
        f'interface.id must end in a version, as in "maze-v1", got {interface.id!r}: append "-v1"',
    )
    arrays = list(interface.obs) if isinstance(interface.obs, tuple) else [interface.obs]
    named = hasattr(interface.obs, "_fields") or not isinstance(interface.obs, tuple)
    if not (named and arrays and all(isinstance(array, jax.ShapeDtypeStruct) for array in arrays)):
        fail(
            f"interface.obs must be a jax.ShapeDtypeStruct or a NamedTuple of them, got {interface.obs!r}: "
            "declare the shape and dtype of an observation"
        )
    check_count("interface.horizon", interface.horizon, "declare the maximum number of steps")
    info = interface.info
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
        case Box(shape, low, high):
            _check_sizes("the shape of a Box action", shape)
            numbers = [each for values in (low, high) for each in (values if isinstance(values, tuple) else (values,))]
            message = f"a Box action needs finite low < high, got {low!r} and {high!r}: declare finite bounds"
            require(all(isinstance(number, int | float) for number in numbers), message)
            try:
                bounds(Box(shape, low, high))
            except ConfigError as error:
                fail(f"{message} ({error})")
        case Discrete(num):
            check_count("num of a Discrete action", num, "declare how many choices there are")
        case MultiDiscrete(nums):
            _check_sizes("nums of a MultiDiscrete action", nums)
            require(len(nums) > 0, "nums of a MultiDiscrete action must not be empty: declare at least one")
        case other:
            fail(f"interface.action must be a Box, Discrete or MultiDiscrete, got {other!r}: use one of these types")


def _check_sizes(name: str, sizes: Any) -> None:
    require(isinstance(sizes, tuple), f"{name} must be a tuple of ints, got {sizes!r}: declare a tuple")
    for size in sizes:
        check_count(f"each entry of {name}", size, "declare positive sizes")


def _check_shapes(environment: Environment, interface: Interface, genome: Genome) -> None:
    key = example_key()
    level = trace("build", "", environment.build, key, genome)
    start = trace("reset", "", environment.reset, key, level)
    require(
        isinstance(start, tuple) and len(start) == 2,
        f"reset must return (world, obs), got {type(start).__name__}: return a tuple of both",
    )
    world, obs = start
    action = jnp.asarray(make_actions(interface.action, np.zeros(1, int), 1)[0, 0])
    step = trace("step", "", environment.step, key, level, world, action)
    require(
        isinstance(step, Step),
        f"step must return a poet.envs.base.Step, got {type(step).__name__}: return Step(world, obs, reward, ...)",
    )
    seen = {"reset": obs, "step": step.obs}
    if observe := optional_method(environment, "observe"):
        seen["observe"] = trace("observe", "", observe, level, world)
    for name, value in seen.items():
        if jax.tree.structure(value) != jax.tree.structure(interface.obs):
            fail(f"obs of {name} must be like interface.obs {interface.obs}, got {value}: return what it declares")
        for place, array in zip(getattr(interface.obs, "_fields", ("",)), jax.tree.leaves(value)):
            declared: Any = getattr(interface.obs, place) if place else interface.obs
            what = f"obs{place and '.'}{place} of {name}"
            check_array(what, array, declared.shape, declared.dtype, "return what interface.obs declares")
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
    if success := optional_method(environment, "success"):
        check_scalar("success(level, world)", trace("success", "", success, level, world), jnp.float32)
    descriptor, *declared = optional_method(environment, "descriptor"), *_descriptor_declaration(environment)
    if descriptor is None:
        require(
            declared == [None, None],
            "descriptor_names and descriptor_bounds need a `descriptor(level, world)`, got none: define it",
        )
    else:
        value = trace("descriptor", "", descriptor, level, world)
        num = check_coordinates("descriptor", *declared)
        check_array("descriptor(level, world)", value, (num,), jnp.float32, "return what descriptor_names declares")


def _descriptor_declaration(environment: Environment) -> list[Any]:
    """Names and bounds; None for what is absent."""
    return [getattr(environment, name, None) for name in ("descriptor_names", "descriptor_bounds")]


def _check_start(results: Episodes) -> None:
    if not all(np.isfinite(leaf.astype(np.float64)).all() for leaf in jax.tree.leaves(results.first_obs)):
        fail(
            "obs of reset must be finite, but the first observation of an episode is not: "
            "compute it from the first world without dividing by zero"
        )


def _check_steps(interface: Interface, kinds: np.ndarray, results: Episodes) -> None:
    for part, steps in zip(("obs", "reward", "info"), results.lane.first_not_finite.T):
        if (steps >= 0).any():
            episode = np.argmin(np.where(steps >= 0, steps, interface.horizon + 1))
            fail(
                f"{part} must be finite, but under {ACTION_KINDS[kinds[episode]]} it is not finite, first at step "
                f"{steps[episode]}: bound the dynamics, or terminate earlier"
            )
    if results.lane.continued.any():
        fail(
            f"an episode must be terminated or truncated at its horizon ({interface.horizon}) and one step later, but "
            "one was neither terminated nor truncated: set truncated at the horizon and at all later steps, and never "
            "reset inside `step`, since the framework starts new episodes"
        )


def _check_ends(interface: Interface, results: Episodes) -> None:
    lane, horizon = results.lane, interface.horizon
    if (early := lane.truncated & (lane.length < horizon)).any():
        fail(
            f"an episode must be truncated at its horizon ({horizon}) only, but one was truncated after "
            f"{lane.length[early].min()} steps: set `terminated` where an episode ends before the horizon"
        )
    last = lane.length == horizon
    if last.sum() >= MANY and not lane.truncated[last].any():
        fail(
            f"an episode must be truncated at its horizon ({horizon}), but all {last.sum()} episodes that reached it "
            "were terminated and not truncated: set `truncated` for the time limit, `terminated` for all other ends"
        )
    if horizon > 1 and (lane.length == 1).all():
        fail(
            f"an episode must have up to {horizon} steps, but all {BATCH} episodes ended after the first one: "
            "set `terminated` only where an episode ends"
        )
    # An observation never equals the first one by chance in many episodes that all end there.
    equal = jax.tree.map(lambda last, first: (last == first).reshape(BATCH, -1).all(1), lane.obs, results.first_obs)
    same = np.all(jax.tree.leaves(equal), axis=0)
    if lane.varied.sum() >= MANY and same[lane.varied].all():
        fail(
            f"the last observation of an episode must be that of its last world, but in all {lane.varied.sum()} "
            "episodes it is the first one again: never reset inside `step`, since the framework starts new episodes"
        )


def _check_measures(environment: Environment, results: Episodes) -> None:
    if not np.isfinite(results.descriptor).all():
        fail(
            "`descriptor` must be finite for every world, but in the first or the last world of an episode it is not "
            "finite: bound it, and define it for the first world too"
        )
    if hasattr(environment, "descriptor"):
        for name, (low, high), column in zip(*_descriptor_declaration(environment), results.descriptor[:, 1].T):
            check_within(f"descriptor {name!r} at the end of an episode", low, high, column)
    for seen, observed in zip(
        jax.tree.leaves((results.first_obs, results.lane.obs)), jax.tree.leaves(results.observed)
    ):
        if not np.allclose(seen, observed, rtol=1e-3, atol=1e-3):
            fail(
                "`observe` must give the observation of a world, but in the first or the last world of an episode it "
                "gives another one than `reset` or `step`: compute it from level and world, or leave it out"
            )
    success = results.success
    if not ((success >= 0) & (success <= 1)).all():
        fail(f"`success` must lie in [0, 1], got {success.min()} to {success.max()}: clip it")


def _check_repeated(player: Player, results: Episodes, num_steps: int, deterministic: bool) -> None:
    """Play the episodes again in another order, with the keys of others if deterministic: results must not differ."""

    def played_backwards(key_order: slice) -> Episodes:
        return jax.tree.map(lambda leaf: leaf[BACKWARDS], player.play(num_steps, BACKWARDS, key_order))

    if same_bits(results, played_backwards(FORWARDS if deterministic else BACKWARDS)):
        return
    if not same_bits(results, player.play(num_steps)):
        fail(
            "expected equal results for the same inputs, but two calls gave different results: "
            "keep all state in the world and take all randomness from the key"
        )
    if not same_bits(results, played_backwards(BACKWARDS)):
        fail(
            "expected the result of an episode not to depend on its place in a batch, but it does: "
            "compute each instance from its own inputs only"
        )
    fail(
        "deterministic is declared, but another key gives another level or episode: "
        "declare False, or do not use the key"
    )
