import dataclasses
import json
from typing import ClassVar

import jax
import pytest

from poet.envs.walker.config import WalkerConfig
from poet.errors import ConfigError, ContractError
from poet.runs import config as configs
from poet.runs.build import build
from poet.runs.config import Config, PoetRun, identity_changes
from poet.runs.presets import PRESETS
from tests.runs.toy import ToyConfig, walk


def through_json(config: Config) -> dict:
    return json.loads(json.dumps(config.to_dict()))


@dataclasses.dataclass(frozen=True)
class Step:
    sizes: tuple[float, ...] = (1.0,)
    bounds: tuple[tuple[float, float], ...] = ((0.0, 1.0),)


@dataclasses.dataclass(frozen=True)
class WalkRun(Config):
    kind: ClassVar[str] = "walk"
    step: Step = dataclasses.field(default_factory=Step)
    pause: Step | None = None
    steps: tuple[Step, ...] = ()


@pytest.fixture
def own_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(configs.KINDS, "walk", WalkRun)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_json(name: str) -> None:
    data = through_json(PRESETS[name])
    assert Config.from_dict(data) == PRESETS[name]
    assert identity_changes(data, PRESETS[name].to_dict()) == []
    assert len(PRESETS[name].describe()) > len(PRESETS[name].kind)


def test_a_config_without_a_kind_is_of_poet_as_runs_once_were() -> None:
    config = PoetRun(seed=3, generator=WalkerConfig(horizon=7))
    data = through_json(config)
    assert data.pop("kind") == "poet"
    assert Config.from_dict(data) == config
    assert identity_changes(data, config.to_dict()) == []


def test_a_kind_of_ones_own(own_kind: None) -> None:
    config = WalkRun(step=Step((1, 2), ((0, 1), (2, 3))), steps=(Step(), Step((4,))), iterations=5)
    data = through_json(config)
    assert Config.from_dict(data) == config
    assert identity_changes(data, config.to_dict()) == []
    assert identity_changes(data, dataclasses.replace(config, steps=(), iterations=9).to_dict())[0].startswith("steps")
    paused = dataclasses.replace(config, pause=Step((9,)))
    assert Config.from_dict(through_json(paused)) == paused
    with pytest.raises(ContractError, match=r"no search for a WalkRun.*poet\.build\.register"):
        build(config)
    build.register(WalkRun, lambda config: walk(ToyConfig(seed=config.seed)))
    assert int(build(config).init(jax.random.key(0)).iteration) == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"kind": "peot"}, "unknown kind of run 'peot'. Did you mean 'poet'"),
        ({"sede": 1}, "unknown config field 'sede'. Did you mean 'seed'"),
        ({"es": {"sigam": 1}}, "unknown config field 'es.sigam'. Did you mean 'es.sigma'"),
        ({"generator": {"id": "wlaker"}}, "unknown generator 'wlaker'"),
        ({"kind": "walk", "step": {"size": 1}}, "unknown config field 'step.size'"),
    ],
)
def test_what_cannot_be_is_named(own_kind: None, data: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Config.from_dict(data)


def test_the_base_alone_is_no_run() -> None:
    with pytest.raises(ContractError, match="use one of PoetRun"):
        Config()


def test_runs_of_two_kinds_are_not_the_same() -> None:
    assert identity_changes({"seed": 1}, {"kind": "walk", "seed": 1}) == ["kind: poet -> walk"]
