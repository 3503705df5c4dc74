"""Options of executors; imports no jax."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from poet.errors import ConfigError, ContractError
from poet.learners.config import EPISODE_BYTES
from poet.memory import require_memory
from poet.registry import PluginConfig, Registry

if TYPE_CHECKING:
    from poet.agents.engine import EngineContext
    from poet.executors.base import Executor
    from poet.executors.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class ExecutorConfig(PluginConfig):
    """Base of the configs of executors: where work runs. Results do not depend on it."""

    adjustable: ClassVar[frozenset[str]] = frozenset({"devices"})

    devices: int | None = None  # local devices to use; by default all (on CPU one for each core)

    def make(self, recipe: Recipe | None, context: EngineContext | None = None) -> Executor:
        """The executor of what a recipe describes; without one it has `map` alone.

        `context` is of the run that it works for, None outside a run.
        """
        raise ContractError(f"{type(self).__name__} must define make(self, recipe, context=None) -> Executor")


@dataclasses.dataclass(frozen=True)
class LocalExecutorConfig(ExecutorConfig):
    """The devices of this machine."""

    id: ClassVar[str] = "local"
    adjustable: ClassVar[frozenset[str]] = frozenset({"queue"})

    queue: int | None = None  # episodes handed to a device at once; by default 2048 on CPU, 32768 elsewhere

    def __post_init__(self) -> None:
        for name in ("devices", "queue"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"executor.{name} expects at least 1, got {value}")

    def make(self, recipe: Recipe | None, context: EngineContext | None = None) -> Executor:
        """The executor on the local devices."""
        from poet.executors.local import local

        if recipe is not None:
            require_memory(EPISODE_BYTES * (self.queue or 1), f"executor.queue {self.queue}")
        return local(recipe, self, context)


executors: Registry[type[ExecutorConfig]] = Registry("executor", ExecutorConfig)
