import shutil

import numpy as np
import pytest

from poet.errors import ConfigError
from poet.view.niches.inspect import niche_lines
from poet.view.niches.lineage import family_order, tree_lines
from poet.view.niches.plots import PLOTS, values_by_niche
from poet.view.open import open_run
from poet.view.plots import plot
from poet.view.style import difficulty_colours
from tests.view.fake_run import HEADLINE, fake_run, poet_options
from tests.view.figures import ink, messages
from tests.view.run_folder import edit_json, write_run
from tests.view.toy import HillsConfig


@pytest.mark.few(2)
@pytest.mark.parametrize("kind", PLOTS)
def test_every_figure_shows_something(folder, tmp_path, kind):
    plot(open_run(folder), kind, tmp_path / f"{kind}.png")
    assert ink(tmp_path / f"{kind}.png") > 0.02
    assert [entry.name for entry in tmp_path.iterdir()] == [f"{kind}.png"], "no temporary file stays behind"


@pytest.mark.parametrize("kind", PLOTS)
def test_a_run_without_events_is_a_message(empty_folder, tmp_path, kind):
    figure = plot(open_run(empty_folder), kind, tmp_path / "empty.png")
    assert any("yet" in text for text in messages(figure))
    assert 0 < ink(tmp_path / "empty.png") < 0.05


def test_a_run_of_one_niche_and_one_iteration(tmp_path):
    run = open_run(fake_run(tmp_path / "one", iterations=1))
    for kind in PLOTS:
        plot(run, kind, tmp_path / f"{kind}.png")
    assert ink(tmp_path / "fitness.png") > 0.01


def test_broken_fitness_is_shown_as_such(tmp_path):
    run = open_run(fake_run(tmp_path / "nan", iterations=30, nan_at=(3, 4, 29)))
    figure = plot(run, "fitness")
    legends = [axes.get_legend() for axes in figure.axes if axes.get_legend()]
    assert any("NaN" in text.get_text() for legend in legends for text in legend.get_texts())
    plot(run, "overview", tmp_path / "overview.png")
    assert ink(tmp_path / "overview.png") > 0.02


def test_nothing_but_nan(tmp_path):
    run = open_run(fake_run(tmp_path / "nan", iterations=5, nan_at=tuple(range(5))))
    for kind in PLOTS:
        plot(run, kind, tmp_path / f"{kind}.png")


def test_a_generator_that_cannot_draw_gives_bars(tmp_path):
    run = open_run(fake_run(tmp_path / "bars", HillsConfig(draws=False), iterations=20))
    figure = plot(run, "gallery", tmp_path / "gallery.png")
    labels = [label.get_text() for axes in figure.axes for label in axes.get_yticklabels()]
    assert "height" in labels
    assert "width" in labels
    assert ink(tmp_path / "gallery.png") > 0.01


def test_a_run_is_shown_without_its_generator(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "foreign")
    edit_json(tmp_path / "foreign" / "config.json", generator={"id": "not_here"})
    run = open_run(tmp_path / "foreign")
    assert "fake" not in repr(run)
    assert "iteration 60" in repr(run)
    plot(run, "overview", tmp_path / "overview.png")
    assert ink(tmp_path / "overview.png") > 0.02
    with pytest.raises(ConfigError, match="not_here"):
        run.generator()


def test_unknown_figure(folder):
    with pytest.raises(ConfigError, match="Did you mean 'lineage'"):
        plot(open_run(folder), "linage")


@pytest.mark.parametrize("name", ["a.mp4", "a.html", "a.txt"])
def test_a_figure_of_an_unknown_type_is_refused(folder, tmp_path, name):
    with pytest.raises(ConfigError, match=rf"cannot be written as '{name}': use one of .*\.png"):
        plot(open_run(folder), "lineage", tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("name", "start"), [("a.PNG", b"\x89PNG"), ("a", b"\x89PNG"), ("a.pdf", b"%PDF"), ("a.svg", b"<?xml")]
)
def test_the_suffix_of_a_file_decides_its_type(folder, tmp_path, name, start):
    plot(open_run(folder), "lineage", tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)


def test_values_are_nan_where_a_niche_was_not_active(folder):
    run = open_run(folder)
    times, ids, values = values_by_niche(run, "fitness")
    niches = run.table("niches")
    for place, niche in enumerate(ids):
        alive = times[np.isfinite(values[:, place])]
        assert alive.min() > niches["born"][niche] or niche == 0
        assert niches["retired"][niche] < 0 or alive.max() <= niches["retired"][niche]


def test_tree_keeps_families_together():
    niches = {"niche": np.array([0, 1, 2, 3]), "parent": np.array([-1, 0, 0, 1])}
    assert [(int(niches["niche"][row]), depth) for row, depth in family_order(niches)] == [
        (0, 0),
        (2, 1),
        (1, 1),
        (3, 2),
    ]


def test_tree_in_text(folder):
    run = open_run(folder)
    lines = tree_lines(run)
    niches = run.table("niches")
    assert len(lines) == len(niches["niche"])
    assert lines[0].startswith("0  born 0")
    assert all(not line.startswith(("├", "└", "│", " ")) for line in lines[:1])
    depth = {int(line.lstrip("│├└ ").split()[0]): len(line) - len(line.lstrip("│├└ ")) for line in lines}
    for niche, parent in zip(niches["niche"], niches["parent"], strict=True):
        assert parent < 0 or depth[int(niche)] == depth[int(parent)] + 2


def test_each_difficulty_has_its_own_colour():
    colours = difficulty_colours(["", "challenging", "my own", "extremely challenging", "another"])
    assert len(set(colours.values())) == 5


@pytest.mark.parametrize("parents", [[1, 0, 0], [2, 0, 1], [0, 1, 2], [None, 5, -7]], ids=str)
def test_a_family_in_a_circle_has_an_end(tmp_path, parents):
    """As in a journal that somebody wrote by hand: a niche that descends from itself."""
    rows = [
        {"event": "admission", "iteration": 0, "niche": niche, "parent": parent, "description": f"niche {niche}"}
        for niche, parent in enumerate(parents)
    ]
    rows.append({"event": "iteration", "iteration": 0, "niches": [0, 1, 2], "fitness": [1, 2, 3], "best": [1, 2, 3]})
    run = open_run(write_run(tmp_path / "run", poet_options(HillsConfig()), rows, view="niches", headline=HEADLINE))
    assert sorted(row for row, _ in family_order(run.table("niches"))) == [0, 1, 2]
    assert len(tree_lines(run)) == 3
    assert all("ancestors" in "\n".join(niche_lines(run, niche)) for niche in range(3))
    assert run.plots()["lineage"](run).axes
