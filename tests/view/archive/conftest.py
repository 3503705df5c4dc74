import shutil

import pytest

from tests.view.archive.fake_archive import fake_archive


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    return fake_archive(tmp_path_factory.mktemp("runs") / "fake")


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """Iterations that found nothing."""
    return fake_archive(tmp_path_factory.mktemp("runs") / "empty", batch=0)


@pytest.fixture
def new(archive, tmp_path):
    """A run whose first iteration is not done."""
    (tmp_path / "new").mkdir()
    for name in ("run.json", "config.json"):
        shutil.copy(archive / name, tmp_path / "new" / name)
    return tmp_path / "new"
