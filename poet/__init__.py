"""POET: environments and agents evolve together, on accelerators.

`run` starts and resumes runs, `open_run` reads them, `build_search` gives a search to be driven by hand. Config classes
end in `Config` or `Run`; `presets` has named ones. To add something of your own, derive from the config class of its
kind (`GeneratorConfig`, `LearnerConfig`, ...) and `register` it, or declare an entry point (docs/extending).

Names are loaded when they are first used, so that `import poet` costs nothing and starts no accelerator.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poet.agents.config import EngineConfig as EngineConfig
    from poet.agents.config import GRUConfig as GRUConfig
    from poet.agents.config import HostEngineConfig as HostEngineConfig
    from poet.agents.config import MLPConfig as MLPConfig
    from poet.agents.config import PolicyConfig as PolicyConfig
    from poet.agents.config import RandomActionsConfig as RandomActionsConfig
    from poet.agents.config import XLAEngineConfig as XLAEngineConfig
    from poet.archives.config import ArchiveConfig as ArchiveConfig
    from poet.archives.config import BufferConfig as BufferConfig
    from poet.archives.config import CellsConfig as CellsConfig
    from poet.archives.config import CVTConfig as CVTConfig
    from poet.archives.config import GridConfig as GridConfig
    from poet.archives.config import ParetoConfig as ParetoConfig
    from poet.archives.config import UnstructuredConfig as UnstructuredConfig
    from poet.archives.selections import LeastChosenConfig as LeastChosenConfig
    from poet.archives.selections import SelectionConfig as SelectionConfig
    from poet.archives.selections import UniformConfig as UniformConfig
    from poet.archives.selections import WeightedConfig as WeightedConfig
    from poet.envs.config import GeneratorConfig as GeneratorConfig
    from poet.envs.config import ProblemConfig as ProblemConfig
    from poet.errors import ConfigError as ConfigError
    from poet.errors import ContractError as ContractError
    from poet.errors import PoetError as PoetError
    from poet.errors import RunError as RunError
    from poet.errors import ShapeError as ShapeError
    from poet.executors.config import ExecutorConfig as ExecutorConfig
    from poet.executors.config import LocalExecutorConfig as LocalExecutorConfig
    from poet.interest.config import JudgeConfig as JudgeConfig
    from poet.learners.config import ESConfig as ESConfig
    from poet.learners.config import LearnerConfig as LearnerConfig
    from poet.registry import register as register
    from poet.runs.diff import diff_runs as diff_runs
    from poet.runs.launch import build_search as build_search
    from poet.runs.launch import run as run
    from poet.runs.read import read_journal as read_journal
    from poet.runs.status import read_status as read_status
    from poet.search.base import Info as Info
    from poet.search.base import Record as Record
    from poet.search.base import RunContext as RunContext
    from poet.search.base import Search as Search
    from poet.search.config import RunConfig as RunConfig
    from poet.search.config import StopConfig as StopConfig
    from poet.search.config import presets as presets
    from poet.search.map_elites.algorithm import map_elites as map_elites
    from poet.search.map_elites.ask_tell import AskTell as AskTell
    from poet.search.map_elites.config import CrossoverConfig as CrossoverConfig
    from poet.search.map_elites.config import EmitterConfig as EmitterConfig
    from poet.search.map_elites.config import ESEmitterConfig as ESEmitterConfig
    from poet.search.map_elites.config import GaussianConfig as GaussianConfig
    from poet.search.map_elites.config import IsoLineConfig as IsoLineConfig
    from poet.search.map_elites.config import MapElitesConfig as MapElitesConfig
    from poet.search.map_elites.config import MapElitesRunConfig as MapElitesRunConfig
    from poet.search.map_elites.config import PolynomialConfig as PolynomialConfig
    from poet.search.map_elites.scoring import Scores as Scores
    from poet.search.map_elites.scoring import ScoringFn as ScoringFn
    from poet.search.paired_map_elites.algorithm import paired_map_elites as paired_map_elites
    from poet.search.paired_map_elites.config import PairedMapElitesConfig as PairedMapElitesConfig
    from poet.search.paired_map_elites.config import PairedMapElitesRunConfig as PairedMapElitesRunConfig
    from poet.search.poet.config import PoetConfig as PoetConfig
    from poet.search.poet.config import PoetRunConfig as PoetRunConfig
    from poet.sinks.base import Stop as Stop
    from poet.sinks.config import SinkConfig as SinkConfig
    from poet.sinks.config import SinkContext as SinkContext
    from poet.sinks.config import TensorBoardConfig as TensorBoardConfig
    from poet.sinks.config import WandbConfig as WandbConfig
    from poet.types import derive_key as derive_key
    from poet.view.open import open_run as open_run
    from poet.view.run import Run as Run

_NAMES = {
    "poet.agents.config": (
        "EngineConfig",
        "GRUConfig",
        "HostEngineConfig",
        "MLPConfig",
        "PolicyConfig",
        "RandomActionsConfig",
        "XLAEngineConfig",
    ),
    "poet.archives.config": (
        "ArchiveConfig",
        "BufferConfig",
        "CVTConfig",
        "CellsConfig",
        "GridConfig",
        "ParetoConfig",
        "UnstructuredConfig",
    ),
    "poet.archives.selections": ("LeastChosenConfig", "SelectionConfig", "UniformConfig", "WeightedConfig"),
    "poet.envs.config": ("GeneratorConfig", "ProblemConfig"),
    "poet.errors": ("ConfigError", "ContractError", "PoetError", "RunError", "ShapeError"),
    "poet.executors.config": ("ExecutorConfig", "LocalExecutorConfig"),
    "poet.interest.config": ("JudgeConfig",),
    "poet.learners.config": ("ESConfig", "LearnerConfig"),
    "poet.registry": ("register",),
    "poet.runs.diff": ("diff_runs",),
    "poet.runs.launch": ("build_search", "run"),
    "poet.runs.read": ("read_journal",),
    "poet.runs.status": ("read_status",),
    "poet.search.base": ("Info", "Record", "RunContext", "Search"),
    "poet.search.config": ("RunConfig", "StopConfig", "presets"),
    "poet.search.map_elites.algorithm": ("map_elites",),
    "poet.search.map_elites.ask_tell": ("AskTell",),
    "poet.search.map_elites.config": (
        "CrossoverConfig",
        "ESEmitterConfig",
        "EmitterConfig",
        "GaussianConfig",
        "IsoLineConfig",
        "MapElitesConfig",
        "MapElitesRunConfig",
        "PolynomialConfig",
    ),
    "poet.search.map_elites.scoring": ("Scores", "ScoringFn"),
    "poet.search.paired_map_elites.algorithm": ("paired_map_elites",),
    "poet.search.paired_map_elites.config": ("PairedMapElitesConfig", "PairedMapElitesRunConfig"),
    "poet.search.poet.config": ("PoetConfig", "PoetRunConfig"),
    "poet.sinks.base": ("Stop",),
    "poet.sinks.config": ("SinkConfig", "SinkContext", "TensorBoardConfig", "WandbConfig"),
    "poet.types": ("derive_key",),
    "poet.view.open": ("open_run",),
    "poet.view.run": ("Run",),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}

__all__ = sorted(_MODULE_OF)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'poet' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
