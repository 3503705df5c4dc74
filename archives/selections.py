"""Config classes of selections and their registry; imports no jax. A selection says how likely each elite is drawn.

Derive a frozen dataclass from `SelectionConfig`; in a separate package it is found by an entry point in the group
`poet.selections`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from poet.errors import ConfigError, ContractError
from poet.registry import PluginConfig, Registry

if TYPE_CHECKING:
    from poet.archives.select import Selection

Counter = Literal["chosen", "chosen_since_new", "seen"]
COUNTERS: tuple[str, ...] = get_args(Counter)


@dataclasses.dataclass(frozen=True)
class SelectionConfig(PluginConfig):
    """Base of the configs of selections: who is drawn from an archive as a parent.

    A subclass sets `id`, adds fields with defaults, and defines `make`; see `poet.archives.select`.

    >>> @dataclasses.dataclass(frozen=True)
    ... class NewestConfig(SelectionConfig):
    ...     id: ClassVar[str] = "newest"
    ...     half_life: float = 10.0  # generations after which an elite is drawn half as often
    ...
    ...     def make(self):
    ...         import jax.numpy as jnp
    ...
    ...         from poet.archives.select import Selection
    ...
    ...         def weights(elites):
    ...             generation = jnp.where(elites.valid, elites.id[:, 0].astype(jnp.float32), 0.0)
    ...             return 0.5 ** ((generation.max() - generation) / self.half_life)
    ...
    ...         return Selection(weights)
    >>> NewestConfig(half_life=5.0).make().counters
    ()
    """

    def make(self) -> Selection:
        """The selection; import jax here, not at the top of the module that holds the config."""
        raise ContractError(f"{type(self).__name__} must define make(self) -> Selection")


@dataclasses.dataclass(frozen=True)
class UniformConfig(SelectionConfig):
    """Every elite is equally likely; of an archive with fronts every cell."""

    id: ClassVar[str] = "uniform"

    def make(self) -> Selection:
        """The selection."""
        from poet.archives.select import Selection

        return Selection()


@dataclasses.dataclass(frozen=True)
class WeightedConfig(SelectionConfig):
    """Elites with a larger score are more likely."""

    id: ClassVar[str] = "weighted"

    score: str = "fitness"  # the fitness (the sum of several objectives), or an extra field of the elites by its name
    # The weight of an elite. rank: (1 / rank)^(1 / temperature), the best has rank 1 (as in prioritised level replay,
    # arXiv 2010.03934); softmax: exp(score / temperature); proportional: score minus the lowest score in the archive.
    weight: Literal["rank", "softmax", "proportional"] = "rank"
    temperature: float = 1.0  # of rank and softmax: the lower, the more often the best are drawn

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ConfigError(f"selection weighted: temperature expects a positive number, got {self.temperature}")

    def make(self) -> Selection:
        """The selection."""
        from poet.archives.select import weighted

        return weighted(self.score, self.weight, self.temperature)


@dataclasses.dataclass(frozen=True)
class LeastChosenConfig(SelectionConfig):
    """Elites with a smaller counter are more likely: (1 + counter)^-power.

    With `counter="seen"` these are the weights of Go-Explore (Ecoffet et al. 2021, arXiv 2004.12919).
    """

    id: ClassVar[str] = "least-chosen"

    # What counts. chosen: how often evaluated solutions name the elite as a parent; chosen_since_new: the same, since
    # one of them was stored; seen: evaluated solutions that fell into its cell.
    counter: Counter = "chosen"
    power: float = 0.5  # the larger, the more often elites with small counters are drawn

    def __post_init__(self) -> None:
        if not self.power > 0:
            raise ConfigError(f"selection least-chosen: power expects a positive number, got {self.power}")

    def make(self) -> Selection:
        """The selection."""
        from poet.archives.select import least_chosen

        return least_chosen(self.counter, self.power)


selections: Registry[type[SelectionConfig]] = Registry("selection", SelectionConfig)
