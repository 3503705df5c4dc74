"""How runs of the curriculum look: a table of the stages, and everything that runs with agents have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from poet.errors import RunError
from poet.runs.read import Record, list_artifacts, read_artifact
from poet.view import tables
from poet.view.agents import AgentRun, Caption, read_genome
from poet.view.plots import overview
from poet.view.style import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def stages(rows: list[tables.Row]) -> tables.Table:
    """One row for each environment that was solved."""
    found = [row for row in rows if row.get("event") == "solved"]
    return {
        "stage": np.array([row["stage"] for row in found], np.int64),
        "iteration": np.array([row["iteration"] for row in found], np.int64),
        "fitness": np.array([row["fitness"] for row in found], float),
    }


def staircase(run: CurriculumView) -> Figure:
    """Stages over iterations."""
    figure, table = new_figure(6, 3), run.table("stages")
    axes = figure.subplots()
    axes.step(table["iteration"], table["stage"] + 1, where="post")
    axes.set_xlabel("iteration")
    axes.set_ylabel("environments solved")
    return figure


class CurriculumView(AgentRun):
    """A run of the curriculum; `which` is a stage."""

    id: ClassVar[str] = "curriculum"
    agent_kind: ClassVar[str] = "stage"
    tables: ClassVar = {**AgentRun.tables, "stages": stages}

    def plots(self) -> Mapping[str, Callable[..., Figure]]:
        """Overview and staircase."""
        return {"overview": overview, "staircase": staircase}

    def stage(self, which: int) -> Record:
        """The record of a stage."""
        return read_artifact(self.path, "stages", which)

    def default_agent(self) -> int:
        """The last stage. Raises `RunError` while there is none."""
        found = list_artifacts(self.path, "stages")
        if not found:
            raise RunError(f"{self.name} has solved no environment yet")
        return found[-1]

    def genome(self, which: int):
        """The environment of a stage."""
        return read_genome(self.generator(), self.stage(which).meta["genome"])

    def weights(self, which: int, snapshot: str = "best") -> np.ndarray:
        """The agent that solved a stage."""
        return self.stage(which).arrays["params"]

    def caption(self, which: int) -> Caption:
        """When it was solved."""
        return Caption(f"solved at iteration {self.stage(which).meta['born']}", f"stage {which}")
