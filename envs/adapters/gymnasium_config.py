"""Options of the generator of environments of gymnasium; imports no jax."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from poet.envs.config import GeneratorConfig

if TYPE_CHECKING:
    from poet.envs.named import NamedGenerator


@dataclasses.dataclass(frozen=True)
class GymnasiumConfig(GeneratorConfig):
    """Any environment of gymnasium; a genome is the seed that it is reset with. Needs `--engine host`."""

    id: ClassVar[str] = "gymnasium"

    env: str = "BipedalWalker-v3"  # an id of gymnasium
    horizon: int | None = None  # steps of an episode; by default the limit of the environment
    descriptor: tuple[int, ...] = ()  # elements of the observation whose means over an episode describe an agent
    descriptor_low: float = 0.0  # least value of these elements
    descriptor_high: float = 1.0  # greatest value of these elements

    def make(self) -> NamedGenerator:
        """The generator. Raises `ConfigError` where gymnasium is not installed."""
        from poet.envs.adapters.gymnasium_generator import seeded

        return seeded(self)
