import io
import shutil

import numpy as np
import pytest
from PIL import Image, ImageSequence

from poet.cli.main import main
from poet.errors import ConfigError, ShapeError
from poet.runs.artifacts import write_artifact
from poet.runs.read import read_niche
from poet.view.niches import commands
from poet.view.open import open_run
from poet.view.video import encode, encode_within, video
from tests.view.fake_run import fake_run
from tests.view.toy import HillsConfig


def test_a_video_moves_and_is_small(folder, tmp_path):
    path = video(open_run(folder), 0, tmp_path / "video.gif")
    assert path.stat().st_size < 1_000_000
    with Image.open(path) as gif:
        assert 5 < gif.n_frames <= 51
        assert gif.size == (400, 80 + 34)
        first = np.asarray(gif.convert("RGB")).astype(int)
        gif.seek(gif.n_frames - 1)
        last = np.asarray(gif.convert("RGB")).astype(int)
    assert np.abs(first[:80] - last[:80]).max() > 50, "the cart moved"
    assert (first[80:] == last[80:]).all(), "the caption stands still"
    assert (first[80:] < 100).any()


def test_by_default_the_latest_solved_niche_is_written_to_the_media_folder(folder, tmp_path, capsys):
    shutil.copytree(folder, tmp_path / "copy")
    commands.video(str(tmp_path / "copy"))
    agent = open_run(folder).default_agent()
    assert capsys.readouterr().out.strip().endswith(f"media/niche_{agent}_best.gif")
    assert (tmp_path / "copy" / "media" / f"niche_{agent}_best.gif").exists()


def test_a_video_that_is_too_large_is_made_smaller():
    noise = np.random.default_rng(0).integers(0, 255, (16, 100, 400, 3), np.uint8)
    frames = [Image.fromarray(frame) for frame in noise]
    full_size = len(encode(frames, ("a", "b"), 400, 50))
    small = encode_within(frames, ("a", "b"), 400, full_size // 3)
    assert len(small) <= full_size // 3


def test_agents_that_have_no_video_raise_errors(folder, tmp_path):
    run = open_run(fake_run(tmp_path / "plain", HillsConfig(draws=False), iterations=1))
    with pytest.raises(ConfigError, match="render"):
        video(run, 0)
    shutil.copytree(folder, tmp_path / "copy")
    record = read_niche(folder, 0)
    write_artifact(tmp_path / "copy" / "niches" / "0", record._replace(arrays={"best": np.zeros(3, np.float32)}))
    with pytest.raises(ShapeError, match=r"f32\[21\]"):
        video(open_run(tmp_path / "copy"), 0)


@pytest.mark.parametrize("name", ["a.mp4", "a.png", "a.webm", "a", "a.gif.txt"])
def test_a_video_is_written_as_gif_only(folder, tmp_path, capsys, name):
    assert main(["video", str(folder), "--out", str(tmp_path / name)]) == 2
    assert f"expected a file name that ends in .gif, got '{tmp_path / name}'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


TEXTS = (
    "a run, niche 3,  fitness 230 in 1600 steps,  solved at iteration 12",
    "rough ground (2.4), pits 0.6 to 1.5 m wide",
)


@pytest.mark.parametrize(("width", "height"), [(40, 40), (100, 300), (480, 150), (800, 1)])
@pytest.mark.parametrize("texts", [TEXTS, (TEXTS[0], ""), (TEXTS[0] * 9, TEXTS[1] * 9), ("x" * 400, "y" * 400)])
def test_captions_have_room_below_frames_of_any_width(width, height, texts):
    pages = _pages(encode([Image.new("RGB", (width, height))] * 3, texts, width, 50))
    ink = np.argwhere(pages[0][height:] < 150)
    assert pages[0].shape[1] == max(width, 320)
    assert len(ink)
    assert ink[:, 1].min() >= 4
    assert ink[:, 1].max() < pages[0].shape[1] - 4
    assert ink[:, 0].max() < len(pages[0]) - height - 1
    if texts == TEXTS:
        full = encode([Image.new("RGB", (1000, height))] * 3, texts, 1000, 50)
        assert (pages[0][height:] < 150).sum() == pytest.approx((_pages(full)[0][height:] < 150).sum(), rel=0.03)


def _pages(data):
    """The pages of a GIF in grey."""
    with Image.open(io.BytesIO(data)) as gif:
        return [np.asarray(page.convert("L")) for page in ImageSequence.Iterator(gif)]
