"""Options that choose an entry of a registry (`--learner ID`), and `--plugin OLD=NEW`."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from poet import registry
from poet.agents.config import MLPConfig
from poet.archives.config import CVTConfig, GridConfig
from poet.cli.options import choices, choose, take_option
from poet.configs import to_dict
from poet.envs.functions.config import SphereConfig
from poet.envs.maze.config import MazeConfig
from poet.envs.walker.config import WalkerConfig, WalkerGaitConfig
from poet.errors import ConfigError
from poet.learners.config import ESConfig, LearnerConfig
from poet.registry import register
from poet.runs.layout import read_run
from poet.runs.read import read_config
from poet.search.config import RunConfig, presets
from poet.search.map_elites.config import ESEmitterConfig, GaussianConfig, IsoLineConfig
from tests.cli.command import command
from tests.packages import Packages, packages_in

TINY = presets.get("tiny")
ARM = presets.get("map-elites-tiny")


@register
@dataclasses.dataclass(frozen=True)
class RestartingConfig(LearnerConfig):
    """A learner with a learner inside."""

    id: ClassVar[str] = "restarting"

    inner_learner: LearnerConfig = dataclasses.field(default_factory=ESConfig)
    restarts: int = 3


@dataclasses.dataclass(frozen=True)
class Teams:
    """Options that are no plug-in, with plug-ins inside."""

    home_learner: LearnerConfig = dataclasses.field(default_factory=ESConfig)
    away: tuple[LearnerConfig, ...] = ()


@dataclasses.dataclass(frozen=True)
class MatchRun(RunConfig):
    """A run config with plug-ins in nested options."""

    id: ClassVar[str] = "match"

    teams: Teams = dataclasses.field(default_factory=Teams)
    judge_learner: LearnerConfig | None = None


# --- which options there are ---


def test_every_field_that_takes_plugins_is_an_option() -> None:
    options = ["--engine", "--executor", "--sinks", "--generator", "--policy", "--learner"]
    assert [choice.option for choice in choices(TINY)] == options
    assert [choice.option for choice in choices(ARM)] == [
        "--engine",
        "--executor",
        "--sinks",
        "--problem",
        "--policy",
        "--archive",
        "--search.emitters",
        "--search.selection",
    ]
    nested = ["--engine", "--executor", "--sinks", "--teams.home-learner", "--teams.away", "--judge-learner"]
    assert [choice.option for choice in choices(MatchRun())] == nested


def test_a_field_takes_the_kinds_of_its_type() -> None:
    kinds = {choice.option: [each.kind for each in choice.registries] for choice in choices(ARM)}
    assert kinds["--problem"] == ["problem", "generator"]
    assert kinds["--search.emitters"] == ["emitter"]
    assert [choice.many for choice in choices(ARM)] == [False, False, True, False, False, False, True, False]


# --- choosing ---


@pytest.mark.parametrize("arguments", [["--generator", "maze"], ["--generator=maze"]])
def test_a_chosen_entry_has_its_default_options(arguments: list[str]) -> None:
    config, rest = choose(TINY, ["--seed", "3", *arguments, "--name", "a"])
    assert config == dataclasses.replace(TINY, generator=MazeConfig())
    assert rest == ["--seed", "3", "--name", "a"]


def test_an_entry_that_is_there_already_keeps_its_options() -> None:
    config, rest = choose(TINY, ["--generator", "walker", "--learner=es"])
    assert config == TINY
    assert config.generator == WalkerConfig(horizon=120) != WalkerConfig()
    assert rest == []


def test_without_such_options_nothing_changes() -> None:
    arguments = ["--learner.population", "8", "--search.max-niches=3", "--executor.devices", "1"]
    assert choose(TINY, arguments) == (TINY, arguments)


def test_one_field_takes_entries_of_several_registries() -> None:
    assert choose(ARM, ["--problem", "sphere"])[0].problem == SphereConfig()
    assert choose(ARM, ["--problem", "walker-gaits"])[0].problem == WalkerGaitConfig()


@pytest.mark.parametrize("option", ["--teams.home-learner", "--teams.home_learner"])
def test_underscores_and_hyphens_are_the_same(option: str) -> None:
    config, rest = choose(MatchRun(), [option, "restarting"])
    assert config.teams == Teams(home_learner=RestartingConfig())
    assert rest == []
    assert choose(MatchRun(), [f"{option}=restarting"])[0] == config


def test_a_field_without_an_entry_can_get_one() -> None:
    assert choose(MatchRun(), ["--judge-learner", "es"])[0].judge_learner == ESConfig()


def test_several_entries() -> None:
    config, rest = choose(ARM, ["--search.emitters", "gaussian", "iso-line", "gaussian", "--seed", "3"])
    assert config.search.emitters == (GaussianConfig(), IsoLineConfig(), GaussianConfig())
    assert rest == ["--seed", "3"]
    config, _ = choose(MatchRun(), ["--teams.away", "es", "restarting"])
    assert config.teams.away == (ESConfig(), RestartingConfig())


@pytest.mark.parametrize("given", [["--teams.away", "None"], ["--teams.away=None"]])
def test_several_entries_can_be_taken_back(given: list[str]) -> None:
    config, rest = choose(MatchRun(teams=Teams(away=(ESConfig(),))), given)
    assert (config.teams.away, rest) == ((), [])


def test_of_several_entries_those_that_are_there_already_keep_their_options() -> None:
    walker = presets.get("map-elites-walker")
    config, _ = choose(walker, ["--search.emitters", "es", "iso-line"])
    assert config.search.emitters == (ESEmitterConfig(), IsoLineConfig(iso_sigma=0.03))


def test_an_option_that_is_given_twice_counts_the_last_time() -> None:
    assert choose(ARM, ["--archive", "pareto", "--archive", "cvt"])[0].archive == CVTConfig()
    assert choose(ARM, ["--search.emitters", "es", "--search.emitters", "gaussian"])[0].search.emitters == (
        GaussianConfig(),
    )


def test_a_single_entry_takes_one_id() -> None:
    config, rest = choose(TINY, ["--learner", "es", "maze"])
    assert config == TINY
    assert rest == ["maze"]


def test_a_chosen_entry_may_have_plugins_itself() -> None:
    arguments = ["--learner.inner-learner", "restarting", "--learner", "restarting"]
    config, rest = choose(TINY, arguments)
    assert config.learner == RestartingConfig(inner_learner=RestartingConfig())
    assert rest == []
    assert "--learner.inner-learner" in [choice.option for choice in choices(config)]
    replaced, rest = choose(config, ["--learner", "es", "--learner.inner-learner", "es"])
    assert replaced.learner == ESConfig()
    assert rest == ["--learner.inner-learner", "es"], "a learner without this field leaves the option to tyro"


@pytest.mark.parametrize(
    ("config", "arguments", "message"),
    [
        (TINY, ["--learner", "ess"], "unknown learner 'ess'. Did you mean 'es'?"),
        (TINY, ["--learner="], "unknown learner ''"),
        (TINY, ["--learner"], "--learner expects an id of kind learner, got nothing; `poet list` shows them"),
        (TINY, ["--learner", "--seed", "3"], "--learner expects an id of kind learner, got nothing"),
        (ARM, ["--problem"], "--problem expects an id of kind problem or generator, got nothing"),
        (ARM, ["--problem", "sphear"], "unknown problem or generator 'sphear'. Did you mean 'sphere'"),
        (ARM, ["--search.emitters"], "--search.emitters expects an id of kind emitter, got nothing"),
        (ARM, ["--search.emitters", "iso-line", "isoline"], "unknown emitter 'isoline'. Did you mean 'iso-line'"),
        (ARM, ["--archive", "es"], "unknown archive 'es'"),
        (ARM, ["--generator", "maze"], "no option --generator: its generator is chosen by --problem"),
        (ARM, ["--problem", "maze", "--generator.horizon=9"], "so write --problem.horizon"),
        (ARM, ["--emitter", "gaussian"], "no option --emitter: its emitter is chosen by --search.emitters"),
    ],
)
def test_impossible_choices(config: RunConfig, arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        choose(config, arguments)
    assert message in str(error.value)


# --- on the command line ---


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    yield from packages_in(tmp_path / "packages", monkeypatch)


def chosen(root: Path, name: str) -> dict[str, Any]:
    return read_config(root / name)


def test_run_takes_the_options_of_chosen_entries(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--generator", "maze", "--generator.horizon", "50", "--learner.population", "16", "--iterations", "1")
    assert command("run", "tiny", *arguments) == 0
    config = chosen(root, "tiny")
    assert (config["generator"]["id"], config["generator"]["horizon"]) == ("maze", 50)
    assert config["learner"] == {**TINY.to_dict()["learner"], "population": 16}
    assert "poet on maze with es" in capsys.readouterr().out


def test_run_chooses_emitters_archive_and_problem(root: Path) -> None:
    arguments = ["--search.emitters", "iso-line", "polynomial", "--search.bounds", "-1", "1"]
    arguments += ["--problem=sphere", "--archive", "cvt", "--archive.num-cells", "50", "--iterations", "1"]
    assert command("run", "map-elites-tiny", *arguments) == 0
    config = chosen(root, "map-elites-tiny")
    assert [each["id"] for each in config["search"]["emitters"]] == ["iso-line", "polynomial"]
    assert config["search"]["bounds"] == [-1.0, 1.0]
    assert config["problem"]["id"] == "sphere"
    assert (config["archive"]["id"], config["archive"]["num_cells"]) == ("cvt", 50)


def test_run_chooses_a_selection_and_bounds_of_each_parameter(root: Path) -> None:
    arguments = ["--search.selection", "least-chosen", "--search.selection.power", "2", "--iterations", "1"]
    arguments += ["--problem.num-joints", "2", "--search.bounds", "0", "1", "0.25", "0.5", "--archive", "buffer"]
    assert command("run", "map-elites-tiny", *arguments) == 0
    search = chosen(root, "map-elites-tiny")["search"]
    assert search["selection"] == {"id": "least-chosen", "counter": "chosen", "power": 2.0}
    assert search["bounds"] == [[0.0, 1.0], [0.25, 0.5]]
    assert chosen(root, "map-elites-tiny")["archive"]["id"] == "buffer"
    assert command("run", "runs/map-elites-tiny", "--iterations", "2") == 0


def test_policy_and_engine_are_chosen_in_the_same_way(root: Path) -> None:
    arguments = ("--policy", "mlp", "--policy.hidden", "8", "--engine=xla", "--engine.lanes", "8")
    assert command("run", "tiny", *arguments, "--iterations", "1") == 0
    assert chosen(root, "tiny")["policy"] == to_dict(MLPConfig(hidden=(8,)))
    assert chosen(root, "tiny")["engine"]["lanes"] == 8


def test_a_choice_is_kept_when_the_run_is_resumed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("run", "map-elites-tiny", "--archive", "cvt", "--archive.num-cells", "50", "--iterations", "1") == 0
    assert command("run", "runs/map-elites-tiny", "--archive", "cvt", "--iterations", "2") == 0
    assert chosen(root, "map-elites-tiny")["archive"]["num_cells"] == 50
    capsys.readouterr()
    assert command("run", "runs/map-elites-tiny", "--archive", "grid") == 2
    assert "archive.id: cvt -> grid" in capsys.readouterr().err
    assert GridConfig().id == "grid"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tiny", "--problem", "sphere"], "Unrecognized options"),
        (["tiny", "--archive", "grid"], "Unrecognized options"),
        (["map-elites-tiny", "--learner", "es"], "Unrecognized options"),
        (["map-elites-tiny", "--search.emitters", "polynomial"], "emitter polynomial needs search.bounds"),
        (["map-elites-tiny", "--search.selection", "least"], "unknown selection 'least'. Did you mean 'least-chosen'?"),
        (["map-elites-tiny", "--problem", "sphere", "--problem.num-joints", "3"], "--problem.num-joints"),
        (["tiny", "--learner", "ess"], "unknown learner 'ess'. Did you mean 'es'?"),
        (["tiny", "--plugin"], "--plugin expects a value"),
        (["tiny", "--plugin", "caves"], "--plugin expects OLD=NEW, an id or a package and its new name, got 'caves'"),
        (["tiny", "--plugin", "caves="], "--plugin expects OLD=NEW"),
        (["tiny", "--plugin==caves"], "--plugin expects OLD=NEW"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_error_for_an_impossible_choice_is_clear(
    root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert command("run", *arguments) == 2
    error = capsys.readouterr().err
    assert message in " ".join(error.replace("│", " ").split())
    assert "Traceback" not in error
    assert not root.exists()


def test_help_shows_the_options_of_a_chosen_entry(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("run", "tiny", "--generator", "maze", "--help") == 0
    output = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "--generator.first-maze" in output
    assert "--generator.max-pit" not in output
    assert "--executor, --sinks, --generator, --policy, --learner" in output


# --- --plugin ---

LEARNER = """
import dataclasses
from typing import ClassVar
from poet.learners.config import LearnerConfig

