"""Thresholds of returns, given as fractions of the range that a generator declares or as returns."""

import dataclasses
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Float

from poet.envs.base import Generator
from poet.envs.returns import return_scale
from poet.errors import ConfigError
from poet.search.config import ThresholdConfig

WIDE = 100.0  # a range in which no return between 0 and 1 is meant
ConfigT = TypeVar("ConfigT", bound=ThresholdConfig)


class Thresholds(Generic[ConfigT]):
    """The thresholds of a search in the environments of a generator.

    Attributes:
      config: the rules with all thresholds as returns.
      returns: the thresholds as returns, by their names.
      solved_score: the return at which an environment is solved.

    Raises `ContractError` for a generator that does not declare its `return_range` and `solved_return`, and
    `ConfigError` for a fraction among returns: a default that was left where the unit is "return".
    """

    def __init__(self, config: ConfigT, generator: Generator) -> None:
        self.scale = return_scale(generator)
        self._given = config
        self.returns: dict[str, float] = {name: self._resolve(name) for name in config.thresholds}
        self.solved_score = self.returns["solved_score"]
        self.config: ConfigT = dataclasses.replace(config, threshold_unit="return", **self.returns)

    def _resolve(self, name: str) -> float:
        value = getattr(self._given, name)
        if value is None:
            return self.scale.solved
        if self._given.threshold_unit == "fraction":
            return self.scale.at(value)
        if 0 < abs(value) <= 1 and self.scale.high - self.scale.low > WIDE:
            raise ConfigError(
                f"search.{name} expects a return of the range {self.scale.low:g} to {self.scale.high:g}, since "
                f"search.threshold_unit is return, got {value:g}, which looks like a fraction: give all of "
                f"{', '.join(self._given.thresholds)} as returns"
            )
        return value

    def describe(self, name: str) -> str:
        """An option with its value, as a fraction and as a return."""
        given, value = getattr(self._given, name), self.returns[name]
        if given is not None and self._given.threshold_unit == "fraction":
            return f"search.{name} {given:.4g} (return {value:.4g})"
        return f"search.{name} {self.describe_score(value)}"

    def describe_score(self, score: float) -> str:
        """A score as a return, and as a fraction of the range."""
        return f"{score:.4g} (fraction {self.scale.fraction(score):.3g})"

    def describe_best(self, scores: Float[np.ndarray, "K"]) -> str:
        """The best of some scores for a sentence."""
        finite = scores[np.isfinite(scores)]
        return f"the best score is {self.describe_score(float(finite.max()))}" if len(finite) else "no score is finite"
