"""Options of policies and of rollout engines; imports no jax."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from poet.errors import ConfigError, ContractError
from poet.memory import require_memory
from poet.registry import PluginConfig, Registry

if TYPE_CHECKING:
    from poet.agents.engine import Engine, EngineContext
    from poet.agents.policy import Policy
    from poet.envs.base import Interface
    from poet.types import Genome


@dataclasses.dataclass(frozen=True)
class PolicyConfig(PluginConfig):
    """Base of the configs of policies."""

    def make(self, interface: Interface) -> Policy:
        """The policy for an interface."""
        raise ContractError(f"{type(self).__name__} must define make(self, interface) -> Policy")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkConfig(PolicyConfig):
    """Base of the configs of policies that are networks."""

    init_sigma: float = 0.1  # standard deviation of an agent's first weights
    # Whether the network gives a distribution, from which actions are drawn, and a value: for learners that follow
    # gradients. Otherwise an observation determines the action.
    actor_critic: bool = False

    def __post_init__(self) -> None:
        if not self.init_sigma > 0:
            raise ConfigError(f"policy.init_sigma expects a positive number, got {self.init_sigma}")


@dataclasses.dataclass(frozen=True)
class MLPConfig(NetworkConfig):
    """A tanh multi-layer perceptron; the default is POET's 24-40-40-4 with 2,804 weights on the walker."""

    id: ClassVar[str] = "mlp"

    hidden: tuple[int, ...] = (40, 40)  # units of each hidden layer

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(units < 1 for units in self.hidden):
            raise ConfigError(f"policy.hidden expects positive layer sizes, got {self.hidden}")

    def make(self, interface: Interface) -> Policy:
        """The perceptron that fits an interface."""
        from poet.agents.mlp import mlp

        return mlp(interface, self)


@dataclasses.dataclass(frozen=True)
class GRUConfig(NetworkConfig):
    """A recurrent network with a memory of the episode so far."""

    id: ClassVar[str] = "gru"

    units: int = 32  # of the memory

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.units < 1:
            raise ConfigError(f"policy.units expects at least 1, got {self.units}")

    def make(self, interface: Interface) -> Policy:
        """The recurrent network that fits an interface."""
        from poet.agents.gru import gru

        return gru(interface, self)


@dataclasses.dataclass(frozen=True)
class RandomActionsConfig(PolicyConfig):
    """Actions drawn at random, without a network: a baseline, and a way to explore."""

    id: ClassVar[str] = "random"

    repeat: float = 0.95  # probability that a step repeats the last action; 0.95 gives runs of 20 steps on average

    def __post_init__(self) -> None:
        if not 0 <= self.repeat < 1:
            raise ConfigError(f"policy.repeat expects a probability in [0, 1), got {self.repeat}")

    def make(self, interface: Interface) -> Policy:
        """Random actions of an interface."""
        from poet.agents.random_actions import random_actions

        return random_actions(interface, self)


policies: Registry[type[PolicyConfig]] = Registry("policy", PolicyConfig)


# Lanes by device kind: a CPU's caches hold 128, other devices need thousands.
LANES = {"cpu": 128}
MANY_LANES = 8192


@dataclasses.dataclass(frozen=True)
class EngineConfig(PluginConfig):
    """Base of the configs of rollout engines: how episodes are computed. Engines differ in bits."""

    # Options that are None until a device is known: `resolve` fills them in, and a run records and keeps them.
    resolved: ClassVar[frozenset[str]] = frozenset()

    def resolve(self) -> EngineConfig:
        """The same config with a number for each option that depends on the device; starts jax."""
        return self

    def make(self, environment: Any, policy: Policy, genome: Genome, context: EngineContext | None = None) -> Engine:
        """The engine of an environment and a policy; of the genome only the shapes count.

        `context` is of the run that it works for, None outside a run.
        """
        raise ContractError(
            f"{type(self).__name__} must define make(self, environment, policy, genome, context=None) -> Engine"
        )


@dataclasses.dataclass(frozen=True)
class XLAEngineConfig(EngineConfig):
    """Episodes in compiled programs of jax, on whatever device there is."""

    id: ClassVar[str] = "xla"
    adjustable: ClassVar[frozenset[str]] = frozenset({"chunk"})
    resolved: ClassVar[frozenset[str]] = frozenset({"lanes"})

    # Episodes that run side by side in one block: XLA's bits depend on shapes. By default 128 on CPU, 8192 elsewhere.
    lanes: int | None = None
    chunk: int = 32  # steps between two refills of the lanes

    def __post_init__(self) -> None:
        for name in ("lanes", "chunk"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"engine.{name} expects at least 1, got {value}")

    def resolve(self) -> XLAEngineConfig:
        """The same with the lanes of the first local device; starts jax."""
        import jax

        lanes = self.lanes or LANES.get(jax.local_devices()[0].platform, MANY_LANES)
        return dataclasses.replace(self, lanes=lanes)

    def make(self, environment: Any, policy: Policy, genome: Genome, context: EngineContext | None = None) -> Engine:
        """The engine of XLA."""
        from poet.agents.xla import xla

        config = self.resolve()
        require_memory(
            4 * (config.lanes or 1) * policy.num_params, f"engine.lanes {config.lanes} x {policy.num_params} weights"
        )
        return xla(environment, policy, genome, config)


@dataclasses.dataclass(frozen=True)
class HostEngineConfig(EngineConfig):
    """Episodes in simulators that are not written in JAX, as those of gymnasium, in worker processes."""

    id: ClassVar[str] = "host"
    adjustable: ClassVar[frozenset[str]] = frozenset({"workers", "deadline_s"})

    lanes: int = 32  # episodes that run side by side; the policy is evaluated in blocks of so many
    workers: int | None = None  # processes; by default one for each core
    deadline_s: float = 60.0  # seconds after which a worker that has not answered is replaced

    def __post_init__(self) -> None:
        for name in ("lanes", "workers"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"engine.{name} expects at least 1, got {value}")
        if not self.deadline_s > 0:
            raise ConfigError(f"engine.deadline_s expects a positive number, got {self.deadline_s}")

    def make(self, environment: Any, policy: Policy, genome: Genome, context: EngineContext | None = None) -> Engine:
        """The engine of an environment of simulators."""
        from poet.agents.host import host

        require_memory(4 * self.lanes * policy.num_params, f"engine.lanes {self.lanes} x {policy.num_params} weights")
        return host(environment, policy, genome, self, context)


engines: Registry[type[EngineConfig]] = Registry("engine", EngineConfig)
