import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from poet.errors import ConfigError, RunError
from poet.view.media import print_summary
from poet.view.niches.run import NicheRun
from poet.view.open import open_run
from poet.view.run import format_age
from tests.view.run_folder import write_run
from tests.view.toy import Hills, HillsConfig, HillsGenerator


def rows_of(folder):
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


def test_iterations_hold_every_number_of_the_journal(folder):
    table = open_run(folder).table("iterations")
    rows = [row for row in rows_of(folder) if row["event"] == "iteration"]
    for name in ("fitness", "best", "mean", "length", "sigma", "learning_rate"):
        np.testing.assert_array_equal(table[name], np.concatenate([row[name] for row in rows]))
    np.testing.assert_array_equal(table["niche"], np.concatenate([row["niches"] for row in rows]))
    assert table["iteration"][-1] == 59
    assert table["iteration"][0] == 0


def test_niches_follow_admissions_retirements_and_milestones(folder):
    run = open_run(folder)
    table, rows = run.table("niches"), rows_of(folder)
    born = {row["niche"]: row for row in rows if row["event"] == "admission"}
    assert table["niche"].tolist() == sorted(born)
    retired = {row["niche"]: row["iteration"] for row in rows if row["event"] == "retirement"}
    solved = {row["niche"]: row["iteration"] for row in reversed(rows) if row["event"] == "milestone"}
    assert retired, "the fake run retires niches, or this test checks nothing"
    for place, niche in enumerate(table["niche"]):
        assert table["born"][place] == born[niche]["iteration"]
        assert table["retired"][place] == retired.get(niche, -1)
        assert table["solved"][place] == solved.get(niche, -1)
        assert table["age"][place] == retired.get(niche, 59) - born[niche]["iteration"]
        assert table["feature_height"][place] == born[niche]["features"]["height"]
    assert table["parent"][0] == -1
    assert table["received"].sum() == len(run.table("transfers")["target"]) > 0


def test_children_transfers_and_progress(folder):
    run = open_run(folder)
    assert set(run.table("children")["verdict"]) == {"passed", "duplicate", "too_hard"}
    moves = run.table("transfers")
    assert (moves["fitness"] > moves["incumbent"]).all()
    steps = run.table("progress")["env_steps"]
    assert len(steps) == run.iteration == 60
    assert (np.diff(steps) > 0).all()
    assert len(run.events("transfers")) < len(run.events())


def test_frames_need_pandas_and_say_so(folder, monkeypatch):
    run = open_run(folder)
    frame = run.frame("niches")
    assert list(frame.columns) == list(run.table("niches"))
    assert len(frame) == len(run.table("niches")["niche"])
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigError, match="extra 'tables' .* install .*pandas"):
        run.frame("niches")


def test_unknown_table_and_missing_run(folder, tmp_path):
    with pytest.raises(ConfigError, match="Did you mean 'niches'"):
        open_run(folder).table("niche")
    with pytest.raises(RunError, match="Runs in .*fake"):
        open_run(folder.parent / "fak")
    with pytest.raises(RunError, match="no run"):
        open_run(tmp_path / "nothing")


def test_a_niche_has_genome_and_agents(folder):
    run = open_run(folder)
    niche = run.niche(3)
    assert isinstance(niche.genome, Hills)
    assert run.generator().to_json(niche.genome) == niche.meta["genome"]
    assert niche.agent("admission").shape == run.agent(3).shape == (run.policy().num_params,)
    with pytest.raises(ConfigError, match="agent of niche 3"):
        niche.agent("bst")
    with pytest.raises(RunError, match="no niche 99"):
        run.niche(99)


def test_a_custom_generator_replaces_that_of_the_config(folder):
    custom = HillsGenerator(HillsConfig(horizon=7))
    assert open_run(folder, custom).niche(0).generator is custom


def test_a_live_run_grows_and_a_torn_line_waits(folder, tmp_path):
    copy = tmp_path / "live"
    shutil.copytree(folder, copy)
    lines = (copy / "journal.jsonl").read_bytes().splitlines(keepends=True)
    half = len(lines) // 2
    (copy / "journal.jsonl").write_bytes(b"".join(lines[:half]) + lines[half][:20])
    run = open_run(copy)
    assert len(run.events()) == half
    before = run.iteration
    (copy / "journal.jsonl").write_bytes(b"".join(lines))
    assert run.iteration == before, "what was read stays until refresh"
    assert run.refresh().iteration == 60 > before
    assert len(run.events()) == len(lines)


def test_a_run_without_events(empty_folder):
    run = open_run(empty_folder)
    assert "just started" in repr(run)
    assert run.iteration == 0
    for kind in ("progress", "iterations", "niches", "transfers", "children"):
        assert all(len(column) == 0 for column in run.table(kind).values())
    with pytest.raises(RunError, match="no niche yet"):
        run.default_agent()


