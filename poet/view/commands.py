"""The viewing commands for a run of any search; the command line makes its options from signatures and docstrings.

Each view has a module with these functions, or uses this one; its `inspect` has an option `last`.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from poet.errors import ConfigError
from poet.runs.layout import MEDIA
from poet.terminal import print_lines
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

    plots = run.plots()
    if what == "all" and out is not None and _names_file(out):
        raise ConfigError(f"{out} is one file, but there are {len(plots)} figures: name one with --what, or a folder")
    if what != "all":
        path = output_path(run, f"{what}.png", out)
        plot(run, what, path)
        print_lines(path)
        return report_failures(run)
    for kind in plots:
        path = output_path(run, f"{kind}.png", out)
        if try_plot(run, kind, path):
            print_lines(path)
    return report_failures(run)


def output_path(run: Run, name: str, out: Path | None) -> Path:
    """Where to write a figure of this name: in the media folder of its run, in a given folder, or as a given file."""
    if out is None:
        return run.path / MEDIA / name
    return out if _names_file(out) else out / name


def _names_file(out: Path) -> bool:
    return bool(out.suffix) and not out.is_dir()


def report_failures(run: Run) -> int:
    """Say which pictures are missing and why. Returns the exit code: 1 if there are any, otherwise 0."""
    print_lines(*(f"error: {reason}" for reason in dict.fromkeys(run.failures)), file=sys.stderr)
    return 1 if run.failures else 0


def print_evaluation(result: "Evaluation") -> None:
    """Print the statistics of an evaluation."""
    summary = result.summary()
    broken = f", {summary['not_finite']} of them not finite" if summary["not_finite"] else ""
    print_lines(result.agent, f"on {result.environment}")
    print_lines(f"episodes  {summary['episodes']}{broken}")
    print_lines(f"return    mean {summary['mean']:.1f}, std {summary['std']:.1f}")
    print_lines("quantiles " + ", ".join(f"{share} {value:.1f}" for share, value in summary["quantiles"].items()))
    print_lines(f"length    mean {summary['length']:.0f} steps")
    print_lines(f"solved    {summary['share_solved']:.0%}")


def export_agent(run: AgentRun, which: int, snapshot: str, out: Path | None) -> None:
    """Export an agent of a run and print the files."""
    from poet.view.export import GYMNASIUM, export

    folder = export(run, which, out or run.path / "export" / f"{run.agent_kind}_{which}", snapshot)
    print_lines(folder / "weights.npz", folder / "policy.py")
    if run.interface().id in GYMNASIUM:
        print_lines(f"run it: python {folder / 'policy.py'}")
    else:
        print_lines("run it in gymnasium: wrap its level by poet.envs.gymnasium_env.LevelEnv (docs/runs.md)")
