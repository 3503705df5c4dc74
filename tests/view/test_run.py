import json
import subprocess
import sys

import numpy as np
import pytest

from poet.errors import ConfigError
from poet.view import commands
from poet.view.inspect import event_lines
from poet.view.open import open_run
from poet.view.plots import plot
from poet.view.run import Run
from poet.view.style import new_figure
from tests.view.figures import ink, messages
from tests.view.run_folder import write_run

OPTIONS = {"id": "hill_climber", "seed": 0, "iterations": 40, "executor": {"id": "local"}}
HEADLINE = ["accepted", "best_fitness", "temperature"]


def journal(iterations=30):
    rows = []
    for t in range(iterations):
        if t % 10 == 3:
            rows.append({"event": "restart", "iteration": t, "reason": "no progress", "seeds": [t, t + 1]})
        row = {"event": "iteration", "iteration": t, "env_steps": 20_000 * (t + 1), "accepted": t // 2}
        row |= {"best_fitness": None if t == 4 else 100 * np.exp(-3 / (t + 1)), "temperature": 1 / (t + 1)}
        row |= {"phase": "warm-up" if t < 5 else "search", "improved": t % 3 == 0, "sizes": [1, 2], "wall": {"s": 1}}
        row |= {"nonfinite": ["best_fitness"]} if t == 4 else {}
        rows.append(row if t else {name: value for name, value in row.items() if name != "accepted"})
    return rows


@pytest.fixture
def plain_folder(tmp_path):
    return write_run(tmp_path / "plain", OPTIONS, journal(), headline=HEADLINE)


@pytest.fixture
def new_folder(tmp_path):
    return write_run(tmp_path / "new", OPTIONS, headline=HEADLINE)


@pytest.mark.parametrize(("told", "shown"), [((0, 1, 3, 7, 15), True), ((0, 1, 3, 7), False), ((), False)])
def test_a_stall_is_shown_while_it_lasts(tmp_path, told, shown, capsys):
    """A search tells it at the 1st, 2nd, 4th, ... iteration: one that lasts is told in the second half of them."""
    rows = [{"event": "stall", "iteration": t, "text": "no score is finite"} for t in told]
    run = write_run(tmp_path / "stalled", OPTIONS, [*rows, *journal()], headline=HEADLINE)
    assert ("iteration 15: no score is finite" in repr(open_run(run))) == shown
    commands.inspect(run)
    assert ("warning: iteration 15: no score is finite" in capsys.readouterr().err) == shown


def test_every_scalar_of_an_iteration_is_a_column(plain_folder):
    table = open_run(plain_folder).table("progress")
    assert set(table) == {
        "iteration", "env_steps", "accepted", "best_fitness", "temperature", "phase", "improved",
    }  # fmt: skip
    kinds = {name: column.dtype.kind for name, column in table.items()}
    assert kinds == {
        "iteration": "i", "env_steps": "i", "accepted": "f", "best_fitness": "f", "temperature": "f", "phase": "U",
        "improved": "b",
    }  # fmt: skip
    assert np.flatnonzero(np.isnan(table["best_fitness"])).tolist() == [4]
    assert np.flatnonzero(np.isnan(table["accepted"])).tolist() == [0]
    assert table["phase"][[0, -1]].tolist() == ["warm-up", "search"]


def test_a_run_without_a_view_is_shown_by_its_journal(plain_folder, new_folder):
    run = open_run(plain_folder)
    assert type(run) is Run
    assert run.metrics == ("accepted", "best_fitness", "temperature")
    assert run.headline() == ["accepted 14", "best fitness 90.48", "temperature 0.03333"]
    assert "iteration 30 of 40, accepted 14" in repr(run)
    assert "warning" not in repr(run)
    assert len(run.events("restart")) == 3
    assert list(run.frame("progress")["accepted"].tail(2)) == [14, 14]
    assert not run.is_empty()
    assert open_run(new_folder).is_empty()
    assert "just started" in repr(open_run(new_folder))
    with pytest.raises(ConfigError, match="unknown table 'niches'"):
        run.table("niches")


def test_without_a_headline_the_first_numbers_are_shown(tmp_path):
    run = open_run(write_run(tmp_path / "run", OPTIONS, journal()))
    assert set(run.metrics) == {"env_steps", "accepted", "best_fitness", "temperature"}
    assert ink_of(run, tmp_path) > 0.02


def ink_of(run, folder):
    plot(run, "overview", folder / "overview.png")
    return ink(folder / "overview.png")


def test_the_overview_has_a_curve_for_each_headline_metric(plain_folder, new_folder, tmp_path):
    run = open_run(plain_folder)
    figure = plot(run, "overview", tmp_path / "overview.png")
    assert ink(tmp_path / "overview.png") > 0.02
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["accepted", "best fitness", "temperature"]
    table = run.table("progress")
    for axes, name in zip(figure.axes, HEADLINE, strict=True):
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), table[name])
    assert any("yet" in text for text in messages(plot(open_run(new_folder))))
    with pytest.raises(ConfigError, match="unknown plot 'gallery'"):
        plot(run, "gallery")


