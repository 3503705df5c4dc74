import json
import shutil

import numpy as np
import pytest
from PIL import Image

from poet.errors import ConfigError
from poet.view.lineage import order, text
from poet.view.open import open_run
from poet.view.plots import PLOTS, grid, plot
from poet.view.style import difficulty_colours
from tests.view.fake_run import fake_run
from tests.view.toy import HillsConfig


def ink(path):
    """Share of pixels that are not white."""
    with Image.open(path) as image:
        return float((np.asarray(image.convert("L")) < 250).mean())


@pytest.mark.parametrize("kind", PLOTS)
def test_every_picture_shows_something(folder, tmp_path, kind):
    plot(open_run(folder), kind, tmp_path / f"{kind}.png")
    assert ink(tmp_path / f"{kind}.png") > 0.02
    assert [entry.name for entry in tmp_path.iterdir()] == [f"{kind}.png"], "no temporary file stays behind"


@pytest.mark.parametrize("kind", PLOTS)
def test_a_run_without_events_is_a_sentence(empty_folder, tmp_path, kind):
    figure = plot(open_run(empty_folder), kind, tmp_path / "empty.png")
    assert any("yet" in words for words in sentences(figure))
    assert 0 < ink(tmp_path / "empty.png") < 0.05


def sentences(figure):
    parts = [*figure.axes, *(axes for part in figure.subfigs for axes in part.axes)]
    return [text.get_text() for axes in parts for text in axes.texts]


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


def test_where_nothing_can_be_drawn_there_are_bars(tmp_path):
    run = open_run(fake_run(tmp_path / "bars", HillsConfig(draws=False), iterations=20))
    figure = plot(run, "gallery", tmp_path / "gallery.png")
    labels = [label.get_text() for axes in figure.axes for label in axes.get_yticklabels()]
    assert "height" in labels
    assert "width" in labels
    assert ink(tmp_path / "gallery.png") > 0.01


def test_a_run_is_shown_where_its_generator_is_not_installed(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "foreign")
    options = json.loads((folder / "config.json").read_text())
    options["generator"]["id"] = "not_here"
    (tmp_path / "foreign" / "config.json").write_text(json.dumps(options))
    run = open_run(tmp_path / "foreign")
    assert "fake" not in repr(run)
    assert "iteration 60" in repr(run)
    plot(run, "overview", tmp_path / "overview.png")
    assert ink(tmp_path / "overview.png") > 0.02
    with pytest.raises(ConfigError, match="not_here"):
        run.generator()


def test_unknown_picture(folder):
    with pytest.raises(ConfigError, match="Did you mean 'lineage'"):
        plot(open_run(folder), "linage")


def test_grid_leaves_nan_where_a_niche_was_not_active(folder):
    run = open_run(folder)
    times, ids, values = grid(run, "fitness")
    niches = run.table("niches")
    for place, niche in enumerate(ids):
        alive = times[np.isfinite(values[:, place])]
        assert alive.min() > niches["born"][niche] or niche == 0
        assert niches["retired"][niche] < 0 or alive.max() <= niches["retired"][niche]


def test_tree_keeps_families_together():
    niches = {"niche": np.array([0, 1, 2, 3]), "parent": np.array([-1, 0, 0, 1])}
    assert [(int(niches["niche"][row]), depth) for row, depth in order(niches)] == [(0, 0), (2, 1), (1, 1), (3, 2)]


def test_tree_in_text(folder):
    run = open_run(folder)
    lines = text(run)
    niches = run.table("niches")
    assert len(lines) == len(niches["niche"])
    assert lines[0].startswith("0  born 0")
    assert all(not line.startswith(("├", "└", "│", " ")) for line in lines[:1])
    depth = {int(line.lstrip("│├└ ").split()[0]): len(line) - len(line.lstrip("│├└ ")) for line in lines}
    for niche, parent in zip(niches["niche"], niches["parent"], strict=True):
        assert parent < 0 or depth[int(niche)] == depth[int(parent)] + 2


def test_difficulties_have_colours_of_their_own():
    colours = difficulty_colours(["", "challenging", "my own", "extremely challenging", "another"])
    assert len(set(colours.values())) == 5
