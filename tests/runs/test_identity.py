"""Who may write a run folder, and with which settings a run may be resumed."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any, ClassVar

import pytest

from poet import registry
from poet.agents.config import XLAEngineConfig
from poet.errors import ConfigError, RunError
from poet.executors.config import LocalExecutorConfig
from poet.files import DRAFT
from poet.learners.config import ESConfig, LearnerConfig
from poet.registry import register
from poet.runs import identity, launch, layout, read, repair
from poet.runs.identity import claim, load_config, record_identity
from poet.runs.layout import CONFIG, JOURNAL, LOCK, RUN, read_run
from poet.runs.provenance import OURS
from poet.runs.read import read_config
from poet.runs.repair import examine
from poet.view.open import open_run
from tests.packages import Packages
from tests.runs.toy import ToyConfig, walk

TOY = ToyConfig()

LEARNER = """
import dataclasses
from typing import Any, ClassVar
from poet.learners.config import LearnerConfig

@dataclasses.dataclass(frozen=True)
class Learner(LearnerConfig):
    id: ClassVar[str] = "{id}"
    rate: float = 0.5
"""


@register
@dataclasses.dataclass(frozen=True)
class LearningConfig(ToyConfig):
    """A walk with a learner, for plug-ins."""

    id: ClassVar[str] = "toy-learning-walk"

    learner: LearnerConfig = dataclasses.field(default_factory=ESConfig)


def begin(path: Path, config: ToyConfig) -> None:
    """A run that has begun: its folder has more than settings."""
    with claim(path, config):
        (path / JOURNAL).touch()


def change_run(path: Path, **fields: object) -> None:
    run = json.loads((path / RUN).read_text())
    (path / RUN).write_text(json.dumps(run | fields))


# --- the folder ---


def test_a_claimed_folder_records_what_made_it(tmp_path: Path) -> None:
    with claim(tmp_path / "a", TOY):
        run = read_run(tmp_path / "a")
    assert run["format"] == layout.FORMAT
    assert (run["search"], run["view"]) == ("toy-walk", "journal")
    assert run["sessions"][0]["packages"]["jax"]
    assert run["sessions"][0]["command"]
    version = run["sessions"][0]["packages"][OURS]
    assert run["plugins"] == {
        "": {"kind": "search", "id": "toy-walk", "package": None, "version": None},
        "engine": {"kind": "engine", "id": "xla", "package": OURS, "version": version},
        "executor": {"kind": "executor", "id": "local", "package": OURS, "version": version},
    }
    assert json.loads((tmp_path / "a" / CONFIG).read_text()) == TOY.to_dict()
    assert load_config(tmp_path / "a") == TOY


def test_each_start_is_a_session(tmp_path: Path) -> None:
    for _ in range(2):
        with claim(tmp_path, TOY):
            pass
    assert len(read_run(tmp_path)["sessions"]) == 2


@pytest.mark.parametrize("content", ["{not json", "[]", '{"format": 99}'], ids=["broken", "no object", "newer"])
def test_another_format_is_refused_and_left_unchanged(tmp_path: Path, content: str) -> None:
    (tmp_path / RUN).write_text(content)
    with pytest.raises(RunError), claim(tmp_path, TOY):
        pass
    assert (tmp_path / RUN).read_text() == content


def test_a_folder_of_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunError, match=r"thesis\.tex"), claim(tmp_path, TOY):
        pass
    assert not (tmp_path / RUN).exists()


@pytest.mark.parametrize("name", [CONFIG, JOURNAL, f".{CONFIG}.x1y2{DRAFT}", "elites"])
def test_files_with_names_of_ours_are_not_ours_without_a_run_json(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(RunError, match="is not a run folder and not empty"), claim(tmp_path, TOY):
        pass
    assert (tmp_path / name).read_text() == "{}"


@pytest.mark.parametrize("content", ["kept by hand", "[]", '{"host": "here"}'])
def test_a_file_called_lock_is_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / LOCK).write_text(content)
    with pytest.raises(RunError, match="is not the lock of a run"), claim(tmp_path, TOY):
        pass
    assert (tmp_path / LOCK).read_text() == content


@pytest.mark.parametrize("num_writes", [0, 1, 2])
def test_a_run_whose_creation_was_killed_is_created_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_writes: int
) -> None:
    write, seen = identity.write_json, []

    def write_and_copy(path: Path, data: object) -> None:
        if len(seen) == num_writes:
            shutil.copytree(path.parent, tmp_path / "killed")
            (tmp_path / "killed" / f".{path.name}.x1y2{DRAFT}").touch()
        seen.append(path.name)
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(identity, "write_json", write_and_copy)
        with claim(tmp_path / "whole", TOY) as run:
            record_identity(tmp_path / "whole", run, {"version": 1})
    assert seen == [RUN, CONFIG, RUN]
    with claim(tmp_path / "killed", dataclasses.replace(TOY, seed=1)):
        assert len(read_run(tmp_path / "killed")["config_digests"]) == 1
    assert load_config(tmp_path / "killed").seed == 1


@pytest.mark.parametrize(
    ("name", "value"), [("seed", 7), ("iterations", 9), ("executor", {"id": "local", "queue": 3}), ("note", "mine")]
)
def test_an_edited_config_is_not_taken_for_what_was_run(tmp_path: Path, name: str, value: object) -> None:
    begin(tmp_path, TOY)
    options = json.loads((tmp_path / CONFIG).read_text())
    (tmp_path / CONFIG).write_text(json.dumps(options | {name: value}))
    for resume in (lambda: load_config(tmp_path), lambda: claim(tmp_path, TOY).__enter__()):
        with pytest.raises(RunError, match=r"config\.json was edited or replaced after the run was started: undo"):
            resume()
    assert "config.json was edited" in open_run(tmp_path).damage
    (advice,) = [finding.advice for finding in examine(tmp_path) if finding.part == CONFIG]
    assert advice.startswith("undo the change")
    (tmp_path / CONFIG).write_text(json.dumps(options))  # in one line: only the values count
    with claim(tmp_path, TOY):
        assert not open_run(tmp_path).damage


def test_a_run_that_is_resumed_while_it_is_read_was_not_edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(tmp_path, TOY)
    iterations = iter(range(TOY.iterations + 1, 99))

    def read_late(path: Path) -> dict[str, Any]:
        with monkeypatch.context() as patch:
            for module in (identity, repair, read):
                patch.setattr(module, "read_config", read_config)
            begin(path, dataclasses.replace(TOY, iterations=next(iterations)))  # in another process
            return read_config(path)

    for module in (identity, repair, read):
        monkeypatch.setattr(module, "read_config", read_late)
    assert load_config(tmp_path).iterations == TOY.iterations + 1
    assert not [finding for finding in examine(tmp_path) if finding.advice]
    assert not open_run(tmp_path).damage


@pytest.mark.parametrize("kept", ["before", "after"])
def test_a_config_is_known_after_a_kill_between_the_two_files(tmp_path: Path, kept: str) -> None:
    begin(tmp_path, TOY)
    before = (tmp_path / CONFIG).read_bytes()
    begin(tmp_path, dataclasses.replace(TOY, iterations=99))
    if kept == "before":
        (tmp_path / CONFIG).write_bytes(before)
    assert load_config(tmp_path).iterations == (TOY.iterations if kept == "before" else 99)


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder that even root cannot write")
def test_the_error_for_a_folder_that_cannot_be_written_gives_advice() -> None:
    with pytest.raises(RunError, match="permissions or choose another folder"), claim(Path("/sys/run"), TOY):
        pass


def test_a_root_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(RunError, match="cannot write"), claim(tmp_path / "runs" / "a", TOY):
        pass


# --- options ---


def test_a_changed_identity_is_refused_with_a_diff(tmp_path: Path) -> None:
    begin(tmp_path, TOY)
    with (
        pytest.raises(RunError, match=r"(?s)seed: 0 -> 1.*step_size: 0.5 -> 2.0"),
        claim(tmp_path, dataclasses.replace(TOY, seed=1, step_size=2.0)),
    ):
        pass
    assert json.loads((tmp_path / CONFIG).read_text()) == TOY.to_dict()


def test_a_refusal_says_what_can_be_done(tmp_path: Path) -> None:
    begin(tmp_path, TOY)
    with pytest.raises(RunError) as error, claim(tmp_path, ToyConfig(seed=1)):
        pass
    assert f"resume the run as it is: poet run {tmp_path}" in str(error.value)
    assert f"--from {tmp_path}" in str(error.value)


def test_another_search_is_refused_with_a_diff(tmp_path: Path) -> None:
    begin(tmp_path, TOY)
    with pytest.raises(RunError, match="id: toy-walk -> toy-learning-walk"), claim(tmp_path, LearningConfig()):
        pass


def test_budget_cadence_and_devices_may_change(tmp_path: Path) -> None:
    executor = LocalExecutorConfig(devices=2, queue=99)
    engine = XLAEngineConfig(chunk=9)
    later = ToyConfig(
        iterations=99, checkpoint_every=7, keep_every=9, max_env_steps=5, engine=engine, executor=executor
    )
    for config in (TOY, later):
        begin(tmp_path, config)
    assert json.loads((tmp_path / CONFIG).read_text()) == later.to_dict()
    lanes = dataclasses.replace(later, engine=XLAEngineConfig(lanes=8))
    with pytest.raises(RunError, match="engine.lanes: None -> 8"), claim(tmp_path, lanes):
        pass


def test_a_run_that_never_began_may_be_started_with_other_settings(tmp_path: Path) -> None:
    with claim(tmp_path, TOY) as run:
        record_identity(tmp_path, run, {"generator": {"id": "corridor", "version": 1}})
    other = dataclasses.replace(TOY, step_size=2.0)
    with claim(tmp_path, other) as run:
        record_identity(tmp_path, run, {"generator": {"id": "corridor", "version": 2}})
    assert json.loads((tmp_path / CONFIG).read_text()) == other.to_dict()
    assert read_run(tmp_path)["identity"]["generator"]["version"] == 2


# --- what a search reports of itself ---


def test_another_version_of_the_generator_is_refused(tmp_path: Path) -> None:
    identity = {"generator": {"id": "corridor", "version": 1}, "interface": {"id": "corridor-v1", "horizon": 50}}
    with claim(tmp_path, TOY) as run:
        record_identity(tmp_path, run, identity)
        (tmp_path / JOURNAL).touch()
    assert read_run(tmp_path)["identity"] == identity
    with claim(tmp_path, TOY) as run:
        record_identity(tmp_path, run, identity)
        later = {**identity, "generator": {"id": "corridor", "version": 2}}
        with pytest.raises(
            RunError, match=r"(?s)was started with other settings:\n  generator.version: 1 -> 2\n.*--from"
        ):
            record_identity(tmp_path, run, later)
        with pytest.raises(RunError, match="interface.horizon: 50 -> 60"):
            record_identity(tmp_path, run, {**identity, "interface": {"id": "corridor-v1", "horizon": 60}})
    assert read_run(tmp_path)["identity"] == identity


def test_a_run_with_objects_from_python_is_not_advised_to_fork(tmp_path: Path) -> None:
    given = {"generator": {"id": "corridor"}}
    with claim(tmp_path, TOY, given) as run:
        record_identity(tmp_path, run, {"generator": {"id": "corridor", "version": 1}})
        with pytest.raises(RunError, match=r"1 -> 2\nEither give the objects that it was started with"):
            record_identity(tmp_path, run, {"generator": {"id": "corridor", "version": 2}})


def test_the_runner_is_not_started_with_another_generator_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "prepare", lambda devices: "")
    closed = []

    def make(version: int):
        identity = {"generator": {"id": "corridor", "version": version}}
        return lambda config, context: walk(config)._replace(identity=identity, close=lambda: closed.append(version))

    monkeypatch.setattr(ToyConfig, "make", make(1))
    launch.run(TOY, tmp_path / "a")
    before = (tmp_path / "a" / JOURNAL).read_bytes()
    monkeypatch.setattr(ToyConfig, "make", make(2))
    with pytest.raises(RunError, match="generator.version: 1 -> 2"):
        launch.run(ToyConfig(iterations=9), tmp_path / "a")
    assert (tmp_path / "a" / JOURNAL).read_bytes() == before
    assert closed == [1, 2]


# --- plug-ins ---


def install_learner(packages: Packages, name: str, version: str, id: str) -> LearningConfig:
    module = name.replace("-", "_")
    packages.install(name, version, {"poet.learners": {id: f"{module}:Learner"}}, LEARNER.format(id=id))
    return LearningConfig(learner=registry_learner(id))


def registry_learner(id: str) -> LearnerConfig:
    return LearnerConfig.registry.get(id)()


def test_another_version_of_a_plugin_is_refused_with_a_diff(tmp_path: Path, packages: Packages) -> None:
    config = install_learner(packages, "identity-one", "1.0", "identity-one")
    begin(tmp_path / "a", config)
    plugin = {"kind": "learner", "id": "identity-one", "package": "identity-one", "version": "1.0"}
    assert read_run(tmp_path / "a")["plugins"]["learner"] == plugin
    config = install_learner(packages, "identity-one", "1.1", "identity-one")
    before = (tmp_path / "a" / RUN).read_bytes()
    refused = r"(?s)plugins\.learner\.version: 1\.0 -> 1\.1\nEither install the versions .* fork it .*--from"
    with pytest.raises(RunError, match=refused), claim(tmp_path / "a", config):
        pass
    assert (tmp_path / "a" / RUN).read_bytes() == before
    begin(tmp_path / "b", config)


def test_a_plugin_of_another_package_is_refused_with_a_diff(tmp_path: Path, packages: Packages) -> None:
    begin(tmp_path / "a", install_learner(packages, "identity-two", "1.0", "identity-two"))
    packages.uninstall("identity-two")
    config = install_learner(packages, "identity-three", "1.0", "identity-two")
    message = r"plugins\.learner\.package: identity-two -> identity-three"
    with pytest.raises(RunError, match=message), claim(tmp_path / "a", config):
        pass


def test_a_version_of_our_own_package_is_no_part_of_the_identity(tmp_path: Path) -> None:
    begin(tmp_path, TOY)
    plugins = read_run(tmp_path)["plugins"]
    change_run(tmp_path, plugins={**plugins, "executor": {**plugins["executor"], "version": "0.0.1"}})
    with claim(tmp_path, TOY):
        pass
    assert read_run(tmp_path)["plugins"] == plugins


def test_a_run_whose_plugin_is_not_installed_cannot_be_loaded(tmp_path: Path, packages: Packages) -> None:
    begin(tmp_path / "a", install_learner(packages, "identity-four", "1.0", "identity-four"))
    packages.uninstall("identity-four")
    with pytest.raises(ConfigError, match="unknown learner 'identity-four'.*--plugin identity-four=NEW"):
        load_config(tmp_path / "a")


def test_a_renamed_id_is_resumed_and_recorded(tmp_path: Path, packages: Packages) -> None:
    begin(tmp_path / "a", install_learner(packages, "identity-five", "1.0", "old-id"))
    packages.uninstall("identity-five")
    config = install_learner(packages, "identity-six", "2.0", "new-id")
    with pytest.raises(RunError, match="learner.id: old-id -> new-id"), claim(tmp_path / "a", config):
        pass

    registry.RENAMED["old-id"] = "new-id"
    assert load_config(tmp_path / "a") == config
    with claim(tmp_path / "a", config):
        pass
    run = read_run(tmp_path / "a")
    assert run["renamed"] == {"old-id": "new-id"}
    assert run["plugins"]["learner"]["id"] == "new-id"
    assert json.loads((tmp_path / "a" / CONFIG).read_text())["learner"] == {"id": "new-id", "episodes": 1, "rate": 0.5}

    del registry.RENAMED["old-id"]  # as in another process
    assert load_config(tmp_path / "a") == config
    with claim(tmp_path / "a", config):
        pass
    assert read_run(tmp_path / "a")["renamed"] == {"old-id": "new-id"}


def test_a_renamed_package_is_resumed_and_recorded(tmp_path: Path, packages: Packages) -> None:
    begin(tmp_path / "a", install_learner(packages, "identity-seven", "1.0", "identity-seven"))
    packages.uninstall("identity-seven")
    config = install_learner(packages, "identity-eight", "2.0", "identity-seven")
    registry.RENAMED |= {"identity-seven": "identity-eight", "another-package": "unrelated"}
    with claim(tmp_path / "a", config):
        pass
    run = read_run(tmp_path / "a")
    assert run["renamed"] == {"identity-seven": "identity-eight"}
    assert run["plugins"]["learner"]["package"] == "identity-eight"


def test_a_new_name_does_not_count_while_the_old_is_installed(tmp_path: Path, packages: Packages) -> None:
    config = install_learner(packages, "identity-nine", "1.0", "kept-id")
    install_learner(packages, "identity-ten", "1.0", "other-id")
    begin(tmp_path / "a", config)
    registry.RENAMED["kept-id"] = "other-id"
    assert load_config(tmp_path / "a") == config
    with claim(tmp_path / "a", config):
        pass
    assert json.loads((tmp_path / "a" / CONFIG).read_text())["learner"]["id"] == "kept-id"


def test_a_new_name_in_the_identity_of_a_search_is_the_same_identity(tmp_path: Path, packages: Packages) -> None:
    with claim(tmp_path / "a", TOY) as run:
        record_identity(tmp_path / "a", run, {"generator": {"id": "old-corridor", "version": 1}})
        (tmp_path / "a" / JOURNAL).touch()
    registry.RENAMED["old-corridor"] = "corridor"
    with claim(tmp_path / "a", TOY) as run:
        record_identity(tmp_path / "a", run, {"generator": {"id": "corridor", "version": 1}})
    assert read_run(tmp_path / "a")["identity"]["generator"]["id"] == "corridor"


def test_an_option_that_a_newer_version_adds_has_its_default(tmp_path: Path) -> None:
    @register
    @dataclasses.dataclass(frozen=True)
    class OldConfig(ToyConfig):
        id: ClassVar[str] = "toy-growing-walk"

    begin(tmp_path, OldConfig())

    @register
    @dataclasses.dataclass(frozen=True)
    class NewConfig(ToyConfig):
        id: ClassVar[str] = "toy-growing-walk"

        stride: float = 1.0

    with pytest.raises(RunError, match="stride: 1.0 -> 2.0"), claim(tmp_path, NewConfig(stride=2.0)):
        pass
    with claim(tmp_path, NewConfig()):
        assert json.loads((tmp_path / CONFIG).read_text()) == NewConfig().to_dict()
