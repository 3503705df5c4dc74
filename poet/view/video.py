"""The agent of a niche on film: one episode replayed, drawn by its generator, kept small enough to be shared."""

import functools
import inspect
import io
import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from poet.agents.config import PolicyConfig
from poet.agents.policy import mlp
from poet.agents.rollout import Trajectory, recorder
from poet.envs.base import Environment
from poet.errors import ConfigError
from poet.types import Genome, Key, Params
from poet.view.open import Run
from poet.view.style import write

LANES = 128
MAX_FRAMES = 200
FRAME_MS, LAST_MS = 50, 1500
CAPTION = 34  # pixels


def video(
    run: Run,
    which: int | None = None,
    path: str | os.PathLike[str] | None = None,
    *,
    occasion: str = "best",
    seed: int = 0,
    width: int = 480,
    max_bytes: int = 1_000_000,
) -> Path:
    """Replay one episode as a GIF and return its path, by default in the run's `media/`.

    `which` names the niche or the elite, by default the run's champion. Long episodes are shown faster; a film over
    `max_bytes` is made smaller until it fits. Raises `ConfigError` if the generator cannot draw.
    """
    which = run.champion() if which is None else which
    target = Path(path) if path is not None else run.path / "media" / f"{run.noun}_{which}_{occasion}.gif"
    write(target, film(run, which, occasion=occasion, seed=seed, width=width, max_bytes=max_bytes))
    return target


def film(
    run: Run, which: int, *, occasion: str = "best", seed: int = 0, width: int = 480, max_bytes: int = 1_000_000
) -> bytes:
    """The same as the bytes of a GIF."""
    generator, weights, genome = run.generator(), run.agent(which, occasion), run.genome(which)
    draw = getattr(generator, "render", None)
    if draw is None:
        raise ConfigError(f"generator {generator.id!r} cannot draw: video needs its `render(genome, trajectory)`")
    lanes = run.options["execution"].get("lanes") or LANES
    key = jax.random.key(seed)
    trajectory = _recorder(generator.environment, run.policy_config, lanes)(weights, key, genome)
    every = max(1, -(-len(trajectory.rewards) // MAX_FRAMES))
    # Drawing is dear, so frames are chosen before they are drawn; the last world is always one of them.
    pick = np.unique(np.append(np.arange(0, len(trajectory.rewards), every), len(trajectory.rewards) - 1))
    shown = jax.tree.map(lambda leaf: np.asarray(leaf)[pick], trajectory)
    frames = [Image.fromarray(np.asarray(frame)) for frame in draw(genome, shown, **_level(draw, run, key, genome))]
    words = _words(run, which, occasion, float(np.sum(trajectory.rewards)), len(trajectory.rewards))
    return _fit(frames, words, width, max_bytes)


@functools.lru_cache(maxsize=8)
def _recorder(
    environment: Environment, config: PolicyConfig, lanes: int
) -> Callable[[Params, Key, Genome], Trajectory]:
    """Compiled once for all films of a family of environments."""
    return recorder(environment, mlp(environment.interface, config), lanes)


def _level(draw: Callable, run: Run, key: Key, genome: Genome) -> dict[str, Any]:
    """The level of the episode, for a generator whose genomes do not tell it: its `render` takes a `level`."""
    if "level" not in inspect.signature(draw).parameters:
        return {}
    return {"level": run.generator().environment.build(jax.random.fold_in(key, 0), genome)}


def _words(run: Run, which: int, occasion: str, fitness: float, steps: int) -> tuple[str, str]:
    said, world = run.about(which)
    first = [f"{run.name}, {run.noun} {which}", f"fitness {fitness:.0f} in {steps} steps"]
    first += [said] if said else []
    first += [f"{occasion} agent"] if occasion != "best" else []
    return ",  ".join(first), world


def _fit(frames: list[Image.Image], words: tuple[str, str], width: int, max_bytes: int) -> bytes:
    """A GIF of at most `max_bytes`, if need be narrower and with fewer frames."""
    pace = FRAME_MS
    while True:
        data = _encode(frames, words, min(width, frames[0].width), pace)
        if len(data) <= max_bytes or len(frames) < 8:
            return data
        if width > 320:
            width = int(width * 0.8)
        else:
            frames, pace = frames[:-1:2] + frames[-1:], pace * 2


def _encode(frames: list[Image.Image], words: tuple[str, str], width: int, pace: int) -> bytes:
    height = round(frames[0].height * width / frames[0].width)
    caption = _caption(words, width)
    pages = []
    for frame in frames:
        page = Image.new("RGB", (width, height + CAPTION), "white")
        page.paste(frame.convert("RGB").resize((width, height), Image.Resampling.LANCZOS), (0, 0))
        page.paste(caption, (0, height))
        pages.append(page)
    # One palette for all frames, without dithering: colours do not flicker, and what stands still costs nothing.
    sample = pages[:: max(1, len(pages) // 6)]
    sheet = Image.new("RGB", (width, (height + CAPTION) * len(sample)))
    for place, page in enumerate(sample):
        sheet.paste(page, (0, place * (height + CAPTION)))
    palette = sheet.quantize(64, dither=Image.Dither.NONE)
    pages = [page.quantize(palette=palette, dither=Image.Dither.NONE) for page in pages]
    file = io.BytesIO()
    times = [pace] * (len(pages) - 1) + [LAST_MS]
    pages[0].save(file, "GIF", save_all=True, append_images=pages[1:], duration=times, loop=0, optimize=False)
    return file.getvalue()


def _caption(words: tuple[str, str], width: int) -> Image.Image:
    image = Image.new("RGB", (width, CAPTION), "white")
    pen = ImageDraw.Draw(image)
    for line, (said, colour) in enumerate(zip(words, ("#22303c", "#5b6770"), strict=True)):
        font = ImageFont.load_default(size=12 if line == 0 else 11)
        while said and pen.textlength(said, font=font) > width - 12:
            said = textwrap.shorten(said, len(said) - 4, placeholder=" ...")
        pen.text((6, 2 + 15 * line), said, fill=colour, font=font)
    return image