def test_broken_numbers_become_nan(tmp_path):
    from tests.view.fake_run import fake_run

    run = open_run(fake_run(tmp_path / "nan", iterations=10, nan_at=(4, 5)))
    table = run.table("iterations")
    assert table["iteration"][np.isnan(table["fitness"])].tolist() == [4, 5]
    assert len(run.events("broken")) == 2


def test_repr_reports_the_state_of_the_run(folder):
    text = repr(open_run(folder))
    for part in ("fake", "iteration 60 of 60", "5 niches active of 10 ever", "environment steps", "finished"):
        assert part in text


def test_the_default_agent_is_that_of_the_latest_solved_environment(folder):
    run = open_run(folder)
    niches = run.table("niches")
    solved = niches["niche"][niches["solved"] >= 0]
    assert run.default_agent() == (solved.max() if len(solved) else niches["niche"][niches["best"].argmax()])


def test_ages():
    assert [format_age(s) for s in (-1, 5, 300, 7200, 3e5)] == [
        "0 s ago",
        "5 s ago",
        "5 min ago",
        "2 h ago",
        "3 days ago",
    ]


def test_tables_need_neither_jax_nor_search(folder):
    code = (
        "import sys; from poet.view.open import open_run; from poet.view.niches.inspect import niche_table;"
        f"run = open_run({str(folder)!r}); run.table('niches'); repr(run); niche_table(run);"
        "bad = [m for m in sys.modules if m in ('jax', 'orbax', 'matplotlib', 'pandas', 'poet.search.poet.search')];"
        "sys.exit(f'imported {bad}' if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "row",
    [
        {"event": "admission", "iteration": 1},
        {"event": "admission", "iteration": "1", "niche": 1},
        {"event": "admission", "iteration": 1, "niche": 1, "features": {"height": []}},
        {"event": "iteration", "iteration": 1, "niches": [0, "a"], "fitness": [1.0, 2.0]},
        {"event": "iteration", "niches": [0], "fitness": [1.0]},
        {"event": "transfer", "iteration": 1, "source": 0},
        {"event": "retirement", "iteration": 1, "niche": None},
    ],
    ids=str,
)
def test_a_row_of_another_form_is_left_out_and_named(folder, tmp_path, row):
    copy = shutil.copytree(folder, tmp_path / "copy")
    journal = copy / "journal.jsonl"
    expected = {kind: NicheRun(copy).table(kind) for kind in NicheRun.tables}
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join([*lines[:3], json.dumps(row), *lines[3:]]) + "\n")
    run = NicheRun(copy)
    assert "line 4 cannot be read" in run.damage
    for kind, table in expected.items():
        for name, column in run.table(kind).items():
            np.testing.assert_array_equal(column, table[name])


def test_lists_of_another_length_count_as_missing(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    row = {"event": "iteration", "iteration": 60, "niches": [0, 1, 2], "fitness": [1.0], "sigma": [0.1] * 4}
    with (copy / "journal.jsonl").open("a") as journal:
        journal.write(json.dumps(row) + "\n")
    table = NicheRun(copy).table("iterations")
    last = table["iteration"] == 60
    assert table["niche"][last].tolist() == [0, 1, 2]
    assert np.isnan(table["fitness"][last]).all()
    assert np.isnan(table["sigma"][last]).all()


def test_the_default_agent_is_one_that_is_on_file(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    best = NicheRun(copy).default_agent()
    (copy / "niches" / f"{best}.json").unlink()  # as before the next checkpoint
    other = NicheRun(copy).default_agent()
    assert other != best
    assert NicheRun(copy).weights(other).ndim == 1
    shutil.rmtree(copy / "niches")
    with pytest.raises(RunError, match="no niche yet"):
        NicheRun(copy).default_agent()


START = {"event": "admission", "iteration": 0, "niche": 0, "parent": None}
CHILD = {"event": "admission", "iteration": 2, "niche": 1, "parent": 0}
REPRODUCTION = {"event": "reproduction", "iteration": 2, "eligible": [], "passed": 0, "admitted": 0}


@pytest.mark.parametrize(
    ("events", "num_iterations", "warning"),
    [
        ([START, REPRODUCTION], 3, "no environment was reproduced: 1 reproductions admitted no child"),
        ([START, REPRODUCTION, CHILD], 4, ""),
        ([START], 3, ""),
        ([START], 4, "the first reproduction, after search.reproduce_every 9 iterations, would be later than the last"),
    ],
)
def test_a_run_that_reproduced_nothing_says_so(tmp_path, capsys, events, num_iterations, warning):
    options = {"id": "poet", "iterations": 4, "search": {"reproduce_every": 9}}
    rows = [{"event": "iteration", "iteration": t, "niches": [0], "fitness": [1.0]} for t in range(num_iterations)]
    folder = write_run(tmp_path / "run", options, [*events, *rows], view="niches")
    warnings = open_run(folder).warnings()
    assert len(warnings) == bool(warning)
    assert warning in "".join(warnings)
    print_summary(folder)
    assert warning in capsys.readouterr().err, "the end of `poet run` and `poet inspect` show it"
