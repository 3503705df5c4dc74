"""A run of any search in the terminal: its state, its headline metrics, its last events."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from poet.runs.status import quantity
from poet.terminal import new_console, print_lines

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from poet.view.agents import AgentRun
    from poet.view.run import Run
    from poet.view.tables import Row

MAX_VALUE = 60  # characters of a field of an event


def print_run(run: Run, last: int, kind: str | None) -> None:
    """Print the state of a run, its last iterations and its last events, or events of one kind."""
    console = page_console()
    print_lines(*repr(run).split("\n"))
    if last and run.events("iteration"):
        console.print()
        table = metrics_table(run, last)
        print_table(console, table, [str(column.header) for column in table.columns[:1:-1]])
    print_events(console, event_lines(run, last, kind))


def metrics_table(run: Run, last: int) -> Table:
    """The headline metrics of the last iterations."""
    from rich.table import Table

    columns = run.table("progress")
    table = Table(title="last iterations", title_justify="left", title_style="bold")
    names = [name for name in run.metrics if name in columns]
    for name in ("iteration", *names):
        table.add_column(name.replace("_", " "), justify="right")
    size = len(columns["iteration"])
    for row in range(max(size - last, 0), size):
        table.add_row(str(columns["iteration"][row]), *(_format(columns[name][row]) for name in names))
    return table


def event_lines(run: Run, last: int = 20, kind: str | None = None) -> list[str]:
    """The last events of the history, one line each; of one kind if given, otherwise of all but iterations."""
    rows = [row for row in run.events(kind) if kind or row.get("event", "iteration") != "iteration"]
    return format_events(rows, last, describe_event)


def format_events(rows: list[Row], last: int, describe: Callable[[Row], str]) -> list[str]:
    """The last rows, each as its iteration and what `describe` gives."""
    return [f"{row.get('iteration', ''):>6}  {describe(row)}" for row in rows[max(len(rows) - last, 0) :]]


def describe_event(row: Row) -> str:
    """A journal row as its kind and its fields."""
    fields = {name: value for name, value in row.items() if name not in ("event", "iteration", "wall", "nonfinite")}
    details = ", ".join(f"{name} {_shorten(value)}" for name, value in fields.items() if value is not None)
    return f"{row['event']}: {details}" if details else str(row["event"])


def page_console() -> Console:
    """A console of the width of the terminal, or of 160 columns if the output goes elsewhere."""
    return new_console(width=None if sys.stdout.isatty() else 160)


def threshold_line(run: AgentRun) -> str:
    """The thresholds of a search as returns in one line; empty where it has none."""
    numbers = ", ".join(f"{name} {value:.4g}" for name, value in run.thresholds.items())
    return f"thresholds as returns: {numbers}" if numbers else ""


def print_table(console: Console, table: Table, optional: Sequence[str]) -> None:
    """Print a table. Where it is wider than the console, as many of the optional columns as necessary are left out.

    `optional` has their names, the least important first.
    """
    for column in table.columns:
        column.no_wrap = True
    dropped, unlimited = [], console.options.update_width(10_000)
    for name in optional:
        if console.measure(table, options=unlimited).maximum <= console.width:
            break
        if found := [column for column in table.columns if column.header == name]:
            table.columns.remove(found[0])
            dropped.append(name)
    console.print(table)
    if dropped:
        console.print(f"no room for {', '.join(dropped)}", style="dim")


def print_events(console: Console, lines: list[str]) -> None:
    """Print lines of events under a heading, if there are any."""
    if lines:
        console.print("\nlast events", style="bold")
        print_lines(*lines)


def _shorten(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return textwrap.shorten(text, MAX_VALUE, placeholder=" ...")


def _format(value: Any) -> str:
    if isinstance(value, str) or value.dtype.kind == "b":
        return str(value)
    return "nan" if value != value else quantity(value) if abs(value) >= 1e4 else f"{value:.4g}"