@dataclasses.dataclass(frozen=True)
class Learner(LearnerConfig):
    id: ClassVar[str] = "{id}"
    rate: float = 0.5
"""


def test_a_flag_can_be_repeated_and_stand_anywhere() -> None:
    arguments = ["--plugin", "a=b", "run", "tiny", "--plugin=c=d", "--seed", "3"]
    assert take_option("--plugin", arguments) == (["a=b", "c=d"], ["run", "tiny", "--seed", "3"])
    assert take_option("--plugin", ["run"]) == ([], ["run"])
    with pytest.raises(ConfigError, match="--plugin expects a value"):
        take_option("--plugin", ["run", "--plugin"])


def test_plugin_is_taken_by_every_command(root: Path, packages: Packages, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("status", "--plugin", "old-a=new-a", "--plugin=old-b=new-b") == 0
    assert {"old-a": "new-a", "old-b": "new-b"}.items() <= registry.RENAMED.items()
    assert "no runs in runs" in capsys.readouterr().out


def test_a_run_of_a_renamed_plugin_is_resumed(
    root: Path, packages: Packages, capsys: pytest.CaptureFixture[str]
) -> None:
    packages.install("cli-caves", "1.0", {"poet.learners": {"caves": "cli_caves:Learner"}}, LEARNER.format(id="caves"))
    assert command("run", "tiny", "--learner", "caves", "--learner.rate", "0.25", "--iterations", "1") == 0
    packages.uninstall("cli-caves")
    packages.install(
        "cli-grottos", "2.0", {"poet.learners": {"grottos": "cli_grottos:Learner"}}, LEARNER.format(id="grottos")
    )
    capsys.readouterr()
    assert command("run", "runs/tiny", "--iterations", "2") == 2
    assert "unknown learner 'caves'" in (error := capsys.readouterr().err)
    assert "add --plugin caves=NEW" in error

    assert command("run", "runs/tiny", "--iterations", "2", "--plugin", "caves=grottos") == 0
    assert chosen(root, "tiny")["learner"] == {"id": "grottos", "episodes": 1, "rate": 0.25}
    assert read_run(root / "tiny")["renamed"] == {"caves": "grottos"}
    registry.RENAMED.clear()
    assert command("run", "runs/tiny", "--iterations", "3") == 0
    assert json.loads((root / "tiny" / "run.json").read_text())["plugins"]["learner"]["package"] == "cli-grottos"
