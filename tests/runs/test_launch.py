"""What a run is given before its first iteration; settings of jax in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from poet.agents.config import LANES, XLAEngineConfig
from poet.errors import ConfigError, RunError
from poet.executors.config import LocalExecutorConfig
from poet.runs import launch
from poet.runs.launch import build_search
from poet.runs.layout import read_run
from poet.runs.read import read_config, read_journal
from poet.runs.repair import repair
from poet.runs.status import read_status
from poet.search.base import TRANSCRIPTS, RunContext, Search
from poet.search.config import presets
from poet.view.open import open_run
from tests.runs.toy import ToyConfig, walk

SCRIPT = """
import sys
{first}
from poet.runs.provenance import num_cores
from poet.runs import launch
from poet.archives.config import GridConfig
from poet.search.map_elites.config import MapElitesConfig, MapElitesRunConfig
print("cores", num_cores())
small = MapElitesConfig(batch=8, generations=1, initial=8)
launch.run(MapElitesRunConfig(search=small, archive=GridConfig(shape=(4, 4)), iterations=1), sys.argv[1])
"""


@pytest.mark.parametrize(
    ("first", "late"),
    [
        pytest.param("", False, marks=pytest.mark.slow),
        pytest.param("import jax", False, marks=pytest.mark.ci),
        pytest.param("import jax; jax.numpy.zeros(3)", True, marks=pytest.mark.ci),
    ],
)
def test_a_run_has_every_core_unless_jax_has_computed_before(tmp_path: Path, first: str, late: bool) -> None:
    hidden = ("JAX_NUM_CPU_DEVICES", "XLA_FLAGS")
    clean = {name: value for name, value in os.environ.items() if name not in hidden}
    command = [sys.executable, "-c", SCRIPT.format(first=first), str(tmp_path / "a")]
    output = subprocess.run(command, capture_output=True, text=True, env=clean, check=True).stdout
    cores = output.split("cores ")[1].split()[0]
    assert f"on {1 if late else cores} x cpu" in output
    assert (f"to use all {cores} cores" in output) == (late and cores != "1")


@pytest.fixture
def contexts(monkeypatch: pytest.MonkeyPatch) -> list[RunContext]:
    """What each toy search was made with; each logs an event about its process."""
    made: list[RunContext] = []

    def make(config: ToyConfig, context: RunContext) -> Search:
        made.append(context)
        context.log("model", {"name": "toy"})
        return walk(config)

    monkeypatch.setattr(launch, "prepare", lambda devices: "")
    monkeypatch.setattr(ToyConfig, "make", make)
    return made


def test_a_search_knows_its_run_folder_and_can_log_before_the_journal_is_open(
    tmp_path: Path, contexts: list[RunContext]
) -> None:
    executor = LocalExecutorConfig(queue=8)
    launch.run(ToyConfig(executor=executor), tmp_path / "a")
    (context,) = contexts
    assert context.executor == executor
    assert context.folder == tmp_path / "a"
    assert context.transcripts == tmp_path / "a" / "transcripts"
    assert context.blobs == tmp_path / "a" / "blobs"
    first, second = (row["wall"] for row in read_journal(tmp_path / "a")[:2])
    assert (first["event"], first["name"], second["event"]) == ("model", "toy", "start")

    launch.run(ToyConfig(executor=executor, iterations=8), tmp_path / "a")
    events = [row["wall"].get("event") for row in read_journal(tmp_path / "a") if "event" not in row]
    # Events after the newest checkpoint are removed; those that waited for the journal come before "resume".
    assert events == ["model", "start", "checkpoint", "checkpoint", "model", "resume", "checkpoint", "finish"]


def test_a_search_that_is_driven_by_hand_keeps_nothing(contexts: list[RunContext]) -> None:
    assert build_search(ToyConfig()).headline == ("best",)
    (context,) = contexts
    assert context.executor == LocalExecutorConfig()
    assert (context.folder, context.transcripts, context.blobs) == (None, None, None)


def test_an_argument_that_the_search_does_not_take_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown argument for a run of 'poet': 'iterations'. .* start"):
        build_search(presets.get("tiny"), iterations=5)
    with pytest.raises(
        ConfigError, match="unknown argument for a run of 'map-elites': 'scorings'. Did you mean 'scoring'"
    ):
        launch.run(presets.get("map-elites-tiny"), tmp_path / "a", scorings=None)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("crash", [False, True])
def test_a_search_is_closed_once_when_its_run_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crash: bool
) -> None:
    closed = []

    def make(config: ToyConfig, context: RunContext) -> Search:
        search = walk(config)
        step = (lambda state: 1 / 0) if crash else search.step
        return search._replace(step=step, close=lambda: closed.append("closed"))

    monkeypatch.setattr(launch, "prepare", lambda devices: "")
    monkeypatch.setattr(ToyConfig, "make", make)
    if crash:
        with pytest.raises(ZeroDivisionError):
            launch.run(ToyConfig(), tmp_path / "a")
    else:
        assert launch.run(ToyConfig(), tmp_path / "a").finished
    assert closed == ["closed"]


def test_headline_and_folders_of_records_are_recorded(tmp_path: Path, contexts: list[RunContext]) -> None:
    launch.run(ToyConfig(), tmp_path / "a")
    run = read_run(tmp_path / "a")
    assert (run["headline"], run["artifacts"], run["snapshots"]) == (["best"], ["niches"], ["elites"])


def test_a_start_that_fails_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(config: ToyConfig, context: RunContext) -> Search:
        raise RunError("no such generator")

    monkeypatch.setattr(launch, "prepare", lambda devices: "")
    monkeypatch.setattr(ToyConfig, "make", make)
    with pytest.raises(RunError, match="no such generator"):
        launch.run(ToyConfig(), tmp_path / "a")
    assert not (tmp_path / "a").exists()
    (tmp_path / "b").mkdir()
    with pytest.raises(RunError, match="no such generator"):
        launch.run(ToyConfig(), tmp_path / "b")
    assert not list((tmp_path / "b").iterdir())


@pytest.mark.parametrize("path", ["runs/a", "./runs/../runs/a"])
def test_a_run_stays_in_its_folder_when_an_evaluation_changes_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    (tmp_path / "elsewhere").mkdir()

    def make(config: ToyConfig, context: RunContext) -> Search:
        search = walk(config)

        def step(state: Any) -> Any:
            os.chdir(tmp_path / "elsewhere")
            return search.step(state)

        return search._replace(step=step)

    monkeypatch.setattr(launch, "prepare", lambda devices: "")
    monkeypatch.setattr(ToyConfig, "make", make)
    for iterations in (4, 8):
        monkeypatch.chdir(tmp_path)
        assert launch.run(ToyConfig(iterations=iterations), path).iteration == iterations
    assert not list((tmp_path / "elsewhere").iterdir())
    monkeypatch.chdir(tmp_path)
    run = open_run("runs/a")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run.refresh().iteration == 8


def test_a_path_may_begin_with_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(launch, "prepare", lambda devices: "")
    launch.run(ToyConfig(iterations=1), "~/runs/a")
    assert read_status(tmp_path / "runs" / "a").name == "a"
    (tmp_path / "runs" / "a").rename(tmp_path / "runs" / "renamed")
    assert read_status(tmp_path / "runs" / "renamed").name == "renamed"
    assert open_run("~/runs/renamed").name == "renamed"


def test_a_run_behind_a_link_is_started_and_resumed(tmp_path: Path) -> None:
    """As where the disk for runs is another one; below the folder of a run links are refused."""
    (tmp_path / "disk" / "mine").mkdir(parents=True)
    (tmp_path / "mine").symlink_to(tmp_path / "disk" / "mine")
    (tmp_path / "runs").symlink_to(tmp_path / "disk")
    assert launch.run(ToyConfig(iterations=2), tmp_path / "mine").iteration == 2
    (tmp_path / "mine" / "journal.jsonl").write_bytes(b"")
    assert repair(tmp_path / "mine")
    assert launch.run(ToyConfig(iterations=3), tmp_path / "runs" / "mine").iteration == 3
    assert (tmp_path / "disk" / "mine" / "checkpoints" / "3").is_dir()


def test_options_of_the_device_are_recorded_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None means what is usual for the device at the start, and "as recorded" later; other numbers are refused."""
    launch.run(ToyConfig(iterations=1), tmp_path / "a")
    assert read_config(tmp_path / "a")["engine"]["lanes"] == LANES["cpu"]
    monkeypatch.setitem(LANES, "cpu", 7)
    launch.run(ToyConfig(iterations=2), tmp_path / "a")
    assert read_config(tmp_path / "a")["engine"]["lanes"] == 128
    with pytest.raises(RunError, match=r"engine\.lanes: 128 -> 8"):
        launch.run(ToyConfig(iterations=3, engine=XLAEngineConfig(lanes=8)), tmp_path / "a")
    launch.run(ToyConfig(iterations=3), tmp_path / "b", source=tmp_path / "a")
    assert read_config(tmp_path / "b")["engine"]["lanes"] == 128
    launch.run(ToyConfig(iterations=1), tmp_path / "c")
    assert read_config(tmp_path / "c")["engine"]["lanes"] == 7


def test_a_fork_has_the_transcripts_of_its_source(tmp_path: Path) -> None:
    launch.run(ToyConfig(iterations=2, checkpoint_every=1), tmp_path / "a")
    (tmp_path / "a" / TRANSCRIPTS).mkdir()
    (tmp_path / "a" / TRANSCRIPTS / "answers").write_text("one")
    launch.run(ToyConfig(iterations=3), tmp_path / "b", source=tmp_path / "a")
    assert (tmp_path / "b" / TRANSCRIPTS / "answers").read_text() == "one"
