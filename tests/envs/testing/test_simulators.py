"""The kit for environments of simulators: what keeps the contract passes, and each way to break it is named."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from poet.envs.base import Interface
from poet.envs.host import HostStep
from poet.envs.testing import check_generator, check_host_environment
from poet.errors import ContractError
from tests.agents.simulators import CountingEnvironment, CountingSimulator, Limit

GENOMES = [Limit(np.int32(limit)) for limit in (4, 9, 30)]
SHARED = np.random.default_rng(0)


@dataclasses.dataclass(frozen=True)
class Broken(CountingEnvironment):
    """The simulator with other methods, or the environment with other members."""

    kind: type = CountingSimulator

    def make_simulator(self, genome: Limit) -> CountingSimulator:
        return self.kind(int(genome.limit), self)


def simulator(**methods: Callable) -> Broken:
    name = f"Changed{len(globals())}"
    globals()[name] = kind = type(name, (CountingSimulator,), methods)  # where pickle looks for it
    kind.__module__ = __name__
    return Broken(kind=kind)


def step_with(**changes: Any) -> Broken:
    def step(self: Any, action: np.ndarray) -> HostStep:
        return CountingSimulator.step(self, action)._replace(**changes)

    return simulator(step=step)


def test_an_environment_that_keeps_the_contract_passes() -> None:
    lines: list[str] = []
    check_host_environment(CountingEnvironment(), GENOMES, report=lines.append)
    assert any("the same episodes again" in line for line in lines)


class Unpicklable(CountingEnvironment):
    def __reduce__(self) -> Any:
        raise TypeError("not this one")


@dataclasses.dataclass
class Unhashable(CountingEnvironment.__mro__[1]):  # type: ignore[misc]
    interface: Interface = CountingEnvironment().interface

    def make_simulator(self, genome: Limit) -> CountingSimulator:
        return CountingSimulator(int(genome.limit), self)  # type: ignore[arg-type]


def unseeded(self: Any, seed: int) -> np.ndarray:
    obs = CountingSimulator.reset(self, seed)
    self.noise = SHARED
    return obs


class NoSimulator:
    def __init__(self, limit: int, environment: Any) -> None: ...


BROKEN = {
    "no simulator": (Broken(kind=NoSimulator), "must give a simulator with reset, step"),  # type: ignore[arg-type]
    "no pickle": (Unpicklable(), "pickle of the environment to return, but it raised TypeError"),
    "not hashable": (Unhashable(), "must be hashable"),
    "no HostStep": (simulator(step=lambda self, action: (0, 0.0)), "step must return a poet.envs.host.HostStep"),
    "obs of another dtype": (simulator(reset=lambda self, seed: np.zeros(2)), r"obs of reset must be int32\[2\], got"),
    "obs of another shape": (step_with(obs=np.zeros(3, np.int32)), r"obs of step must be int32\[2\]"),
    "obs of another structure": (step_with(obs=(1, 2)), "obs of step must be like interface.obs"),
    "reward is NaN": (step_with(reward=np.nan), "reward must be a finite number"),
    "success above 1": (simulator(success=lambda self: 2.0), r"success\(\) must lie in \[0, 1\], got 2"),
    "descriptor of another size": (simulator(descriptor=lambda self: np.zeros(2)), r"must give f32\[1\]"),
    "descriptor beyond": (
        simulator(descriptor=lambda self: np.array([101.0])),
        "'total'.*must lie in 0.0 to 100",
    ),
    "not from the seed": (simulator(reset=unseeded), "take all randomness from the seed"),
    "no picture": (simulator(render=lambda self: np.zeros((2, 2))), r"render\(\) must be u8\[H, W, 3\]"),
    "step raises": (simulator(step=lambda self, action: 1 / 0), "step to return, but it raised ZeroDivisionError"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_breakage_is_named(name: str) -> None:
    environment, message = BROKEN[name]
    with pytest.raises(ContractError, match=message):
        check_host_environment(environment, GENOMES, report=lambda line: None)


def test_a_seed_that_matters_is_not_deterministic() -> None:
    with pytest.raises(ContractError, match="deterministic is declared, and the episode depends on the seed"):
        check_host_environment(CountingEnvironment(), GENOMES, deterministic=True, report=lambda line: None)


def test_a_generator_is_checked_with_its_simulators() -> None:
    pytest.importorskip("gymnasium")
    from poet.envs.adapters.config import GymnasiumConfig

    lines: list[str] = []
    config = GymnasiumConfig(env="Acrobot-v1", horizon=40, return_range=(-40.0, -10.0), solved_return=-15.0)
    check_generator(config.make(), report=lines.append)
    assert any("a copy by pickle" in line for line in lines)
    wrong = dataclasses.replace(config, return_range=(-400.0, -100.0), solved_return=-200.0)
    with pytest.raises(ContractError, match="no agent gets more than a perfect one"):
        check_generator(wrong.make(), report=lines.append)
