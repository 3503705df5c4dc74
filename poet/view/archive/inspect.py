"""A run with an archive in the terminal: its metrics over time, its elites, one elite with its ancestors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from poet.runs.status import quantity
from poet.terminal import print_lines, printable
from poet.view.archive import colours, maps
from poet.view.inspect import page_console, print_table, threshold_line

if TYPE_CHECKING:
    from rich.table import Table

    from poet.view.archive.elites import Elites, Id
    from poet.view.archive.run import ArchiveRun

METRICS = {"coverage": "{:.1%}", "qd_score": "", "best": "{:.4g}", "mean": "{:.4g}"}
ALWAYS_COUNTED = ("added", "improved")
COUNTED = (*ALWAYS_COUNTED, "not_finite", "out_of_bounds", "clipped")  # the others only if they occurred
MAX_LISTED = 12  # children and ancestors


def progress_table(run: ArchiveRun, last: int) -> Table:
    """The metrics of `last` iterations, spread over the run; the newest is always one of them."""
    from rich.table import Table

    columns = run.table("progress")
    size = len(columns["iteration"])
    shown = f" ({last} of {size} iterations)" if last < size else ""
    title = f"{printable(run.name)}: {', '.join(run.headline())}{shown}"
    table = Table(title=title, title_justify="left", title_style="bold")
    counts = [name for name in COUNTED if name in columns and (name in ALWAYS_COUNTED or columns[name].any())]
    corrected = [name for name in columns if name.startswith("corrected_")]
    metrics = [*METRICS, *corrected, *(("trainee_best",) if "trainee_best" in columns else ())]
    for name in ("iterations", "evaluations", *metrics, *counts):
        table.add_column(name.replace("_", " ").replace("qd", "QD"), justify="right")
    for row in np.unique(np.linspace(0, size - 1, min(size, last)).astype(int)):
        cells = [str(columns["iteration"][row] + 1), quantity(int(columns["evaluations"][row]))]
        for name in metrics:
            value = float(columns[name][row]) if name in columns else np.nan
            pattern = METRICS.get(name.removeprefix("corrected_"), "")
            cells.append("-" if not np.isfinite(value) else pattern.format(value) if pattern else quantity(value))
        table.add_row(*cells, *(quantity(int(columns[name][row])) for name in counts))
    return table


def elite_table(elites: Elites, top: int, emitters: Sequence[str] = ()) -> Table:
    """The fittest elites: number, fitness, coordinates, id and emitter."""
    from rich.table import Table

    table = Table(title=f"the fittest of {len(elites)} elites", title_justify="left", title_style="bold")
    objectives = elites.columns["objectives"] if "objectives" in elites.columns else np.zeros((len(elites), 0))
    names = [f"objective {m}" for m in range(objectives.shape[1])]
    facts = elites.facts()
    titles = [name.replace("_", " ") for name in facts]
    for name in ("elite", "cell", "sum" if names else "fitness", *names, *elites.names, *titles, "id", "emitter"):
        table.add_column(name, justify="right")
    for row in np.argsort(-np.asarray(elites.columns["fitness"], float), kind="stable")[:top]:
        elite = {name: elites.columns[name][row] for name in ("cell", "fitness", "emitter")}
        table.add_row(
            str(row),
            str(elite["cell"]),
            f"{elite['fitness']:.4g}",
            *(f"{value:.4g}" for value in objectives[row]),
            *(f"{value:.3g}" for value in elites.points()[row]),
            *(f"{column[row]:.4g}" for column in facts.values()),
            _format_id(elites.id(row)),
            colours.emitter_name(emitters, elite["emitter"]),
        )
    return table


def elite_lines(run: ArchiveRun, row: int) -> list[str]:
    """The facts about one elite: fitness, coordinates, environment, emitter, parents, children, ancestors.

    Raises `RunError` if there is no such elite.
    """
    elites = run.archive()
    elites.check_row(row)
    emitter = colours.emitter_name(run.emitters(), elites.columns["emitter"][row])
    environment = run.caption(row).environment
    objectives = elites.columns["objectives"][row] if "objectives" in elites.columns else None
    children = [other for other in range(len(elites)) if elites.id(row) in elites.parents(other)]
    more = f" and {len(children) - MAX_LISTED} more" if len(children) > MAX_LISTED else ""
    known = [(each.id, each.found) for each in run.lineage(row)[1:] if each.found is not None]
    ancestors = [
        f"{_format_id(id)} (fitness {run.archive(time).columns['fitness'][place]:.4g})"
        for id, (time, place) in known[:MAX_LISTED]
    ]
    return [
        ", ".join(
            filter(None, [f"elite {row}: fitness {elites.columns['fitness'][row]:.6g}", elites.coordinates(row)])
        ),
        *([f"  environment {environment}"] if environment else []),
        *([f"  objectives  {', '.join(f'{value:.6g}' for value in objectives)}"] if objectives is not None else []),
        f"  cell        {elites.columns['cell'][row]}",
        *(f"  {name.replace('_', ' '):<11} {column[row]:.6g}" for name, column in elites.facts().items()),
        f"  id          {_format_id(elites.id(row))} (generation:number in it), emitter: {emitter}",
        f"  parents     {', '.join(_format_id(parent) for parent in elites.parents(row)) or 'none'}",
        f"  children    {', '.join(map(str, children[:MAX_LISTED])) or 'none'}{more}",
        f"  ancestors   {len(known)} in snapshots" + (f": {', '.join(ancestors)}" if ancestors else ""),
    ]


def _format_id(id: Id) -> str:
    return ":".join(map(str, id))


def print_archive(run: ArchiveRun, last: int, top: int) -> None:
    """Print the metrics over time and the fittest elites."""
    console = page_console()
    if not run.events("iteration"):
        console.print(repr(run))
        return
    if last:
        table = progress_table(run, last)
        print_table(console, table, [str(column.header) for column in table.columns[:2:-1]])
    print_lines(*filter(None, [threshold_line(run)]))
    elites = run.latest()
    if elites is None:
        console.print(maps.NO_SNAPSHOT.replace("\n", " "), soft_wrap=True)
    elif top:
        if len(elites):
            table = elite_table(elites, top, run.emitters())
            facts = [str(column.header) for column in table.columns[-2 - len(elites.facts()) : -2]]
            print_table(console, table, [*facts[::-1], "id", "cell", "emitter", *elites.names[::-1]])
        else:
            console.print(maps.NO_ELITE)


def print_elite(run: ArchiveRun, elite: int) -> None:
    """Print the facts about one elite."""
    print_lines(*elite_lines(run, elite))
