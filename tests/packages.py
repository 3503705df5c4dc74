"""Packages with plug-ins that a test installs, upgrades and removes in a folder of its own."""

import importlib
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from poet import registry


class Packages:
    """A folder on the import path."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        monkeypatch.syspath_prepend(folder)
        self._refresh()

    def install(self, name: str, version: str, entry_points: Mapping[str, Mapping[str, str]], source: str = "") -> None:
        """Install or upgrade a package whose one module has its name; `entry_points` are by group and id."""
        module = name.replace("-", "_")
        self.uninstall(name)
        if source:
            (self.folder / f"{module}.py").write_text(source)
        info = self.folder / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [
            line
            for group, entries in entry_points.items()
            for line in (f"[{group}]", *(f"{id} = {place}" for id, place in entries.items()))
        ]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        self._refresh()

    def uninstall(self, name: str) -> None:
        """Remove a package; modules that were imported from it stay in memory."""
        for info in self.folder.glob(f"{name.replace('-', '_')}-*.dist-info"):
            shutil.rmtree(info)
        self._refresh()

    def _refresh(self) -> None:
        importlib.invalidate_caches()
        registry._entry_points.cache_clear()


def packages_in(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """For a fixture: `Packages`, and the registries as they were afterwards."""
    renamed = dict(registry.RENAMED)
    with monkeypatch.context() as patch:
        yield Packages(folder, patch)
    registry._entry_points.cache_clear()
    registry.RENAMED.clear()
    registry.RENAMED.update(renamed)
