"""A video of an agent: one episode is replayed, drawn by the generator, and kept small enough to be shared."""

from __future__ import annotations

import functools
import inspect
import io
import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from poet.agents.rollout import Trajectory, recorder
from poet.errors import ConfigError
from poet.jax_settings import pinned
from poet.runs.layout import MEDIA
from poet.terminal import printable
from poet.view.style import write_file

if TYPE_CHECKING:
    from poet.agents.config import PolicyConfig
    from poet.envs.base import Environment
    from poet.types import Genome, Key, Params
    from poet.view.agents import AgentRun

LANES = 128
MAX_FRAMES = 200
FRAME_MS, LAST_FRAME_MS = 50, 1500
MIN_FRAMES, MIN_WIDTH = 8, 320  # a video is not made smaller than this
CAPTION_HEIGHT = 34  # pixels


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
    file over `max_bytes` is made smaller until it fits. Raises `ConfigError` if the generator cannot draw.
    """
    which = run.default_agent() if which is None else which
    target = Path(path) if path is not None else run.path / MEDIA / f"{run.agent_kind}_{which}_{snapshot}.gif"
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
    generator, weights, genome = run.generator(), run.agent(which, snapshot), run.genome(which)
    render = getattr(generator, "render", None)
    if render is None:
        raise ConfigError(f"generator {generator.id!r} cannot draw: a video needs its `render(genome, trajectory)`")
    lanes = (run.options.get("executor") or {}).get("lanes") or LANES
    key = jax.random.key(seed)
    trajectory = _recorder(generator.environment, run.policy_config, lanes)(weights, key, genome)
    steps = len(trajectory.rewards)
    # Drawing is slow: frames are chosen before they are drawn. The last step is always one of them.
    chosen = np.unique(np.append(np.arange(0, steps, max(1, -(-steps // MAX_FRAMES))), steps - 1))
    shown = jax.tree.map(lambda leaf: np.asarray(leaf)[chosen], trajectory)
    pictures = render(genome, shown, **_level_argument(render, generator.environment, key, genome))
    frames = [Image.fromarray(np.asarray(picture)) for picture in pictures]
    lines = _caption_lines(run, which, snapshot, float(np.sum(trajectory.rewards)), steps)
    return encode_within(frames, lines, width, max_bytes)


@functools.lru_cache(maxsize=8)
def _recorder(
    environment: Environment, config: PolicyConfig, lanes: int
) -> Callable[[Params, Key, Genome], Trajectory]:
    """Compiled once for all videos of an environment."""
    return recorder(environment, config.make(environment.interface), lanes)


def _level_argument(render: Callable, environment: Environment, key: Key, genome: Genome) -> dict[str, Any]:
    """The level of the episode, if `render` takes it because it does not follow from the genome."""
    if "level" not in inspect.signature(render).parameters:
        return {}
    return {"level": environment.build(jax.random.fold_in(key, 0), genome)}


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
    """A GIF of frames with two lines of caption below."""
    height = round(frames[0].height * width / frames[0].width)
    caption = _draw_caption(lines, width)
    pages = []
    for frame in frames:
        page = Image.new("RGB", (width, height + CAPTION_HEIGHT), "white")
        page.paste(frame.convert("RGB").resize((width, height), Image.Resampling.LANCZOS), (0, 0))
        page.paste(caption, (0, height))
        pages.append(page)
    # With one palette for all frames and no dithering colours do not flicker, and what does not move takes no bytes.
    sample = pages[:: max(1, len(pages) // 6)]
    sheet = Image.new("RGB", (width, (height + CAPTION_HEIGHT) * len(sample)))
    for place, page in enumerate(sample):
        sheet.paste(page, (0, place * (height + CAPTION_HEIGHT)))
    palette = sheet.quantize(64, dither=Image.Dither.NONE)
    pages = [page.quantize(palette=palette, dither=Image.Dither.NONE) for page in pages]
    buffer = io.BytesIO()
    durations = [frame_ms] * (len(pages) - 1) + [LAST_FRAME_MS]
    pages[0].save(buffer, "GIF", save_all=True, append_images=pages[1:], duration=durations, loop=0, optimize=False)
    return buffer.getvalue()


def _draw_caption(lines: tuple[str, str], width: int) -> Image.Image:
    image = Image.new("RGB", (width, CAPTION_HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    for number, (text, colour) in enumerate(zip(lines, ("#22303c", "#5b6770"), strict=True)):
        text = printable(text)  # of several lines or with control characters it could not be measured
        font = ImageFont.load_default(size=12 if number == 0 else 11)
        while text and draw.textlength(text, font=font) > width - 12:
            text = textwrap.shorten(text, len(text) - 4, placeholder=" ...")
        draw.text((6, 2 + 15 * number), text, fill=colour, font=font)
    return image
