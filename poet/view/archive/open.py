"""A run that fills an archive, opened: its elites at any time that there is a snapshot of, and the journal's tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from poet.errors import ConfigError, RunError, unknown
from poet.runs import read
from poet.view.archive import tables
from poet.view.archive.elites import Elites, Id
from poet.view.open import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from poet.envs.base import Generator, Problem
    from poet.types import Genome

GENOME = "genome"  # the part of a payload that is an environment


class Ancestor(NamedTuple):
    """Somebody in the line of descent of an elite, as far as snapshots tell.

    Attributes:
      id: when it was made, and its number then.
      depth: generations back; 0 for the elite itself.
      found: iteration of the snapshot that has it, and its row there; None if it came and went between two.
    """

    id: Id
    depth: int
    found: tuple[int, int] | None


class ArchiveRun(Run):
    """A run that fills an archive. Its tables are `progress` and `emitters`; `archive()` has the elites.

    Where a number of an elite is asked for, it is its row in the newest snapshot.
    """

    tables: ClassVar = tables.KINDS
    commands: ClassVar[str] = "poet.view.archive.commands"
    noun: ClassVar[str] = "elite"

    def refresh(self) -> Run:
        """Read what was written since; returns the run itself."""
        self._archives: dict[int | None, Elites] = {}  # None: the newest
        return super().refresh()

    # --- what there is ---

    def snapshots(self) -> list[int]:
        """Iterations after which a snapshot of the archive was kept."""
        return read.list_elites(self.path)

    def archive(self, iteration: int | None = None) -> Elites:
        """The elites after so many iterations, by default of the newest snapshot.

        Raises `RunError` if there is none.
        """
        if iteration not in self._archives:
            self._archives[iteration] = Elites(read.read_elites(self.path, iteration), self.options.get("offset"))
        return self._archives[iteration]

    def empty(self) -> bool:
        """Whether there is no elite yet."""
        return not self.snapshots() or not len(self.archive())

    def films(self) -> bool:
        """Whether there are elites that can be filmed."""
        return not self.empty() and super().films()

    def looks(self) -> tuple[str, ...]:
        """Commands to look at it with, {} for the run."""
        return ("inspect {}", "plot {}") if self.empty() else ("inspect {}", "plot {}", "plot {} --what explore")

    def emitters(self) -> list[str]:
        """Names of the emitters, in the order of the numbers that elites have in column "emitter"."""
        return list(next((row["emitters"] for row in self.events("iteration") if row.get("emitters")), {}))

    def lineage(self, row: int) -> list[Ancestor]:
        """The elite and its ancestors, the nearest first, as far as snapshots have them."""
        times = self.snapshots()[::-1]
        rows = {time: self.archive(time).rows() for time in times}
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

    # --- pictures ---

    def plots(self) -> Mapping[str, Callable[..., Figure]]:
        """Overview, heat map, curves, emitters, origins, snapshots; a gallery where elites can be drawn as they are."""
        from poet.view.archive.gallery import painter
        from poet.view.archive.plots import PLOTS

        return PLOTS if painter(self) else {name: made for name, made in PLOTS.items() if name != "gallery"}

    def heatmap(self, iteration: int | None = None) -> Figure:
        """Fitness by cell, of the newest snapshot or of the one after so many iterations."""
        from poet.view.archive.plots import heatmap

        return heatmap(self, iteration)

    def curves(self) -> Figure:
        """QD score, coverage, best and mean over evaluations."""
        from poet.view.archive.plots import curves

        return curves(self)

    def explore(self, films: int = 16) -> Any:
        """The archive to point and click at in a notebook; see `explore.page`."""
        from poet.view.archive.explore import Page, page

        return Page(page(self, films))

    # --- what the archive is of ---

    def generator(self) -> Generator:
        """The generator that the run's environments come from. Raises `ConfigError` if solutions live in no world."""
        if self._generator is None:
            config: Any = self.config
            source = getattr(config, "generator", None) or getattr(config, "problem", None)
            made = source.make() if source is not None else None
            if not hasattr(made, "environment"):
                raise ConfigError(
                    f"{self.name} has solutions of {getattr(source, 'id', 'a function')!r}, which live in no world: "
                    "there is nothing to film, to evaluate or to export as an agent"
                )
            self._generator = made
        return self._generator  # pyright: ignore[reportReturnType]

    def problem(self) -> Problem | None:
        """The problem whose solutions the elites are; None where they are something else, or it is not installed."""
        try:
            made: Any = self.config.problem.make()  # pyright: ignore[reportAttributeAccessIssue]
        except (ConfigError, AttributeError):
            return None
        # A run with a scoring of one's own leaves the problem of its config aside.
        solved = (self.archive().meta.get("problem") or {}).get("id") if self.snapshots() else made.id
        return made if hasattr(made, "num_params") and solved == made.id else None

    def champion(self) -> int:
        """The fittest elite."""
        return self.archive().best()

    def genome(self, which: int) -> Genome:
        """The environment of an elite: its own where elites are pairs, else the one that all of them live in."""
        import jax

        elites, example = self.archive(), {GENOME: self.generator().simplest()}
        elites.check(which)
        names = [
            jax.tree_util.keystr(path, simple=True, separator=".")
            for path, _ in jax.tree_util.tree_leaves_with_path(example)
        ]
        if not set(names) & elites.columns.keys():
            return example[GENOME]
        leaves = [np.asarray(elites.columns[name][which]) for name in names]
        return jax.tree.unflatten(jax.tree.structure(example), leaves)[GENOME]

    def weights(self, which: int, occasion: str) -> np.ndarray:
        """The solution of an elite, f32[G]; it has one alone, so the only occasion is "best"."""
        if occasion != "best":
            raise unknown(f"agent of elite {which}:", occasion, ["best"])
        elites = self.archive()
        return np.asarray(elites.columns["params"][elites.check(which)])

    def about(self, which: int) -> tuple[str, str]:
        """Where an elite lies, and its environment in words."""
        said = self.archive().words(which)
        try:
            return said, self.generator().describe(self.genome(which))
        except (ConfigError, RunError):
            return said, ""
