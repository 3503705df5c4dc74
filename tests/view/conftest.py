import json

import pytest

from tests.view.fake_run import SMALL, fake_run
from tests.view.toy import HillsConfig


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return fake_run(tmp_path_factory.mktemp("runs") / "fake", iterations=60, max_niches=5)


@pytest.fixture
def empty_folder(tmp_path):
    """A run whose first iteration is not over."""
    from poet.runs.config import PoetRun

    (tmp_path / "new").mkdir()
    config = PoetRun(generator=HillsConfig(), policy=SMALL).to_dict()
    (tmp_path / "new" / "config.json").write_text(json.dumps(config))
    (tmp_path / "new" / "run.json").write_text(json.dumps({"format": 1, "name": "new", "sessions": []}))
    return tmp_path / "new"
