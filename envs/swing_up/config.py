"""Options of the swing-up generator. Imports no jax."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from poet.envs.config import GeneratorConfig
from poet.errors import ConfigError

if TYPE_CHECKING:
    from poet.envs.swing_up.generator import SwingUpGenerator


@dataclasses.dataclass(frozen=True)
class SwingUpConfig(GeneratorConfig):
    """Carts that swing a pole up and balance it: poles, rails and motors of many kinds.

    Raises `ConfigError` for impossible values.
    """

    id: ClassVar[str] = "swing-up"

    horizon: int = 200  # number of steps of an episode, of 0.05 s each

    def __post_init__(self) -> None:
        if self.horizon < 1:
            raise ConfigError(f"swing-up: horizon expects at least 1, got {self.horizon}")

    def make(self) -> SwingUpGenerator:
        """The generator with these options.

        >>> SwingUpConfig().make().return_range
        (0.0, 190.0)
        """
        from poet.envs.swing_up.generator import swing_up

        return swing_up(self.horizon)
