"""A video of an agent: one episode is replayed, drawn by the generator, and kept small enough to be shared."""

from __future__ import annotations

import inspect
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from poet.activity import doing
from poet.agents.host import simulator_pictures
from poet.envs.episode_keys import level_key
from poet.errors import ConfigError, ContractError, named_errors
from poet.jax_settings import pinned
from poet.runs.layout import MEDIA
from poet.terminal import printable
from poet.view.plugins import check_picture
from poet.view.programs import engine_for
from poet.view.style import GREY, INK, fit_lines, require_suffix, write_file

if TYPE_CHECKING:
    from poet.envs.base import Environment, Trajectory
    from poet.types import Genome, Key
    from poet.view.agents import AgentRun

SUFFIX = ".gif"
MAX_FRAMES = 200
FRAME_MS, LAST_FRAME_MS = 50, 1500
MIN_FRAMES, MIN_WIDTH = 8, 320  # a video is not made smaller than this
# Of the caption, in pixels.
MIN_PAGE = 320  # narrower frames stand in the middle of a page of this width
LINE_HEIGHT, MARGIN = 15, 6
MAX_LINES = 3  # of each of its two texts


@pinned()
def video(
    run: AgentRun,
    which: int | None = None,
    path: str | os.PathLike[str] | None = None,
    *,
    snapshot: str = "best",
    seed: int = 0,
    width: int = 480,
    max_bytes: int = 1_000_000,
) -> Path:
    """Replay one episode as a GIF and return its path, by default in the media folder of the run.

    `which` is the number of a niche or an elite, by default `run.default_agent()`. Long episodes are shown faster; a
    file over `max_bytes` is made smaller until it fits. Raises `ConfigError` if the generator cannot draw, or if `path`
    does not end in ".gif".
    """
    given = None if path is None else require_suffix(path, SUFFIX, "a video")
    which = run.default_agent() if which is None else which
    target = given or run.path / MEDIA / f"{run.agent_kind}_{which}_{snapshot}{SUFFIX}"
    write_file(target, render_gif(run, which, snapshot=snapshot, seed=seed, width=width, max_bytes=max_bytes))
    return target


@pinned()
def render_gif(
    run: AgentRun,
    which: int,
    *,
    snapshot: str = "best",
    seed: int = 0,
    width: int = 480,
    max_bytes: int = 1_000_000,
) -> bytes:
    """Replay one episode as the bytes of a GIF, as `video` writes it."""
    weights, genome = run.agent(which, snapshot), run.genome(which)
    require_renderer(run)
    key, environment = jax.random.key(seed), run.environment()
    with named_errors(f"an episode of generator {run.generator().id!r}"), doing("replaying an episode"):
        engine = engine_for(environment, run.policy_config, run.engine_config, genome)
        try:
            trajectory = engine.replay(weights, key, genome)
        finally:
            engine.close()
    lines = _caption_lines(run, which, snapshot, float(np.sum(trajectory.rewards)), len(trajectory.rewards))
    return trajectory_gif(run, genome, key, trajectory, lines, width, max_bytes)


def require_renderer(run: AgentRun) -> None:
    """Raise `ConfigError` if the run's generator cannot draw."""
    if not run.can_render():
        raise ConfigError(
            f"generator {run.generator().id!r} cannot draw: a video needs its `render(genome, trajectory)`"
        )


