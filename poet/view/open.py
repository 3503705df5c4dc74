"""Open a run, live or dead, to look at it: config, tables, niches with their agents. Never writes; no search code.

Knows no jax until a generator or a policy is asked for, so that a look at a table takes no time.
"""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from poet.agents.config import PolicyConfig
from poet.errors import ConfigError, RunError, unknown
from poet.runs import read
from poet.runs.config import Config
from poet.runs.folder import JOURNAL, is_alive, is_run, read_run
from poet.view import tables

if TYPE_CHECKING:
    from envs.base import Generator
    from poet.agents.policy import Policy
    from poet.types import Genome, Params


@dataclasses.dataclass(frozen=True)
class Niche:
    """One environment ever admitted, with its agents as flat weights f32[G] by occasion.

    Attributes:
      meta: what was recorded of it: id, parent, born, retired, solved, description, features, ...
      agents: "admission", "best", "retirement" (once it happened), perhaps "current".
    """

    id: int
    meta: dict[str, Any]
    agents: dict[str, np.ndarray]
    generator: Generator = dataclasses.field(repr=False)

    @property
    def genome(self) -> Genome:
        """The environment's parameters, as its generator made them."""
        return self.generator.from_json(self.meta["genome"])

    def agent(self, occasion: str = "best") -> np.ndarray:
        """Its champion's weights f32[G], or those of another occasion. Raises `ConfigError` if there are none."""
        if occasion not in self.agents:
            raise unknown(f"agent of niche {self.id}:", occasion, self.agents)
        return self.agents[occasion]


class Run:
    """A run folder, read only. What is read is kept; `refresh()` looks again at a run that is still being written."""

    def __init__(self, path: Path, generator: Generator | None = None) -> None:
        self.path = path
        self.name = path.resolve().name
        self.options: dict[str, Any] = read.read_config(path)
        self._generator = generator
        self._rows: list[tables.Row] = []
        self._tables: dict[str, tables.Table] = {}
        self.refresh()

    def refresh(self) -> Run:
        """Read what was written since; returns the run itself."""
        self._rows = read.read_journal(self.path) if (self.path / JOURNAL).exists() else []
        self._tables = {}
        return self

    @property
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
        return tables.last_iteration(self.events("iteration")) + 1

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Journal rows in order, all or of one kind ("admission", "transfer", ...)."""
        return [row for row in self._rows if kind is None or row.get("event") == kind]

    def table(self, kind: str) -> dict[str, np.ndarray]:
        """Columns by name, for kind in `progress`, `iterations`, `niches`, `transfers`, `trials`: see `tables`."""
        if kind not in tables.KINDS:
            raise unknown("table", kind, tables.KINDS)
        if kind not in self._tables:
            self._tables[kind] = tables.KINDS[kind](self._rows)
        return dict(self._tables[kind])

    def frame(self, kind: str) -> Any:
        """`table(kind)` as a pandas DataFrame. Raises `ConfigError` if pandas is not installed."""
        try:
            import pandas
        except ImportError as error:
            raise ConfigError(
                "frame() needs pandas, which is not installed: pip install 'poet-evolution[tables]', "
                "or use table(), the same as NumPy columns"
            ) from error
        return pandas.DataFrame(self.table(kind))

    def niche(self, id: int) -> Niche:
        """A niche's genome and agents. Raises `RunError` if the run never admitted it."""
        return Niche(id, *read.read_niche(self.path, id), self.generator())

    def champion(self) -> int:
        """The niche to show if one is to be shown: the last solved, else the fittest, among the latest environments.

        Raises `RunError` while the run has none.
        """
        table = self.table("niches")
        if not len(table["niche"]):
            raise RunError(f"run {self.name!r} has no niche yet: wait for its first iteration")
        solved = table["solved"] >= 0
        pick = np.where(solved, table["niche"], -1) if solved.any() else np.nan_to_num(table["best"], nan=-np.inf)
        return int(table["niche"][np.argmax(pick)])

    def generator(self) -> Generator:
        """The generator that the run's environments come from, built once."""
        if self._generator is None:
            self._generator = self.config.generator.make()
        return self._generator

    def policy(self) -> Policy:
        """What the run's flat weights mean."""
        from poet.agents.policy import mlp

        return mlp(self.generator().environment.interface, self.policy_config)

    def agent(self, niche: int, occasion: str = "best") -> Params:
        """An agent's weights f32[G], checked to fit the policy."""
        import jax.numpy as jnp

        from poet.agents.policy import check_params

        weights = jnp.asarray(self.niche(niche).agent(occasion))
        check_params(self.policy(), weights, f"the {occasion} agent of niche {niche} of {self.name}")
        return weights

    def __repr__(self) -> str:
        niches, steps = self.table("niches"), self.table("progress")["env_steps"]
        if not len(niches["niche"]):
            return f"Run({self.name}: just started, nothing to see yet)"
        active, solved = int((niches["retired"] < 0).sum()), int((niches["solved"] >= 0).sum())
        age = time.time() - os.path.getmtime(self.path / JOURNAL)
        return (
            f"Run({self.name}: iteration {self.iteration} of {self.options['iterations']}, "
            f"{active} niches active of {len(niches['niche'])} ever, {solved} solved, "
            f"{big(steps[-1]) if len(steps) else 0} environment steps, "
            f"{'running' if is_alive(self.path) else 'stopped'}, last written {ago(age)})"
        )


def open_run(path: str | os.PathLike[str], generator: Generator | None = None) -> Run:
    """Open a run folder for reading, also while it is being written; a bare name is looked for in `runs/`.

    `generator` takes the place of the one that the config names, for a run that was started with one's own.
    Raises `RunError` if there is no run, or one of another format.
    """
    given = Path(path)
    for folder in (given, Path("runs") / given):
        if is_run(folder):
            read_run(folder)
            return Run(folder, generator)
    beside = given.parent if given.parent != Path() else Path("runs")
    runs = ", ".join(run.name for run in read.list_runs(beside)) or "none"
    raise RunError(f"{given} is no run: expected a folder with run.json. Runs in {beside}: {runs}")


def big(number: float) -> str:
    """A large count in three digits: 1.23 M."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(number) >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.3g}"


def ago(seconds: float) -> str:
    """A span of time in its natural unit: 3 min ago."""
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"
