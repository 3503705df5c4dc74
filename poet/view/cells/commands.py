"""The viewing commands for runs that remember cells; the command line makes its options from their signatures."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from poet.errors import ConfigError
from poet.terminal import print_lines
from poet.view import commands
from poet.view.open import open_and_warn

if TYPE_CHECKING:
    from poet.view.cells.run import CellsRun


def inspect(
    run: Path, *, cell: int | None = None, at: tuple[float, ...] = (), last: int = 8, top: int = 10, replay: bool = True
) -> None:
    """Show how a search fills cells, and the cells with the best scores, or one cell and the way to it.

    Args:
        run: Run folder, or its name in runs/.
        cell: Show only this cell: coordinates, score, steps, and the segments of the way to it.
        at: Show only the cell nearest to these coordinates.
        last: How many iterations to list; 0 for none.
        top: How many cells to list; 0 for none.
        replay: Replay the best way, or that to the cell, and say whether it gives the stored score.
    """
    from poet.view.cells.inspect import print_cell, print_cells

    for name, number in (("last", last), ("top", top)):
        commands.check_count(name, number)
    opened = open_and_warn(run)
    if at or cell is not None:
        print_cell(opened, find_cell(opened, cell, at), replay)
    else:
        print_cells(opened, last, top, replay)


def plot(
    run: Path,
    *,
    what: Literal["all", "overview", "map", "frontier", "rooms", "curves"] = "all",
    out: Path | None = None,
) -> int:
    """Draw cells: overview, maps by score, steps, visits and time, frontier, rooms, curves.

    Args:
        run: Run folder, or its name in runs/.
        what: Which figure; by default every one.
        out: Folder for the figures, or a file name for a single one; by default the run's media folder.
    """
    return commands.write_plots(open_and_warn(run), what, out)


def video(
    run: Path, *, cell: int | None = None, at: tuple[float, ...] = (), ended: bool = False, out: Path | None = None
) -> None:
    """Make a video of the way to a cell, as a GIF.

    Args:
        run: Run folder, or its name in runs/.
        cell: The cell; by default the one with the best score.
        at: Show the way to the cell nearest to these coordinates.
        ended: Show the best episode that has ended instead.
        out: File to write; by default in the run's media folder.
    """
    from poet.view.cells.ways import film

    opened = open_and_warn(run)
    print_lines(film(opened, None if ended else find_cell(opened, cell, at), out))


def evaluate(run: Path, *, top: int | None = None) -> int:
    """Replay the ways to cells from the start, and compare their scores with the stored ones.

    Args:
        run: Run folder, or its name in runs/.
        top: How many cells, those with the best scores first; by default all.
    """
    from poet.view.cells.inspect import print_verified

    if top is not None:
        commands.check_count("top", top)
    opened = open_and_warn(run)
    return print_verified(opened, opened.verify(top))


def export(
    run: Path, *, cell: int | None = None, at: tuple[float, ...] = (), ended: bool = False, out: Path | None = None
) -> None:
    """Write the way to a cell as a demonstration: actions, rewards and keys in one .npz file.

    Args:
        run: Run folder, or its name in runs/.
        cell: The cell; by default the one with the best score.
        at: Take the cell nearest to these coordinates.
        ended: Take the best episode that has ended instead.
        out: File to write; by default export/cell_ROW.npz in the run's folder.
    """
    from poet.view.cells.ways import export

    opened = open_and_warn(run)
    which = None if ended else find_cell(opened, cell, at)
    name = "best_episode" if which is None else f"cell_{which}"
    print_lines(export(opened, which, out or opened.path / "export" / f"{name}.npz"))


def find_cell(run: "CellsRun", cell: int | None, at: tuple[float, ...]) -> int:
    """The row of a cell that is given by its number or by coordinates; by default of the best score."""
    if cell is not None and at:
        raise ConfigError("a cell is given by its number or by coordinates: use --cell or --at, not both")
    if at:
        row = run.archive().nearest(at)
        print_lines(f"nearest to {', '.join(map('{:g}'.format, at))}: cell {row}, at {run.coordinates(row)}")
        return row
    return run.default_agent() if cell is None else run.archive().check_row(cell)
