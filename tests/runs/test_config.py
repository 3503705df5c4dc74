"""Configs of runs: as JSON and back, unknown fields, and the options that may differ when a run is resumed."""

import dataclasses
import json
from typing import Any, ClassVar

import jax
import pytest

from poet.configs import adjustable_fields, differences
from poet.errors import ConfigError, ContractError
from poet.executors.config import ExecutorConfig, LocalExecutorConfig
from poet.learners.config import ESConfig, LearnerConfig
from poet.registry import register
from poet.runs.launch import build_search
from poet.search.base import RunContext, Search
from poet.search.config import RunConfig, StopConfig, presets, searches
from poet.search.map_elites.config import EmitterConfig, IsoLineConfig, MapElitesConfig, MapElitesRunConfig
from poet.search.poet.config import PoetRunConfig
from tests.runs.toy import ToyConfig, walk


def through_json(config: RunConfig) -> dict[str, Any]:
    return json.loads(json.dumps(config.to_dict()))


@dataclasses.dataclass(frozen=True)
class Pace:
    sizes: tuple[float, ...] = (1.0,)
    bounds: tuple[tuple[float, float], ...] = ((0.0, 1.0),)


@register
@dataclasses.dataclass(frozen=True)
class HikeRunConfig(RunConfig):
    """A search whose config has nested, optional and repeated parts."""

    id: ClassVar[str] = "hike"

    pace: Pace = dataclasses.field(default_factory=Pace)
    pause: Pace | None = None
    stages: tuple[Pace, ...] = ()
    learner: LearnerConfig | None = None
    others: tuple[LearnerConfig | ExecutorConfig, ...] = ()

    def make(self, context: RunContext) -> Search:
        return walk(ToyConfig(seed=self.seed))


@pytest.mark.parametrize("name", presets.ids())
def test_every_preset_is_the_same_after_a_round_trip_through_json(name: str) -> None:
    preset = presets.get(name)
    data = through_json(preset)
    assert data["id"] == preset.id
    assert RunConfig.from_dict(data) == preset
    assert differences(data, preset.to_dict()) == []
    assert len(preset.describe()) > len(preset.id)


def test_a_config_without_an_id_is_refused() -> None:
    data = through_json(PoetRunConfig(seed=3))
    assert data.pop("id") == "poet"
    with pytest.raises(ConfigError, match="config expects an id of kind search, got None"):
        RunConfig.from_dict(data)
    data = through_json(PoetRunConfig(seed=3))
    assert data["generator"].pop("id") == "walker"
    with pytest.raises(ConfigError, match="generator expects an id of kind generator, got None"):
        RunConfig.from_dict(data)


def test_nested_optional_and_repeated_parts_are_kept() -> None:
    config = HikeRunConfig(pace=Pace((1, 2), ((0, 1), (2, 3))), stages=(Pace(), Pace((4,))), iterations=5)
    data = through_json(config)
    assert RunConfig.from_dict(data) == config
    assert differences(data, config.to_dict()) == []
    changed = dataclasses.replace(config, stages=(), iterations=9).to_dict()
    assert [line.partition(":")[0] for line in differences(data, changed)] == ["iterations", "stages"]
    paused = dataclasses.replace(config, pause=Pace((9,)))
    assert RunConfig.from_dict(through_json(paused)) == paused
    assert int(build_search(config).init(jax.random.key(0)).iteration) == 0


