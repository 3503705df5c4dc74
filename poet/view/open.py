"""Open a run folder with the view that its search names."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poet.agents.config import policies
from poet.envs.config import generators, problems
from poet.errors import ConfigError, PoetError, RunError
from poet.files import checked_path
from poet.registry import RENAMED
from poet.runs import read
from poet.runs.layout import ROOT, is_run, read_run
from poet.terminal import print_lines
from poet.view.agents import AgentRun
from poet.view.run import Run, views

if TYPE_CHECKING:
    from poet.envs.base import Generator


def open_run(path: str | os.PathLike[str], generator: Generator | None = None) -> Any:
    """Open a run folder for reading, also while it is written; a name without a folder is searched in `runs/`.

    Args:
      path: the folder or the name of the run.
      generator: replaces the generator that the config names, for a run that was started with a custom one.

    Returns an object of the view that the run names, such as `NicheRun` or `ArchiveRun`; a `Run` with a warning if that
    view is not installed or broken. Renames of plug-ins that the run records apply to this process from now on.
    Raises `RunError` if there is no run, or if it has another format, and `ConfigError` if a generator is given for a
    view that uses none.
    """
    folder = find_run(path)
    view, problem = _find_view(folder)
    if generator is not None and not issubclass(view, AgentRun):
        raise ConfigError(
            f"{folder} is shown by the view {view.id!r}, which uses no generator: leave it out. {problem}"
        )
    try:
        run = view(folder) if generator is None else view(folder, generator)  # pyright: ignore[reportCallIssue]
    except PoetError:
        raise
    except Exception as error:  # a plug-in may fail in any way
        if view is Run:
            raise
        run, problem = Run(folder), f"view {view.id!r} fails: {error!r}"
    if problem:
        run.warning = f"only the journal of this run is shown. {problem}"
    return run


def open_and_warn(path: str | os.PathLike[str]) -> Any:
    """`open_run` for a command: what the user should know of the run is printed to standard error."""
    run = open_run(path)
    print_lines(*(f"warning: {text}" for text in run.warnings()), file=sys.stderr)
    return run


def find_run(path: str | os.PathLike[str]) -> Path:
    """The folder of a run, given that or its name in `runs/`. Raises `RunError` that lists the runs there are."""
    given = checked_path(path)
    for folder in (given, ROOT / given):
        if is_run(folder):
            return Path(os.path.abspath(folder))
    parent = given.parent if given.parent != Path() else ROOT
    runs = ", ".join(run.name for run in read.list_runs(parent)) or "none"
    raise RunError(f"{given} is no run: expected a folder with run.json. Runs in {parent}: {runs}")


def view_class(folder: Path) -> type[Run]:
    """The class that opens a run folder; `Run` where the view of its search is not installed or broken."""
    return _find_view(folder)[0]


def _find_view(folder: Path) -> tuple[type[Run], str]:
    """The class that opens a run folder, and why it is not the one that the run names."""
    meta = read_run(folder)
    _apply_renames(meta.get("renamed") or {})
    try:
        return views.get(meta.get("view", Run.id)), ""
    except ConfigError as error:
        return Run, str(error)


def _apply_renames(renamed: Mapping[str, str]) -> None:
    """Let old ids in this run mean the new ones. An id that is installed, or was renamed by the user, is left alone."""
    installed = {id for registry in (generators, problems, policies, views) for id in registry.ids()}
    for old, new in renamed.items():
        if old not in installed:
            RENAMED.setdefault(old, new)
