"""A run of any search, read only: its options, journal, tables and headline.

Imports no jax and no search. A view is a class derived from `Run` for the runs of some searches, found by its id in the
registry `views`; a run of a search without a view opens as a `Run`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from poet.checked import Form, check
from poet.errors import RunError, unknown
from poet.extras import import_extra
from poet.files import checked_path
from poet.registry import Registry
from poet.runs import read
from poet.runs.layout import CONFIG, JOURNAL, read_run
from poet.runs.status import headline, read_status
from poet.terminal import printable
from poet.view import tables
from poet.view.tables import Row, Table

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

MAX_METRICS = 6  # of a run that does not name its headline metrics


class Run:
    """A run folder. What was read is kept; `refresh()` reads again what a running search has written since.

    Attributes:
      path: the folder.
      name: the name of the folder.
      meta: run.json.
      options: config.json, every option of the run.
      warning: why the run is not shown by the view that its search names; empty if it is.
      damage: which lines of the journal cannot be read, and whether config.json was edited; empty if all is well.
      failures: why figures and pages lack a picture, or were not made at all; "plot" reports them.
    """

    id: ClassVar[str] = "journal"
    tables: ClassVar[Mapping[str, Callable[[list[Row]], Table]]] = {"progress": tables.progress}
    # The form of the rows of some events, and of the options, beyond what every run has (`poet.checked`).
    row_forms: ClassVar[Mapping[str, Form]] = {"stall": {"iteration": int, "text": str}}
    options_form: ClassVar[Form] = {}
    # The module of the commands that show such a run: `inspect`, `plot`, `video`, `evaluate` and `export`. The command
    # line makes its options from their signatures.
    commands: ClassVar[str] = "poet.view.commands"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = checked_path(path)
        self.name = self.path.resolve().name
        self.options: dict[str, Any] = read.read_config(self.path)
        self.meta: dict[str, Any] = read_run(self.path)
        try:
            check(self.options, self.options_form)
        except ValueError as error:
            raise RunError(f"{self.path / CONFIG} cannot be read: {error}") from error
        self.warning = ""
        self.failures: list[str] = []
        self._rows: list[Row] = []
        self._tables: dict[str, Table] = {}
        self.refresh()

    def refresh(self) -> Run:
        """Read what was written since; returns the run itself."""
        exists = (self.path / JOURNAL).exists()
        self._rows, damaged = read.scan_journal(self.path, self.row_forms) if exists else ([], [])
        problems = [read.describe_damage(self.path, damaged)] if damaged else []
        problems += filter(None, [read.describe_edit(self.path, self.options, self.meta)])
        self.damage = "; ".join(problems)
        self._tables = {}
        return self

    def warnings(self) -> list[str]:
        """What a reader should know: a missing view, damaged files, why the search does not go on."""
        return [text for text in (self.warning, self.damage, self.stall) if text]

    @property
    def stall(self) -> str:
        """Why the search does not go on, if it said so in the last half of its iterations; else empty."""
        recent = [row for row in self.events("stall") if 2 * (row["iteration"] + 1) > self.iteration]
        return f"iteration {recent[-1]['iteration']}: {recent[-1]['text']}" if recent else ""

    @property
    def iteration(self) -> int:
        """How many iterations are done."""
        return max((row["iteration"] for row in self.events("iteration")), default=-1) + 1

    def events(self, kind: str | None = None) -> list[Row]:
        """Journal rows in order, all or of one kind, as in "iteration"."""
        return list(self._rows) if kind is None else tables.rows_of(self._rows, kind)

    def table(self, kind: str) -> Table:
        """Columns by name, of one of the kinds in `tables`. Raises `ConfigError` for any other."""
        if kind not in self.tables:
            raise unknown("table", kind, self.tables)
        if kind not in self._tables:
            self._tables[kind] = self.tables[kind](self._rows)
        return dict(self._tables[kind])

    def frame(self, kind: str) -> pandas.DataFrame:
        """`table(kind)` as a pandas DataFrame.

        Raises `ConfigError` if pandas is not installed; `table` gives the same columns as NumPy arrays.
        """
        return import_extra("tables", "pandas").DataFrame(self.table(kind))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the headline metrics; of a search that names none, of the first numbers that it reports."""
        named = tuple(self.meta.get("headline") or ())
        columns = {} if named else self.table("progress")
        numbers = [name for name, column in columns.items() if column.dtype.kind in "if" and name != "iteration"]
        return named or tuple(numbers[:MAX_METRICS])

    def headline(self) -> list[str]:
        """What the last iteration reached, as short phrases."""
        rows = self.events("iteration")
        return list(headline(self.metrics, rows[-1])) if rows else []

    def plots(self) -> Mapping[str, Callable[..., Figure]]:
        """The figures of this kind of run by name, as functions of the run; "overview" is always one of them."""
        from poet.view.plots import overview

        return {"overview": overview}

    def is_empty(self) -> bool:
        """Whether there is nothing to show yet."""
        return not self.events("iteration")

    def suggested_commands(self) -> tuple[str, ...]:
        """Commands that show the run, with {} for its folder."""
        return ("inspect {}", "plot {}")

    def summary(self) -> str:
        """The name and the state of the run in one line."""
        name = printable(self.name)
        if not self.events("iteration"):
            return f"{name}: just started, no iteration is done yet"
        age = time.time() - os.path.getmtime(self.path / JOURNAL)
        status = read_status(self.path, self._rows)
        progress = f"iteration {status.iteration} of {status.iterations}"
        return f"{name}: " + ", ".join([progress, *self.headline(), status.state, f"last written {format_age(age)}"])

    def __repr__(self) -> str:
        return f"Run({self.summary()})" + "".join(f"\nwarning: {text}" for text in self.warnings())


views: Registry[type[Run]] = Registry("view", Run)


def format_age(seconds: float) -> str:
    """A duration in a suitable unit, as in "3 min ago"."""
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"
