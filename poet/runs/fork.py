"""Start a run from where another one stands, with other settings if wanted."""

import contextlib
import os
import shutil
from pathlib import Path
from types import MappingProxyType
from typing import Any

from poet.errors import RunError
from poet.nested import flatten
from poet.runs.folder import (
    CHECKPOINTS,
    CONFIG,
    ELITES,
    FORMAT,
    JOURNAL,
    NICHES,
    RUN,
    disk_errors,
    is_run,
    read_json,
    read_run,
    write_json,
)
from poet.runs.parts import Told, check_given


def fork(source: Path, path: Path, config: dict[str, Any], parts: Told = MappingProxyType({})) -> None:
    """Copy the run at `source` to `path` under another config; does nothing if that was done before.

    The copy has all of the journal; going on with it trims that to the newest checkpoint, as ever.
    Raises `RunError` if there is nothing to fork, `path` is something else, the seed differs, or parts that the source
    was started with are not given.
    """
    check_given(source, read_run(source).get("parts", {}), parts)
    if is_run(path):
        if read_run(path).get("forked_from") != str(source.resolve()):
            raise RunError(f"{path} exists and is no fork of {source}: choose another --name")
        return
    seeds = [flatten(data).get("seed") for data in (read_json(source / CONFIG), config)]
    if seeds[0] != seeds[1]:
        raise RunError(
            f"a fork goes on with the random state of its source, so its seed cannot change "
            f"({seeds[0]} -> {seeds[1]}): leave --seed out"
        )
    steps = sorted(
        (int(entry.name) for entry in (source / CHECKPOINTS).glob("*") if entry.name.isdigit()), reverse=True
    )
    if not steps:
        raise RunError(f"{source} has no checkpoint yet: wait for its first, or start a run of its own")
    draft = path.with_name(f".{path.name}.fork-{os.getpid()}")
    with disk_errors(path), contextlib.ExitStack() as undo:
        undo.callback(shutil.rmtree, draft, ignore_errors=True)
        draft.mkdir(parents=True)
        try:  # checkpoints first: the journal, copied after them, then holds all that they refer to
            for step in steps[:2]:
                shutil.copytree(source / CHECKPOINTS / str(step), draft / CHECKPOINTS / str(step))
                if (source / ELITES / str(step)).is_dir():
                    shutil.copytree(source / ELITES / str(step), draft / ELITES / str(step))
        except (shutil.Error, FileNotFoundError):
            raise RunError(f"{source} saved a checkpoint just now: give the same command again") from None
        if (source / NICHES).is_dir():
            shutil.copytree(source / NICHES, draft / NICHES, ignore=shutil.ignore_patterns(".*"))
        shutil.copy(source / JOURNAL, draft / JOURNAL)
        write_json(draft / CONFIG, config)
        about = {"name": path.name, "parts": dict(parts), "forked_from": str(source.resolve())}
        write_json(draft / RUN, {"format": FORMAT, **about, "sessions": []})
        try:
            draft.rename(path)
        except OSError as error:
            raise RunError(f"{path} exists and is not empty: choose another --name") from error
