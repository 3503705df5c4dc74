import io
import json
import shutil

import pytest
from rich.console import Console

from poet.errors import ConfigError, RunError
from poet.view.niches import commands
from poet.view.niches.inspect import event_lines, niche_lines, niche_table
from poet.view.open import open_run
from tests.view.run_folder import edit_json


def printed(table, width=160):
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue()


def test_table_names_every_niche(folder):
    run = open_run(folder)
    text = printed(niche_table(run))
    niches = run.table("niches")
    for name in ("parent", "difficulty", "challenging", "hills 0.00 high and 1.00 wide", "retired at"):
        assert name in text
    assert text.count("hills") == len(niches["niche"])
    narrow = printed(niche_table(run, 80), 80)
    assert "parent" not in narrow
    assert narrow.count("hills") == len(niches["niche"])


def test_the_thresholds_are_shown_as_returns(folder, tmp_path, capsys):
    folder = shutil.copytree(folder, tmp_path / "run")
    run = json.loads((folder / "run.json").read_text())
    edit_json(folder / "run.json", identity={**run["identity"], "thresholds": {"solved_score": 230.0, "mc_lower": 50}})
    commands.inspect(folder, last=0, tree=False)
    assert "thresholds as returns: solved_score 230, mc_lower 50\n" in capsys.readouterr().out


def test_one_niche_with_its_ancestors(folder):
    run = open_run(folder)
    niches = run.table("niches")
    child = int(niches["niche"][-1])
    text = "\n".join(niche_lines(run, child))
    assert f"{child} <- {niches['parent'][-1]}" in text
    assert text.count("<- 0") == 1
    assert "height" in text
    assert str(niches["description"][-1]) in text
    with pytest.raises(RunError, match="no niche 99"):
        niche_lines(run, 99)


def test_events_by_number_niche_and_kind(folder):
    run = open_run(folder)
    assert len(event_lines(run, 5)) == 5
    assert event_lines(run, 0) == []
    assert all("transfers accepted" in line for line in event_lines(run, 99, kind="transfers"))
    assert event_lines(run, 99, niche=0)[0].split(maxsplit=1)[1].startswith("niche 0 starts")
    assert len(event_lines(run, 999, kind="child")) == len(run.table("children")["child"])


def test_every_event_is_a_sentence(folder):
    run = open_run(folder)
    for kind in {row["event"] for row in run.events()} - {"iteration"}:
        assert "event" not in event_lines(run, 1, kind=kind)[0]


def test_command_prints_all(folder, empty_folder, capsys):
    commands.inspect(str(folder), last=3)
    out = capsys.readouterr().out
    for part in ("iteration 60 of 60", "family tree", "last events", "└"):
        assert part in out
    commands.inspect(str(folder), niche=2)
    assert "family tree" not in capsys.readouterr().out
    commands.inspect(str(empty_folder))
    assert "just started" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="last"):
        commands.inspect(str(folder), last=-1)
