"""Open a run, live or dead, to look at it: config, tables, agents. Never writes; no search code.

Knows no jax until a generator or a policy is asked for, so that a look at a table takes no time.
"""

from __future__ import annotations

import functools
import importlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from poet.agents.config import PolicyConfig
from poet.errors import ConfigError, ContractError, RunError, unknown
from poet.runs import read
from poet.runs.config import Config
from poet.runs.folder import JOURNAL, is_run, read_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from poet.agents.policy import Policy
    from poet.envs.base import Generator
    from poet.types import Genome, Params

# What to open a run of each kind as; one of a kind that is not here shows its journal.
CLASSES = {
    "poet": "poet.view.niches:NicheRun",
    "map-elites": "poet.view.archive.open:ArchiveRun",
    "map-elites-pairs": "poet.view.archive.open:ArchiveRun",
}

Table = dict[str, np.ndarray]


class Run:
    """A run folder, read only. What is read is kept; `refresh()` looks again at a run that is still being written.

    Attributes:
      path: its folder.
      name: that of the folder.
      options: every option, as a dict.
    """

    tables: ClassVar[Mapping[str, Callable[[list[read.Row]], Table]]] = {}
    commands: ClassVar[str] = "poet.view.commands"  # module of the commands that look at such a run
    noun: ClassVar[str] = "agent"  # what agents are called

    def __init__(self, path: Path, generator: Generator | None = None) -> None:
        self.path = path
        self.name = path.resolve().name
        self.options: dict[str, Any] = read.read_config(path)
        self._generator = generator
        self._rows: list[read.Row] = []
        self._tables: dict[str, Table] = {}
        self.refresh()

    def refresh(self) -> Run:
        """Read what was written since; returns the run itself."""
        self._rows = read.read_journal(self.path) if (self.path / JOURNAL).exists() else []
        self._tables = {}
        return self

    @functools.cached_property
    def config(self) -> Config:
        """Every option. Raises `ConfigError` if the run's generator is not installed; `options` never does."""
        return Config.from_dict(self.options)

    @property
    def policy_config(self) -> PolicyConfig:
        """Options of the run's policies."""
        given: dict[str, Any] = {}
        for name, value in self.options["policy"].items():
            given[name] = tuple(value) if isinstance(value, list) else value
        return PolicyConfig(**given)

    @property
    def iteration(self) -> int:
        """Outer iterations done."""
        return max((row["iteration"] for row in self.events("iteration")), default=-1) + 1

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Journal rows in order, all or of one kind ("iteration", "admission", ...)."""
        return [row for row in self._rows if kind is None or row.get("event") == kind]

    def table(self, kind: str) -> Table:
        """Columns by name; `tables` has the kinds that there are."""
        if kind not in self.tables:
            raise unknown("table", kind, self.tables)
        if kind not in self._tables:
            self._tables[kind] = self.tables[kind](self._rows)
        return dict(self._tables[kind])

    def frame(self, kind: str) -> Any:
        """`table(kind)` as a pandas DataFrame. Raises `ConfigError` if pandas is not installed."""
        return frame(self.table(kind))

    def plots(self) -> Mapping[str, Callable[..., Figure]]:
        """The pictures that there are of it, by name: functions of the run."""
        return {}

    def generator(self) -> Generator:
        """The generator that the run's environments come from, built once. Raises `ConfigError` if it has none."""
        if self._generator is None:
            config: Any = self.config
            if not hasattr(config, "generator"):
                raise ConfigError(f"run {self.name!r} is of kind {config.kind!r} and has no generator of environments")
            self._generator = config.generator.make()
        return self._generator

    def policy(self) -> Policy:
        """What the run's flat weights mean."""
        from poet.agents.policy import mlp

        return mlp(self.generator().environment.interface, self.policy_config)

    def empty(self) -> bool:
        """Whether there is nothing to show yet."""
        return not self.events("iteration")

    def looks(self) -> tuple[str, ...]:
        """Commands to look at it with, {} for the run."""
        return ("inspect {}", "plot {}", "video {}")

    # --- what replays, evaluations and exports ask for; every kind with agents has them ---

    def champion(self) -> int:
        """The agent to show if one is to be shown."""
        raise ContractError(f"{type(self).__name__} does not say which agent to show")

    def genome(self, which: int) -> Genome:
        """The environment of an agent."""
        raise ContractError(f"{type(self).__name__} does not say in which environments its agents live")

    def weights(self, which: int, occasion: str) -> np.ndarray:
        """An agent's weights f32[G], as they are on file."""
        raise ContractError(f"{type(self).__name__} does not say where its agents are")

    def films(self) -> bool:
        """Whether its agents can be filmed."""
        try:
            return hasattr(self.generator(), "render")
        except ConfigError:
            return False

    def about(self, which: int) -> tuple[str, str]:
        """What to say of an agent below a film, and its environment in words."""
        return "", ""

    def agent(self, which: int, occasion: str = "best") -> Params:
        """An agent's weights f32[G], checked to fit the policy."""
        import jax.numpy as jnp

        from poet.agents.policy import check_params

        weights = jnp.asarray(self.weights(which, occasion))
        check_params(self.policy(), weights, f"the {occasion} agent of {self.noun} {which} of {self.name}")
        return weights

    def standing(self) -> list[str]:
        """How far it is and what it reached, in words."""
        ticks = self.events("iteration")
        return list(read.standing(ticks[-1])) if ticks else []

    def __repr__(self) -> str:
        if not self.events("iteration"):
            return f"Run({self.name}: just started, nothing to see yet)"
        age = time.time() - os.path.getmtime(self.path / JOURNAL)
        now = read.read_status(self.path, self._rows)
        parts = [f"iteration {now.iteration} of {now.iterations}", *self.standing(), now.state]
        return f"Run({self.name}: {', '.join(parts)}, last written {ago(age)})"


def frame(columns: Table) -> Any:
    """Columns as a pandas DataFrame. Raises `ConfigError` if pandas is not installed."""
    try:
        import pandas
    except ImportError as error:
        raise ConfigError(
            "frame() needs pandas, which is not installed: pip install 'poet-evolution[tables]', "
            "or use table(), the same as NumPy columns"
        ) from error
    return pandas.DataFrame(columns)


def open_run(path: str | os.PathLike[str], generator: Generator | None = None) -> Any:
    """Open a run folder for reading, also while it is being written; a bare name is looked for in `runs/`.

    `generator` takes the place of the one that the config names, for a run that was started with one's own.
    Returns a `Run` of the class for its kind: a `NicheRun` or an `ArchiveRun`. Raises `RunError` if there is no run,
    or one of another format.
    """
    folder = find(path)
    read_run(folder)
    return run_class(folder)(folder, generator)


def find(path: str | os.PathLike[str]) -> Path:
    """The folder of a run that is named or given. Raises `RunError` that lists those there are."""
    given = Path(path)
    for folder in (given, Path("runs") / given):
        if is_run(folder):
            return folder
    beside = given.parent if given.parent != Path() else Path("runs")
    runs = ", ".join(run.name for run in read.list_runs(beside)) or "none"
    raise RunError(f"{given} is no run: expected a folder with run.json. Runs in {beside}: {runs}")


def run_class(folder: Path) -> type[Run]:
    """What to open a run folder as, by the kind in its config."""
    module, _, name = CLASSES.get(read.read_config(folder).get("kind", "poet"), "poet.view.open:Run").partition(":")
    return getattr(importlib.import_module(module), name)


def ago(seconds: float) -> str:
    """A span of time in its natural unit: 3 min ago."""
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"
