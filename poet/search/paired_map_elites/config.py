"""Options of MAP-Elites over pairs of environments and agents; imports no jax."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar, Literal

from poet.agents.config import MLPConfig, PolicyConfig
from poet.archives.config import ArchiveConfig, GridConfig
from poet.archives.selections import SelectionConfig, UniformConfig
from poet.envs.config import GeneratorConfig
from poet.envs.walker.config import WalkerConfig
from poet.errors import ConfigError
from poet.learners.config import ESConfig, LearnerConfig
from poet.search.config import RunConfig, ThresholdConfig

if TYPE_CHECKING:
    from poet.envs.base import Generator
    from poet.search.base import RunContext, Search


@dataclasses.dataclass(frozen=True)
class PairedMapElitesConfig(ThresholdConfig):
    """Which environments are tried with which agents, and when a pair is kept or an agent is trained."""

    thresholds: ClassVar[tuple[str, ...]] = ("solved_score", "training_score")

    features: tuple[str, ...] = ()  # of the generator, the coordinates of the archive; empty for all of them
    eval_episodes: int = 5  # episodes per score; always 1 if the genome alone determines the episode
    # Which elites are mutated: uniform, weighted by a score, or least-chosen by counters.
    selection: SelectionConfig = dataclasses.field(default_factory=UniformConfig)

    children: int = 16  # environments per iteration that are mutated from those of elites
    mutation_strength: float = 1.0  # in units of the generator's usual step
    variants: int = 16  # varied copies of the parent's agent that are tried in a child, besides that agent itself
    iso_sigma: float = 0.02  # of the variants: standard deviation of the noise on each weight
    line_sigma: float = 0.1  # of the variants: standard deviation of the step towards another elite's agent
    neighbours: int = 4  # nearest elites whose agents are tried in a child, or whose environments get a new agent

    # Who is trained. children: unsolved children that would fill a free cell; the archive has solved pairs alone.
    # elites: unsolved elites, drawn by the selection; the archive has all pairs with a score of `training_score`, each
    # with the state of its learner, to which the search returns, as in Go-Explore (arXiv 2004.12919).
    trainees_from: Literal["children", "elites"] = "children"
    trainees: int = 4  # environments at most in which an agent is trained, one learner step per iteration
    training_score: float = 0.375  # an agent with this score in an unsolved environment may be trained there
    max_training_steps: int = 20  # learner steps after which training in an unsolved environment ends

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("eval_episodes", "children", "trainees", "max_training_steps"):
            if getattr(self, name) < 1:
                raise ConfigError(f"search.{name} expects at least 1, got {getattr(self, name)}")
        for name in ("variants", "neighbours", "iso_sigma", "line_sigma"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"search.{name} expects a number of at least 0, got {getattr(self, name)}")
        if not self.mutation_strength > 0:
            raise ConfigError(f"search.mutation_strength expects a positive number, got {self.mutation_strength}")


@dataclasses.dataclass(frozen=True)
class PairedMapElitesRunConfig(RunConfig):
    """An archive of solved environments, each with the agent that solves it."""

    id: ClassVar[str] = "paired-map-elites"
    view: ClassVar[str] = "archive"

    generator: GeneratorConfig = dataclasses.field(default_factory=WalkerConfig)
    policy: PolicyConfig = dataclasses.field(default_factory=MLPConfig)
    learner: LearnerConfig = dataclasses.field(default_factory=ESConfig)
    archive: ArchiveConfig = dataclasses.field(default_factory=GridConfig)
    search: PairedMapElitesConfig = dataclasses.field(default_factory=PairedMapElitesConfig)

    def describe(self) -> str:
        """Generator, and the coordinates of the archive."""
        features = ", ".join(self.search.features) or "all features"
        kind = "solved " if self.search.trainees_from == "children" else ""
        return f"{kind}{self.generator.id} environments with their agents, by {features}"

    def make(self, context: RunContext, *, generator: Generator | None = None) -> Search:
        """The search; `generator` replaces the one that the config names.

        Raises `ConfigError` for features that the generator does not have, and for an archive that does not fit them.
        """
        from poet.executors.recipe import Recipe
        from poet.search.paired_map_elites.algorithm import paired_map_elites
        from poet.search.paired_map_elites.context import feature_indices

        generator = generator or self.generator.make()
        bounds = [generator.feature_bounds[index] for index in feature_indices(generator, self.search.features)]
        archive = self.archive.make(bounds)
        recipe = Recipe(generator, self.policy, self.engine, self.learner)
        executor = (context.executor or self.executor).make(recipe, context)
        policy, _, learner = recipe.build()
        search = self.search
        return paired_map_elites(search, generator, policy, learner, executor, archive, episodes=self.learner.episodes)
