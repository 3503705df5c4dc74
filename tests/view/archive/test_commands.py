import re
import subprocess
import sys

import numpy as np
import pytest

from poet.cli import _pictures
from poet.errors import ConfigError, RunError
from poet.search.base import Snapshot
from poet.view.archive import commands
from poet.view.archive.elites import Elites
from poet.view.archive.inspect import elite_lines, elite_table
from poet.view.open import open_run
from tests.view.fake_archive import ARM, fake_archive


def test_inspect_prints_tables_and_one_elite(archive, empty, new, capsys):
    commands.inspect(str(archive), last=3, top=4)
    said = capsys.readouterr().out
    assert "the fittest of" in said
    assert said.count("\n│") == 3 + 4
    commands.inspect(str(archive), elite=5)
    assert capsys.readouterr().out.startswith("elite 5: fitness")
    place = open_run(archive).archive().columns["descriptor"][9]
    commands.inspect(str(archive), at=tuple(map(float, place)))
    nearest, shown = capsys.readouterr().out.splitlines()[:2]
    assert re.fullmatch(r"nearest to -?\d.*: elite 9, at left foot -?\d.*", nearest)
    assert shown.startswith("elite 9: ")
    commands.inspect(str(empty))
    assert "empty" in capsys.readouterr().out
    with pytest.raises(RunError, match="no elite yet"):
        commands.inspect(str(empty), elite=0)
    commands.inspect(str(new))
    assert "just started" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="not both"):
        commands.inspect(str(archive), elite=5, at=(0.0, 0.0))
    with pytest.raises(ConfigError, match="last"):
        commands.inspect(str(archive), last=-1)


def test_objectives_have_columns_of_their_own(archive):
    given = open_run(archive).archive()
    trade = np.stack([given.columns["fitness"] - 7.25, np.full(len(given), 7.25)], axis=1)
    columns = {**given.columns, "objectives": trade}
    table = elite_table(Elites(Snapshot(given.meta, columns)), 3)
    shown = {column.header: list(column.cells) for column in table.columns}
    assert shown["objective 1"] == ["7.25"] * 3
    best = given.columns["fitness"][given.best()]
    assert (shown["sum"][0], shown["objective 0"][0]) == (f"{best:.4g}", f"{best - 7.25:.4g}")
    assert "sum" not in [column.header for column in elite_table(given, 3).columns]


def test_an_elite_in_lines(archive):
    run = open_run(archive)
    elites = run.archive()
    row = next(row for row in range(len(elites)) if elites.parents(row))
    words = "\n".join(elite_lines(run, row))
    (parent,) = elites.parents(row)
    assert f"parents     {parent[0]}:{parent[1]}" in words
    assert run.emitters()[int(elites.columns["emitter"][row])] in words
    assert "left foot" in words
    with pytest.raises(RunError, match="no elite 9999"):
        elite_lines(run, 9999)


def test_solutions_that_live_in_no_world_cannot_be_filmed(archive):
    assert not open_run(archive).films()
    for command in (commands.video, commands.evaluate, commands.export):
        with pytest.raises(ConfigError, match="'arm', which live in no world"):
            command(archive)


def test_elites_that_no_problem_scored_are_not_drawn_as_its_solutions(tmp_path):
    options = {**ARM, "iterations": 4, "problem": {"id": "sphere"}}
    run = open_run(fake_archive(tmp_path / "own", snapshots=(4,), **options))
    assert run.problem() is None
    assert "gallery" not in run.plots()
    _pictures(run.path, "end")
    assert {file.stem for file in (run.path / "media").glob("*.*")} == set(run.plots())


def test_tables_need_neither_jax_nor_search(archive):
    code = (
        "import sys; from poet.view.open import open_run; from poet.view.archive.inspect import elite_table;"
        f"run = open_run({str(archive)!r}); run.table('progress'); repr(run); elite_table(run.archive(), 5);"
        "bad = [m for m in sys.modules if m in ('jax', 'orbax', 'matplotlib', 'pandas', 'scipy')];"
        "sys.exit(f'imported {bad}' if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
