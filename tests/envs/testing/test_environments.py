from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.envs.base import Box, Discrete, MultiDiscrete, Step
from poet.envs.testing import check_environment
from poet.errors import ContractError
from tests.envs.testing.broken import (
    COUNTER,
    GENERATOR,
    WORLD,
    Changed,
    KeepsTime,
    Mutable,
    ResetsItself,
    mixed,
    unbatched,
)
from tests.envs.toy import Corridor, CorridorEnvironment, Point


def interface(**changes) -> CorridorEnvironment:
    class Declared(CorridorEnvironment):
        @property
        def interface(self):
            return super().interface._replace(**changes)

    return Declared(12)


def described(descriptor: Callable = lambda level, world: world.place, **parts) -> Changed:
    """A corridor whose descriptor is the position of its point."""
    declared = {"descriptor_names": ("x", "y"), "descriptor_bounds": ((-9.0, 9.0), (-1.0, 1.0))}
    return Changed(descriptor=descriptor, **{**declared, **parts})


class NoStep:
    interface, build, reset = WORLD.interface, WORLD.build, WORLD.reset


class Unreadable(CorridorEnvironment):
    @property
    def interface(self):
        return 1 / 0


class OtherInterface(CorridorEnvironment):
    interface = "corridor"  # type: ignore


class OtherAtEachAccess(CorridorEnvironment):
    @property
    def interface(self):
        return super().interface._replace(horizon=12 + next(COUNTER))


def first_is_nan(key, level):
    world, obs = WORLD.reset(key, level)
    return world, obs / level.wind


def nan_far_ahead(step: Step, world: Point) -> Step:
    return step._replace(reward=jnp.where(step.world.place[0] > 1, jnp.nan, step.reward))


def ended(step: Step, world: Point) -> Step:
    return step._replace(terminated=step.terminated | step.truncated, truncated=jnp.bool_(False))


def python_branch(step: Step, world: Point) -> Step:
    return step if step.reward > 0 else step._replace(reward=jnp.float32(0))


def random_on_host(step: Step, world: Point) -> Step:
    number = jax.pure_callback(lambda: np.float32(next(COUNTER)), jax.ShapeDtypeStruct((), jnp.float32))
    return step._replace(reward=step.reward + number)


def counted(step: Step, world: Point) -> Step:
    return step._replace(reward=step.reward + next(COUNTER))


