"""Atari games as simulators; that they keep the contract is tested in `tests/contracts/test_host_environments.py`."""

import sys
from typing import Any

import numpy as np
import pytest

from poet.envs.adapters.atari import Atari, Ram, RamAndFrame
from poet.envs.adapters.config import AtariConfig
from poet.errors import ConfigError, ContractError

GAMES = AtariConfig(game="breakout").make()


def started(**options: Any) -> Any:
    simulator = Atari("breakout", **options).make_simulator(GAMES.simplest())
    simulator.reset(0)
    return simulator


def test_a_life_ends_an_episode_unless_the_whole_game_is_wanted() -> None:
    one_life, whole = started(), started(one_life=False)
    lengths = []
    for simulator in (one_life, whole):
        steps = 0
        while not simulator.step(np.int32(1 if steps % 20 == 0 else 0)).terminated:  # fire, then wait
            steps += 1
        lengths.append(steps)
    assert 10 < lengths[0] < lengths[1] / 3
    with pytest.raises(ContractError, match="an Atari game that is over has no snapshot"):
        whole.snapshot()


def test_what_is_observed() -> None:
    assert isinstance(started().step(np.int32(0)).obs, Ram)
    seen = started(frame=(42, 32)).step(np.int32(0)).obs
    assert isinstance(seen, RamAndFrame)
    assert seen.frame.shape == (42, 32)
    assert seen.frame.max() > 50
    picture = started().render()
    assert picture.shape == (210, 160, 3)


def test_sticky_actions_follow_from_the_genome() -> None:
    def played(seed: int) -> list[int]:
        simulator = Atari("breakout", sticky=0.5).make_simulator(GAMES.simplest()._replace(seed=np.int32(seed)))
        simulator.reset(0)
        rams = [simulator.step(np.int32(number % 4)).obs.ram for number in range(60)]
        return [int(ram.astype(int).sum()) for ram in rams]

    assert played(1) == played(1)
    assert played(1) != played(2)


def test_snapshots_of_another_version_are_refused() -> None:
    simulator = started()
    data = bytearray(simulator.snapshot())
    data[0] ^= 1
    with pytest.raises(ContractError, match="made with another version of ale-py than the installed 0"):
        simulator.restore(bytes(data))


def test_bad_options_and_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="ale-py has no game 'chess'; it has adventure, "):
        AtariConfig(game="chess").make()
    for options, message in (
        ({"sticky": 1.0}, "sticky expects a probability below 1"),
        ({"frame_skip": 0}, "frame_skip expects at least 1"),
        ({"frame": (300, 10)}, "at most 210 rows and 160 columns"),
    ):
        with pytest.raises(ConfigError, match=message):
            AtariConfig(**options)
    monkeypatch.setitem(sys.modules, "ale_py.roms", None)
    with pytest.raises(ConfigError, match="the extra 'atari' is needed here and is not installed"):
        AtariConfig(game="pitfall").make()
