import pytest

from poet.registry import RENAMED
from tests.view.fake_run import HEADLINE, fake_run, poet_options
from tests.view.run_folder import write_run
from tests.view.toy import HillsConfig


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return fake_run(tmp_path_factory.mktemp("runs") / "fake", iterations=60, max_niches=5)


@pytest.fixture
def empty_folder(tmp_path):
    """A run whose first iteration is not done."""
    return write_run(tmp_path / "new", poet_options(HillsConfig()), view="niches", headline=HEADLINE)


@pytest.fixture
def renames():
    """The renames of this process, restored at the end of the test."""
    before = dict(RENAMED)
    yield RENAMED
    RENAMED.clear()
    RENAMED.update(before)
