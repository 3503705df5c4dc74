"""The viewing commands for runs that remember cells; the command line makes its options from their signatures."""

from pathlib import Path
from typing import Literal

from poet.view import commands
from poet.view.commands import evaluate as evaluate
from poet.view.commands import export as export
from poet.view.commands import video as video
from poet.view.open import open_and_warn


def inspect(run: Path, *, last: int = 8, top: int = 10) -> None:
    """Show how a search fills cells, and the cells with the best scores.

    Args:
        run: Run folder, or its name in runs/.
        last: How many iterations to list; 0 for none.
        top: How many cells to list; 0 for none.
    """
    from poet.view.cells.inspect import print_cells

    for name, number in (("last", last), ("top", top)):
        commands.check_count(name, number)
    print_cells(open_and_warn(run), last, top)


def plot(run: Path, *, what: Literal["all", "overview", "map", "curves"] = "all", out: Path | None = None) -> int:
    """Draw cells: overview, maps by score, steps and visits, curves.

    Args:
        run: Run folder, or its name in runs/.
        what: Which figure; by default every one.
        out: Folder for the figures, or a file name for a single one; by default the run's media folder.
    """
    return commands.write_plots(open_and_warn(run), what, out)
