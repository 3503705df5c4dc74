"""Options of executors; imports no jax."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from poet.errors import ConfigError, ContractError
from poet.memory import require_memory
from poet.registry import PluginConfig, Registry

if TYPE_CHECKING:
    from poet.agents.policy import Policy
    from poet.envs.base import Environment
    from poet.executors.base import Executor
    from poet.learners.base import Learner


@dataclasses.dataclass(frozen=True)
class ExecutorConfig(PluginConfig):
    """Base of the configs of executors: where work runs."""

    adjustable: ClassVar[frozenset[str]] = frozenset({"devices"})

    devices: int | None = None  # local devices to use; by default all (on CPU one for each core)

    def make(self, environment: Environment, policy: Policy, learner: Learner | None) -> Executor:
        """The executor of these programs; without a learner it can evaluate but not train."""
        raise ContractError(f"{type(self).__name__} must define make(self, environment, policy, learner) -> Executor")


@dataclasses.dataclass(frozen=True)
class LocalExecutorConfig(ExecutorConfig):
    """The devices of this machine. Only `lanes` is part of a run's identity: XLA's bits depend on shapes."""

    id: ClassVar[str] = "local"
    adjustable: ClassVar[frozenset[str]] = frozenset({"chunk", "queue"})

    lanes: int | None = None  # episodes that run side by side in one block; by default 128 on CPU, 8192 elsewhere
    chunk: int = 32  # steps between two refills of the lanes
    queue: int | None = None  # episodes handed to a device at once; by default 2048 on CPU, 32768 elsewhere

    def __post_init__(self) -> None:
        for name in ("lanes", "devices", "chunk", "queue"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"executor.{name} expects at least 1, got {value}")

    def make(self, environment: Environment, policy: Policy, learner: Learner | None) -> Executor:
        """The executor on the local devices."""
        from poet.executors.local import local

        for name in ("lanes", "queue"):
            value = getattr(self, name) or 1
            require_memory(4 * value * policy.num_params, f"executor.{name} {value} x {policy.num_params} weights")
        return local(environment, policy, learner, self)


executors: Registry[type[ExecutorConfig]] = Registry("executor", ExecutorConfig)
