"""A run with niches in the terminal: niches as a table, events, the family tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from poet.terminal import print_lines, printable
from poet.view import inspect
from poet.view.niches.lineage import tree_lines

if TYPE_CHECKING:
    from rich.table import Table

    from poet.view.niches.run import NicheRun
    from poet.view.tables import Row

# Events that are listed only when their kind is asked for: there are too many of them.
FREQUENT = {"iteration", "child", "transfers"}


def niche_table(run: NicheRun, width: int = 160) -> Table:
    """One row per environment ever admitted, oldest first; below 120 columns only the most important numbers."""
    from rich.table import Table
    from rich.text import Text

    niches = run.table("niches")
    table = Table(title=run.summary(), title_justify="left", title_style="bold")
    numbers = ("niche", "parent", "born", "age", "fitness", "best") if width >= 120 else ("niche", "born", "best")
    labels = ("solved", "state", "difficulty") if width >= 120 else ("solved", "difficulty")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    for name in labels:
        table.add_column(name, no_wrap=True)
    table.add_column("description", overflow="fold")
    for row in range(len(niches["niche"])):
        niche = {name: column[row] for name, column in niches.items()}
        solved, retired = int(niche["solved"]), int(niche["retired"])
        cells = {
            **{name: str(niche[name]) for name in ("niche", "born", "age")},
            "parent": _format_id(niche["parent"]),
            **{name: _format_number(niche[name]) for name in ("fitness", "best")},
            "solved": Text(f"at {solved}", "green") if solved >= 0 else Text("no", "dim"),
            "state": "active" if retired < 0 else Text(f"retired at {retired}", "dim"),
            "difficulty": str(niche["difficulty"]) or Text("-", "dim"),
        }
        table.add_row(*(cells[name] for name in (*numbers, *labels)), str(niche["description"]))
    return table


def niche_lines(run: NicheRun, niche: int) -> list[str]:
    """The facts about one niche: numbers, features, ancestors, children. Raises `RunError` if there is none."""
    niches = run.table("niches")
    found = np.flatnonzero(niches["niche"] == niche)
    if not len(found):
        run.niche(niche)  # raises an error that lists the niches
    row = int(found[0])
    values = {name: column[row] for name, column in niches.items()}
    ancestors, parents = [niche], dict(zip(niches["niche"].tolist(), niches["parent"].tolist(), strict=True))
    while (parent := parents.get(ancestors[-1], -1)) >= 0 and parent not in ancestors:
        ancestors.append(parent)
    children = niches["niche"][niches["parent"] == niche]
    solved, retired = int(values["solved"]), int(values["retired"])
    features = {name.removeprefix("feature_"): values[name] for name in niches if name.startswith("feature_")}
    states = [
        f"born at iteration {values['born']}",
        f"retired at {retired}" if retired >= 0 else "active",
        f"solved at {solved}" if solved >= 0 else "not solved",
    ]
    return [
        f"niche {niche}: {values['description']}",
        f"  difficulty   {values['difficulty'] or 'no class'}",
        f"  state        {', '.join(states)}",
        f"  fitness      {_format_number(values['fitness'])} now, {_format_number(values['best'])} at best",
        f"  first agent  from niche {_format_id(values['agent_from'])} ({values['via']})",
        f"  transfers    {values['received']} received",
        f"  ancestors    {' <- '.join(map(str, ancestors))}",
        f"  children     {', '.join(map(str, children)) or 'none'}",
        f"  features     {', '.join(f'{name} {value:.3g}' for name, value in features.items()) or 'none'}",
    ]


def event_lines(run: NicheRun, last: int = 20, niche: int | None = None, kind: str | None = None) -> list[str]:
    """The last events as sentences, of the whole run or of one niche; of one kind if given."""
    rows = [row for row in run.events(kind) if row.get("event") and (kind or row["event"] not in FREQUENT)]
    if niche is not None:
        rows = [row for row in rows if niche in (row.get(name) for name in ("niche", "target", "source", "parent"))]
    return inspect.format_events(rows, last, describe_event)


def describe_event(row: Row) -> str:
    """One journal row as a sentence; a row of an unknown kind as its fields."""
    get, fitness = row.get, _format_number(row.get("fitness"))
    match row["event"]:
        case "admission" if get("parent") is None:
            return f"niche {get('niche')} starts: {get('description')}"
        case "admission":
            return (
                f"niche {get('niche')} admitted, child of {get('parent')}, with the agent of {get('agent_from')} "
                f"({get('via')}, fitness {fitness}): {get('description')}"
            )
        case "transfer":
            return (
                f"agent of niche {get('source')} replaces the agent of niche {get('target')} ({get('via')}): "
                f"fitness {_format_number(get('incumbent'))} -> {fitness}"
            )
        case "retirement":
            result = "solved" if get("solved") else "not solved"
            return f"niche {get('niche')} retires, {result}, at age {get('age')}, fitness {fitness}"
        case "milestone":
            return f"niche {get('niche')} is {get('kind')}, fitness {fitness}"
        case "broken":
            return f"niche {get('niche')}: {get('count')} values of {get('what')} are not finite"
        case "child":
            return f"child {get('child')} of niche {get('parent')}: {get('verdict')}, fitness {fitness}"
        case "rejection":
            return f"child {get('child')} rejected after its best agent was found: {get('verdict')}, fitness {fitness}"
        case "reproduction":
            parents = ", ".join(map(str, get("eligible") or ())) or "none"
            return f"eligible parents {parents}: {get('passed')} children passed, {get('admitted')} admitted"
        case "transfers":
            return (
                f"{get('accepted')} of {get('attempts')} transfers accepted, {get('proposals')} trained proposals tried"
            )
    return inspect.describe_event(row)


def print_niches(run: NicheRun, last: int, kind: str | None, tree: bool) -> None:
    """Print the table of niches, the family tree if wanted, and the last events."""
    console = inspect.page_console()
    console.print(niche_table(run, console.width))
    print_lines(*filter(None, [inspect.threshold_line(run)]))
    if tree:
        console.print("\nfamily tree", style="bold")
        console.print("\n".join(map(printable, tree_lines(run))) or "no environment is admitted yet")
    inspect.print_events(console, event_lines(run, last, kind=kind))


def print_niche(run: NicheRun, niche: int, last: int, kind: str | None) -> None:
    """Print the facts about one niche, and its last events."""
    console = inspect.page_console()
    console.print("\n".join(map(printable, niche_lines(run, niche))))
    inspect.print_events(console, event_lines(run, last, niche, kind))


def _format_number(value: float | None) -> str:
    return "nan" if value is None or not np.isfinite(value) else f"{value:.1f}"


def _format_id(value: int) -> str:
    return "-" if value < 0 else str(value)