ENVIRONMENTS = {
    "no step": (NoStep(), "has no `step`"),
    "interface that raises": (Unreadable(12), "`interface` to return, but it raised ZeroDivisionError"),
    "not hashable": (Mutable(), "must be hashable"),
    "another interface": (OtherInterface(12), "must be a poet.envs.base.Interface"),
    "id without version": (interface(id="corridor"), "must end in a version"),
    "no horizon": (interface(horizon=0), "horizon must be an int of at least 1"),
    "obs not a spec": (interface(obs=(4,)), "ShapeDtypeStruct"),
    "unbounded actions": (interface(action=Box((2,), high=float("inf"))), "finite low < high"),
    "unknown space": (interface(action="left or right"), "Box, Discrete or MultiDiscrete"),
    "info twice": (interface(info=("y", "y")), "distinct names"),
    "obs of another shape": (interface(obs=jax.ShapeDtypeStruct((5,), jnp.float32)), "obs of reset must be"),
    "obs of another dtype": (
        Changed(lambda step, _: step._replace(obs=step.obs.astype(jnp.bfloat16))),
        "obs of step must be",
    ),
    "python branch": (Changed(python_branch), "expected that jax can trace step"),
    "a gym tuple": (Changed(lambda step, _: (step.obs, step.reward, False, {})), "must return a poet.envs.base.Step"),
    "reward of a shape": (Changed(lambda step, _: step._replace(reward=step.reward[None])), "reward must be float32"),
    "done as a float": (Changed(lambda step, _: step._replace(terminated=step.reward)), "terminated must be bool"),
    "undeclared info": (Changed(lambda step, _: step._replace(info={"x": step.reward})), "keys declared in interface"),
    "no info": (Changed(lambda step, _: step._replace(info=None)), "must be a dict with the keys"),
    "a world that changes": (
        Changed(lambda step, _: step._replace(world=step.world._replace(time=step.reward))),
        "the world after step must have",
    ),
    "not finite": (Changed(lambda step, _: step._replace(obs=step.obs / 0)), "obs must be finite, .* first at step 0"),
    "no end": (Changed(lambda step, _: step._replace(truncated=jnp.bool_(False))), "neither terminated nor truncated"),
    "resets itself": (ResetsItself(12), "never reset inside `step`"),
    "hidden state": (Changed(counted), "expected step to be the same program each time"),
    "random numbers of the host": (Changed(random_on_host), "two calls gave different results"),
    "mixes lanes": (Changed(lambda step, _: step._replace(reward=mixed(step.reward))), "its place in a batch"),
    "cannot be batched": (Changed(lambda step, _: step._replace(reward=unbatched(step.reward))), "under jax.vmap"),
    "interface that changes": (OtherAtEachAccess(12), "interface must be equal at each access"),
    "id of another type": (interface(id=7), "must end in a version"),
    "horizon of another type": (interface(horizon=True), "horizon must be an int of at least 1, got True"),
    "box without shape": (interface(action=Box(2)), "the shape of a Box action must be a tuple"),
    "box of an empty shape": (interface(action=Box((0,))), "each entry of the shape of a Box action must be an int"),
    "box with a text": (interface(action=Box((2,), low="-1")), "finite low < high, got '-1'"),
    "half a choice": (interface(action=Discrete(2.5)), "num of a Discrete action must be an int"),
    "choices as a list": (interface(action=MultiDiscrete([2, 3])), "must be hashable"),
    "an empty choice": (interface(action=MultiDiscrete((2, 0))), "each entry of nums of a MultiDiscrete action"),
    "reset gives NaN": (Changed(reset=first_is_nan), "obs of reset must be finite"),
    "NaN under one constant action": (
        Changed(nan_far_ahead),
        "reward must be finite, but under one constant action at the bounds",
    ),
    "info not finite": (
        Changed(lambda step, world: step._replace(info={"y": step.reward / (world.time < 3)})),
        "info must be finite, .* first at step 3",
    ),
    "truncated early": (
        Changed(lambda step, world: step._replace(truncated=world.time >= 5)),
        "truncated at its horizon .* only, but one was truncated after 6 steps",
    ),
    "truncated late": (
        Changed(lambda step, world: step._replace(truncated=world.time >= 12)),
        "neither terminated nor truncated",
    ),
    "time limit as an end by the rules": (Changed(ended), "were terminated and not truncated"),
    "ends at once": (
        Changed(lambda step, _: step._replace(terminated=jnp.bool_(True))),
        "all 128 episodes ended after the first one",
    ),
    "resets itself and truncates in time": (KeepsTime(12), "it is the first one again: never reset"),
    "success not a number": (Changed(success=lambda level, world: jnp.float32("nan")), "`success` must lie in"),
    "success above 1": (Changed(success=lambda level, world: 2 + world.place[0]), "`success` must lie in"),
    "success of a shape": (Changed(success=lambda level, world: world.place), "success.* must be float32"),
    "descriptor without axis": (
        described(lambda level, world: world.place[0]),
        r"descriptor.* must be float32\[2\]",
    ),
    "descriptor of another size": (
        described(lambda level, world: jnp.zeros(3)),
        r"descriptor.* must be float32\[2\]",
    ),
    "descriptor of integers": (
        described(lambda level, world: jnp.arange(2)),
        r"descriptor.* must be float32\[2\]",
    ),
    "descriptor not finite": (described(lambda level, world: world.place / 0), "`descriptor` must be finite"),
    "descriptor of the first world": (
        described(lambda level, world: jnp.where(world.time > 0, world.place, jnp.nan)),
        "`descriptor` must be finite .* first",
    ),
    "descriptor out of bounds": (
        described(descriptor_bounds=((-9.0, 9.0), (-0.1, 0.1))),
        "descriptor 'y' at the end of an episode must lie in -0.1 to 0.1",
    ),
    "descriptor with reversed bounds": (
        described(descriptor_bounds=((9.0, 0.0), (-1.0, 1.0))),
        "descriptor_bounds must be a finite",
    ),
    "descriptor with infinite bounds": (
        described(descriptor_bounds=((0.0, float("inf")), (-1.0, 1.0))),
        "descriptor_bounds must be a finite",
    ),
    "descriptor with too many names": (described(descriptor_names=("x", "y", "z")), "descriptor_bounds must be"),
    "names without a descriptor": (Changed(descriptor_names=("x", "y")), "need a `descriptor"),
    "descriptor that is no method": (described(descriptor=None), "`descriptor` must be a method, got None"),
    "observation of another world": (
        Changed(observe=lambda level, world: jnp.concatenate([world.place, world.speed])),
        "`observe` must give the observation of a world",
    ),
    "observation of another shape": (
        Changed(observe=lambda level, world: world.place),
        "obs of observe must be float32",
    ),
    "observe that is no method": (Changed(observe=1.0), "`observe` must be a method, got 1.0"),
    "success that is no method": (Changed(success=1.0), "`success` must be a method, got 1.0"),
    "descriptor without names": (
        Changed(descriptor=lambda level, world: world.place),
        "descriptor_names must be a tuple",
    ),
    "descriptor without bounds": (described(descriptor_bounds=None), "descriptor_bounds must be a finite"),
    "descriptor with too few bounds": (described(descriptor_bounds=((0.0, 9.0),)), "descriptor_bounds must be"),
    "descriptor with equal names": (described(descriptor_names=("x", "x")), "descriptor_names must differ"),
}


def test_an_environment_with_descriptor_passes() -> None:
    check_environment(described(), [GENERATOR.simplest()], deterministic=True)


@pytest.mark.few(12)
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_broken_environment(name: str) -> None:
    environment, message = ENVIRONMENTS[name]
    with pytest.raises(ContractError, match=message):
        check_environment(environment, [GENERATOR.simplest(), Corridor(jnp.float32(3), jnp.float32(0.5))])


def test_genomes_of_different_structure() -> None:
    with pytest.raises(ContractError, match="must have the structure, shapes and dtypes"):
        check_environment(WORLD, [GENERATOR.simplest(), Corridor(jnp.float32(3), jnp.int32(0))])
    with pytest.raises(ContractError, match="at least one genome"):
        check_environment(WORLD, [])
