"""Options of learners; imports no jax."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from poet.errors import ConfigError, ContractError
from poet.memory import require_memory
from poet.registry import PluginConfig, Registry

if TYPE_CHECKING:
    from poet.learners.base import Learner


EPISODE_BYTES = 100  # of an episode that waits, besides the weights of its agent


@dataclasses.dataclass(frozen=True)
class LearnerConfig(PluginConfig):
    """Base of the configs of learners: what improves one agent in one environment."""

    episodes: int = 1  # episodes per candidate; more than one only helps where episodes differ

    def __post_init__(self) -> None:
        if self.episodes < 1:
            raise ConfigError(f"learner.episodes expects at least 1, got {self.episodes}")

    def make(self, num_params: int) -> Learner:
        """The learner for flat weights f32[num_params]."""
        raise ContractError(f"{type(self).__name__} must define make(self, num_params) -> Learner")


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

    def make(self, num_params: int) -> Learner:
        """The evolution strategy for so many weights."""
        from poet.learners.es import es

        candidates = self.population * self.episodes
        require_memory(
            candidates * (4 * num_params + EPISODE_BYTES),
            f"learner.population {self.population} x learner.episodes {self.episodes} x {num_params} weights",
        )
        return es(self, num_params)


learners: Registry[type[LearnerConfig]] = Registry("learner", LearnerConfig)
