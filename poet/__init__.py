"""POET: environments and agents evolve together, on accelerators.

Names are loaded when they are first used, so that `import poet` costs nothing and starts no accelerator.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poet.agents.config import PolicyConfig as PolicyConfig
    from poet.agents.policy import mlp as mlp
    from poet.agents.rollout import rollout as rollout
    from poet.archives.config import ArchiveConfig as ArchiveConfig
    from poet.envs.registry import GeneratorConfig as GeneratorConfig
    from poet.envs.registry import ProblemConfig as ProblemConfig
    from poet.envs.registry import register as register
    from poet.errors import ConfigError as ConfigError
    from poet.errors import ContractError as ContractError
    from poet.errors import PoetError as PoetError
    from poet.errors import RunError as RunError
    from poet.errors import ShapeError as ShapeError
    from poet.executors.config import ExecutionConfig as ExecutionConfig
    from poet.executors.local import local as local
    from poet.learners.config import ESConfig as ESConfig
    from poet.learners.es import es as es
    from poet.runs.build import build as build
    from poet.runs.config import Config as Config
    from poet.runs.config import MapElitesRun as MapElitesRun
    from poet.runs.config import PairsRun as PairsRun
    from poet.runs.config import PoetRun as PoetRun
    from poet.runs.diff import diff as diff
    from poet.runs.launch import run as run
    from poet.runs.presets import PRESETS as PRESETS
    from poet.runs.read import read_journal as read_journal
    from poet.runs.read import read_status as read_status
    from poet.runs.runner import drive as drive
    from poet.search.base import Info as Info
    from poet.search.base import NicheRecord as NicheRecord
    from poet.search.base import Search as Search
    from poet.search.map_elites.ask_tell import AskTell as AskTell
    from poet.search.map_elites.config import MapElitesConfig as MapElitesConfig
    from poet.search.map_elites.scoring import Scores as Scores
    from poet.search.map_elites.scoring import Scoring as Scoring
    from poet.search.map_elites.search import map_elites as map_elites
    from poet.search.pairs.config import PairsConfig as PairsConfig
    from poet.search.pairs.search import pairs as pairs
    from poet.search.poet.config import PoetConfig as PoetConfig
    from poet.search.poet.search import poet as poet
    from poet.types import derive as derive
    from poet.view.open import Run as Run
    from poet.view.open import open_run as open_run

_WHERE = {
    "poet.archives.config": ("ArchiveConfig",),
    "poet.envs.registry": ("GeneratorConfig", "ProblemConfig", "register"),
    "poet.agents.config": ("PolicyConfig",),
    "poet.agents.policy": ("mlp",),
    "poet.agents.rollout": ("rollout",),
    "poet.errors": ("ConfigError", "ContractError", "PoetError", "RunError", "ShapeError"),
    "poet.executors.config": ("ExecutionConfig",),
    "poet.executors.local": ("local",),
    "poet.learners.config": ("ESConfig",),
    "poet.learners.es": ("es",),
    "poet.runs.build": ("build",),
    "poet.runs.config": ("Config", "MapElitesRun", "PairsRun", "PoetRun"),
    "poet.runs.diff": ("diff",),
    "poet.runs.launch": ("run",),
    "poet.runs.presets": ("PRESETS",),
    "poet.runs.read": ("read_journal", "read_status"),
    "poet.runs.runner": ("drive",),
    "poet.search.base": ("Info", "NicheRecord", "Search"),
    "poet.search.map_elites.ask_tell": ("AskTell",),
    "poet.search.map_elites.config": ("MapElitesConfig",),
    "poet.search.map_elites.scoring": ("Scores", "Scoring"),
    "poet.search.map_elites.search": ("map_elites",),
    "poet.search.pairs.config": ("PairsConfig",),
    "poet.search.pairs.search": ("pairs",),
    "poet.search.poet.config": ("PoetConfig",),
    "poet.search.poet.search": ("poet",),
    "poet.types": ("derive",),
    "poet.view.open": ("Run", "open_run"),
}
_MODULE_OF = {name: module for module, names in _WHERE.items() for name in names}

__all__ = sorted(_MODULE_OF)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'poet' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
