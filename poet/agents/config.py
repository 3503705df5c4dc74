"""Options of policies; imports no jax."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from poet.errors import ConfigError, ContractError
from poet.registry import PluginConfig, Registry

if TYPE_CHECKING:
    from poet.agents.policy import Policy
    from poet.envs.base import Interface


@dataclasses.dataclass(frozen=True)
class PolicyConfig(PluginConfig):
    """Base of the configs of policies."""

    def make(self, interface: Interface) -> Policy:
        """The policy for an interface."""
        raise ContractError(f"{type(self).__name__} must define make(self, interface) -> Policy")


@dataclasses.dataclass(frozen=True)
class MLPConfig(PolicyConfig):
    """A tanh multi-layer perceptron; the default is POET's 24-40-40-4 with 2,804 weights on the walker."""

    id: ClassVar[str] = "mlp"

    hidden: tuple[int, ...] = (40, 40)  # units of each hidden layer
    init_sigma: float = 0.1  # standard deviation of an agent's first weights

    def __post_init__(self) -> None:
        if any(units < 1 for units in self.hidden):
            raise ConfigError(f"policy.hidden expects positive layer sizes, got {self.hidden}")
        if not self.init_sigma > 0:
            raise ConfigError(f"policy.init_sigma expects a positive number, got {self.init_sigma}")

    def make(self, interface: Interface) -> Policy:
        """The perceptron that fits an interface."""
        from poet.agents.policy import mlp

        return mlp(interface, self)


policies: Registry[type[PolicyConfig]] = Registry("policy", PolicyConfig)
