"""Memory of what was found; knows nothing of worlds.

Each factory is in the module of its name (`from poet.archives.grid import grid`), and `poet.archives.make` makes any
of them from its spec. Names are loaded when they are first used: options (`ArchiveConfig`) cost no import of jax.
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
    from poet.archives.config import make as make
    from poet.archives.soft import SoftRule as SoftRule

_WHERE = {
    "poet.archives.base": ("AddInfo", "Archive", "Counts", "Entries", "entries"),
    "poet.archives.config": ("ArchiveConfig", "make"),
    "poet.archives.soft": ("SoftRule",),
}
_MODULE_OF = {name: module for module, names in _WHERE.items() for name in names}

__all__ = sorted(_MODULE_OF)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'poet.archives' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)
