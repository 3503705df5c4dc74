"""Plug-ins that fail while a run is shown: the rest is shown, and an error names the plug-in and the reason."""

import dataclasses
import re
import shutil

import numpy as np
import pytest

from poet.agents.config import MLPConfig
from poet.cli.main import main
from poet.errors import ContractError
from poet.view.evaluate import evaluate
from poet.view.media import make_media
from poet.view.niches.run import NicheRun
from poet.view.open import open_run
from poet.view.plots import plot
from poet.view.programs import _engine
from poet.view.video import video
from tests.view.archive.fake_archive import fake_archive
from tests.view.figures import check_layout, messages
from tests.view.toy import DrawingHillsGenerator, HillsEnvironment

pytestmark = pytest.mark.few(1)


def fail(*args, **options):
    raise ValueError("no such\nhill")


FAIL = r"raises ValueError: no such hill \(line \d+ of test_plugins.py\)"
NO_PICTURES = {
    "raises": (fail, FAIL),
    "gives []": (lambda *args: [], r"gives float64\[0\]: expected a picture u8\[H, W, 3\]"),
    "gives None": (lambda *args: None, r"gives object\[\]: expected"),
    "gives grey values": (lambda *args: np.zeros((4, 5), np.uint8), r"gives uint8\[4, 5\]: expected"),
    "gives floats": (lambda *args: np.zeros((4, 5, 3)), r"gives float64\[4, 5, 3\]: expected"),
    "gives rows of different lengths": (lambda *args: [[1], [1, 2]], "raises ValueError: setting an array element"),
}
NO_FRAMES = {
    "raises": (fail, FAIL),
    "gives []": (lambda *args, level: [], "gives no frame"),
    "gives None": (lambda *args, level: None, "raises TypeError: 'NoneType' object is not iterable"),
    "gives grey values": (lambda *args, level: [np.zeros((4, 5), np.uint8)], r"gives uint8\[4, 5\]: expected a"),
    "gives frames of two sizes": (
        lambda *args, level: [np.zeros((4, n, 3), np.uint8) for n in (5, 6)],
        r"gives frames of different shapes: \(4, 5, 3\) and \(4, 6, 3\)",
    ),
}


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def table(cases):
    return pytest.mark.parametrize(("draw", "reason"), cases.values(), ids=cases.keys())


@table(NO_PICTURES)
def test_features_stand_in_for_pictures_and_the_reason_is_said(copy, monkeypatch, capsys, draw, reason):
    monkeypatch.setattr(DrawingHillsGenerator, "draw_level", draw)
    assert main(["plot", str(copy), "--what", "gallery"]) == 1
    printed = capsys.readouterr()
    assert printed.out == f"{copy / 'media' / 'gallery.png'}\n"
    assert re.search(f"(?m)^error: draw_level of generator 'hills' {reason}", printed.err)
    labels = [label.get_text() for axes in plot(open_run(copy), "gallery").axes for label in axes.get_yticklabels()]
    assert "height" in labels


def test_one_environment_that_cannot_be_drawn_does_not_hide_the_others(copy, monkeypatch):
    draw_level = DrawingHillsGenerator.draw_level
    monkeypatch.setattr(
        DrawingHillsGenerator,
        "draw_level",
        lambda self, genome: fail() if genome.width == 1 else draw_level(self, genome),
    )
    run = open_run(copy)
    figure = plot(run, "gallery")
    check_layout(figure)
    (text,) = messages(figure)
    assert " ".join(text.split()).startswith("no picture: draw_level of generator 'hills' raises ValueError")
    assert sum(bool(axes.images) for axes in figure.axes) == len(run.table("niches")["niche"]) - 1
    assert len(run.failures) == 1


@table(NO_PICTURES)
def test_a_gallery_of_elites_says_which_cannot_be_drawn(tmp_path, monkeypatch, draw, reason):
    monkeypatch.setattr(DrawingHillsGenerator, "draw_level", draw)
    folder = fake_archive(
        tmp_path / "pairs", iterations=2, snapshots=(2,), genomes=True, params=21, generator={"id": "hills"}
    )
    run = open_run(folder)
    figure = plot(run, "gallery")
    assert all("no picture" in text for text in messages(figure))
    assert re.match(f"draw_level of generator 'hills' {reason}", run.failures[0])
    check_layout(figure)


