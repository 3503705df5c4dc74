"""The viewing commands for runs with an archive; the command line makes its options from signatures and docstrings."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from poet.errors import ConfigError
from poet.terminal import print_lines
from poet.view import commands
from poet.view.agents import require_agents
from poet.view.open import open_and_warn

if TYPE_CHECKING:
    from poet.view.archive.run import ArchiveRun


def inspect(run: Path, *, elite: int | None = None, at: tuple[float, ...] = (), last: int = 8, top: int = 10) -> None:
    """Show how an archive fills and its fittest elites, or one elite with its ancestors.

    Args:
        run: Run folder, or its name in runs/.
        elite: Show only this elite: its coordinates, emitter, parents and ancestors.
        at: Show only the elite nearest to these coordinates.
        last: How many iterations to list, spread over the run; 0 for none.
        top: How many elites to list; 0 for none.
    """
    from poet.view.archive.inspect import print_archive, print_elite

    for name, number in (("last", last), ("top", top)):
        commands.check_count(name, number)
    opened = open_and_warn(run)
    if at or elite is not None:
        print_elite(opened, _find_elite(opened, elite, at))
    else:
        print_archive(opened, last, top)


def plot(
    run: Path,
    *,
    what: Literal[
        "all", "overview", "heatmap", "curves", "emitters", "origins", "snapshots", "gallery", "explore"
    ] = "all",
    out: Path | None = None,
    num_pictures: int = 16,
) -> int:
    """Draw an archive: overview, heat map, curves, emitters, origins, snapshots over time, gallery of elites.

    Args:
        run: Run folder, or its name in runs/.
        what: Which figure; by default every one. `explore` is an interactive page for a browser.
        out: Folder for the figures, or a file name for a single one; by default the run's media folder.
        num_pictures: How many elites of the interactive page have a video or a drawing.
    """
    from poet.view.archive.explore import SUFFIX
    from poet.view.style import require_suffix

    opened = open_and_warn(run)
    if what != "explore":
        return commands.write_plots(opened, what, out)
    path = commands.output_path(opened, "explore.html", out)
    require_suffix(path, SUFFIX, "a page")
    print_lines(opened.explore(num_pictures).save(path))
    return commands.report_failures(opened)


def video(
    run: Path, *, elite: int | None = None, at: tuple[float, ...] = (), seed: int = 0, out: Path | None = None
) -> None:
    """Make a video of an elite in its environment, as a GIF.

    Args:
        run: Run folder, or its name in runs/.
        elite: The elite; by default the fittest.
        at: Show the elite nearest to these coordinates.
        seed: Of the episode, if it is random.
        out: File to write; by default in the run's media folder.
    """
    from poet.view.video import video

    opened = open_and_warn(run)
    print_lines(video(opened, _find_elite(opened, elite, at), out, seed=seed))


def evaluate(
    run: Path,
    *,
    elite: int | None = None,
    at: tuple[float, ...] = (),
    on: str | None = None,
    environment_run: Path | None = None,
    episodes: int = 100,
    fresh: bool = True,
    seed: int = 0,
) -> None:
    """Run an elite's agent on many episodes: mean, spread and share solved.

    Args:
        run: Run folder, or its name in runs/.
        elite: The elite whose agent it is; by default the fittest.
        at: Evaluate the elite nearest to these coordinates.
        on: The elite whose environment to use, or `simplest` for the generator's simplest; by default the agent's own.
        environment_run: Another run, to take the environment from.
        episodes: How many.
        fresh: Draw another terrain of the same kind in each episode; otherwise use the terrain of the run, if it kept
            one.
        seed: Of the episodes.
    """
    from poet.view.evaluate import evaluate

    opened = open_and_warn(run)
    source = None if environment_run is None else require_agents(open_and_warn(environment_run))
    which = _find_elite(opened, elite, at)
    result = evaluate(opened, which, on, environment_run=source, episodes=episodes, fresh=fresh, seed=seed)
    commands.print_evaluation(result)


def export(run: Path, *, elite: int | None = None, at: tuple[float, ...] = (), out: Path | None = None) -> None:
    """Write an elite's weights and one NumPy file that runs them without JAX; the walker's also in gymnasium.

    Args:
        run: Run folder, or its name in runs/.
        elite: The elite; by default the fittest.
        at: Export the elite nearest to these coordinates.
        out: Folder to write; by default export/elite_ROW in the run's folder.
    """
    opened = open_and_warn(run)
    commands.export_agent(opened, _find_elite(opened, elite, at), "best", out)


def _find_elite(run: "ArchiveRun", elite: int | None, at: tuple[float, ...]) -> int:
    """The row of an elite that is given by its number or by coordinates; by default of the fittest."""
    if elite is not None and at:
        raise ConfigError("an elite is given by its number or by coordinates: use --elite or --at, not both")
    if at:
        elites = run.archive()
        row = elites.nearest(at)
        print_lines(f"nearest to {', '.join(map('{:g}'.format, at))}: elite {row}, at {elites.coordinates(row)}")
        return row
    return run.default_agent() if elite is None else elite
