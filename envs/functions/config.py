"""Options of the test functions; imports no jax."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from poet.envs.registry import ProblemConfig
from poet.errors import ConfigError

if TYPE_CHECKING:
    from poet.envs.functions.multi import TwoRastrigins
    from poet.envs.functions.projection import LinearProjection


@dataclasses.dataclass(frozen=True)
class _ProjectionConfig(ProblemConfig):
    num_params: int = 100  # even, since descriptors are sums of the two halves

    def __post_init__(self) -> None:
        if self.num_params < 2 or self.num_params % 2:
            raise ConfigError(f"{self.id}: num_params expects an even number of at least 2, got {self.num_params}")

    def make(self) -> LinearProjection:
        """The function with this many parameters."""
        from poet.envs.functions.projection import LinearProjection

        return LinearProjection(self.id, self.num_params)


@dataclasses.dataclass(frozen=True)
class SphereConfig(_ProjectionConfig):
    """The shifted sphere with linear-projection descriptors."""

    id: ClassVar[str] = "sphere"


@dataclasses.dataclass(frozen=True)
class RastriginConfig(_ProjectionConfig):
    """The shifted Rastrigin function, full of local optima, with linear-projection descriptors."""

    id: ClassVar[str] = "rastrigin"


@dataclasses.dataclass(frozen=True)
class RastriginMultiConfig(ProblemConfig):
    """Two Rastrigin functions with optima apart, to be traded off; an archive of kind pareto keeps the fronts."""

    id: ClassVar[str] = "rastrigin-multi"

    num_params: int = 100

    def __post_init__(self) -> None:
        if self.num_params < 2:
            raise ConfigError(f"{self.id}: num_params expects at least 2, got {self.num_params}")

    def make(self) -> TwoRastrigins:
        """Both functions of this many parameters."""
        from poet.envs.functions.multi import TwoRastrigins

        return TwoRastrigins(self.num_params)
