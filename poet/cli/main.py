"""The command line. The first word is resolved here, options come from the dataclasses of configs by tyro.

Modules are imported where they are needed: `poet --help` and the first line of `poet run` appear at once, jax takes a
second or two.
"""

import importlib
import importlib.metadata
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path

from poet.cli.options import take_flag
from poet.errors import PoetError, unknown
from poet.registry import RENAMED, parse_renames

ROOT = Path("runs")
COMMANDS = {
    "run": "start a run, or resume it: poet run PRESET | RUN [options]",
    "status": "progress of runs: iteration, environment steps, speed, time left",
    "inspect": "a run as tables: niches, events, family tree; the growth of an archive, its elites",
    "plot": "a run as pictures: fitness, terrain, transfers, family tree; heat map, curves, gallery",
    "video": "an agent in its environment as a GIF: a niche's champion, an elite",
    "eval": "run an agent on many episodes: mean, spread, share solved",
    "export": "an agent as weights and one NumPy file that runs it without JAX",
    "diff": "do two runs have the same history and state? poet diff RUN RUN",
    "list": "presets, everything that can be chosen by an id, runs",
    "doctor": "is this machine ready: Python, packages, devices, disk",
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
    renames, args = take_flag("--plugin", args)
    RENAMED.update(parse_renames(renames))
    if not args or args[0] in ("-h", "--help", "help"):
        print("POET: environments and agents evolve together.\n\nusage: poet COMMAND ...\n")
        print("\n".join(f"  {name:<9} {summary}" for name, summary in COMMANDS.items()))
        print("\npoet COMMAND --help shows its options. Start with: poet run tiny")
        print("--plugin OLD=NEW, with any command: the new name of a plug-in or package that was renamed since")
        return 0
    if args[0] == "--version":
        print(importlib.metadata.version("poet-evolution"))
        return 0
    name, rest = args[0], args[1:]
    if name not in COMMANDS:
        raise unknown("command", name, COMMANDS)
    if name == "run":
        from poet.cli.run import run

        return run(rest)
    if name in VIEWS:
        return _view(name, rest)
    return _call(_simple_command(name), name, rest)


def _simple_command(name: str) -> Callable[..., int]:
    if name == "doctor":
        from poet.cli.doctor import doctor

        return doctor
    from poet.cli import reading

    return {"status": reading.status, "diff": reading.diff, "list": reading.list_}[name]


def _view(name: str, args: list[str]) -> int:
    """A command of the view that belongs to the run."""
    from poet.runs.launch import prepare
    from poet.view.open import find_run, view_class
    from poet.view.run import Run

    if ROOT.is_dir():
        prepare(ROOT, None)  # episodes are replayed by programs that may be in the cache
    run = next((word for word in args if not word.startswith("-")), None)
    view = Run if run is None else view_class(find_run(run))
    function = getattr(importlib.import_module(view.commands), VIEWS[name])
    description = None
    if run is None:
        description = (
            f"{(inspect.getdoc(function) or '').partition(chr(10))[0]}\n\nBelow are the options for any run; "
            f"`poet {name} RUN --help` shows all options for that run, as --niche, --elite or --at."
        )
    return _call(function, name, args, description) or 0


def _call(function: Callable[..., int | None], name: str, args: list[str], description: str | None = None) -> int:
    import tyro

    options = (tyro.conf.PositionalRequiredArgs,)
    return tyro.cli(function, prog=f"poet {name}", description=description, args=args, config=options) or 0