def trajectory_gif(
    run: AgentRun,
    genome: Genome,
    key: Key,
    trajectory: Trajectory,
    lines: tuple[str, str],
    width: int = 480,
    max_bytes: int = 1_000_000,
) -> bytes:
    """The bytes of a GIF of an episode with this key, above two lines of text."""
    generator, environment, steps = run.generator(), run.environment(), len(trajectory.rewards)
    render = getattr(generator, "render", None)
    # Drawing is slow: frames are chosen before they are drawn. The last step is always one of them.
    chosen = np.unique(np.append(np.arange(0, steps, max(1, -(-steps // MAX_FRAMES))), steps - 1))
    what = f"render of generator {generator.id!r}"
    with doing(f"drawing {len(chosen)} frames"):
        with named_errors(what):
            if render is not None:
                shown = jax.tree.map(lambda leaf: leaf[chosen], trajectory)
                pictures = list(render(genome, shown, **_level_argument(render, environment, key, genome)))
            else:
                simulator: Any = environment  # one of simulators, since `can_render`
                pictures = simulator_pictures(simulator, genome, key, np.asarray(trajectory.actions), chosen)
        return encode_within(check_frames(what, pictures), lines, width, max_bytes)


def check_frames(what: str, pictures: list[Any]) -> list[Image.Image]:
    """Frames as images. Raises `ContractError` if there is none, or if they are no pictures of one shape."""
    if not pictures:
        raise ContractError(f"{what} gives no frame: expected a list of pictures u8[H, W, 3]")
    frames = [check_picture(what, picture) for picture in pictures]
    shapes = sorted({frame.shape for frame in frames})
    if len(shapes) > 1:
        raise ContractError(f"{what} gives frames of different shapes: {shapes[0]} and {shapes[-1]}")
    return [Image.fromarray(frame) for frame in frames]


def _level_argument(render: Callable, environment: Environment, key: Key, genome: Genome) -> dict[str, Any]:
    """The level of the episode, if `render` takes it because it does not follow from the genome."""
    if "level" not in inspect.signature(render).parameters:
        return {}
    return {"level": environment.build(level_key(key), genome)}


def _caption_lines(run: AgentRun, which: int, snapshot: str, fitness: float, steps: int) -> tuple[str, str]:
    caption = run.caption(which)
    parts = [f"{run.name}, {run.agent_kind} {which}", f"fitness {fitness:.0f} in {steps} steps", caption.agent]
    parts += [f"{snapshot} agent"] if snapshot != "best" else []
    return ",  ".join(filter(None, parts)), caption.environment


def encode_within(frames: list[Image.Image], lines: tuple[str, str], width: int, max_bytes: int) -> bytes:
    """A GIF of at most `max_bytes`: narrower and with fewer frames than given where that is necessary."""
    frame_ms = FRAME_MS
    while True:
        data = encode(frames, lines, min(width, frames[0].width), frame_ms)
        if len(data) <= max_bytes or len(frames) < MIN_FRAMES:
            return data
        if width > MIN_WIDTH:
            width = int(width * 0.8)
        else:
            frames, frame_ms = frames[:-1:2] + frames[-1:], frame_ms * 2


def encode(frames: list[Image.Image], lines: tuple[str, str], width: int, frame_ms: int) -> bytes:
    """A GIF of frames `width` pixels wide, with two texts below."""
    height = max(1, round(frames[0].height * width / frames[0].width))
    caption = _draw_caption(lines, max(width, MIN_PAGE))
    pages = []
    for frame in frames:
        page = Image.new("RGB", (caption.width, height + caption.height), "white")
        page.paste(
            frame.convert("RGB").resize((width, height), Image.Resampling.LANCZOS), ((caption.width - width) // 2, 0)
        )
        page.paste(caption, (0, height))
        pages.append(page)
    # With one palette for all frames and no dithering colours do not flicker, and what does not move takes no bytes.
    sample = pages[:: max(1, len(pages) // 6)]
    sheet = Image.new("RGB", (pages[0].width, pages[0].height * len(sample)))
    for place, page in enumerate(sample):
        sheet.paste(page, (0, place * page.height))
    palette = sheet.quantize(64, dither=Image.Dither.NONE)
    pages = [page.quantize(palette=palette, dither=Image.Dither.NONE) for page in pages]
    buffer = io.BytesIO()
    durations = [frame_ms] * (len(pages) - 1) + [LAST_FRAME_MS]
    pages[0].save(buffer, "GIF", save_all=True, append_images=pages[1:], duration=durations, loop=0, optimize=False)
    return buffer.getvalue()


def _draw_caption(texts: tuple[str, str], width: int) -> Image.Image:
    rows = []
    for text, size, colour in zip(texts, (12, 11), (INK, GREY), strict=True):
        font = ImageFont.load_default(size=size)
        fitting = fit_lines(printable(text), width - 2 * MARGIN, font.getlength, MAX_LINES)
        rows += [(line, font, colour) for line in fitting]
    image = Image.new("RGB", (width, LINE_HEIGHT * max(len(rows), 2) + 4), "white")
    draw = ImageDraw.Draw(image)
    for number, (line, font, colour) in enumerate(rows):
        draw.text((MARGIN, 2 + LINE_HEIGHT * number), line, fill=colour, font=font)
    return image
