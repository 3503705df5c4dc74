"""Archives: fixed-capacity stores of elites, indexed by descriptor. They know nothing of environments.

Each factory is in the module of its name (`from poet.archives.grid import grid`). `poet.archives.GridConfig(...).make(
bounds)` makes an archive from its options, `poet.archives.make(spec)` makes it from its spec. Names are imported at
first use, so that config classes can be used without importing jax.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poet.archives.base import AddInfo as AddInfo
    from poet.archives.base import Archive as Archive
    from poet.archives.base import Counts as Counts
    from poet.archives.base import Entries as Entries
    from poet.archives.base import entries as entries
    from poet.archives.config import ArchiveConfig as ArchiveConfig
    from poet.archives.config import BufferConfig as BufferConfig
    from poet.archives.config import CellsConfig as CellsConfig
    from poet.archives.config import CVTConfig as CVTConfig
    from poet.archives.config import GridConfig as GridConfig
    from poet.archives.config import ParetoConfig as ParetoConfig
    from poet.archives.config import UnstructuredConfig as UnstructuredConfig
    from poet.archives.config import make as make
    from poet.archives.selections import LeastChosenConfig as LeastChosenConfig
    from poet.archives.selections import SelectionConfig as SelectionConfig
    from poet.archives.selections import UniformConfig as UniformConfig
    from poet.archives.selections import WeightedConfig as WeightedConfig
    from poet.archives.thresholds import ThresholdRule as ThresholdRule

_NAMES = {
    "poet.archives.base": ("AddInfo", "Archive", "Counts", "Entries", "entries"),
    "poet.archives.config": (
        "ArchiveConfig",
        "BufferConfig",
        "CVTConfig",
        "CellsConfig",
        "GridConfig",
        "ParetoConfig",
        "UnstructuredConfig",
        "make",
    ),
    "poet.archives.selections": ("LeastChosenConfig", "SelectionConfig", "UniformConfig", "WeightedConfig"),
    "poet.archives.thresholds": ("ThresholdRule",),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}

__all__ = sorted(_MODULE_OF)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'poet.archives' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
