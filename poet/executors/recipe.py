"""From configs to the functions that an executor runs: picklable, so that another process can build them too."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

from poet.agents.config import EngineConfig, PolicyConfig
from poet.learners.config import LearnerConfig

if TYPE_CHECKING:
    from poet.agents.engine import Engine, EngineContext
    from poet.agents.policy import Policy
    from poet.envs.base import Generator


class Parts(NamedTuple):
    """What a recipe describes."""

    policy: Policy
    engine: Engine
    learner: Any  # an `AskTellLearner` or a `StepLearner`; None where the recipe names none


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Agents of a policy in the environment of a generator, on a rollout engine, improved by a learner.

    Without a learner, agents can be evaluated but not trained.
    """

    generator: Generator
    policy: PolicyConfig
    engine: EngineConfig
    learner: LearnerConfig | None = None

    def build(self, context: EngineContext | None = None) -> Parts:
        """The functions, for a run if there is one. Raises `ConfigError` where the parts do not fit together."""
        environment = self.generator.environment
        policy = self.policy.make(environment.interface)
        engine = self.engine.make(environment, policy, self.generator.simplest(), context)
        learner = None if self.learner is None else self.learner.make(policy, engine)
        return Parts(policy, engine, learner)
