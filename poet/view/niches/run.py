"""A run with niches: environments, each with the agent that is trained in it, and the tables of the journal."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from poet.checked import check
from poet.errors import RunError, unknown
from poet.runs import read
from poet.runs.status import quantity
from poet.view.agents import AgentRun, Caption, read_genome
from poet.view.niches.tables import ROW_FORMS, TABLES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from poet.envs.base import Generator
    from poet.types import Genome

META = {"genome?": {}, "solved?": (int, None)}  # of a record, as far as it is read here


@dataclasses.dataclass(frozen=True)
class Niche:
    """An environment that was admitted, with its agents as flat weights f32[G] by snapshot.

    Attributes:
      meta: what was recorded of it: id, parent, born, retired, solved, description, features, ...
      agents: "admission", "best", "current", and "retirement" once it has retired.
      run: the run that it belongs to.
    """

    id: int
    meta: dict[str, Any]
    agents: Mapping[str, np.ndarray]
    run: NicheRun = dataclasses.field(repr=False)

    @property
    def generator(self) -> Generator:
        """The generator of the environment. Raises `ConfigError` if it is not installed."""
        return self.run.generator()

    @property
    def genome(self) -> Genome:
        """The genome of the environment. Raises `ConfigError` if its generator is not installed."""
        return read_genome(self.generator, self.meta.get("genome") or {})

    def agent(self, snapshot: str = "best") -> np.ndarray:
        """Weights f32[G] of one of its agents. Raises `ConfigError` if there is no such snapshot."""
        if snapshot not in self.agents:
            raise unknown(f"agent of niche {self.id}:", snapshot, self.agents)
        return self.agents[snapshot]


class NicheRun(AgentRun):
    """A run with niches. Its tables are `progress`, `iterations`, `niches`, `transfers` and `children`."""

    id: ClassVar[str] = "niches"
    tables: ClassVar = TABLES
    row_forms: ClassVar = {**AgentRun.row_forms, **ROW_FORMS}
    commands: ClassVar[str] = "poet.view.niches.commands"
    agent_kind: ClassVar[str] = "niche"

    def plots(self) -> Mapping[str, Callable[..., Figure]]:
        """Overview, fitness, gallery, transfers, lineage."""
        from poet.view.niches.plots import PLOTS

        return PLOTS

    def warnings(self) -> list[str]:
        """What a reader should know of any run, and that no environment was reproduced."""
        return [*super().warnings(), *filter(None, [self._describe_no_reproduction()])]

    def _describe_no_reproduction(self) -> str:
        """Why there are no environments besides those of the start; empty if there are, or if it is too early to say.

        A search that reports no reproductions is not judged.
        """
        if any(row.get("parent") is not None for row in self.events("admission")):
            return ""
        if attempts := len(self.events("reproduction")):
            return f"no environment was reproduced: {attempts} reproductions admitted no child"
        every = (self.options.get("search") or {}).get("reproduce_every")
        if every is None or self.iteration < self.options.get("iterations", self.iteration + 1):
            return ""
        return (
            f"no environment was reproduced: the first reproduction, after search.reproduce_every {every} iterations, "
            f"would be later than the last of {self.iteration} iterations"
        )

    def niche(self, id: int) -> Niche:
        """A niche with its genome and agents. Raises `RunError` if the run never admitted it."""
        meta, agents = read.read_niche(self.path, id)
        try:
            check(meta, META)
            wrong = [name for name, agent in agents.items() if agent.ndim != 1 or agent.dtype.kind != "f"]
            if wrong:
                raise ValueError(f"agent {wrong[0]!r} is {agents[wrong[0]].dtype}{list(agents[wrong[0]].shape)}")
        except ValueError as error:
            raise RunError(f"the record of niche {id} in {self.path} cannot be read: {error}") from error
        return Niche(id, meta, agents, self)

    def default_agent(self) -> int:
        """The latest niche that was solved; if none was, the niche with the best fitness.

        Raises `RunError` while the run has none.
        """
        table = self.table("niches")
        # Its record comes with the next checkpoint.
        on_file = np.isin(table["niche"], read.list_niches(self.path))
        table = {name: column[on_file] for name, column in table.items()}
        if not len(table["niche"]):
            raise RunError(f"run {self.name!r} has no niche yet: wait for its first iteration")
        solved = table["solved"] >= 0
        rank = np.where(solved, table["niche"], -1) if solved.any() else np.nan_to_num(table["best"], nan=-np.inf)
        return int(table["niche"][np.argmax(rank)])

    def genome(self, which: int) -> Genome:
        """The genome of a niche."""
        return self.niche(which).genome

    def weights(self, which: int, snapshot: str = "best") -> np.ndarray:
        """Weights f32[G] of an agent of a niche: "admission", "best", "current" or "retirement"."""
        return self.niche(which).agent(snapshot)

    def caption(self, which: int) -> Caption:
        """When a niche was solved, and its description."""
        meta = self.niche(which).meta
        solved = f"solved at iteration {meta['solved']}" if meta.get("solved") is not None else ""
        return Caption(solved, str(meta.get("description", "")))

    def headline(self) -> list[str]:
        """How many niches are active, were ever admitted, and are solved, and how many steps that took."""
        niches, steps = self.table("niches"), self.table("progress")["env_steps"]
        active, solved = int((niches["retired"] < 0).sum()), int((niches["solved"] >= 0).sum())
        return [
            f"{active} niches active of {len(niches['niche'])} ever",
            f"{solved} solved",
            f"{quantity(steps[-1]) if len(steps) else 0} environment steps",
        ]
