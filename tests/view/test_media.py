import shutil

import pytest

from poet.view.media import make_media, print_summary
from poet.view.open import open_run
from tests.view.run_folder import write_run


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def media(folder):
    return {file.name for file in (folder / "media").glob("*")}


@pytest.mark.slow
def test_media_at_each_moment(copy):
    video = f"niche_{open_run(copy).default_agent()}_best.gif"
    make_media(copy, "early")
    assert media(copy) == {"overview.png"}
    make_media(copy, "milestone")
    assert media(copy) == {"overview.png", video}
    make_media(copy, "end")
    assert media(copy) == {f"{name}.png" for name in open_run(copy).plots()} | {video}


def test_a_run_without_agents_has_figures_alone(tmp_path):
    rows = [{"event": "iteration", "iteration": t, "score": t} for t in range(3)]
    folder = write_run(tmp_path / "run", {"id": "other", "iterations": 3}, rows, headline=["score"])
    make_media(folder, "end")
    assert media(folder) == {"overview.png"}


def test_an_empty_run_has_an_overview(empty_folder):
    make_media(empty_folder, "end")
    assert "overview.png" in media(empty_folder)
    assert len([name for name in media(empty_folder) if name.endswith(".png")]) == 1


def test_the_summary_lists_niches_and_files(copy, capsys):
    make_media(copy, "early")
    print_summary(copy)
    printed = capsys.readouterr().out
    assert "5 niches active of 10 ever" in printed
    assert "last events" not in printed
    assert printed.splitlines()[-1] == str(copy / "media" / "overview.png")
