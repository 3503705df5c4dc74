import io
import re
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console

from poet.errors import ConfigError, RunError
from poet.runs.read import Record
from poet.view.archive import commands
from poet.view.archive.elites import Elites
from poet.view.archive.inspect import elite_lines, elite_table, progress_table
from poet.view.inspect import print_table
from poet.view.media import make_media
from poet.view.open import open_run
from tests.view.archive.fake_archive import SPECS, fake_archive


def test_inspect_prints_tables_and_one_elite(archive, empty, new, capsys):
    commands.inspect(str(archive), last=3, top=4)
    printed = capsys.readouterr().out
    assert "the fittest of" in printed
    assert printed.count("\n│") == 3 + 4
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


@pytest.mark.parametrize("width", [60, 80, 100, 160])
@pytest.mark.parametrize("spec", ["grid 2", "grid 6"])
def test_numbers_are_not_cut_in_narrow_terminals(tmp_path, spec, width):
    run = open_run(fake_archive(tmp_path / "run", SPECS[spec], iterations=4, snapshots=(4,)))
    tables = ((progress_table(run, 4), 2), (elite_table(run.archive(), 4, run.emitters()), 3))
    for table, needed in tables:
        headers = [str(column.header) for column in table.columns]
        console = Console(width=width, record=True, file=io.StringIO())
        print_table(console, table, headers[: needed - 1 : -1])
        text = console.export_text()
        assert "…" not in text
        assert max(map(len, text.splitlines())) <= width
        assert headers[: len(table.columns)] == [str(column.header) for column in table.columns]
        assert (f"no room for {headers[-1]}" in text) == (len(table.columns) < len(headers))


def test_objectives_have_their_own_columns(archive):
    given = open_run(archive).archive()
    trade = np.stack([given.columns["fitness"] - 7.25, np.full(len(given), 7.25)], axis=1)
    columns = {**given.columns, "objectives": trade}
    table = elite_table(Elites(Record(given.meta, columns)), 3)
    shown = {column.header: list(column.cells) for column in table.columns}
    assert shown["objective 1"] == ["7.25"] * 3
    best = given.columns["fitness"][given.best()]
    assert (shown["sum"][0], shown["objective 0"][0]) == (f"{best:.4g}", f"{best - 7.25:.4g}")
    assert "sum" not in [column.header for column in elite_table(given, 3).columns]


def test_extra_fields_of_one_number_have_their_own_columns(archive):
    given = open_run(archive).archive()
    count = len(given)
    extra = {
        "extra.chosen_since_new": np.arange(count),
        "extra.path": np.zeros((count, 2)),
        "extra.word": ["a"] * count,
    }
    columns = {**given.columns, **{name: np.asarray(column) for name, column in extra.items()}}
    table = elite_table(Elites(Record(given.meta, columns)), 3)
    shown = {column.header: list(column.cells) for column in table.columns}
    assert shown["chosen since new"] == shown["elite"]
    assert not {"path", "word"} & shown.keys()


def test_an_elite_in_lines(archive):
    run = open_run(archive)
    elites = run.archive()
    row = next(row for row in range(len(elites)) if elites.parents(row))
    text = "\n".join(elite_lines(run, row))
    (parent,) = elites.parents(row)
    assert f"parents     {parent[0]}:{parent[1]}" in text
    assert run.emitters()[int(elites.columns["emitter"][row])] in text
    assert "left foot" in text
    with pytest.raises(RunError, match="no elite 9999"):
        elite_lines(run, 9999)


def test_solutions_without_an_environment_have_no_video(archive):
    assert not open_run(archive).can_render()
    for command in (commands.video, commands.evaluate, commands.export):
        with pytest.raises(ConfigError, match="'arm', which has no environment"):
            command(archive)


@pytest.mark.ci
def test_elites_of_a_custom_scoring_function_are_not_drawn_as_solutions_of_the_problem(tmp_path):
    folder = fake_archive(tmp_path / "own", iterations=4, snapshots=(4,), problem={"id": "sphere"})
    run = open_run(folder)
    assert run.problem() is None
    assert "gallery" not in run.plots()
    make_media(run.path, "end")
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
