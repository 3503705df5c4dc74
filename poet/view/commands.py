"""The viewing commands for a run of any search; the command line makes its options from signatures and docstrings.

Each view has a module with these functions, or uses this one; its `inspect` has an option `last`.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from poet.errors import ConfigError
from poet.runs.layout import MEDIA
from poet.view.agents import AgentRun, require_agents
from poet.view.open import open_and_warn
from poet.view.run import Run

if TYPE_CHECKING:
    from poet.view.evaluate import Evaluation


def inspect(run: Path, *, last: int = 10, kind: str | None = None) -> None:
    """Show the state of a run, its headline metrics and its last events.

    Args:
        run: Run folder, or its name in runs/.
        last: How many iterations and how many events to list; 0 for none.
        kind: List only events of this kind.
    """
    from poet.view.inspect import print_run

    check_count("last", last)
    print_run(open_and_warn(run), last, kind)


def plot(run: Path, *, what: str = "all", out: Path | None = None) -> int:
    """Draw the headline metrics of a run over iterations.

    Args:
        run: Run folder, or its name in runs/.
        what: Which figure; by default every one.
        out: Folder for the figures, or a file name for a single one; by default the run's media folder.
    """
    return write_plots(open_and_warn(run), what, out)


def video(run: Path) -> None:
    """Make a video of an agent; only for runs whose view gives access to agents.

    Args:
        run: Run folder, or its name in runs/.
    """
    _refuse(run, "video")


def evaluate(run: Path) -> None:
    """Run an agent on many episodes; only for runs whose view gives access to agents.

    Args:
        run: Run folder, or its name in runs/.
    """
    _refuse(run, "eval")


def export(run: Path) -> None:
    """Write an agent's weights; only for runs whose view gives access to agents.

    Args:
        run: Run folder, or its name in runs/.
    """
    _refuse(run, "export")


def _refuse(run: Path, command: str) -> None:
    opened = require_agents(open_and_warn(run))
    raise ConfigError(f"{opened.name} is shown by the view {opened.id!r}, which has no command {command!r}")


# --- what commands of other views share ---


def check_count(name: str, number: int) -> None:
    """Raise `ConfigError` unless an option that counts is at least 0."""
    if number < 0:
        raise ConfigError(f"{name} expects at least 0, got {number}")


def write_plots(run: Run, what: str, out: Path | None) -> int:
    """Write one figure of a run, or "all", and print the files. Returns 1 if a picture is missing, otherwise 0."""
    from poet.view.plots import plot, try_plot

    plots, is_file = run.plots(), out is not None and bool(out.suffix)
    if is_file and what == "all":
        raise ConfigError(f"{out} is one file, but there are {len(plots)} figures: name one with --what, or a folder")
    if what != "all":
        path = out if out is not None and is_file else (out or run.path / MEDIA) / f"{what}.png"
        plot(run, what, path)
        print(path)
        return report_failures(run)
    for kind in plots:
        path = (out or run.path / MEDIA) / f"{kind}.png"
        if try_plot(run, kind, path):
            print(path)
    return report_failures(run)


def report_failures(run: Run) -> int:
    """Say which pictures are missing and why. Returns the exit code: 1 if there are any, otherwise 0."""
    for reason in dict.fromkeys(run.failures):
        print(f"error: {reason}", file=sys.stderr)
    return 1 if run.failures else 0


def print_evaluation(result: "Evaluation") -> None:
    """Print the statistics of an evaluation."""
    summary = result.summary()
    broken = f", {summary['not_finite']} of them not finite" if summary["not_finite"] else ""
    print(f"{result.agent}\non {result.environment}")
    print(f"episodes  {summary['episodes']}{broken}")
    print(f"return    mean {summary['mean']:.1f}, std {summary['std']:.1f}")
    print("quantiles " + ", ".join(f"{share} {value:.1f}" for share, value in summary["quantiles"].items()))
    print(f"length    mean {summary['length']:.0f} steps")
    print(f"solved    {summary['share_solved']:.0%}")


def export_agent(run: AgentRun, which: int, snapshot: str, out: Path | None) -> None:
    """Export an agent of a run and print the files."""
    from poet.view.export import GYMNASIUM, export

    folder = export(run, which, out or run.path / "export" / f"{run.agent_kind}_{which}", snapshot)
    print(f"{folder / 'weights.npz'}\n{folder / 'policy.py'}")
    if run.interface().id in GYMNASIUM:
        print(f"run it: python {folder / 'policy.py'}")
