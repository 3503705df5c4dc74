"""The viewing commands, one function each; the command line is made of their signatures and docstrings."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from poet.errors import ConfigError
from poet.view.open import Run, open_run

if TYPE_CHECKING:
    from poet.view.evaluate import Evaluation


def inspect(run: str, *, niche: int | None = None, last: int = 20, kind: str | None = None, tree: bool = True) -> None:
    """Show a run's niches as a table, its family tree and its last events.

    Args:
        run: Run folder, or its name in runs/.
        niche: Show this niche alone: its numbers, descent, children and events.
        last: How many events to list; 0 for none.
        kind: List only events of this kind: admission, transfer, retirement, milestone, trial, ...
        tree: Draw the family tree.
    """
    from poet.view.inspect import show

    if last < 0:
        raise ConfigError(f"last expects at least 0, got {last}")
    show(open_run(run), niche, last, kind, tree and niche is None)


def plot(
    run: Path,
    *,
    what: Literal["all", "overview", "fitness", "gallery", "transfers", "lineage"] = "all",
    out: Path | None = None,
) -> None:
    """Draw a run: overview, fitness per niche, terrain gallery, transfers, family tree.

    Args:
        run: Run folder, or its name in runs/.
        what: Which picture; by default every one.
        out: Folder for the pictures, or a file name for a single one; by default the run's media folder.
    """
    draw(open_run(run), what, out)


def draw(run: Run, what: str, out: Path | None) -> None:
    """Write one picture of a run, or "all", and print where."""
    from poet.view.plots import plot

    plots, single = run.plots(), out is not None and bool(out.suffix)
    if single and what == "all":
        raise ConfigError(f"{out} is one file, but there are {len(plots)} pictures: name one with --what, or a folder")
    for kind in plots if what == "all" else (what,):
        path = out if out is not None and single else (out or run.path / "media") / f"{kind}.png"
        plot(run, kind, path)
        print(path)


def video(
    run: Path,
    *,
    niche: int | None = None,
    occasion: Literal["best", "admission", "retirement", "current"] = "best",
    seed: int = 0,
    out: Path | None = None,
) -> None:
    """Film the agent of a niche in its environment, as a GIF.

    Args:
        run: Run folder, or its name in runs/.
        niche: Whose agent; by default the latest that was solved, or the fittest.
        occasion: Which of its agents.
        seed: Of the episode, where chance plays a part.
        out: File to write; by default in the run's media folder.
    """
    from poet.view.video import video

    print(video(open_run(run), niche, out, occasion=occasion, seed=seed))


def evaluate(
    run: Path,
    *,
    agent: int | None = None,
    on: str | None = None,
    world_run: Path | None = None,
    occasion: Literal["best", "admission", "retirement", "current"] = "best",
    episodes: int = 100,
    fresh: bool = True,
    seed: int = 0,
) -> None:
    """Run an agent on many episodes: mean, spread and share solved.

    Args:
        run: Run folder, or its name in runs/.
        agent: Niche whose agent it is; by default the latest that was solved, or the fittest.
        on: Where: the id of a niche, or flat for the environment that a run starts from; by default the agent's own.
        world_run: Another run, to take the environment from.
        occasion: Which of the niche's agents.
        episodes: How many.
        fresh: Another terrain of the same kind in each episode; otherwise the one of the run, if that fixed one.
        seed: Of the episodes.
    """
    from poet.view.evaluate import evaluate

    opened = open_run(run)
    done = evaluate(
        opened,
        opened.champion() if agent is None else agent,
        on,
        occasion=occasion,
        world_run=None if world_run is None else open_run(world_run),
        episodes=episodes,
        fresh=fresh,
        seed=seed,
    )
    tell(done)


def tell(done: "Evaluation") -> None:
    """Print what an evaluation gave."""
    said = done.summary()
    print(f"{done.agent}\non {done.world}")
    print(f"episodes  {said['episodes']}" + (f", of them broken {said['broken']}" if said["broken"] else ""))
    print(f"return    mean {said['mean']:.1f}, std {said['std']:.1f}")
    print("quantiles " + ", ".join(f"{share} {value:.1f}" for share, value in said["quantiles"].items()))
    print(f"length    mean {said['length']:.0f} steps")
    print(f"solved    {said['solved']:.0%}")


def export(
    run: Path,
    *,
    agent: int | None = None,
    occasion: Literal["best", "admission", "retirement", "current"] = "best",
    out: Path | None = None,
) -> None:
    """Write an agent's weights and one NumPy file that runs them, in gymnasium too, without JAX.

    Args:
        run: Run folder, or its name in runs/.
        agent: Niche whose agent it is; by default the latest that was solved, or the fittest.
        occasion: Which of its agents.
        out: Folder to write; by default export/niche_ID in the run's folder.
    """
    opened = open_run(run)
    take_out(opened, opened.champion() if agent is None else agent, occasion, out)


def take_out(run: Run, which: int, occasion: str, out: Path | None) -> None:
    """Export an agent of a run, and print what was written."""
    from poet.view.export import GYMNASIUM, export

    folder = export(run, which, out or run.path / "export" / f"{run.noun}_{which}", occasion)
    print(f"{folder / 'weights.npz'}\n{folder / 'policy.py'}")
    if run.generator().environment.interface.id in GYMNASIUM:
        print(f"run it: python {folder / 'policy.py'}")
