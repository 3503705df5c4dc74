"""The command line. The first word is resolved here, options come from the dataclasses of configs by tyro.

Modules are imported where they are needed: `poet --help` and the first line of `poet run` appear at once, jax takes a
second or two.
"""

import functools
import importlib
import importlib.metadata
import inspect
import io
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from poet import command_line
from poet.activity import doing
from poet.cli.options import take_option
from poet.errors import PoetError, unknown
from poet.registry import RENAMED, parse_renames
from poet.runs.layout import ROOT
from poet.terminal import cleaned_output, discard_output, new_console, print_lines, printable

_FORMAT_WARNING = warnings.formatwarning


class Command(NamedTuple):
    """A command of `poet`.

    Attributes:
      summary: for the list of commands.
      function: "module:name"; a name alone is a function of the run's view, from the module that `Run.commands` names.
    """

    summary: str
    function: str


COMMANDS = {
    "run": Command("start a run, or resume it: give a preset or a run", "poet.cli.run:run"),
    "status": Command("progress of runs: iteration, environment steps, speed, time left", "poet.cli.reading:status"),
    "inspect": Command("a run as tables: niches, events, family tree; the growth of an archive, its elites", "inspect"),
    "plot": Command("a run as pictures: fitness, terrain, transfers, family tree; heat map, curves, gallery", "plot"),
    "video": Command("an agent in its environment as a GIF: a niche's best agent, an elite", "video"),
    "eval": Command("run an agent on many episodes: mean, spread, share solved", "evaluate"),
    "export": Command("an agent as weights and one NumPy file that runs it without JAX", "export"),
    "diff": Command("do two runs have the same history and state?", "poet.cli.reading:diff"),
    "list": Command("presets, everything that can be chosen by an id, runs", "poet.cli.reading:list_"),
    "doctor": Command("is this machine ready; with a run: what of it is whole, and a repair", "poet.cli.doctor:doctor"),
}


def main(args: list[str] | None = None) -> int:
    """Run a command and return its exit code.

    0; 1 (`diff`: they differ; `doctor`: trouble; `plot`: a picture is missing); 2 for an error; 130 after Ctrl-C.
    """
    args = sys.argv[1:] if args is None else args
    _prepare_output()
    try:
        return _dispatch(args)
    except PoetError as error:
        print_lines(*f"error: {error}".split("\n"), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print_lines("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # poet list | head
        discard_output()
        return 0
    except OSError as error:  # as of a full disk behind standard output
        print_lines(f"error: {error}", file=sys.stderr)
        discard_output()
        return 2


def _prepare_output() -> None:
    """Make printing work where standard output is closed, or cannot show every character; clean warnings."""
    warnings.formatwarning = _format_warning
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 (it stays open)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _format_warning(*args: Any, **options: Any) -> str:
    return printable(_FORMAT_WARNING(*args, **options), keep="\n")


def _dispatch(args: list[str]) -> int:
    renames, args = take_option("--plugin", args)
    RENAMED.update(parse_renames(renames))
    if not args or args[0] in ("-h", "--help", "help"):
        poet = command_line.command()
        print_lines("POET: environments and agents evolve together.", "", f"usage: {poet} COMMAND ...", "")
        print_lines(*(f"  {name:<9} {command.summary}" for name, command in COMMANDS.items()))
        start = command_line.command("run", "tiny")
        print_lines("", f"{poet} COMMAND --help shows its options. Start with: {start}")
        print_lines("--plugin OLD=NEW, with any command: the new name of a plug-in or package that was renamed since")
        return 0
    if args[0] == "--version":
        print_lines(importlib.metadata.version("poet-evolution"))
        return 0
    name, rest = args[0], args[1:]
    if name not in COMMANDS:
        raise unknown("command", name, COMMANDS)
    module, _, function = COMMANDS[name].function.rpartition(":")
    if not module:
        return _view(name, function, rest)
    command = getattr(importlib.import_module(module), function)
    return command(rest) if name == "run" else _call(command, name, rest)


def _view(name: str, function_name: str, args: list[str]) -> int:
    """A command of the view that belongs to the run."""
    from poet.runs.launch import prepare
    from poet.runs.layout import is_run
    from poet.view.open import find_run, view_class
    from poet.view.run import Run

    words = [word for word in args if not word.startswith("-")]
    # Values of options are words too, so the first one that is a run.
    run = next((word for word in words if is_run(Path(word)) or is_run(ROOT / word)), words[0] if words else None)
    view = Run if run is None else view_class(find_run(run))
    if run is not None and name != "inspect":
        prepare(None)  # episodes are replayed by programs that may be in the cache
    function = getattr(importlib.import_module(view.commands), function_name)
    description = None
    if run is None:
        help_of_run = command_line.command(name, "RUN", "--help")
        description = (
            f"{(inspect.getdoc(function) or '').partition(chr(10))[0]}\n\nBelow are the options for any run; "
            f"`{help_of_run}` shows all options for that run, as --niche, --elite or --at."
        )
    return _call(function, name, args, description) or 0


def _call(function: Callable[..., int | None], name: str, args: list[str], description: str | None = None) -> int:
    import tyro

    from poet.runs.progress import Reporter

    @functools.wraps(function)
    def bind(*args: Any, **options: Any) -> Callable[[], int | None]:
        return functools.partial(function, *args, **options)

    prog, config = command_line.command(name), (tyro.conf.PositionalRequiredArgs,)
    with cleaned_output():
        bound: Any = tyro.cli(bind, prog=prog, description=description, args=args, config=config)
    with Reporter(new_console(stderr=True, soft_wrap=True)), doing(name):
        return bound() or 0
