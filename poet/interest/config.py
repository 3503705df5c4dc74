"""The registry of judges; imports no jax."""

from __future__ import annotations

import dataclasses
from typing import Any

from poet.errors import ContractError
from poet.registry import PluginConfig, Registry


@dataclasses.dataclass(frozen=True)
class JudgeConfig(PluginConfig):
    """Base of the configs of judges, which say whether a task is worth doing next."""

    def make(self) -> Any:
        """The judge with these options."""
        raise ContractError(f"{type(self).__name__} must define make(self)")


judges: Registry[type[JudgeConfig]] = Registry("judge", JudgeConfig)
