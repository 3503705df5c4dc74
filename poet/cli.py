"""The command line. The first word is resolved here, options come from the config's dataclasses by tyro.

Modules are imported where they are needed: `poet --help` and a first line from `poet run` come at once, jax takes
a second or two.
"""

import dataclasses
import importlib
import importlib.metadata
import inspect
import os
import platform
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from poet.errors import ConfigError, PoetError, RunError, unknown

ROOT = Path("runs")
COMMANDS = {
    "run": "start a run, or go on with it: poet run PRESET | RUN [options]",
    "status": "how far runs are: iteration, environment steps, speed, time left",
    "inspect": "a run as tables: niches, events, family tree; how an archive fills, its elites",
    "plot": "a run as pictures: fitness, terrain, transfers, family tree; heat map, curves, gallery",
    "video": "an agent in its environment as a GIF: a niche's champion, an elite",
    "eval": "run an agent on many episodes: mean, spread, share solved",
    "export": "an agent as weights and one NumPy file that runs it without JAX",
    "diff": "do two runs have the same history and state? poet diff RUN RUN",
    "list": "presets, generators of environments, problems, runs",
    "doctor": "is this machine ready, and what has it got?",
}
VIEWS = {"inspect": "inspect", "plot": "plot", "video": "video", "eval": "evaluate", "export": "export"}


