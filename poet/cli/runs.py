"""Runs by folder or name, for all commands."""

from pathlib import Path

from poet.errors import ConfigError, RunError, unknown
from poet.runs.layout import is_run
from poet.runs.read import list_runs
from poet.search.config import presets

MAX_NAME_BYTES = 200  # file systems allow 255, and temporary names are longer


def find_run(given: Path, root: Path, presets_too: bool = False) -> Path:
    """The folder of a run that is given by its folder or its name.

    Raises an error that lists all runs, and all presets where one of them could have been given.
    """
    given, root = given.expanduser(), root.expanduser()
    for path in (given, root / given):
        if is_run(path):
            return path
    if given.is_dir():
        raise RunError(f"{given} is not a run folder: it has no run.json")
    known = presets.ids() if presets_too else []
    raise unknown("preset or run" if presets_too else "run", str(given), [*known, *map(str, list_runs(root))])


def check_name(name: str) -> None:
    """Raise `ConfigError` for what cannot be the name of a run's folder."""
    plain = name and Path(name).name == name and name.isprintable() and not name.startswith((".", "-"))
    if not plain or len(name.encode()) > MAX_NAME_BYTES:
        raise ConfigError(
            f"--name expects a plain name of at most {MAX_NAME_BYTES} bytes, got {name!r:.80}; --root gives the folder"
        )
