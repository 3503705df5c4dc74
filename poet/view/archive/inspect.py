"""A run that fills an archive, in the terminal: where it stands, how it came there, its elites, one elite's descent."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from poet.errors import RunError
from poet.runs.read import quantity
from poet.view.archive.elites import Elites, Id
from poet.view.archive.open import ArchiveRun

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = {"coverage": "{:.1%}", "qd_score": "", "best": "{:.4g}", "mean": "{:.4g}"}
COUNTS = ("added", "improved", "not_finite", "outside", "clipped")
LINE = 12  # ancestors named


def progress_table(run: ArchiveRun, last: int) -> Table:
    """So many iterations, spread over the run, the newest always."""
    from rich.table import Table

    columns = run.table("progress")
    size = len(columns["iteration"])
    shown = f" ({last} of {size} iterations)" if last < size else ""
    title = f"{run.name}: {', '.join(run.standing())}{shown}"
    table = Table(title=title, title_justify="left", title_style="bold")
    counts = [name for name in COUNTS if name in columns and (name in COUNTS[:2] or columns[name].any())]
    corrected = [name for name in columns if name.startswith("corrected_")]
    measures = [*SHOWN, *corrected, *(("pupil_best",) if "pupil_best" in columns else ())]
    for name in ("iterations", "evaluations", *measures, *counts):
        table.add_column(name.replace("_", " ").replace("qd", "QD"), justify="right")
    for row in np.unique(np.linspace(0, size - 1, min(size, last)).astype(int)):
        cells = [str(columns["iteration"][row] + 1), quantity(int(columns["evaluations"][row]))]
        for name in measures:
            value = float(columns[name][row]) if name in columns else np.nan
            pattern = SHOWN.get(name.removeprefix("corrected_"), "")
            cells.append("-" if not np.isfinite(value) else pattern.format(value) if pattern else quantity(value))
        table.add_row(*cells, *(quantity(int(columns[name][row])) for name in counts))
    return table


def elite_table(elites: Elites, top: int, emitters: Sequence[str] = ()) -> Table:
    """The fittest elites: number, fitness, coordinates, when and by which emitter they were made."""
    from rich.table import Table

    table = Table(title=f"the fittest of {len(elites)} elites", title_justify="left", title_style="bold")
    trade = elites.columns["objectives"] if "objectives" in elites.columns else np.zeros((len(elites), 0))
    goals = [f"objective {m}" for m in range(trade.shape[1])]
    for name in ("elite", "cell", "sum" if goals else "fitness", *goals, *elites.names, "id", "emitter"):
        table.add_column(name, justify="right")
    for row in np.argsort(-np.asarray(elites.columns["fitness"], float), kind="stable")[:top]:
        one = {name: elites.columns[name][row] for name in ("cell", "fitness", "descriptor", "emitter")}
        place = [*(f"{value:.4g}" for value in trade[row]), *(f"{value:.3g}" for value in one["descriptor"])]
        maker = _maker(emitters, int(one["emitter"]))
        table.add_row(str(row), str(one["cell"]), f"{one['fitness']:.4g}", *place, _name(elites.id(row)), maker)
    return table


def elite_lines(run: ArchiveRun, row: int) -> list[str]:
    """All that is known of one elite: fitness, place, environment, who made it of whom, and its line of descent."""
    elites, names = run.archive(), run.emitters()
    elites.check(row)
    maker = _maker(names, int(elites.columns["emitter"][row]))
    world, trade = run.about(row)[1], elites.columns["objectives"][row] if "objectives" in elites.columns else None
    line = run.lineage(row)
    children = [other for other in range(len(elites)) if elites.id(row) in elites.parents(other)]
    known = [ancestor for ancestor in line[1:] if ancestor.found is not None]
    told = [f"{_name(each.id)} ({_fitness(run, *each.found)})" for each in known if each.found is not None]
    return [
        f"elite {row}: fitness {elites.columns['fitness'][row]:.6g}, {elites.words(row)}",
        *([f"  environment {world}"] if world else []),
        *([f"  objectives  {', '.join(f'{each:.6g}' for each in trade)}"] if trade is not None else []),
        f"  cell        {elites.columns['cell'][row]}",
        f"  id          {_name(elites.id(row))}, made by {maker}",
        f"  parents     {', '.join(_name(parent) for parent in elites.parents(row)) or 'none'}",
        f"  children    {', '.join(map(str, children[:LINE])) or 'none'}"
        + (f" and {len(children) - LINE} more" if len(children) > LINE else ""),
        f"  ancestors   {len(known)} in snapshots" + (f": {', '.join(told[:LINE])}" if told else ""),
    ]


def _maker(emitters: Sequence[str], number: int) -> str:
    return "the start" if number < 0 else emitters[number] if number < len(emitters) else f"emitter {number}"


def _fitness(run: ArchiveRun, time: int, row: int) -> str:
    return f"{run.archive(time).columns['fitness'][row]:.4g}"


def _name(id: Id) -> str:
    return f"{id[0]}:{id[1]}"


def show(run: ArchiveRun, elite: int | None, last: int, top: int) -> None:
    """Print the tables, or one elite."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 160)
    if elite is not None:
        console.print("\n".join(elite_lines(run, elite)), markup=False, highlight=False, soft_wrap=True)
        return
    if not run.events("iteration"):
        console.print(repr(run), markup=False, highlight=False)
        return
    if last:
        console.print(progress_table(run, last))
    try:
        elites = run.archive()
    except RunError as error:
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        return
    if top:
        console.print(elite_table(elites, top, run.emitters()) if len(elites) else "the archive is empty")