def test_fields_that_take_entries_of_registries_are_kept() -> None:
    config = HikeRunConfig(learner=ESConfig(population=8), others=(ESConfig(sigma=0.2), LocalExecutorConfig(queue=4)))
    data = through_json(config)
    assert data["learner"]["id"] == "es"
    assert [other["id"] for other in data["others"]] == ["es", "local"]
    assert RunConfig.from_dict(data) == config
    assert RunConfig.from_dict(through_json(HikeRunConfig())).learner is None  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"id": "peot"}, "unknown search 'peot'. Did you mean 'poet'"),
        ({"id": "poet", "sede": 1}, "unknown config field 'sede'. Did you mean 'seed'"),
        (
            {"id": "poet", "learner": {"id": "es", "sigam": 1}},
            "unknown config field 'learner.sigam'. Did you mean 'learner.sigma'",
        ),
        ({"id": "poet", "generator": {"id": "wlaker"}}, "unknown generator 'wlaker'. Did you mean 'walker'"),
        ({"id": "poet", "search": {"max_niche": 1}}, "'search.max_niche'. Did you mean 'search.max_niches'"),
        ({"id": "hike", "pace": {"size": 1}}, "unknown config field 'pace.size'"),
        ({"id": "hike", "stages": [{"size": 1}]}, "unknown config field 'stages.size'. Did you mean 'stages.sizes'"),
        ({"id": "hike", "others": [{"id": "walker"}]}, "unknown learner or executor 'walker'"),
        ({"id": "poet", "learner": {"id": "es", "population": 3}}, "learner.population expects an even number"),
        ({"id": "poet", "iterations": 0}, "iterations expects at least 1, got 0"),
        ({"id": "poet", "seed": -1}, r"seed expects an integer in \[0, 2\*\*32\), got -1"),
    ],
)
def test_the_error_for_an_impossible_config_names_the_field(data: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RunConfig.from_dict(data)


def test_the_base_class_is_no_search() -> None:
    with pytest.raises(ContractError, match="RunConfig must define make"):
        build_search(RunConfig())
    with pytest.raises(ConfigError, match="unknown search ''"):
        RunConfig.from_dict(RunConfig().to_dict())


def test_a_search_is_found_by_its_id() -> None:
    assert searches.get("hike") is HikeRunConfig
    assert {"poet", "map-elites", "paired-map-elites"} <= set(searches.ids())
    with pytest.raises(ContractError, match="expected a class derived from RunConfig"):
        searches.register(ESConfig)  # pyright: ignore[reportArgumentType]


def test_runs_of_two_searches_are_not_the_same() -> None:
    assert differences({"id": "poet", "seed": 1}, {"id": "hike", "seed": 1}) == ["id: poet -> hike"]


def test_the_options_in_which_a_resumed_run_may_differ() -> None:
    run = {"iterations", "max_env_steps", "checkpoint_every", "keep_every", "sinks"}
    run |= {f"stop.{field.name}" for field in dataclasses.fields(StopConfig)}
    assert adjustable_fields(PoetRunConfig()) == run | {"executor.devices", "engine.chunk", "executor.queue"}
    for name in adjustable_fields(PoetRunConfig()):
        owner, _, field = name.rpartition(".")
        assert hasattr(getattr(PoetRunConfig(), owner) if owner else PoetRunConfig(), field), name


@dataclasses.dataclass(frozen=True)
class ClusterConfig(ExecutorConfig):
    """An executor with options of its own."""

    id: ClassVar[str] = "cluster"
    adjustable: ClassVar[frozenset[str]] = frozenset({"workers"})

    workers: int = 1
    block: int = 8


def test_a_plugin_decides_which_of_its_options_may_differ() -> None:
    adjustable = adjustable_fields(HikeRunConfig(executor=ClusterConfig()))
    assert {"executor.workers", "executor.devices"} <= adjustable
    assert "executor.block" not in adjustable


@dataclasses.dataclass(frozen=True)
class NoisyConfig(EmitterConfig):
    """An emitter with an option that may change."""

    id: ClassVar[str] = "noisy"
    adjustable: ClassVar[frozenset[str]] = frozenset({"verbose"})

    verbose: bool = False
    sigma: float = 0.1


def test_options_of_repeated_parts_may_differ_too() -> None:
    def config(**options: Any) -> MapElitesRunConfig:
        return MapElitesRunConfig(search=MapElitesConfig(emitters=(IsoLineConfig(), NoisyConfig(**options))))

    allowed = adjustable_fields(config())
    assert "search.emitters.1.verbose" in allowed
    before = config().to_dict()
    assert differences(before, config(verbose=True).to_dict(), allowed) == []
    changed = differences(before, config(verbose=True, sigma=0.5).to_dict(), allowed)
    assert changed == ["search.emitters.1.sigma: 0.1 -> 0.5"]