def test_metrics_that_cannot_be_drawn_are_messages(tmp_path):
    folder = write_run(tmp_path / "run", OPTIONS, journal(5), headline=["phase", "missing", "temperature"])
    texts = messages(plot(open_run(folder)))
    assert "phase is not a number: warm-up" in texts
    assert "No finite value of missing yet." in texts


def test_inspect_prints_state_metrics_and_events(plain_folder, new_folder, capsys):
    commands.inspect(plain_folder, last=2)
    printed = capsys.readouterr().out
    for part in (
        "Run(plain: iteration 30 of 40",
        "best fitness",
        "90.48",
        "restart: reason no progress, seeds [23, 24]",
    ):
        assert part in printed
    assert printed.count("restart") == 2
    assert len(event_lines(open_run(plain_folder), 99, kind="iteration")) == 30
    commands.inspect(new_folder)
    assert "just started" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="last expects at least 0"):
        commands.inspect(plain_folder, last=-1)


def test_plot_writes_files(plain_folder, tmp_path, capsys):
    commands.plot(plain_folder)
    assert capsys.readouterr().out.strip() == str(plain_folder / "media" / "overview.png")
    commands.plot(plain_folder, what="overview", out=tmp_path / "one.svg")
    assert (tmp_path / "one.svg").read_text().startswith("<?xml")
    with pytest.raises(ConfigError, match="one.svg is one file"):
        commands.plot(plain_folder, out=tmp_path / "one.svg")


@pytest.mark.parametrize("command", [commands.video, commands.evaluate, commands.export])
def test_without_agents_there_is_no_video_evaluation_or_export(plain_folder, command):
    with pytest.raises(ConfigError, match="view 'journal', which gives no access to agents"):
        command(plain_folder)


def test_a_live_run_grows(plain_folder):
    file = plain_folder / "journal.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows[:11]))
    run = open_run(plain_folder)
    assert (run.iteration, len(run.table("progress")["iteration"])) == (10, 10)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run.iteration == 10
    run.refresh()
    assert (run.iteration, len(run.table("progress")["iteration"])) == (30, 30)


def test_the_journal_needs_no_jax(plain_folder):
    code = (
        "import sys; from poet.view.open import open_run; from poet.view.inspect import metrics_table;"
        f"run = open_run({str(plain_folder)!r}); repr(run); metrics_table(run, 3);"
        "bad = [m for m in sys.modules if m in ('jax', 'orbax', 'matplotlib', 'pandas', 'poet.search.poet.search')];"
        "sys.exit(f'imported {bad}' if bad else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("text", ["seed$SEED_$LR", "cost_$a_$b", "$", r"$\frac{1}$", "a $x^2$ b"])
def test_a_dollar_in_a_name_is_no_mathematics(text, tmp_path):
    figure = new_figure(2, 1)
    axes = figure.subplots()
    axes.set_title(text)
    axes.plot([0, 1], label=text)
    axes.legend()
    figure.savefig(tmp_path / "figure.png")
