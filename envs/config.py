"""Config classes of generators and problems, and their registries; imports no jax.

Derive a frozen dataclass from `GeneratorConfig` or `ProblemConfig`; in a package of its own it is found by an entry
point in the group `poet.generators` or `poet.problems`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from poet.errors import ContractError
from poet.registry import PluginConfig, Registry

if TYPE_CHECKING:
    from poet.envs.base import Generator, Problem


@dataclasses.dataclass(frozen=True)
class GeneratorConfig(PluginConfig):
    """Options of a generator. Subclasses set `id`, add fields with defaults, and make the generator."""

    def make(self) -> Generator:
        """Build the generator; import jax here, not at the top of the module that holds the config."""
        raise ContractError(f"{type(self).__name__} must define make(self) -> Generator")


@dataclasses.dataclass(frozen=True)
class ProblemConfig(PluginConfig):
    """Options of a problem. Subclasses set `id`, add fields with defaults, and make the problem."""

    def make(self) -> Problem:
        """Build the problem; import jax here, not at the top of the module that holds the config."""
        raise ContractError(f"{type(self).__name__} must define make(self) -> Problem")


generators: Registry[type[GeneratorConfig]] = Registry("generator", GeneratorConfig)
problems: Registry[type[ProblemConfig]] = Registry("problem", ProblemConfig)
