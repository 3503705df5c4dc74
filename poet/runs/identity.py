"""Who may write a run folder, and with which settings: a run is resumed as what it was started as. Knows no jax."""

import contextlib
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from poet import registry
from poet.command_line import command
from poet.configs import adjustable_fields, differences, with_recorded
from poet.errors import ConfigError, PoetError, RunError
from poet.files import is_draft, remove_drafts
from poet.runs.layout import CONFIG, FORMAT, LOCK, RUN, disk_errors, is_run, read_run, write_json
from poet.runs.lock import lock
from poet.runs.overrides import OverrideSpec, require_same_overrides
from poet.runs.provenance import OURS, plugins, session
from poet.runs.read import describe_edit, digest_of, read_config
from poet.search.config import RunConfig
from poet.sinks.config import sinks

NONE: OverrideSpec = MappingProxyType({})


def load_config(path: Path, *, without_lost_sinks: bool = False) -> RunConfig:
    """The config of a run, on request without sinks that are not installed.

    Raises `ConfigError` where a plug-in that it names is not installed, and `RunError` if config.json was edited.
    """
    run = read_run(path)
    use_recorded_renames(run)
    options = _unedited_config(path)
    if without_lost_sinks:
        options["sinks"] = [sink for sink in options["sinks"] if sink["id"] in sinks.ids()]
    return RunConfig.from_dict(options)


def _unedited_config(path: Path) -> dict[str, Any]:
    """The contents of config.json. Raises `RunError` if no session of the run wrote them."""
    options = read_config(path)
    if edited := describe_edit(path, options, read_run(path)):
        raise RunError(
            f"{edited}: undo the change, or restore the file. Options are given with the command: "
            f"{command('run', path)} --OPTION VALUE"
        )
    return options


def use_recorded_renames(run: Mapping[str, Any]) -> None:
    """Apply the new names that a run.json has noted; those that the user gives now take precedence."""
    registry.RENAMED.update({old: new for old, new in run.get("renamed", {}).items() if old not in registry.RENAMED})


def as_recorded(path: Path, config: RunConfig) -> RunConfig:
    """The config in which options that were resolved on the device of a run, and are not given now, are as they were.

    A folder that is no run, or cannot be read, changes nothing: `claim` says what is wrong with it.
    """
    try:
        return with_recorded(config, read_config(path)) if is_run(path) else config
    except PoetError:
        return config


def record_config(path: Path, run: dict[str, Any], config: RunConfig) -> None:
    """Replace config.json of a claimed run, once the options that depend on the device are resolved."""
    options = config.to_dict()
    if digest_of(options) != run["config_digests"][-1]:
        run["config_digests"] = [*run["config_digests"][-1:], digest_of(options)]
        write_json(path / RUN, run)
        write_json(path / CONFIG, options)


@contextlib.contextmanager
def claim(path: Path, config: RunConfig, overrides: OverrideSpec = NONE) -> Iterator[dict[str, Any]]:
    """Create a run folder or take over an existing one, and be its one writer until the block ends.

    Args:
      path: The run folder; it is made if absent.
      config: Every option; it becomes config.json.
      overrides: Descriptions of the objects that replace those that the config names (`overrides.describe`).

    Yields the contents of run.json. Raises `RunError` for a folder that is locked, foreign, unwritable or of another
    format, and for a run that was started with another identity.
    """
    config = as_recorded(path, config)
    created = not path.exists()
    with disk_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    ours = path.stat()
    with lock(path):
        existed = is_run(path)
        others = sorted(entry.name for entry in path.iterdir() if not _is_of_creation(entry.name, existed))
        if existed:
            run = read_run(path)
            use_recorded_renames(run)
            if others:  # else it never began, and may be started with other settings
                _require_same_identity(path, run, config, overrides)
            else:
                run |= {"identity": {}, "config_digests": []}
        else:
            if others:
                raise RunError(
                    f"{path} is not a run folder and not empty (it holds {', '.join(others[:3])}): "
                    "choose another --name or --root"
                )
            run = new_run()
        remove_drafts(path)
        options = config.to_dict()
        run |= {
            "search": config.id,
            "view": config.view,
            "plugins": plugins(config),
            "renamed": _renames_of(run),
            "overrides": dict(overrides),
            # Of the file as it is, too, in case that a kill prevents the next write.
            "config_digests": [*run["config_digests"][-1:], digest_of(options)],
        }
        run["sessions"].append(session())
        # run.json first: a folder with a config.json alone is not ours.
        write_json(path / RUN, run)
        write_json(path / CONFIG, options)
        try:
            yield run
        except BaseException:
            there = path.is_dir() and os.path.samestat(path.stat(), ours)
            entries = list(path.iterdir()) if there else []
            # Refused: leave nothing behind.
            if there and not existed and all(_is_of_creation(entry.name, True) for entry in entries):
                for entry in entries:
                    entry.unlink()
                if created:
                    path.rmdir()
            raise


