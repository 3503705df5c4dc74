"""The run folder of another person, and commands that must neither wait without end nor fail with a traceback."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from poet.cli import main as cli
from tests.runs.toy import ToyConfig, toy_run
from tests.view.archive.fake_archive import fake_archive
from tests.view.fake_run import fake_run
from tests.view.run_folder import edit_json

LONG_S = 100  # for a command that waits for something that never comes


@pytest.fixture(autouse=True)
def no_endless_waiting() -> Iterator[None]:
    def end(*args: object) -> None:
        pytest.fail(f"still waiting after {LONG_S} seconds")  # not an OSError, which would be reported in words

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(LONG_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str]]:
    """Runs a command; its exit code and all that it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> tuple[int, str]:
        capsys.readouterr()
        try:
            code = cli.main(list(map(str, arguments)))
        except SystemExit as error:  # of tyro
            code = error.code
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of each kind: "niches", "archive", and "journal" with checkpoints."""
    root = tmp_path_factory.mktemp("originals")
    fake_run(root / "niches", iterations=12, max_niches=3)
    options = {"genomes": True, "params": 21, "problem": None, "generator": HILLS}
    fake_archive(root / "archive", iterations=4, batch=12, snapshots=(2, 4), **options)
    toy_run(root / "journal", ToyConfig(iterations=4))
    edit_json(root / "niches" / "run.json", artifacts=["niches"], snapshots=[])
    edit_json(root / "archive" / "run.json", artifacts=[], snapshots=["elites"])
    return root


HILLS = {"id": "hills", "horizon": 50, "terrain": "fixed", "draws": True}
