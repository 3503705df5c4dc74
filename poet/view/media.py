"""The figures and videos that a run makes of itself, and the summary at its end."""

import importlib
from pathlib import Path

from poet.errors import ContractError, PoetError
from poet.runs.layout import MEDIA
from poet.terminal import print_lines
from poet.view.agents import AgentRun
from poet.view.open import open_run, view_class
from poet.view.plots import try_plot


def make_media(path: Path, moment: str) -> None:
    """Write figures, and a video where agents can be filmed, to the media folder of a run.

    `moment` is "early" (the overview alone), "milestone" (overview and video) or "end" (every figure and the video).
    Raises `ContractError` at the end if a picture is missing, because a plug-in failed.
    """
    run = open_run(path)
    for kind in run.plots() if moment == "end" and not run.is_empty() else ("overview",):
        try_plot(run, kind, path / MEDIA / f"{kind}.png")
    if moment != "early" and isinstance(run, AgentRun) and run.can_render():
        from poet.view.video import video  # imports jax

        try:
            video(run)
        except PoetError as error:
            run.failures.append(f"video: {error}")
    if run.failures:
        raise ContractError("; ".join(dict.fromkeys(run.failures)))


def print_summary(path: Path) -> None:
    """Print what `poet inspect` shows, without events, and the files in the media folder."""
    importlib.import_module(view_class(path).commands).inspect(path, last=0)
    print_lines(*sorted((path / MEDIA).glob("*.*")))
