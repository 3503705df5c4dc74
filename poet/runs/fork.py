"""Start a run from the newest checkpoint of another one, with other settings if wanted."""

import contextlib
import os
import shutil
from pathlib import Path

from poet.errors import RunError
from poet.runs.identity import NONE, new_run
from poet.runs.layout import (
    CHECKPOINTS,
    CONFIG,
    JOURNAL,
    RUN,
    disk_errors,
    is_run,
    numbered_entries,
    read_run,
    write_json,
)
from poet.runs.overrides import OverrideSpec, require_same_overrides
from poet.runs.read import digest_of, read_config
from poet.search.base import TRANSCRIPTS
from poet.search.config import RunConfig


def fork(source: Path, path: Path, config: RunConfig, overrides: OverrideSpec = NONE) -> None:
    """Copy the run at `source` to `path` under another config; does nothing if that was done before.

    The copy has the whole journal; resuming it trims that to the newest checkpoint, as for any run.
    Raises `RunError` if there is nothing to fork, `path` is something else, the seed differs, or objects that the
    source was started with are not given.
    """
    origin = read_run(source)
    require_same_overrides(source, origin["overrides"], overrides)
    if is_run(path):
        if read_run(path).get("forked_from") != str(source.resolve()):
            raise RunError(f"{path} exists and is no fork of {source}: choose another --name")
        return
    seeds = [read_config(source).get("seed"), config.seed]
    if seeds[0] != seeds[1]:
        raise RunError(
            f"a fork continues the random numbers of its source, so its seed cannot change "
            f"({seeds[0]} -> {seeds[1]}): leave --seed out"
        )
    steps = numbered_entries(source / CHECKPOINTS)[::-1]
    if not steps:
        raise RunError(f"{source} has no checkpoint yet: wait for its first, or start a new run")
    draft = path.with_name(f".{path.name}.fork-{os.getpid()}")
    _remove_abandoned(path)
    with disk_errors(path), contextlib.ExitStack() as undo:
        undo.callback(shutil.rmtree, draft, ignore_errors=True)
        draft.mkdir(parents=True)
        try:  # checkpoints first: the journal, copied after them, then holds all that they refer to
            for step in steps[:2]:
                shutil.copytree(source / CHECKPOINTS / str(step), draft / CHECKPOINTS / str(step), symlinks=True)
                for folder in origin["snapshots"]:
                    if (source / folder / str(step)).is_dir():
                        shutil.copytree(source / folder / str(step), draft / folder / str(step), symlinks=True)
        except (shutil.Error, FileNotFoundError):
            raise RunError(f"{source} saved a checkpoint just now: give the same command again") from None
        for folder in origin["artifacts"]:
            if (source / folder).is_dir():
                shutil.copytree(source / folder, draft / folder, symlinks=True, ignore=shutil.ignore_patterns(".*"))
        if (source / TRANSCRIPTS).is_dir():
            shutil.copytree(source / TRANSCRIPTS, draft / TRANSCRIPTS, symlinks=True)
        shutil.copy(source / JOURNAL, draft / JOURNAL)
        write_json(draft / CONFIG, options := config.to_dict())
        inherited = {name: origin[name] for name in ("view", "headline", "artifacts", "snapshots", "renamed")}
        about = {
            "overrides": dict(overrides),
            "config_digests": [digest_of(options)],
            "forked_from": str(source.resolve()),
        }
        write_json(draft / RUN, new_run() | inherited | about)
        try:
            draft.rename(path)
        except OSError as error:
            raise RunError(f"{path} exists and is not empty: choose another --name") from error


def _remove_abandoned(path: Path) -> None:
    """Remove copies of forks to this path whose process was killed."""
    for draft in path.parent.glob(f".{path.name}.fork-*"):
        process = draft.name.rpartition("-")[2]
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            shutil.rmtree(draft, ignore_errors=True)
        except (ValueError, OSError):  # not ours, or a process of another user
            continue
