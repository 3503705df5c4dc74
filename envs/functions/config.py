"""Options of the test functions. Imports no jax."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from poet.envs.config import ProblemConfig
from poet.errors import ConfigError

if TYPE_CHECKING:
    from poet.envs.functions.linear_projection import LinearProjection
    from poet.envs.functions.rastrigin_multi import RastriginMulti


@dataclasses.dataclass(frozen=True)
class _LinearProjectionConfig(ProblemConfig):
    num_params: int = 100  # even, since the descriptor is a sum over each half of a solution

    def __post_init__(self) -> None:
        if self.num_params < 2 or self.num_params % 2:
            raise ConfigError(f"{self.id}: num_params expects an even number of at least 2, got {self.num_params}")

    def make(self) -> LinearProjection:
        """The function with this number of parameters.

        >>> SphereConfig(num_params=4).make().descriptor_bounds
        ((-10.24, 10.24), (-10.24, 10.24))
        >>> RastriginConfig(num_params=4).make().fitness_bounds
        (0.0, 100.0)
        """
        from poet.envs.functions.linear_projection import LinearProjection

        return LinearProjection(self.id, self.num_params)


@dataclasses.dataclass(frozen=True)
class SphereConfig(_LinearProjectionConfig):
    """The shifted sphere function with a linear-projection descriptor.

    Raises `ConfigError` if `num_params` is odd or below 2.
    """

    id: ClassVar[str] = "sphere"


@dataclasses.dataclass(frozen=True)
class RastriginConfig(_LinearProjectionConfig):
    """The shifted Rastrigin function, which has many local optima, with a linear-projection descriptor.

    Raises `ConfigError` if `num_params` is odd or below 2.
    """

    id: ClassVar[str] = "rastrigin"


@dataclasses.dataclass(frozen=True)
class RastriginMultiConfig(ProblemConfig):
    """Two Rastrigin functions with different optima, two objectives; the archive "pareto" keeps a front per cell.

    Raises `ConfigError` if `num_params` is below 2.
    """

    id: ClassVar[str] = "rastrigin-multi"

    num_params: int = 100

    def __post_init__(self) -> None:
        if self.num_params < 2:
            raise ConfigError(f"{self.id}: num_params expects at least 2, got {self.num_params}")

    def make(self) -> RastriginMulti:
        """Both functions with this number of parameters.

        >>> RastriginMultiConfig(num_params=4).make().num_objectives
        2
        """
        from poet.envs.functions.rastrigin_multi import RastriginMulti

        return RastriginMulti(self.num_params)
