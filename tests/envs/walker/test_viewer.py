import io

import jax
import numpy as np
import pytest
from PIL import Image

from poet.envs.config import generators
from poet.envs.walker import viewer
from poet.envs.walker.env import World
from poet.envs.walker.terrain import TERRAIN_STEP
from poet.errors import ConfigError

WALKER = generators.make("walker", stairs=True, max_stair_steps=9)
BASE = WALKER.to_json(WALKER.simplest())
HARD = WALKER.from_json({**BASE, "roughness": 3.0, "pit": [0.8, 4.0], "stump": [0.4, 2.4], "seed": 5})

build, reset = jax.jit(WALKER.environment.build), jax.jit(WALKER.environment.reset)


def glide(genome, frames: int = 60) -> World:
    """The walker in its start pose, moved along the terrain without physics."""
    level = build(jax.random.key(0), genome)
    start, _ = reset(jax.random.key(0), level)
    worlds = jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf)[None], frames, 0), start)
    com = worlds.com + np.stack([np.linspace(0, 83, frames), np.zeros(frames)], 1)
    com[:, 1] += np.interp(com[:, 0], level.x, level.right) - np.asarray(level.right)[0]
    return worlds._replace(com=com.astype(np.float32))


def share(picture: np.ndarray, colour: tuple) -> float:
    return float((np.abs(picture.astype(int) - colour).max(-1) <= 2).mean())


@pytest.mark.ci
def test_every_frame_shows_the_robot_at_its_position() -> None:
    worlds = glide(HARD)
    frames = WALKER.render(HARD, worlds)
    assert len(frames) == 60
    assert {(frame.shape, frame.dtype.name) for frame in frames} == {((200, 640, 3), "uint8")}
    columns = []
    for frame in frames:
        rows, cols = np.nonzero(np.abs(frame.astype(int) - viewer.HULL).max(-1) <= 2)
        assert 400 < len(cols) < 1400
        assert 3 < rows.min() < rows.max() < 190
        columns.append(cols.mean())
        assert share(frame, viewer.LEGS[1][0]) > 0.001
    np.testing.assert_allclose(columns[5:-12], 0.28 * 640, atol=4)
    assert columns[0] < 0.28 * 640 < columns[-1]  # frames do not extend beyond the ends of the terrain


def test_frames_lie_within_the_terrain() -> None:
    for frame in WALKER.render(HARD, glide(HARD, 30)):
        assert (frame.max(-1) > 0).all()
        assert share(frame[-1:], viewer.SOIL) > 0.9


@pytest.mark.parametrize(
    ("options", "stone"),
    [({}, False), ({"roughness": 5.0}, False), ({"pit": [1.2, 2.0]}, True), ({"stump": [0.4, 0.8]}, True)],
)
def test_obstacles_are_drawn(options: dict, stone: bool) -> None:
    picture = WALKER.draw_level(WALKER.from_json({**BASE, **options}))
    assert picture.shape[1:] == (1600, 3)
    assert 90 < picture.shape[0] < 300
    assert (share(picture, viewer.STONE) > 1e-3) == stone
    assert 0.2 < share(picture, viewer.SKY) < 0.8
    assert share(picture, viewer.HULL) > 1e-4


def test_pits_are_drawn_as_wide_as_described() -> None:
    genome = WALKER.from_json({**BASE, "pit": [4.0, 4.0]})
    picture = WALKER.draw_level(genome)
    row = picture[-round(1600 / 92.87 * 1.2)]  # above the pits' floors, below the ground
    sky = np.abs(row.astype(int) - viewer.SKY).max(-1) <= 2
    edges = np.flatnonzero(np.diff(np.concatenate([[0], sky.astype(int), [0]])))
    widths = (edges[1::2] - edges[::2])[:-1] / 1600 * 199
    np.testing.assert_allclose(widths, 4.0, atol=0.3)
    assert WALKER.describe(genome) == f"flat ground, pits {4 * TERRAIN_STEP:.1f} m wide"


@pytest.mark.ci
def test_a_broken_world_has_a_frame_without_robot() -> None:
    worlds = glide(HARD, 3)
    worlds.com[1:] = np.nan
    frames = WALKER.render(HARD, worlds)
    assert share(frames[0], viewer.HULL) > 0
    assert share(frames[1], viewer.HULL) == share(frames[2], viewer.HULL) == 0
    assert share(frames[2], viewer.SOIL) > 0.2


@pytest.mark.ci
def test_200_frames_of_a_hard_terrain_fit_into_a_gif_of_one_megabyte() -> None:
    frames = WALKER.render(HARD, glide(HARD, 200))
    palette = Image.fromarray(np.concatenate(frames[::40])).quantize(32, dither=Image.Dither.NONE)
    pages = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    file = io.BytesIO()
    pages[0].save(file, "GIF", save_all=True, append_images=pages[1:], duration=40)
    assert len(file.getvalue()) < 1_000_000


def test_rendering_fresh_terrain_needs_the_level() -> None:
    fresh = generators.make("walker", terrain="fresh")
    worlds = glide(HARD, 2)
    with pytest.raises(ConfigError, match="expects the episode's level"):
        fresh.render(HARD, worlds)
    level = build(jax.random.key(9), HARD)
    assert len(fresh.render(HARD, worlds, level)) == 2
