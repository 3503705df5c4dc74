"""Options of POET; imports no jax."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from poet.agents.config import MLPConfig, PolicyConfig
from poet.envs.config import GeneratorConfig
from poet.envs.walker.config import WalkerConfig
from poet.errors import ConfigError
from poet.learners.config import ESConfig, LearnerConfig
from poet.search.config import RunConfig, ThresholdConfig

if TYPE_CHECKING:
    from poet.envs.base import Generator
    from poet.search.base import RunContext, Search
    from poet.types import Genome, Params


@dataclasses.dataclass(frozen=True)
class PoetConfig(ThresholdConfig):
    """The rules of the algorithm; defaults are the paper's (Wang et al. 2019, arXiv 1901.01753).

    Thresholds are the paper's as fractions of the walker's range of returns, -100 to 300.
    """

    thresholds: ClassVar[tuple[str, ...]] = ("solved_score", "reproduce_threshold", "mc_lower", "mc_upper")

    max_niches: int = 20  # active pairs; when a new one is admitted to a full set, the oldest retires
    eval_episodes: int = 5  # episodes for each score; one if a genome determines its episode entirely

    reproduce_every: int = 200  # iterations
    reproduce_threshold: float = 0.75  # score that makes a pair eligible as a parent
    num_children: int = 8  # environments made at each reproduction, by mutation
    max_admitted: int = 1  # children admitted at each reproduction, at most
    mutation_strength: float = 1.0  # in units of the generator's usual step
    mc_lower: float = 0.375  # minimal criterion: a child with a lower score is too hard
    mc_upper: float = 1.0  # minimal criterion: a child with a higher score is too easy
    novelty_neighbours: int = 5  # nearest environments that novelty is measured against

    transfer_every: int = 25  # iterations
    transfer_rule: Literal["original", "enhanced"] = "original"  # Enhanced: arXiv 2003.08536

    def __post_init__(self) -> None:
        super().__post_init__()
        counts = ("max_niches", "eval_episodes", "reproduce_every", "num_children", "max_admitted")
        for name in (*counts, "novelty_neighbours", "transfer_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"search.{name} expects at least 1, got {getattr(self, name)}")
        if not self.mc_lower < self.mc_upper:
            raise ConfigError(
                f"search.mc_lower must lie below search.mc_upper, got {self.mc_lower} and {self.mc_upper}: "
                "with these values every environment is too hard or too easy"
            )
        if not self.mutation_strength > 0:
            raise ConfigError(f"search.mutation_strength expects a positive number, got {self.mutation_strength}")


@dataclasses.dataclass(frozen=True)
class PoetRunConfig(RunConfig):
    """Environments and agents evolve together (Wang et al. 2019, arXiv 1901.01753)."""

    id: ClassVar[str] = "poet"
    view: ClassVar[str] = "niches"

    iterations: int = 25_200  # where the run ends; raise it to resume a finished run
    generator: GeneratorConfig = dataclasses.field(default_factory=WalkerConfig)
    policy: PolicyConfig = dataclasses.field(default_factory=MLPConfig)
    learner: LearnerConfig = dataclasses.field(default_factory=ESConfig)
    search: PoetConfig = dataclasses.field(default_factory=PoetConfig)

    def describe(self) -> str:
        """Generator, learner and size."""
        return f"{self.generator.id} with {self.learner.id}, up to {self.search.max_niches} niches"

    def make(
        self,
        context: RunContext,
        *,
        generator: Generator | None = None,
        start: Sequence[tuple[Genome, Params | None]] = (),
    ) -> Search:
        """POET; `generator` replaces the config's, `start` its simplest environment."""
        from poet.executors.recipe import Recipe
        from poet.search.poet.algorithm import poet

        generator = generator or self.generator.make()
        recipe = Recipe(generator, self.policy, self.engine, self.learner)
        executor = (context.executor or self.executor).make(recipe, context)
        policy, _, learner = recipe.build()
        return poet(self.search, generator, policy, learner, executor, episodes=self.learner.episodes, start=start)
