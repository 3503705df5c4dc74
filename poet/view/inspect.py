"""A run in the terminal: niches as a table, the event log, the family tree."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from poet.view.lineage import text
from poet.view.niches import NicheRun

if TYPE_CHECKING:
    from rich.table import Table

QUIET = {"iteration", "trial", "transfers"}  # events that a log shows only when asked for by kind


def niche_table(run: NicheRun, width: int = 160) -> Table:
    """One row per environment ever admitted, oldest first; in less than 120 columns only what matters most."""
    from rich.table import Table

    niches = run.table("niches")
    table = Table(title=str(run).removeprefix("Run(").removesuffix(")"), title_justify="left", title_style="bold")
    numbers = ("niche", "parent", "born", "age", "fitness", "best") if width >= 120 else ("niche", "born", "best")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    words = ("solved", "state", "difficulty") if width >= 120 else ("solved", "difficulty")
    for name in words:
        table.add_column(name, no_wrap=True)
    table.add_column("description", overflow="fold")
    for row in range(len(niches["niche"])):
        one = {name: column[row] for name, column in niches.items()}
        solved, retired = int(one["solved"]), int(one["retired"])
        cells = {
            **{name: str(one[name]) for name in ("niche", "born", "age")},
            "parent": _id(one["parent"]),
            **{name: _number(one[name]) for name in ("fitness", "best")},
            "solved": f"[green]at {solved}[/green]" if solved >= 0 else "[dim]no[/dim]",
            "state": "active" if retired < 0 else f"[dim]left {retired}[/dim]",
            "difficulty": str(one["difficulty"]) or "[dim]-[/dim]",
        }
        table.add_row(*(cells[name] for name in (*numbers, *words)), str(one["description"]))
    return table


def niche_lines(run: NicheRun, niche: int) -> list[str]:
    """All that is known of one niche: its numbers, its features, its line of descent, its children, its events."""
    niches = run.table("niches")
    found = np.flatnonzero(niches["niche"] == niche)
    if not len(found):
        run.niche(niche)  # says which niches there are
    row = int(found[0])
    one = {name: column[row] for name, column in niches.items()}
    ancestors, parents = [niche], dict(zip(niches["niche"].tolist(), niches["parent"].tolist(), strict=True))
    while parents.get(ancestors[-1], -1) >= 0:
        ancestors.append(parents[ancestors[-1]])
    children = niches["niche"][niches["parent"] == niche]
    solved, retired = int(one["solved"]), int(one["retired"])
    features = {name.removeprefix("feature_"): one[name] for name in niches if name.startswith("feature_")}
    return [
        f"niche {niche}: {one['description']}",
        f"  difficulty  {one['difficulty'] or 'none of the classes'}",
        f"  life        born at {one['born']}, "
        + (f"retired at {retired}" if retired >= 0 else "active")
        + (f", solved at {solved}" if solved >= 0 else ", not solved"),
        f"  fitness     {_number(one['fitness'])} now, {_number(one['best'])} at best",
        f"  first agent from niche {_id(one['agent_from'])} ({one['via']}); {one['received']} transfers received since",
        f"  descent     {' <- '.join(map(str, ancestors))}",
        f"  children    {', '.join(map(str, children)) or 'none'}",
        f"  features    {', '.join(f'{name} {value:.3g}' for name, value in features.items()) or 'none'}",
    ]


def log_lines(run: NicheRun, last: int = 20, niche: int | None = None, kind: str | None = None) -> list[str]:
    """The last events as sentences, of the whole run or of one niche; of one kind if named."""
    rows = [row for row in run.events(kind) if row.get("event") and (kind or row["event"] not in QUIET)]
    if niche is not None:
        rows = [row for row in rows if niche in (row.get(name) for name in ("niche", "target", "source", "parent"))]
    return [f"{row['iteration']:>6}  {say(row)}" for row in rows[max(len(rows) - last, 0) :]]


def say(row: dict[str, Any]) -> str:
    """One journal row in words; one that is not known here as its fields."""
    get = row.get
    match row["event"]:
        case "admission" if get("parent") is None:
            return f"niche {get('niche')} starts: {get('description')}"
        case "admission":
            return (
                f"niche {get('niche')} is born of {get('parent')}, with the agent of {get('agent_from')} "
                f"({get('via')}, {_number(get('fitness'))}): {get('description')}"
            )
        case "transfer":
            return (
                f"agent of {get('source')} replaces that of {get('target')} ({get('via')}): "
                f"{_number(get('incumbent'))} -> {_number(get('fitness'))}"
            )
        case "retirement":
            end = "solved" if get("solved") else "unsolved"
            return f"niche {get('niche')} retires {end} at age {get('age')} with {_number(get('fitness'))}"
        case "milestone":
            return f"niche {get('niche')} is {get('kind')} with {_number(get('fitness'))}"
        case "broken":
            return f"niche {get('niche')}: {get('count')} {get('what')} not finite"
        case "trial":
            return f"mutant {get('trial')} of {get('parent')}: {get('verdict')} ({_number(get('fitness'))})"
        case "rejection":
            return f"mutant {get('trial')} is {get('verdict')} for the best agent found ({_number(get('fitness'))})"
        case "reproduction":
            return f"parents {get('eligible')}: mutants passed {get('passed')}, admitted {get('admitted')}"
        case "transfers":
            return f"{get('accepted')} of {get('attempts')} transfers accepted, {get('proposals')} proposals tried"
    return ", ".join(f"{name} {value}" for name, value in row.items() if name not in ("iteration", "wall"))


def show(run: NicheRun, niche: int | None, last: int, kind: str | None, tree: bool) -> None:
    """Print the table, or one niche; then the log; then the tree if wanted."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 160)
    if niche is None:
        console.print(niche_table(run, console.width))
    else:
        console.print("\n".join(niche_lines(run, niche)), markup=False, highlight=False)
    if tree:
        console.print("\nfamily tree", style="bold")
        console.print("\n".join(text(run)) or "no environment was admitted yet", markup=False, highlight=False)
    lines = log_lines(run, last, niche, kind)
    if lines:
        console.print("\nlast events", style="bold")
        console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _number(value: float | None) -> str:
    return "nan" if value is None or not np.isfinite(value) else f"{value:.1f}"


def _id(value: int) -> str:
    return "-" if value < 0 else str(value)
