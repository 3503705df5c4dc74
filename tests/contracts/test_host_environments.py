"""What every environment of simulators must keep. A package adds its own to `cases`."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from poet.envs.adapters.atari import Atari
from poet.envs.adapters.gymnasium import GymnasiumEnvironment
from poet.envs.host import HostEnvironment
from poet.envs.testing import check_host_environment
from poet.errors import ContractError
from tests.agents.simulators import CountingEnvironment, Limit


class Seed(NamedTuple):
    seed: Any


class Pendulum(NamedTuple):
    g: Any


def cases() -> list[Any]:
    """An environment, genomes, and whether these determine the episode."""
    seeds = [Seed(np.int32(number)) for number in (0, 7)]
    limits = [Limit(np.int32(limit)) for limit in (4, 30)]
    gravities = [Pendulum(np.float32(g)) for g in (9.0, 10.0)]
    walker = GymnasiumEnvironment("BipedalWalker-v3", (), 40, (8, 13), ("left", "right"), ((0.0, 1.0), (0.0, 1.0)))
    later = pytest.mark.ci
    return [
        pytest.param(CountingEnvironment(), limits, False, id="ours"),
        pytest.param(CountingEnvironment(snapshot_bytes=1000), limits, False, id="snapshots"),
        pytest.param(Atari("montezuma_revenge", horizon=150), seeds, True, id="atari", marks=later),
        pytest.param(Atari("breakout", 80, sticky=0.25, frame=(21, 16)), seeds, True, id="sticky", marks=later),
        pytest.param(GymnasiumEnvironment("CartPole-v1"), seeds, True, id="discrete actions"),
        pytest.param(GymnasiumEnvironment("Pendulum-v1"), gravities, False, id="parameters", marks=later),
        pytest.param(GymnasiumEnvironment("Blackjack-v1", (), 20), seeds, True, id="parts", marks=later),
        pytest.param(GymnasiumEnvironment("CliffWalking-v1", (), 30), seeds, True, id="one number", marks=later),
        pytest.param(walker, seeds, True, id="walker", marks=later),
    ]


@pytest.mark.parametrize(("environment", "genomes", "deterministic"), cases())
def test_it_keeps_the_contract(environment: HostEnvironment, genomes: list[Any], deterministic: bool) -> None:
    lines: list[str] = []
    check_host_environment(environment, genomes, deterministic, lines.append)
    assert lines, "the kit must say what it checks"


def test_snapshots_that_do_not_hold_everything_are_found() -> None:
    limits = [Limit(np.int32(30))]
    with pytest.raises(ContractError, match="snapshots must hold everything that later steps depend on"):
        check_host_environment(CountingEnvironment(snapshot_bytes=1000, forgets_noise=True), limits)
    with pytest.raises(ContractError, match="at most snapshot_bytes = 10 bytes, got"):
        check_host_environment(CountingEnvironment(snapshot_bytes=10), limits)
