"""Runs by folder or name, for all commands."""

from pathlib import Path

from poet.errors import RunError, unknown
from poet.runs.layout import is_run
from poet.runs.read import list_runs
from poet.search.config import presets


def find_run(given: Path, root: Path) -> Path:
    """The folder of a run that is given by its folder or its name. Raises an error that lists the names there are."""
    for path in (given, root / given):
        if is_run(path):
            return path
    if given.is_dir():
        raise RunError(f"{given} is not a run folder: it has no run.json")
    raise unknown("preset or run", str(given), [*presets.ids(), *map(str, list_runs(root))])
