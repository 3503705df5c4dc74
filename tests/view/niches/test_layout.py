"""Figures of runs with niches: texts inside and apart, panels where they belong, a sentence where there is no data."""

import json
import shutil

import numpy as np
import pytest

from poet.view.niches.plots import PLOTS
from poet.view.open import open_run
from poet.view.plots import plot
from tests.view.fake_run import fake_run
from tests.view.figures import check_layout, colour_bars, messages, parts_of
from tests.view.toy import HillsConfig

pytestmark = pytest.mark.few(1)

LENGTHS = {"one niche": 1, "three niches": 14, "thirty niches": 180}
NAME = "a run whose name is as long as a sentence, " * 3
WORDS = "an environment with a description in many words, " * 5


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    return {name: fake_run(root / str(length), iterations=length) for name, length in LENGTHS.items()}


def slow_unless(condition, *values):
    return pytest.param(*values, marks=() if condition else pytest.mark.ci)


@pytest.mark.parametrize("kind", PLOTS)
@pytest.mark.parametrize("length", [slow_unless(name != "thirty niches", name) for name in LENGTHS])
def test_texts_are_inside_and_apart(runs, kind, length):
    check_layout(plot(open_run(runs[length]), kind))


@pytest.mark.parametrize("kind", [slow_unless(kind != "fitness", kind) for kind in PLOTS])
def test_long_texts_are_inside_and_apart(folder, kind):
    run = open_run(folder)
    run.name, table = NAME, run.table("niches")
    count = len(table["niche"])
    table["description"] = np.array([f"{row} {WORDS}" for row in range(count)])
    table["difficulty"] = np.array([f"class {row % 7} of difficulty, with a long name" for row in range(count)])
    run._tables["niches"] = table
    check_layout(plot(run, kind))


@pytest.mark.ci
@pytest.mark.parametrize("kind", ["overview", "gallery"])
def test_features_have_their_values_as_labels(tmp_path, kind):
    run = open_run(fake_run(tmp_path / "bars", HillsConfig(draws=False), iterations=20))
    table = run.table("niches")
    table |= {f"feature_{k}_with_a_long_name": np.full(len(table["niche"]), 1000.0 + k) for k in range(12)}
    run._tables["niches"] = table
    figure = plot(run, kind)
    check_layout(figure)
    texts = messages(figure)
    assert f"{table['feature_width'][1]:.3g}" in texts
    assert "1e+03" in texts
    titles = [part.get_suptitle() for part in parts_of(figure)]
    assert any("first 10 of 14 features" in title for title in titles)


def with_rounds(folder, target, rounds):
    """A copy of a run in which transfers were tried so often, and none was accepted."""
    shutil.copytree(folder, target)
    rows = [json.loads(line) for line in (target / "journal.jsonl").read_text().splitlines()]
    tried = [row for row in rows if row["event"] == "transfers"][:rounds]
    for row in tried:
        row["accepted"] = 0
    rows = [row for row in rows if row["event"] not in ("transfer", "transfers")] + tried
    (target / "journal.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return open_run(target)


def test_without_attempts_of_transfers_a_sentence_says_so(folder, tmp_path):
    run = with_rounds(folder, tmp_path / "copy", 0)
    run.options["search"]["transfer_every"] = 25
    figure = plot(run, "transfers")
    assert "No transfer is attempted yet" in messages(figure)[0]
    assert "every 25 iterations" in messages(figure)[0]
    check_layout(figure)


@pytest.mark.parametrize("rounds", [1, 4])
def test_attempts_of_transfers_are_shown_where_none_was_accepted(folder, tmp_path, rounds):
    run = with_rounds(folder, tmp_path / "copy", rounds)
    figure = plot(run, "transfers")
    check_layout(figure)
    tried = run.events("transfers")
    left, right = figure.axes
    (legend,) = left.get_legend().get_texts()
    assert f"{sum(row['attempts'] for row in tried)} attempts, none accepted" in legend.get_text()
    np.testing.assert_array_equal(right.images[0].get_array(), tried[-1]["scores"])
    assert len(colour_bars(figure)) == 1


def test_attempts_without_a_finite_score_have_no_colour_bar(folder, tmp_path):
    run = with_rounds(folder, tmp_path / "copy", 1)
    (row,) = run.events("transfers")
    row["scores"] = [[None] * len(row["niches"])] * len(row["niches"])
    figure = plot(run, "transfers")
    assert not colour_bars(figure)
    assert any("No agent has a finite fitness" in text for text in messages(figure))
