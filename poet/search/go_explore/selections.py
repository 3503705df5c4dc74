"""The selection by several counters at once, as Go-Explore had it; imports no jax."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from poet.archives.selections import SelectionConfig
from poet.errors import ConfigError

if TYPE_CHECKING:
    from jaxtyping import Array

    from poet.archives.base import Entries
    from poet.archives.select import Selection


@dataclasses.dataclass(frozen=True)
class CountsConfig(SelectionConfig):
    """base + sum over counters of weight * (1 / (counter + offset))^power + 0.00001, as in arXiv 1901.10995.

    The defaults are those for Montezuma's Revenge without domain knowledge. Counter "actions", the steps that began in
    a cell, is one of Go-Explore only; with base 0, actions 2, offset 2 and power 1 the weight is 1 / (1 + actions / 2),
    that of the policy-based variant of 2021.
    """

    id: ClassVar[str] = "counts"

    base: float = 1.0
    chosen: float = 0.1  # weights of the counters
    chosen_since_new: float = 0.0
    seen: float = 3.0
    actions: float = 0.0
    offset: float = 0.001
    power: float = 0.5

    def __post_init__(self) -> None:
        if min(self.base, self.chosen, self.chosen_since_new, self.seen, self.actions, self.power) < 0:
            raise ConfigError("selection counts expects numbers of at least 0")
        if not self.offset > 0:
            raise ConfigError(f"selection counts: offset expects a positive number, got {self.offset}")

    def make(self) -> Selection:
        """The selection."""
        import jax.numpy as jnp

        from poet.archives.select import Selection

        given = {name: getattr(self, name) for name in ("chosen", "chosen_since_new", "seen", "actions")}
        used = {name: weight for name, weight in given.items() if weight}

        def weights(elites: Entries, /) -> Array:
            total = jnp.full(elites.valid.shape, self.base)
            for name, weight in used.items():
                total += weight * (elites.extra[name] + self.offset) ** -self.power + 1e-5
            return total

        return Selection(weights, tuple(used))