@table(NO_FRAMES)
def test_a_video_says_why_it_has_no_frames(copy, monkeypatch, capsys, draw, reason):
    monkeypatch.setattr(DrawingHillsGenerator, "render", draw)
    assert main(["video", str(copy)]) == 2
    assert re.search(f"error: render of generator 'hills' {reason}", capsys.readouterr().err)
    with pytest.raises(ContractError, match=f"video: render of generator 'hills' {reason}"):
        make_media(copy, "milestone")
    assert [file.name for file in (copy / "media").iterdir()] == ["overview.png"]


@pytest.mark.ci
def test_what_fails_does_not_stop_the_other_figures(copy, monkeypatch, capsys):
    monkeypatch.setattr(DrawingHillsGenerator, "draw_level", fail)
    plots = {**open_run(copy).plots(), "fitness": fail}
    monkeypatch.setattr(NicheRun, "plots", lambda run: plots)
    assert main(["plot", str(copy)]) == 1
    printed = capsys.readouterr()
    assert {file.stem for file in (copy / "media").iterdir()} == set(plots) - {"fitness"}
    drawing, figure = (line for line in printed.err.splitlines() if line.startswith("error: "))
    assert re.fullmatch(f"error: draw_level of generator 'hills' {FAIL}", drawing)
    assert re.fullmatch(f"error: fitness is not drawn: figure 'fitness' {FAIL}", figure)


def agent_in_its_environment(run):
    return evaluate(run, run.default_agent(), episodes=1)


def agent_in_the_simplest(run):
    return evaluate(run, 0, "simplest", episodes=1)


HILLS = "of generator 'hills'"
MEMBERS = [
    (DrawingHillsGenerator, "from_json", fail, agent_in_its_environment, f"from_json {HILLS}"),
    (DrawingHillsGenerator, "simplest", fail, agent_in_the_simplest, f"simplest {HILLS}"),
    (DrawingHillsGenerator, "describe", fail, agent_in_the_simplest, f"describe {HILLS}"),
    (DrawingHillsGenerator, "environment", property(fail), agent_in_its_environment, f"environment {HILLS}"),
    (HillsEnvironment, "interface", property(fail), agent_in_its_environment, f"interface {HILLS}"),
    (HillsEnvironment, "reset", fail, agent_in_its_environment, f"an episode {HILLS}"),
    (HillsEnvironment, "step", fail, video, f"an episode {HILLS}"),
    (MLPConfig, "make", fail, agent_in_its_environment, "policy 'mlp'"),
]


@pytest.mark.parametrize(("owner", "member", "replacement", "show", "name"), MEMBERS, ids=[row[1] for row in MEMBERS])
def test_members_that_fail_are_named(folder, monkeypatch, owner, member, replacement, show, name):
    _engine.cache_clear()  # programs of an equal environment may have been compiled
    monkeypatch.setattr(owner, member, replacement)
    with pytest.raises(ContractError, match=f"{name} {FAIL}"):
        show(open_run(folder))


@pytest.mark.parametrize("member", ["describe", "simplest"])
def test_an_elite_without_description_is_shown(tmp_path, monkeypatch, capsys, member):
    monkeypatch.setattr(DrawingHillsGenerator, member, fail)
    folder = fake_archive(
        tmp_path / "pairs", iterations=2, snapshots=(2,), genomes=True, params=21, generator={"id": "hills"}
    )
    assert main(["inspect", str(folder), "--elite", "3"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert re.search(f"environment no description: {member} of generator 'hills' {FAIL}", shown)


@dataclasses.dataclass(frozen=True)
class WordlessHills(DrawingHillsGenerator):
    def difficulty_class(self, genome):
        fail()

    def to_json(self, genome):
        fail()


def test_what_only_a_search_calls_may_fail(folder):
    run = open_run(folder, generator=WordlessHills())
    for kind in run.plots():
        plot(run, kind)
    assert not run.failures
