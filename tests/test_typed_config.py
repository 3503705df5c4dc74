"""Options of every config are checked by the types of their fields."""

import dataclasses
import doctest
from typing import Any, ClassVar

import numpy as np
import pytest

from poet import typed_config
from poet.agents.config import MLPConfig
from poet.archives import make
from poet.archives.config import GridConfig, UnstructuredConfig
from poet.envs.maze.config import MazeConfig
from poet.envs.walker.config import WalkerConfig
from poet.errors import ConfigError
from poet.learners.config import ESConfig
from poet.registry import PluginConfig, registries
from poet.search.map_elites.config import IsoLineConfig, MapElitesConfig, MapElitesRunConfig
from poet.search.paired_map_elites.config import PairedMapElitesConfig
from poet.search.poet.config import PoetConfig, PoetRunConfig
from poet.typed_config import TypedConfig

BAD: list[tuple[type, dict[str, Any], str]] = [
    (PoetRunConfig, {"iterations": 3.5}, "search poet: iterations expects an integer, got 3.5"),
    (PoetRunConfig, {"iterations": True}, "iterations expects an integer, got True"),
    (PoetRunConfig, {"iterations": "many"}, "iterations expects an integer"),
    (PoetRunConfig, {"seed": None}, "seed expects an integer"),
    (PoetRunConfig, {"max_env_steps": 1e9}, "max_env_steps expects an integer or None"),
    (PoetRunConfig, {"generator": "maze"}, "generator expects an instance of GeneratorConfig, got 'maze'"),
    (PoetRunConfig, {"learner": MLPConfig()}, "learner expects an instance of LearnerConfig"),
    (MapElitesRunConfig, {"problem": 3}, "problem expects an instance of ProblemConfig or an instance of Generator"),
    (MapElitesConfig, {"batch": 8.0}, "MapElitesConfig: batch expects an integer, got 8.0"),
    (MapElitesConfig, {"bounds": (0.0, float("inf"))}, "bounds expects a finite number or a tuple or None"),
    (MapElitesConfig, {"bounds": (0.0, 1.0, 2.0)}, "bounds expects a tuple of 2 values or a tuple or None"),
    (MapElitesConfig, {"emitters": IsoLineConfig()}, "emitters expects a tuple"),
    (IsoLineConfig, {"iso_sigma": float("inf")}, "emitter iso-line: iso_sigma expects a finite number, got inf"),
    (ESConfig, {"learning_rate": float("inf")}, "learner es: learning_rate expects a finite number"),
    (ESConfig, {"population": [4]}, "population expects an integer"),
    (MLPConfig, {"hidden": (8.5,)}, "policy mlp: hidden expects an integer"),
    (MLPConfig, {"hidden": 8}, "hidden expects a tuple, got 8"),
    (PoetConfig, {"solved_score": float("nan")}, "solved_score expects a finite number or None, got nan"),
    (PairedMapElitesConfig, {"features": ("pit", 3)}, "features expects text"),
    (GridConfig, {"shape": 20}, "archive grid: shape expects a tuple, got 20"),
    (UnstructuredConfig, {"min_distance": "near"}, "min_distance expects a finite number"),
    (WalkerConfig, {"terrain": "moon"}, "generator walker: terrain expects 'fixed' or 'fresh', got 'moon'"),
    (MazeConfig, {"speed": "fast"}, "generator maze: speed expects a finite number"),
]


@pytest.mark.parametrize(("kind", "options", "message"), BAD, ids=lambda value: getattr(value, "__name__", None))
def test_values_of_other_types_are_refused(kind: type, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        kind(**options)


def test_numbers_of_numpy_and_lists_are_taken() -> None:
    seed, rate, shape = np.arange(3)[2], np.float32(0.5), np.array([20, 30])
    config = MapElitesRunConfig(seed=seed, archive=GridConfig(shape=shape, learning_rate=rate))  # type: ignore[arg-type]
    assert config == MapElitesRunConfig(seed=2, archive=GridConfig(shape=(20, 30), learning_rate=0.5))
    assert type(config.seed) is int
    assert MLPConfig(hidden=[8, np.int32(4)]).hidden == (8, 4)  # type: ignore[arg-type]
    assert WalkerConfig(stairs=np.bool_(True)).stairs is True  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [20, [20.5, 20.0], "20", [[20, 20]]])
def test_specs_of_archives_are_checked_in_the_same_way(shape: Any) -> None:
    with pytest.raises(ConfigError, match="archive grid: shape expects"):
        make({"id": "grid", "shape": shape, "bounds": [[0, 1], [0, 1]]})
    made = make({"id": "grid", "shape": np.array([20, 20]), "bounds": [[0, 1], [0, 1]]})
    assert made.spec["shape"] == [20, 20]


def test_subclasses_are_checked_before_their_own_rules() -> None:
    @dataclasses.dataclass(frozen=True)
    class Base(PluginConfig):
        id: ClassVar[str] = ""
        size: int = 1

        def __post_init__(self) -> None:
            if self.size < 1:
                raise ConfigError("too small")

    @dataclasses.dataclass(frozen=True)
    class Derived(Base):
        name: str = "x"

    for kind in (Base, Derived):
        with pytest.raises(ConfigError, match="size expects an integer"):
            kind(size="big")
        with pytest.raises(ConfigError, match="too small"):
            kind(size=0)
    with pytest.raises(ConfigError, match="name expects text"):
        Derived(name=3)  # type: ignore[arg-type]


def test_every_config_of_ours_is_checked() -> None:
    entries = [registry.get(id) for registry in registries() for id in registry.ids() if registry.kind != "view"]
    kinds = [entry if isinstance(entry, type) else type(entry) for entry in entries]
    assert len(kinds) > 20
    assert all(issubclass(kind, TypedConfig) for kind in kinds)


def test_examples() -> None:
    assert doctest.testmod(typed_config).failed == 0
