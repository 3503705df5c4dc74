"""Memory of what was found; knows nothing of worlds.

Each factory is in the module of its name (`from archives.grid import grid`), and `archives.make` makes any of them
from its spec. Names are loaded when they are first used, so that options (`ArchiveConfig`) cost no import of jax.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archives.base import AddInfo as AddInfo
    from archives.base import Archive as Archive
    from archives.base import Counts as Counts
    from archives.base import Entries as Entries
    from archives.base import entries as entries
    from archives.config import ArchiveConfig as ArchiveConfig
    from archives.config import make as make
    from archives.soft import SoftRule as SoftRule

_WHERE = {
    "archives.base": ("AddInfo", "Archive", "Counts", "Entries", "entries"),
    "archives.config": ("ArchiveConfig", "make"),
    "archives.soft": ("SoftRule",),
}
_MODULE_OF = {name: module for module, names in _WHERE.items() for name in names}

__all__ = sorted(_MODULE_OF)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'archives' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)
