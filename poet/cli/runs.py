"""Runs by folder or name, for all commands."""

from pathlib import Path

from poet.errors import RunError, unknown
from poet.runs.layout import is_run
from poet.runs.read import list_runs
from poet.search.config import presets


def find_run(given: Path, root: Path, presets_too: bool = False) -> Path:
    """The folder of a run that is given by its folder or its name.

    Raises an error that lists all runs, and all presets where one of them could have been given.
    """
    for path in (given, root / given):
        if is_run(path):
            return path
    if given.is_dir():
        raise RunError(f"{given} is not a run folder: it has no run.json")
    known = presets.ids() if presets_too else []
    raise unknown("preset or run" if presets_too else "run", str(given), [*known, *map(str, list_runs(root))])
