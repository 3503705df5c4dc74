"""A run with an archive: its elites after each iteration that a snapshot was kept of, and the tables of the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from poet.errors import ConfigError, ContractError, RunError, unknown
from poet.runs import read
from poet.runs.layout import ELITES
from poet.runs.status import quantity
from poet.view.agents import AgentRun, Caption, make_domain
from poet.view.archive.elites import Elites, Id
from poet.view.archive.tables import ROW_FORMS, TABLES
from poet.view.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from poet.envs.base import Problem
    from poet.types import Genome
    from poet.view.archive.explore import Page

GENOME = "genome"  # the part of a payload that is an environment


class Ancestor(NamedTuple):
    """An elite or one of its ancestors.

    Attributes:
      id: the generation in which it was made, and its number in it.
      depth: generations back; 0 for the elite itself.
      found: iteration of the newest snapshot that has it, and its row there; None if no snapshot has it.
    """

    id: Id
    depth: int
    found: tuple[int, int] | None


class ArchiveRun(AgentRun):
    """A run with an archive. Its tables are `progress` and `emitters`; `archive()` gives the elites.

    The number of an elite is its row in the newest snapshot.
    """

    id: ClassVar[str] = "archive"
    tables: ClassVar = TABLES
    row_forms: ClassVar = {**AgentRun.row_forms, **ROW_FORMS}
    commands: ClassVar[str] = "poet.view.archive.commands"
    agent_kind: ClassVar[str] = "elite"

    def refresh(self) -> Run:
        """Read what was written since; returns the run itself."""
        self._archives: dict[int | None, Elites] = {}  # None: the newest
        self._snapshots: list[int] = []
        return super().refresh()

    def snapshots(self, most: int | None = None) -> list[int]:
        """Iterations after which a snapshot of the archive was kept; at most `most` of them, spread over the run.

        They are opened at once, since a running search removes old ones: until `refresh` each of them can be read.
        """
        if not self._snapshots:
            listed = {*read.list_elites(self.path), *self._archives} - {None}
            self._snapshots = sorted(iteration for iteration in listed if self._is_there(iteration))
        times = self._snapshots
        if most is None or len(times) <= most:
            return list(times)
        return [times[place] for place in np.linspace(0, len(times) - 1, most).astype(int)]

    def _is_there(self, iteration: int) -> bool:
        """Whether there is such a snapshot, also a damaged one; it is opened."""
        try:
            self.archive(iteration)
        except RunError:
            return iteration in read.list_elites(self.path)
        return True

    def archive(self, iteration: int | None = None) -> Elites:
        """The elites after so many iterations, by default those of the newest snapshot.

        Raises `RunError` if there is no such snapshot.
        """
        if iteration not in self._archives:
            if iteration is None and self._snapshots:
                self._archives[None] = self.archive(self._snapshots[-1])
            else:
                self._open(iteration)
        return self._archives[iteration]

    def _open(self, iteration: int | None) -> None:
        if iteration is None:
            number, record = read.read_newest_elites(self.path)
        else:
            number, record = iteration, read.read_elites(self.path, iteration)
        try:
            self._archives[iteration] = self._archives[number] = Elites(record)
        except RunError as error:
            raise RunError(f"{self.path / ELITES / str(number)}: {error}") from error

    def latest(self) -> Elites | None:
        """The elites of the newest snapshot; None while there is none."""
        return self.archive() if None in self._archives or read.list_elites(self.path) else None

    def is_empty(self) -> bool:
        """Whether there is no elite yet."""
        elites = self.latest()
        return elites is None or not len(elites)

    def emitters(self) -> list[str]:
        """Names of the emitters, in the order of the numbers that elites have in column "emitter"."""
        return list(next((row["emitters"] for row in self.events("iteration") if row.get("emitters")), {}))

    def lineage(self, row: int) -> list[Ancestor]:
        """An elite and its ancestors, the nearest first, as far as snapshots have them."""
        times = self.snapshots()[::-1]
        rows = {time: self.archive(time).rows_by_id() for time in times}
        waiting, seen, line = [(self.archive().id(row), 0)], set(), []
        while waiting:
            id, depth = waiting.pop(0)
            if id in seen:
                continue
            seen.add(id)
            found = next(((time, rows[time][id]) for time in times if id in rows[time]), None)
            line.append(Ancestor(id, depth, found))
            if found is not None:
                waiting += [(parent, depth + 1) for parent in self.archive(found[0]).parents(found[1])]
        return line

    def headline(self) -> list[str]:
        """Coverage, QD score, best trainee and best fitness of the last iteration, as far as they are reported."""
        rows = self.events("iteration")
        row = rows[-1] if rows else {}
        phrases = {
            "coverage": "coverage {coverage:.1%}",
            "qd_score": f"QD score {quantity(row.get('qd_score') or 0)}",
            "trainee_best": "best trainee {trainee_best:.4g} of {solved_score:.4g}",
            "best": "best {best:.4g}",
        }
        return [text.format(**row) for name, text in phrases.items() if row.get(name) is not None]

    # --- figures ---

    def plots(self) -> Mapping[str, Callable[..., Figure]]:
        """Overview, heat map, curves, emitters, origins, snapshots; a gallery if elites can be drawn.

        Without descriptors there are the curves, which are the overview too, and emitters.
        """
        from poet.view.archive.gallery import find_renderer
        from poet.view.archive.plots import PLOTS

        if not self.has_coordinates():
            return {"overview": PLOTS["curves"], "curves": PLOTS["curves"], "emitters": PLOTS["emitters"]}
        return PLOTS if find_renderer(self) else {name: plot for name, plot in PLOTS.items() if name != "gallery"}

    def heatmap(self, iteration: int | None = None) -> Figure:
        """Fitness by cell, of the newest snapshot or of the one after so many iterations."""
        from poet.view.archive.plots import heatmap

        return heatmap(self, iteration)

    def curves(self) -> Figure:
        """QD score, coverage, best and mean fitness over evaluations."""
        from poet.view.archive.plots import curves

        return curves(self)

    def explore(self, num_pictures: int = 16) -> Page:
        """The archive as an interactive page for a notebook; see `explore.page_text`.

        Raises `RunError` for elites without descriptors.
        """
        from poet.view.archive.explore import Page, page_text

        if not self.has_coordinates():
            raise RunError("the page shows elites by their descriptors, and those of this run have none")
        return Page(page_text(self, num_pictures))

    def suggested_commands(self) -> tuple[str, ...]:
        """Commands that show the run, with {} for its folder."""
        no_page = self.is_empty() or not self.has_coordinates()
        return ("inspect {}", "plot {}") if no_page else ("inspect {}", "plot {}", "plot {} --what explore")

    # --- what the elites are ---

    def has_coordinates(self) -> bool:
        """Whether elites have descriptors, as far as there are elites."""
        return self.is_empty() or bool(self.archive().names)

    def has_environments(self) -> bool:
        """Whether each elite is an environment with its agent. Raises `RunError` while there is no snapshot."""
        return any(name.partition(".")[0] == GENOME for name in self.archive().columns)

    def problem(self) -> Problem | None:
        """The problem whose solutions the elites are; None if they are something else, or it is not installed."""
        try:
            domain: Any = make_domain(self.options)
        except ConfigError:
            return None
        # A run with a custom scoring function does not use the problem of its config.
        elites = self.latest()
        scored_id = domain.id if elites is None else (elites.meta.get("problem") or {}).get("id")
        return domain if hasattr(domain, "num_params") and scored_id == domain.id else None

    def default_agent(self) -> int:
        """The fittest elite. Raises `RunError` while there is none."""
        return self.archive().best()

    def genome(self, which: int) -> Genome:
        """The genome of an elite's environment: its own if elites have one, otherwise the one that all share."""
        import jax

        elites, example = self.archive(), {GENOME: self.simplest()}
        elites.check_row(which)
        names = [
            jax.tree_util.keystr(path, simple=True, separator=".")
            for path, _ in jax.tree_util.tree_leaves_with_path(example)
        ]
        if not set(names) & elites.columns.keys():
            return example[GENOME]
        leaves = [np.asarray(elites.column(name)[which]) for name in names]
        return jax.tree.unflatten(jax.tree.structure(example), leaves)[GENOME]

    def weights(self, which: int, snapshot: str = "best") -> np.ndarray:
        """The solution of an elite, f32[G]; the only `snapshot` is "best"."""
        if snapshot != "best":
            raise unknown(f"agent of elite {which}:", snapshot, ["best"])
        elites = self.archive()
        return np.asarray(elites.column("params")[elites.check_row(which)])

    def solution(self, which: int) -> Any:
        """The solution of an elite as its problem takes it: f32[G], or a tree of arrays."""
        import jax

        from poet.archives.table import payload_names

        problem, elites = self.problem(), self.archive()
        example = None if problem is None else jax.eval_shape(problem.sample, jax.random.key(0))
        if isinstance(example, jax.ShapeDtypeStruct | None):
            return self.weights(which)
        row, structure = elites.check_row(which), jax.tree.structure(example)
        return jax.tree.unflatten(structure, [np.asarray(elites.column(name)[row]) for name in payload_names(example)])

    def caption(self, which: int) -> Caption:
        """The coordinates of an elite, and a description of its environment."""
        coordinates = self.archive().coordinates(which)
        try:
            return Caption(coordinates, self.describe(self.genome(which)))
        except ContractError as error:
            return Caption(coordinates, f"no description: {error}")
        except (ConfigError, RunError):
            return Caption(coordinates, "")