def main(args: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 1 (`diff`: they differ; `doctor`: trouble), 2 for an error."""
    args = sys.argv[1:] if args is None else args
    try:
        return _dispatch(args)
    except PoetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # poet list | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _dispatch(args: list[str]) -> int:
    if not args or args[0] in ("-h", "--help", "help"):
        print("POET: environments and agents evolve together.\n\nusage: poet COMMAND ...\n")
        print("\n".join(f"  {name:<9} {what}" for name, what in COMMANDS.items()))
        print("\npoet COMMAND --help says more. Start with: poet run tiny")
        return 0
    if args[0] == "--version":
        print(importlib.metadata.version("poet-evolution"))
        return 0
    name, rest = args[0], args[1:]
    if name not in COMMANDS:
        raise unknown("command", name, COMMANDS)
    if name == "run":
        return _run(rest)
    if name in VIEWS:
        import tyro

        from poet.runs.launch import prepare
        from poet.view.open import Run, find, run_class

        if ROOT.is_dir():
            prepare(ROOT, None)  # what replays episodes finds its programs compiled
        run = next((word for word in rest if not word.startswith("-")), None)
        commands = (Run if run is None else run_class(find(run))).commands
        view = getattr(importlib.import_module(commands), VIEWS[name])
        about = None
        if run is None:
            about = (
                f"{(inspect.getdoc(view) or '').partition(chr(10))[0]}\n\nBelow are the options for a POET run; "
                f"`poet {name} RUN --help` shows those of any run, as --elite and --at of one that fills an archive."
            )
        tyro.cli(view, prog=f"poet {name}", description=about, args=rest, config=(tyro.conf.PositionalRequiredArgs,))
        return 0
    return _simple({"status": status, "diff": diff, "list": list_, "doctor": doctor}[name], name, rest)


def _simple(function: Callable[..., int], name: str, args: list[str]) -> int:
    import tyro

    return tyro.cli(function, prog=f"poet {name}", args=args, config=(tyro.conf.PositionalRequiredArgs,))


# --- run ---


def _run(args: list[str]) -> int:
    import tyro

    from poet.envs.registry import AnyConfig
    from poet.nested import flatten
    from poet.runs.config import Config, PoetRun
    from poet.runs.presets import PRESETS
    from poet.runs.read import read_config

    @dataclasses.dataclass(frozen=True)
    class Place:
        name: str | None = None
        """Name of the run; by default that of the preset."""
        root: Path = ROOT
        """Folder of all runs and of the compilation cache."""
        source: Annotated[Path | None, tyro.conf.arg(name="from")] = None
        """Fork this run: start from where it stands."""
        problem: str | None = None
        """Another problem than the preset's, by its name; generators are problems too (`poet list`)."""
        generator: str | None = None
        """Another generator than the preset's, by its name."""

    @dataclasses.dataclass(frozen=True)
    class Options:
        place: Annotated[Place, tyro.conf.arg(name="")]
        config: Annotated[Config, tyro.conf.arg(name=""), tyro.conf.AvoidSubcommands]

    help_wanted = bool({"-h", "--help"} & set(args))
    word = "" if not args or args[0].startswith("-") else args[0]
    place, _ = tyro.cli(Place, args=args[bool(word) :], return_unknown_args=True, add_help=False)
    source = None if place.source is None or help_wanted else _find(place.source, place.root)
    if place.name is not None and Path(place.name).name != place.name:
        raise ConfigError(f"--name expects a plain name, got {place.name!r}; --root says in which folder")
    if word in PRESETS:
        config, path = PRESETS[word], place.root / (place.name or word)
    elif word:
        path = _find(Path(word), place.root)
        if place.name is not None:
            raise ConfigError(f"{path} has a name; to fork it: poet run --from {path} --name {place.name}")
        config = Config.from_dict(read_config(path))
    elif source is not None and place.name is not None:
        config, path = Config.from_dict(read_config(source)), place.root / place.name
    elif help_wanted:
        config, path = PoetRun(), place.root / "NAME"
    else:
        known = ", ".join([*PRESETS, *_runs(place.root)])
        raise ConfigError(f"expected what to run first: a preset or a run ({known}), or --from RUN --name NAME")

    for field, chosen in (("problem", place.problem), ("generator", place.generator)):
        if chosen is not None:
            config = Config.from_dict({**config.to_dict(), field: {"id": chosen}})

    description = (
        f"Presets: {', '.join(PRESETS)}. The same command again goes on with the run, as does `poet run {path}`. "
        "Ctrl-C finishes the iteration, saves and leaves."
    )
    if not word:
        description += f" Below are the options of {config.kind}; `poet run PRESET --help` shows those of a preset."
    prog = f"poet run {word or 'PRESET|RUN'}"
    default = Options(place, config)
    config = tyro.cli(Options, default=default, args=args[bool(word) :], prog=prog, description=description).config

    shown = ("seed", "iterations")
    usual: dict[str, Any] = {n: type(value)() for n, value in vars(config).items() if isinstance(value, AnyConfig)}
    plain, base = flatten(config.to_dict()), flatten(type(config)(**usual).to_dict())
    special = " ".join(
        f"{name}={value}" for name, value in plain.items() if base.get(name) != value and name not in shown
    )
    said = f"{config.kind} on {config.describe()}, seed {config.seed}, {config.iterations} iterations"
    print(f"{path}: {said}; {special}", flush=True)

    from poet.runs.launch import run
    from poet.view.open import open_run

    outcome = run(config, path, source=source, media=_pictures)
    quoted = shlex.quote(str(path))
    if outcome.finished:
        _summary(path)
        print(f"go on:    poet run {quoted} --iterations {2 * outcome.iteration}")
        print("look:     " + "; ".join(f"poet {words.format(quoted)}" for words in open_run(path).looks()))
    else:
        print(f"saved at iteration {outcome.iteration}; go on with: poet run {quoted}")
    return 0


def _runs(root: Path) -> list[str]:
    from poet.runs.read import list_runs

    return [str(path) for path in list_runs(root)]


def _find(given: Path, root: Path) -> Path:
    """A run by its folder or its name."""
    from poet.runs.folder import is_run
    from poet.runs.presets import PRESETS

    for path in (given, root / given):
        if is_run(path):
            return path
    if given.is_dir():
        raise RunError(f"{given} is not a run folder: it has no run.json")
    raise unknown("preset or run", str(given), [*PRESETS, *_runs(root)])


def _pictures(path: Path, moment: str) -> None:
    from poet.view.open import open_run
    from poet.view.plots import plot
    from poet.view.video import video

    run = open_run(path)
    for kind in run.plots() if moment == "end" and not run.empty() else ("overview",):
        plot(run, kind, path / "media" / f"{kind}.png")
    if moment != "early" and run.films():
        video(run)


def _summary(path: Path) -> None:
    from poet.view.open import run_class

    importlib.import_module(run_class(path).commands).inspect(str(path), last=0)
    for file in sorted((path / "media").glob("*.*")):
        print(file)


# --- reading ---


def status(runs: tuple[str, ...] = (), /, *, root: Path = ROOT) -> int:
    """How far runs are: iteration, environment steps, speed, time left, and whether they are being written.

    Args:
        runs: Run folders or names; by default all in the root.
        root: Folder of all runs.
    """
    from poet.runs.progress import duration
    from poet.runs.read import list_runs, quantity, read_status

    paths = [_find(Path(run), root) for run in runs] if runs else list_runs(root)
    if not paths:
        print(f"no runs in {root}; start one with: poet run tiny")
        return 0
    print(f"{'run':<20} {'iteration':>15} {'steps':>9} {'steps/s':>9} {'left':>9}  {'state':<9} reached")
    for path in paths:
        try:
            now = read_status(path)
        except RunError as error:
            print(f"{path.name:<20} {error}")
            continue
        cells = (
            f"{now.iteration}/{now.iterations}",
            quantity(now.env_steps),
            "-" if now.steps_per_s is None else quantity(now.steps_per_s),
            "-" if now.left_s is None or now.iteration >= now.iterations else duration(now.left_s),
        )
        numbers = " ".join(f"{cell:>{width}}" for cell, width in zip(cells, (15, 9, 9, 9)))
        print(f"{now.name:<20} {numbers}  {now.state:<9} {', '.join(now.standing)}".rstrip())
    return 0


def diff(a: Path, b: Path, root: Path = ROOT) -> int:
    """Whether two runs have the same history and the same final state, bit for bit; exit code 0 if so, else 1.

    Args:
        a: Run folder or name.
        b: Run folder or name.
        root: Folder of all runs.
    """
    from poet.runs.diff import diff as compare

    lines = compare(_find(a, root), _find(b, root))
    print("\n".join(lines) if lines else "equal: same history, same state")
    return 1 if lines else 0


def list_(root: Path = ROOT) -> int:
    """Presets, generators of environments and problems and whether they load, and the runs there are.

    Args:
        root: Folder of all runs.
    """
    from poet.envs import registry
    from poet.runs.presets import PRESETS

    print("presets")
    for name, config in PRESETS.items():
        print(f"  {name:<18} {config.kind} on {config.describe()}, {config.iterations} iterations")
    for title, known in (("generators", registry.generators), ("problems", registry.problems)):
        print(title)
        for name, state in known.status():
            print(f"  {name:<18} {state}")
    print(f"runs in {root}")
    for run in _runs(root):
        print(f"  {run}")
    return 0


def doctor(root: Path = ROOT) -> int:
    """Whether this machine is ready: Python, packages, devices, compilation cache, disk; exit code 1 if not.

    Args:
        root: Folder of all runs.
    """
    from poet.runs.folder import PACKAGES, processor
    from poet.runs.launch import prepare
    from poet.runs.read import quantity

    trouble = 0

    def row(what: str, value: Any, bad: bool = False) -> None:
        nonlocal trouble
        trouble += bad
        print(f"{'TROUBLE' if bad else 'ok':<8} {what:<18} {value}")

    row("python", f"{platform.python_version()} on {platform.platform()}", sys.version_info < (3, 11))
    row("processor", f"{processor()}, {os.cpu_count()} cores")
    for package in PACKAGES:
        try:
            row(package, importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            row(package, "not installed", bad=True)
    base = next(folder for folder in (root, *root.resolve().parents) if folder.is_dir())
    row("runs", f"{root.resolve()}", not os.access(base, os.W_OK))
    free = shutil.disk_usage(base).free
    row("free disk", f"{quantity(free)}B", free < 1e9)
    if root.is_dir():
        prepare(root, None)
    try:
        import jax

        devices = jax.devices()
        row("devices", f"{len(devices)} x {devices[0].platform} ({devices[0].device_kind})")
    except Exception as error:  # whatever a broken driver throws is the answer
        row("devices", error, bad=True)
    cache = Path(os.environ.get("JAX_COMPILATION_CACHE_DIR", ""))
    entries = list(cache.glob("*-cache")) if root.is_dir() else []
    row("compilation cache", f"{len(entries)} entries, {quantity(sum(e.stat().st_size for e in entries))}B")
    return 1 if trouble else 0
