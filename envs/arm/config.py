"""Options of the arm. Imports no jax."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from poet.envs.config import ProblemConfig
from poet.errors import ConfigError

if TYPE_CHECKING:
    from poet.envs.arm.arm import Arm


@dataclasses.dataclass(frozen=True)
class ArmConfig(ProblemConfig):
    """The planar redundant arm. Raises `ConfigError` for less than one joint."""

    id: ClassVar[str] = "arm"

    num_joints: int = 100

    def __post_init__(self) -> None:
        if self.num_joints < 1:
            raise ConfigError(f"arm: num_joints expects at least 1, got {self.num_joints}")

    def make(self) -> Arm:
        """The arm with this number of joints.

        >>> ArmConfig(num_joints=12).make().num_params
        12
        """
        from poet.envs.arm.arm import Arm

        return Arm(self.num_joints)
