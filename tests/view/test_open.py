import shutil
from typing import ClassVar

import pytest

from poet.errors import ConfigError, RunError
from poet.registry import RENAMED
from poet.view import commands
from poet.view.agents import AgentRun, require_agents
from poet.view.archive.run import ArchiveRun
from poet.view.niches.run import NicheRun
from poet.view.open import find_run, open_and_warn, open_run, view_class
from poet.view.plots import plot
from poet.view.run import Run, views
from tests.view.figures import ink
from tests.view.run_folder import edit_json
from tests.view.toy import HillsGenerator


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


@pytest.fixture
def custom_views(monkeypatch):
    """Registers views for the time of a test."""
    monkeypatch.setattr(views, "_registered", dict(views._registered))
    return views


def test_each_view_has_an_id_and_commands(folder):
    assert {id: views.get(id) for id in ("journal", "niches", "archive")} == {
        "journal": Run,
        "niches": NicheRun,
        "archive": ArchiveRun,
    }
    assert view_class(folder) is NicheRun
    assert NicheRun.commands == "poet.view.niches.commands"
    assert require_agents(open_run(folder)).agent_kind == "niche"


def test_a_run_is_found_by_name_or_folder(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(folder, tmp_path / "runs" / "mine")
    assert find_run("mine") == find_run("runs/mine")
    with pytest.raises(RunError, match="Runs in .*fake"):
        open_run(folder.parent / "fak")
    with pytest.raises(RunError, match="no run"):
        open_run(tmp_path / "nothing")


def test_a_run_of_another_format_is_refused(copy):
    edit_json(copy / "run.json", format=1)
    with pytest.raises(RunError, match="format 1"):
        open_run(copy)


def test_a_custom_view_opens_its_runs(copy, custom_views):
    class Robots(NicheRun):
        id: ClassVar[str] = "robots"

    custom_views.register(Robots)
    edit_json(copy / "run.json", view="robots")
    assert type(open_run(copy)) is Robots


def check_journal_only(folder, problem, tmp_path, capsys):
    run = open_run(folder)
    assert type(run) is Run
    assert repr(run).count(f"\nwarning: only the journal of this run is shown. {problem}") == 1
    commands.inspect(folder)
    assert capsys.readouterr().out.count("warning: ") == 1
    assert run.headline()[0] == "active 5"
    assert len(run.table("progress")["best_fitness"]) == 60
    plot(run, "overview", tmp_path / "overview.png")
    assert ink(tmp_path / "overview.png") > 0.02
    for command in (commands.video, commands.evaluate, commands.export):
        with pytest.raises(ConfigError, match=f"no access to agents.*{problem}"):
            command(folder)
    with pytest.raises(ConfigError, match="uses no generator"):
        open_run(folder, HillsGenerator())


def test_a_run_whose_view_is_not_installed_shows_its_journal(copy, tmp_path, capsys):
    edit_json(copy / "run.json", view="robots")
    assert view_class(copy) is Run
    check_journal_only(copy, "unknown view 'robots'", tmp_path, capsys)


def test_a_run_whose_view_is_broken_shows_its_journal(copy, custom_views, tmp_path, capsys):
    class Broken(Run):
        id: ClassVar[str] = "broken"

        def __init__(self, path):
            raise OSError("no robot")

    class Incomplete(AgentRun):
        id: ClassVar[str] = "incomplete"

    custom_views.register(Broken)
    custom_views.register(Incomplete)
    edit_json(copy / "run.json", view="broken")
    check_journal_only(copy, "view 'broken' fails: OSError", tmp_path, capsys)
    edit_json(copy / "run.json", view="incomplete")
    assert "abstract method" in repr(open_run(copy))


def test_a_damaged_journal_is_shown_as_far_as_it_can_be_read(copy, capsys):
    lines = (copy / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (copy / "journal.jsonl").write_bytes(b"".join([lines[0], b"torn\n", *lines[1:]]))
    run = open_run(copy)
    assert "line 2 cannot be read" in run.damage
    assert "line 2 cannot be read" in repr(run)
    assert len(run.events()) == len(lines)
    open_and_warn(copy)
    assert "line 2 cannot be read" in capsys.readouterr().err


def test_renames_of_a_run_hold_from_now_on(copy, renames):
    edit_json(copy / "run.json", view="old_niches", renamed={"old_niches": "niches", "hills": "maze", "moved": "mlp"})
    renames["moved"] = "by the user"
    assert view_class(copy) is NicheRun
    assert isinstance(open_run(copy), NicheRun)
    assert RENAMED["old_niches"] == "niches"
    assert RENAMED["moved"] == "by the user"
    assert "hills" not in RENAMED, "it is installed, and keeps its meaning"
