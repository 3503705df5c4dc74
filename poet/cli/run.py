"""`poet run`: resolve the first word, read the options, start or resume, print what to do next."""

import dataclasses
import shlex
from pathlib import Path
from typing import Annotated, Any

import tyro

from poet.cli.options import choices, choose
from poet.cli.runs import check_name, find_run
from poet.command_line import command
from poet.configs import flatten
from poet.errors import ConfigError
from poet.registry import PluginConfig
from poet.runs.identity import load_config
from poet.runs.layout import ROOT
from poet.runs.read import list_runs
from poet.search.config import RunConfig, presets
from poet.terminal import cleaned_output, print_lines


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the run is."""

    name: str | None = None
    """Name of the run; by default that of the preset."""
    root: Path = ROOT
    """Folder of all runs."""
    source: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    """Fork this run: start from its newest checkpoint."""


@dataclasses.dataclass(frozen=True)
class Options:
    """Everything that the command takes."""

    place: Annotated[Place, tyro.conf.arg(name="")]
    config: Annotated[RunConfig, tyro.conf.arg(name=""), tyro.conf.AvoidSubcommands]


def run(args: list[str]) -> int:
    """Run the command and return its exit code."""
    help_wanted = bool({"-h", "--help"} & set(args))
    word = "" if not args or args[0].startswith("-") else args[0]
    args = args[bool(word) :]
    with cleaned_output():
        place, _ = tyro.cli(Place, args=args, return_unknown_args=True, add_help=False)
    place = dataclasses.replace(place, root=place.root.expanduser())
    source = None if place.source is None or help_wanted else find_run(place.source, place.root)
    sinks_chosen = "--sinks" in {each.partition("=")[0] for each in args}
    config, path = _start(word, place, source, help_wanted, sinks_chosen)
    config, args = choose(config, args)
    config = _parse(word, path, place, config, args)

    print_lines(f"{path}: {_summary_line(config)}")

    from poet.runs import launch
    from poet.view import media
    from poet.view.open import open_run

    try:
        outcome = launch.run(config, path, source=source, media=media.make_media)
    except KeyboardInterrupt as stopped:
        if not hasattr(stopped, "outcome"):  # nothing was saved
            raise
        outcome = stopped.outcome  # type: ignore[attr-defined]
    if outcome.finished:
        media.print_summary(path)
        print_lines(f"extend:   {command('run', path)} {outcome.extend}")
        suggested = (line.format(shlex.quote(str(path))) for line in open_run(path).suggested_commands())
        print_lines("look:     " + "; ".join(f"{command()} {line}" for line in suggested))
    else:
        print_lines(f"saved at iteration {outcome.iteration}; resume with: {command('run', path)}")
    return 0


def _start(
    word: str, place: Place, source: Path | None, help_wanted: bool, sinks_chosen: bool
) -> tuple[RunConfig, Path]:
    """The config that the options change, and the folder of the run."""
    if place.name is not None:
        check_name(place.name)
    if word in presets.ids():
        return presets.get(word), place.root / (place.name or word)
    if word:
        path = find_run(Path(word), place.root, presets_too=True)
        if place.name is not None:
            raise ConfigError(f"{path} has a name; to fork it: {command('run', '--from', path, '--name', place.name)}")
        return load_config(path, without_lost_sinks=sinks_chosen), path
    if source is not None and place.name is not None:
        return load_config(source, without_lost_sinks=sinks_chosen), place.root / place.name
    if help_wanted:
        return RunConfig(), place.root / "NAME"
    known = ", ".join([*presets.ids(), *map(str, list_runs(place.root))])
    raise ConfigError(f"expected a preset or a run first ({known}), or --from RUN --name NAME")


def _parse(word: str, path: Path, place: Place, config: RunConfig, args: list[str]) -> RunConfig:
    options = ", ".join(choice.option for choice in choices(config))
    description = (
        f"Presets: {', '.join(presets.ids())}. The same command again resumes the run, as does "
        f"`{command('run', path)}`. Ctrl-C finishes the iteration, saves and leaves.\n\n"
        f"Options that choose by an id (`{command('list')}`): {options}."
    )
    if not word:
        every = command("run", "PRESET", "--help")
        description += f"\n\nBelow are the options of all runs; `{every}` shows all options of a preset."
    prog = command("run", word) if word else f"{command('run')} PRESET|RUN"
    with cleaned_output():
        return tyro.cli(Options, default=Options(place, config), args=args, prog=prog, description=description).config


def _summary_line(config: RunConfig) -> str:
    """What runs, and every option that differs from its default."""
    chosen: dict[str, Any] = {
        name: type(value)() for name, value in vars(config).items() if isinstance(value, PluginConfig)
    }
    values, defaults = flatten(config.to_dict()), flatten(type(config)(**chosen).to_dict())
    changed = " ".join(
        f"{name}={value}"
        for name, value in values.items()
        if defaults.get(name) != value and name not in ("seed", "iterations", "sinks")
    )
    where = f" on {config.describe()}" if config.describe() != config.id else ""
    described = f"{config.id}{where}, seed {config.seed}, {config.iterations} iterations"
    if config.sinks:
        described += f", rows to {', '.join(sink.id for sink in config.sinks)}"
    return f"{described}; {changed}" if changed else described
