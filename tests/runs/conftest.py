from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packages import Packages, packages_in


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    """Installs packages with plug-ins for one test."""
    yield from packages_in(tmp_path / "packages", monkeypatch)
