"""A POET run, opened: its niches with their agents, and the tables of its journal."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from poet.errors import RunError, unknown
from poet.runs import read
from poet.view import tables
from poet.view.open import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from poet.envs.base import Generator
    from poet.types import Genome


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


class NicheRun(Run):
    """A POET run. Its tables are `progress`, `iterations`, `niches`, `transfers` and `trials`: see `tables`."""

    tables: ClassVar = tables.KINDS
    noun: ClassVar[str] = "niche"

    def plots(self) -> Mapping[str, Callable[..., Figure]]:
        """Overview, fitness, gallery, transfers, lineage."""
        from poet.view.plots import PLOTS

        return PLOTS

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

    def genome(self, which: int) -> Genome:
        """The environment of a niche."""
        return self.niche(which).genome

    def weights(self, which: int, occasion: str) -> np.ndarray:
        """The agent of a niche at an occasion, f32[G]."""
        return self.niche(which).agent(occasion)

    def about(self, which: int) -> tuple[str, str]:
        """When it was solved, and its environment in words."""
        meta = read.read_niche(self.path, which)[0]
        solved = f"solved at iteration {meta['solved']}" if meta.get("solved") is not None else ""
        return solved, str(meta.get("description", ""))

    def standing(self) -> list[str]:
        """How many niches there are, ever were, and are solved, and what it cost."""
        niches, steps = self.table("niches"), self.table("progress")["env_steps"]
        active, solved = int((niches["retired"] < 0).sum()), int((niches["solved"] >= 0).sum())
        return [
            f"{active} niches active of {len(niches['niche'])} ever",
            f"{solved} solved",
            f"{read.quantity(steps[-1]) if len(steps) else 0} environment steps",
        ]
