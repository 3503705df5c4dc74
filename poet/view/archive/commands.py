"""The viewing commands for runs that fill an archive; the command line is made of their signatures and docstrings."""

from pathlib import Path
from typing import Literal

from poet.errors import ConfigError
from poet.view import commands
from poet.view.archive.open import ArchiveRun
from poet.view.open import open_run


def inspect(run: str, *, elite: int | None = None, at: tuple[float, ...] = (), last: int = 8, top: int = 10) -> None:
    """Show how an archive fills up and its fittest elites, or one elite with its line of descent.

    Args:
        run: Run folder, or its name in runs/.
        elite: Show this elite alone: its place, its maker, its ancestors.
        at: Or the one nearest to these coordinates.
        last: How many iterations to list, spread over the run; 0 for none.
        top: How many elites to list; 0 for none.
    """
    from poet.view.archive.inspect import show

    for name, number in (("last", last), ("top", top)):
        if number < 0:
            raise ConfigError(f"{name} expects at least 0, got {number}")
    opened = open_run(run)
    show(opened, _pick(opened, elite, at) if at or elite is not None else None, last, top)


def plot(
    run: Path,
    *,
    what: Literal[
        "all", "overview", "heatmap", "curves", "emitters", "origins", "snapshots", "gallery", "explore"
    ] = "all",
    out: Path | None = None,
    films: int = 16,
) -> None:
    """Draw an archive: overview, heat map, curves, emitters, origins, snapshots over time, gallery of elites.

    Args:
        run: Run folder, or its name in runs/.
        what: Which picture; by default every one. `explore` is a page for a browser, to point and click at.
        out: Folder for the pictures, or a file name for a single one; by default the run's media folder.
        films: Of how many elites the page has a film or a drawing.
    """
    opened = open_run(run)
    if what != "explore":
        commands.draw(opened, what, out)
        return
    path = out if out is not None and out.suffix else (out or opened.path / "media") / "explore.html"
    print(opened.explore(films).save(path))


def video(
    run: Path, *, elite: int | None = None, at: tuple[float, ...] = (), seed: int = 0, out: Path | None = None
) -> None:
    """Film an elite in its environment, as a GIF.

    Args:
        run: Run folder, or its name in runs/.
        elite: Which; by default the fittest.
        at: Or the one nearest to these coordinates.
        seed: Of the episode, where chance plays a part.
        out: File to write; by default in the run's media folder.
    """
    from poet.view.video import video

    opened = open_run(run)
    print(video(opened, _pick(opened, elite, at), out, seed=seed))


def evaluate(
    run: Path,
    *,
    elite: int | None = None,
    at: tuple[float, ...] = (),
    on: str | None = None,
    world_run: Path | None = None,
    episodes: int = 100,
    fresh: bool = True,
    seed: int = 0,
) -> None:
    """Run an elite's agent on many episodes: mean, spread and share solved.

    Args:
        run: Run folder, or its name in runs/.
        elite: Whose agent; by default that of the fittest.
        at: Or of the one nearest to these coordinates.
        on: Where: the number of an elite, or flat for the generator's simplest; by default the agent's own.
        world_run: Another run, to take the environment from.
        episodes: How many.
        fresh: Another terrain of the same kind in each episode; otherwise the one of the run, if that fixed one.
        seed: Of the episodes.
    """
    from poet.view.evaluate import evaluate

    opened = open_run(run)
    there = None if world_run is None else open_run(world_run)
    which = _pick(opened, elite, at)
    commands.tell(evaluate(opened, which, on, world_run=there, episodes=episodes, fresh=fresh, seed=seed))


def export(run: Path, *, elite: int | None = None, at: tuple[float, ...] = (), out: Path | None = None) -> None:
    """Write an elite's weights and one NumPy file that runs them, in gymnasium too, without JAX.

    Args:
        run: Run folder, or its name in runs/.
        elite: Which; by default the fittest.
        at: Or the one nearest to these coordinates.
        out: Folder to write; by default export/elite_ROW in the run's folder.
    """
    opened = open_run(run)
    commands.take_out(opened, _pick(opened, elite, at), "best", out)


def _pick(run: ArchiveRun, elite: int | None, at: tuple[float, ...]) -> int:
    if elite is not None and at:
        raise ConfigError("an elite is named by its number or by its place: give --elite or --at, not both")
    if at:
        elites = run.archive()
        found = elites.nearest(at)
        print(f"nearest to {', '.join(map('{:g}'.format, at))}: elite {found}, at {elites.words(found)}")
        return found
    return run.champion() if elite is None else elite
