"""Runs of a toy search, so that commands take no time."""

from pathlib import Path

import pytest

from poet.runs import launch
from poet.view import media
from tests.runs.toy import ToyConfig, walk


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of runs, in an empty working directory."""
    monkeypatch.setattr(launch, "build_search", lambda config, context, **overrides: walk(ToyConfig(seed=config.seed)))
    monkeypatch.setattr(launch, "prepare", lambda devices: "")
    monkeypatch.setattr(media, "make_media", lambda path, moment: None)
    monkeypatch.setattr(media, "print_summary", lambda path: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"
