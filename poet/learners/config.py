"""Options of learners; imports no jax."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from poet.errors import ConfigError, ContractError
from poet.memory import require_memory
from poet.registry import PluginConfig, Registry

if TYPE_CHECKING:
    from poet.agents.engine import Engine
    from poet.agents.policy import Policy
    from poet.learners.base import Learner


EPISODE_BYTES = 100  # of an episode that waits, besides the weights of its agent


@dataclasses.dataclass(frozen=True)
class LearnerConfig(PluginConfig):
    """Base of the configs of learners: what improves one agent in one environment."""

    episodes: int = 1  # episodes per candidate; more than one only helps where episodes differ

    def __post_init__(self) -> None:
        if self.episodes < 1:
            raise ConfigError(f"learner.episodes expects at least 1, got {self.episodes}")

    def make(self, policy: Policy, engine: Engine) -> Learner:
        """The learner for agents of a policy; one of the step kind gets its lanes from the engine."""
        raise ContractError(f"{type(self).__name__} must define make(self, policy, engine) -> Learner")


@dataclasses.dataclass(frozen=True)
class ESConfig(LearnerConfig):
    """POET's evolution strategy (Wang et al. 2019, arXiv 1901.01753), or any other of evosax by name."""

    id: ClassVar[str] = "es"

    strategy: str = "Open_ES"  # an evosax strategy; sigma, learning rate and L2 below steer Open_ES
    population: int = 512  # candidates per step, half of them mirrored
    sigma: float = 0.1  # spread of the candidates
    sigma_decay: float = 0.999
    sigma_floor: float = 0.01
    learning_rate: float = 0.01
    learning_rate_decay: float = 0.9999
    learning_rate_floor: float = 0.001
    l2: float = 0.01  # coupled: added to the gradient that Adam sees

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.population < 2 or self.population % 2:
            raise ConfigError(f"learner.population expects an even number of at least 2, got {self.population}")
        for name in ("sigma", "sigma_floor", "learning_rate", "learning_rate_floor"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"learner.{name} expects a positive number, got {getattr(self, name)}")
        for name in ("sigma_decay", "learning_rate_decay"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(f"learner.{name} expects a factor in (0, 1], got {getattr(self, name)}")
        for name in ("sigma", "learning_rate"):
            if getattr(self, f"{name}_floor") > getattr(self, name):
                raise ConfigError(
                    f"learner.{name}_floor expects at most learner.{name} {getattr(self, name)}, "
                    f"got {getattr(self, f'{name}_floor')}"
                )
        if self.l2 < 0:
            raise ConfigError(f"learner.l2 expects a number of at least 0, got {self.l2}")

    def make(self, policy: Policy, engine: Engine) -> Learner:
        """The evolution strategy for the weights of a policy."""
        from poet.learners.es import es

        require_memory(
            self.population * (4 * policy.num_params + EPISODE_BYTES * self.episodes),
            f"learner.population {self.population} x learner.episodes {self.episodes} x {policy.num_params} weights",
        )
        return es(self, policy.num_params)


@dataclasses.dataclass(frozen=True)
class REINFORCEConfig(LearnerConfig):
    """Gradients of the return from the agent's own actions (Williams 1992); needs `policy.actor_critic`."""

    id: ClassVar[str] = "reinforce"

    lanes: int = 16  # episodes side by side
    steps: int = 128  # of each lane in a learner step
    learning_rate: float = 0.003
    discount: float = 0.99  # of a reward, for each step that it lies ahead
    value_weight: float = 0.5  # of the squared error of the value
    entropy_weight: float = 0.001  # of the entropy of the actions, which is rewarded
    max_norm: float = 0.5  # to which the gradient is scaled down

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("lanes", "steps"):
            if getattr(self, name) < 1:
                raise ConfigError(f"learner.{name} expects at least 1, got {getattr(self, name)}")
        for name in ("learning_rate", "max_norm"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"learner.{name} expects a positive number, got {getattr(self, name)}")
        for name in ("value_weight", "entropy_weight"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"learner.{name} expects a number of at least 0, got {getattr(self, name)}")
        if not 0 <= self.discount <= 1:
            raise ConfigError(f"learner.discount expects a factor in [0, 1], got {self.discount}")

    def make(self, policy: Policy, engine: Engine) -> Learner:
        """The learner for a policy that gives distributions."""
        from poet.learners.reinforce import reinforce

        return reinforce(self, policy, engine)


learners: Registry[type[LearnerConfig]] = Registry("learner", LearnerConfig)
