"""The viewing commands for runs with niches; the command line makes its options from signatures and docstrings."""

from pathlib import Path
from typing import Literal

from poet.terminal import print_lines
from poet.view import commands
from poet.view.agents import require_agents
from poet.view.open import open_and_warn


def inspect(run: Path, *, niche: int | None = None, last: int = 20, kind: str | None = None, tree: bool = True) -> None:
    """Show a run's niches as a table, its family tree and its last events.

    Args:
        run: Run folder, or its name in runs/.
        niche: Show only this niche: its numbers, ancestors, children and events.
        last: How many events to list; 0 for none.
        kind: List only events of this kind: admission, transfer, retirement, milestone, child, ...
        tree: Show the family tree.
    """
    from poet.view.niches.inspect import print_niche, print_niches

    commands.check_count("last", last)
    opened = open_and_warn(run)
    if niche is None:
        print_niches(opened, last, kind, tree)
    else:
        print_niche(opened, niche, last, kind)


def plot(
    run: Path,
    *,
    what: Literal["all", "overview", "fitness", "gallery", "transfers", "lineage"] = "all",
    out: Path | None = None,
) -> int:
    """Draw a run: overview, fitness per niche, gallery of environments, transfers, family tree.

    Args:
        run: Run folder, or its name in runs/.
        what: Which figure; by default every one.
        out: Folder for the figures, or a file name for a single one; by default the run's media folder.
    """
    return commands.write_plots(open_and_warn(run), what, out)


def video(
    run: Path,
    *,
    niche: int | None = None,
    snapshot: Literal["best", "admission", "retirement", "current"] = "best",
    seed: int = 0,
    out: Path | None = None,
) -> None:
    """Make a video of the agent of a niche in its environment, as a GIF.

    Args:
        run: Run folder, or its name in runs/.
        niche: The niche; by default the latest that was solved, or the one with the best fitness.
        snapshot: Which of its agents.
        seed: Of the episode, if it is random.
        out: File to write; by default in the run's media folder.
    """
    from poet.view.video import video

    print_lines(video(open_and_warn(run), niche, out, snapshot=snapshot, seed=seed))


def evaluate(
    run: Path,
    *,
    agent: int | None = None,
    on: str | None = None,
    environment_run: Path | None = None,
    snapshot: Literal["best", "admission", "retirement", "current"] = "best",
    episodes: int = 100,
    fresh: bool = True,
    seed: int = 0,
) -> None:
    """Run an agent on many episodes: mean, spread and share solved.

    Args:
        run: Run folder, or its name in runs/.
        agent: The niche whose agent it is; by default the latest that was solved, or the one with the best fitness.
        on: The niche whose environment to use, or `simplest` for the one that a run starts from; by default the agent's
            own.
        environment_run: Another run, to take the environment from.
        snapshot: Which of the niche's agents.
        episodes: How many.
        fresh: Draw another terrain of the same kind in each episode; otherwise use the terrain of the run, if it kept
            one.
        seed: Of the episodes.
    """
    from poet.view.evaluate import evaluate

    opened = open_and_warn(run)
    result = evaluate(
        opened,
        opened.default_agent() if agent is None else agent,
        on,
        snapshot=snapshot,
        environment_run=None if environment_run is None else require_agents(open_and_warn(environment_run)),
        episodes=episodes,
        fresh=fresh,
        seed=seed,
    )
    commands.print_evaluation(result)


def export(
    run: Path,
    *,
    agent: int | None = None,
    snapshot: Literal["best", "admission", "retirement", "current"] = "best",
    out: Path | None = None,
) -> None:
    """Write an agent's weights and one NumPy file that runs them without JAX; the walker's also in gymnasium.

    Args:
        run: Run folder, or its name in runs/.
        agent: The niche whose agent it is; by default the latest that was solved, or the one with the best fitness.
        snapshot: Which of its agents.
        out: Folder to write; by default export/niche_ID in the run's folder.
    """
    opened = open_and_warn(run)
    commands.export_agent(opened, opened.default_agent() if agent is None else agent, snapshot, out)
