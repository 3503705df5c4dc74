import shutil

import numpy as np
import pytest
from PIL import Image

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