def _is_of_creation(name: str, begun: bool) -> bool:
    """Whether a file is one of those that the creation of a run writes, before or after run.json."""
    files, drafts = ((LOCK, CONFIG, RUN), (CONFIG, RUN)) if begun else ((LOCK,), (RUN,))
    return name in files or any(is_draft(name, each) for each in drafts)


def new_run() -> dict[str, Any]:
    """The contents of run.json before the first session.

    `artifacts` and `snapshots` are the folders that hold such records, `headline` the metrics that a status line shows,
    `config_digests` those of the options that may stand in config.json.
    """
    return {
        "format": FORMAT,
        "search": "",
        "view": "",
        "headline": [],
        "artifacts": [],
        "snapshots": [],
        "plugins": {},
        "renamed": {},
        "overrides": {},
        "identity": {},
        "config_digests": [],
        "sessions": [],
    }


def record_identity(path: Path, run: dict[str, Any], identity: Mapping[str, Any]) -> None:
    """Keep what a search says of its identity, in run.json.

    Raises `RunError` where a run was started with another one, as of another version of its generator.
    """
    before = run["identity"]
    changes = differences(_with_new_names(before), _with_new_names(identity)) if before else []
    if changes:
        raise RunError(_refusal(path, changes, forkable=not run["overrides"], resumable=False))
    run["identity"] = dict(identity)
    write_json(path / RUN, run)


def _require_same_identity(path: Path, run: dict[str, Any], config: RunConfig, overrides: OverrideSpec) -> None:
    require_same_overrides(path, run["overrides"], overrides)
    changes = [
        *differences(run["overrides"], overrides),
        *differences(
            _with_new_names(_with_new_options(_unedited_config(path))),
            _with_new_names(config.to_dict()),
            adjustable_fields(config),
        ),
    ]
    fixed = {place: each for place, each in plugins(config).items() if place.split(".")[0] not in config.adjustable}
    plugin_changes = _plugin_changes(run["plugins"], fixed)
    if changes or plugin_changes:
        forkable = not (run["overrides"] or overrides)
        raise RunError(
            _refusal(path, [*changes, *plugin_changes], forkable=forkable, resumable=forkable and not plugin_changes)
        )


def _with_new_options(options: dict[str, Any]) -> dict[str, Any]:
    """Recorded options with the defaults of those that did not exist when they were written."""
    try:
        return RunConfig.from_dict(options).to_dict()
    except ConfigError:  # an option was removed, or a plug-in is not installed
        return options


def _refusal(path: Path, changes: list[str], *, forkable: bool, resumable: bool) -> str:
    """`resumable`: whether the command that gives only the folder would resume the run."""
    advice = []
    if resumable:
        advice.append(f"resume the run as it is: {command('run', path)}")
    elif forkable:
        advice.append("install the versions that it was started with")
    else:
        advice.append("give the objects that it was started with")
    if forkable:
        option = f"--from {shlex.quote(str(path))}"
        advice.append(f"fork it with these settings: {option} and another --name (in Python: source= and a path)")
    advice.append("start a new run: another --name (in Python: another path)")
    listed = "\n  ".join(changes)
    return f"{path} was started with other settings:\n  {listed}\nEither " + ",\nor ".join(advice)


def _plugin_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Differences in package and version of plug-ins.

    Those of our own package are left out: its version is recorded with each session, and the runner warns of a change.
    """
    changes = []
    for place in sorted(before.keys() & now.keys()):
        old, new = before[place], now[place]
        renamed = {old["id"], old["package"]} & registry.RENAMED.keys()
        if not renamed and old["id"] == new["id"] and OURS not in (old["package"], new["package"]):
            changes += differences({f"plugins.{place}": old}, {f"plugins.{place}": new})
    return changes


def _renames_of(run: Mapping[str, Any]) -> dict[str, str]:
    """Those of the known new names that concern a run."""
    names = {plugin[part] for plugin in run["plugins"].values() for part in ("id", "package")}
    return run["renamed"] | {old: new for old, new in registry.RENAMED.items() if old in names}


def _with_new_names(data: Any) -> Any:
    """JSON values in which ids have their new names, for comparisons.

    Both sides need it: an old name may still be installed, or be the id of one thing and the package of another.
    """
    if isinstance(data, Mapping):
        renamed = {name: _with_new_names(value) for name, value in data.items()}
        if isinstance(data.get("id"), str):
            renamed["id"] = registry.RENAMED.get(data["id"], data["id"])
        return renamed
    return [_with_new_names(item) for item in data] if isinstance(data, list) else data
