"""Options, and what they make; imports no jax."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import poet
from poet.envs.maze.config import MazeConfig

if TYPE_CHECKING:
    from poet.agents.engine import Engine
    from poet.agents.policy import Policy
    from poet.archives.base import Archive
    from poet.archives.select import Selection
    from poet.envs.base import Interface
    from poet.learners.base import Learner


@dataclasses.dataclass(frozen=True)
class LinearConfig(poet.PolicyConfig):
    """One matrix from observations to outputs."""

    id: ClassVar[str] = "linear"

    init_sigma: float = 0.5  # standard deviation of the first weights

    def make(self, interface: Interface) -> Policy:
        """The policy for an interface."""
        from poet_curriculum.policy import linear

        return linear(interface, self.init_sigma)


@dataclasses.dataclass(frozen=True)
class RandomSearchConfig(poet.LearnerConfig):
    """Keep the best of some random changes."""

    id: ClassVar[str] = "random-search"

    population: int = 8  # candidates per step
    sigma: float = 0.1  # standard deviation of a change

    def make(self, policy: Policy, engine: Engine) -> Learner:
        """The learner for the weights of a policy."""
        from poet_curriculum.learner import random_search

        return random_search(self.population, self.sigma)


@dataclasses.dataclass(frozen=True)
class LogGridConfig(poet.ArchiveConfig):
    """A grid whose cells grow by a constant factor away from the lower bound."""

    id: ClassVar[str] = "log-grid"

    cells_per_axis: int = 4  # along each coordinate
    out_of_bounds: Literal["clip", "reject"] = "clip"  # for descriptors outside the bounds

    def spec(self, bounds: Any) -> dict[str, Any]:
        """What `from_spec` needs."""
        from poet_curriculum.archive import log_grid

        return dict(log_grid(self.cells_per_axis, bounds, self.out_of_bounds).spec)

    @classmethod
    def from_spec(cls, spec: Any) -> Archive:
        """The archive of a spec."""
        from poet_curriculum.archive import log_grid

        return log_grid(spec["cells_per_axis"], spec["bounds"], spec["out_of_bounds"])


@dataclasses.dataclass(frozen=True)
class PromisingConfig(poet.SelectionConfig):
    """Elites whose children were stored lately, and elites that were seldom visited."""

    id: ClassVar[str] = "promising"

    patience: float = 10.0  # children without success after which an elite is half as likely

    def make(self) -> Selection:
        """The selection."""
        from poet_curriculum.selection import promising

        return promising(self.patience)


@dataclasses.dataclass(frozen=True)
class CurriculumConfig:
    """The rules of the search."""

    solved_score: float = 0.0  # mean return at which the environment is replaced by a mutation of it
    num_episodes: int = 2  # episodes for each score


@dataclasses.dataclass(frozen=True)
class CurriculumRunConfig(poet.RunConfig):
    """One agent, one environment at a time; what it solves is kept in an archive."""

    id: ClassVar[str] = "curriculum"
    view: ClassVar[str] = "curriculum"

    generator: poet.GeneratorConfig = dataclasses.field(
        default_factory=lambda: MazeConfig(first_maze="open", horizon=30)
    )
    policy: poet.PolicyConfig = dataclasses.field(default_factory=LinearConfig)
    learner: poet.LearnerConfig = dataclasses.field(default_factory=RandomSearchConfig)
    archive: poet.ArchiveConfig = dataclasses.field(default_factory=LogGridConfig)
    search: CurriculumConfig = dataclasses.field(default_factory=CurriculumConfig)

    def describe(self) -> str:
        """Generator and policy."""
        return f"{self.generator.id} with a {self.policy.id} policy"

    def make(self, context: poet.RunContext) -> poet.Search:
        """The search."""
        from poet.executors.recipe import Recipe
        from poet_curriculum.search import curriculum

        generator = self.generator.make()
        recipe = Recipe(generator, self.policy, self.engine, self.learner)
        policy, _, learner = recipe.build()
        executor = (context.executor or self.executor).make(recipe, context)
        archive = self.archive.make(generator.feature_bounds)
        context.log("curriculum", {"num_params": policy.num_params})
        return curriculum(self.search, generator, policy, learner, executor, archive)


TINY = CurriculumRunConfig(
    iterations=8,
    checkpoint_every=2,
    search=CurriculumConfig(solved_score=-10.0),
    engine=poet.XLAEngineConfig(lanes=8),
)
