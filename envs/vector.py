"""A generator of levels that a vector of named, bounded numbers describes: declare the numbers, the rest follows.

>>> class Slope(NamedTuple):
...     angle: jax.Array  # f32[], degrees
...     bumps: jax.Array  # i32[]
>>> slopes = VectorGenerator(
...     id="slope",
...     environment=...,  # its `build` gets a Slope
...     numbers=Slope(angle=real(0, 45, step=3), bumps=integer(0, 20, step=(-1, 2), start=4)),
...     return_range=(-10.0, 100.0),
...     solved_return=90.0,
... )
>>> slopes.describe(slopes.simplest())
'angle 0, bumps 4'
>>> slopes.from_json({"id": "slope", "version": 1, "angle": 12.5, "bumps": 3})
Slope(angle=Array(12.5, dtype=float32), bumps=Array(3, dtype=int32))
"""

import dataclasses
from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from poet.envs.genome_json import check_fields
from poet.envs.returns import return_scale
from poet.errors import ConfigError, ContractError
from poet.typed_config import check_value
from poet.types import Genome, Key

MAX_INTEGER = 2**24  # up to here every integer has its own float32
MAX_REAL = float(np.finfo(np.float32).max)


class Number(NamedTuple):
    """A number of a genome; made by `real` or `integer`."""

    low: float
    high: float
    step: tuple[float, float]  # the smallest and the largest change in a mutation of strength 1
    start: float
    is_integer: bool


def real(low: float, high: float, *, step: float | tuple[float, float], start: float | None = None) -> Any:
    """A number f32[] within [low, high]. Its type is `Any`, so that it can stand in a genome.

    Args:
      low: smallest value.
      high: largest value.
      step: the largest change in a mutation of strength 1, or the smallest and the largest one as a pair. Changes are
        uniform between them.
      start: value in the simplest genome; by default `low`.

    Raises `ConfigError` for impossible numbers.
    """
    low, high = check_value("low", float, low), check_value("high", float, high)
    step = check_value("step", float | tuple[float, float], step)
    start = check_value("start", float | None, start)
    smallest, largest = step if isinstance(step, tuple) else (-step, step)
    start = low if start is None else start
    if not low < high:
        raise ConfigError(f"a number of a genome expects bounds low < high, got {low!r} and {high!r}")
    if not smallest < largest:
        raise ConfigError(f"step expects a positive number, or a pair of the smallest and largest change, got {step!r}")
    if not low <= start <= high:
        raise ConfigError(f"start expects a number within {low!r} to {high!r}, got {start!r}")
    return Number(low, high, (smallest, largest), start, is_integer=False)


def integer(low: int, high: int, *, step: float | tuple[float, float], start: int | None = None) -> Any:
    """An integer i32[] from `low` to `high`, both included; else as `real`. Fractions of changes are rounded at random.

    Raises `ConfigError` for impossible numbers, and for more than 2**24 in size, which float32 features cannot hold.
    """
    low, high = check_value("low", int, low), check_value("high", int, high)
    start = check_value("start", int | None, start)
    for value in (low, high, low if start is None else start):
        if abs(value) > MAX_INTEGER:
            raise ConfigError(f"integer expects ints of at most 2**24 in size as bounds and start, got {value!r}")
    return real(low, high, step=step, start=start)._replace(is_integer=True)


@dataclasses.dataclass(frozen=True)
class VectorGenerator:
    """A `poet.envs.base.Generator` of genomes that are a NamedTuple of numbers.

    Samples are uniform, a mutation changes every number, a crossover takes each number from one of two parents, and the
    features are the numbers themselves. Derive from it to add `draw_level` and `render`, or to change a method.

    Attributes:
      id: as in the registry.
      environment: its `build` gets the genomes: one array without axes for each number.
      numbers: an instance of the genome's NamedTuple with a `real` or an `integer` in every field.
      return_range: returns (low, high) of an agent that has learnt nothing, and of a perfect agent.
      solved_return: the return that counts as solved.
      version: to be raised when an old genome would mean another level.
      deterministic: whether level and episode depend on the genome and the actions only.

    Raises `ContractError` for other `numbers`, and for an impossible scale of returns.
    """

    id: str
    environment: Any  # an `Environment` or a `HostEnvironment`
    numbers: Any
    return_range: tuple[float, float]
    solved_return: float
    version: int = 1
    deterministic: bool = True

    def __post_init__(self) -> None:
        if not hasattr(self.numbers, "_fields") or not all(isinstance(number, Number) for number in self.numbers):
            raise ContractError(
                f"generator {self.id!r}: numbers expects a NamedTuple with a real(...) or an integer(...) in every "
                f"field, got {self.numbers!r:.300}"
            )
        return_scale(self)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Results of `check` as text."""
        return ("valid", *(f"{name} out of bounds" for name in self.feature_names))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the numbers."""
        return self.numbers._fields

    @property
    def feature_bounds(self) -> tuple[tuple[float, float], ...]:
        """(low, high) of each number."""
        return tuple((float(number.low), float(number.high)) for number in self.numbers)

    def sample(self, key: Key) -> Genome:
        """Draw every number uniformly within its bounds."""
        low, high = self._bounds()
        return self._genome(jax.random.uniform(key, low.shape, minval=low, maxval=high + self._integers()))

    def mutate(self, key: Key, genome: Genome, strength: Float[Array, ""] | float) -> Genome:
        """Add to every number `strength` times a change that is uniform between its steps, within its bounds."""
        smallest, largest = np.array([number.step for number in self.numbers], np.float32).T
        change = jax.random.uniform(key, smallest.shape, minval=smallest, maxval=largest)
        values = _stack(genome) + strength * change
        if self._integers().any():
            # Rounding down then gives the integer above with the probability of the fraction.
            raised = values + jax.random.uniform(jax.random.fold_in(key, 0), values.shape)
            values = jnp.where(self._integers(), raised, values)
        return self._genome(values)

    def crossover(self, key: Key, genome_a: Genome, genome_b: Genome) -> Genome:
        """Take each number from one parent or the other, with equal probability."""
        from_a = jax.random.bernoulli(key, shape=(len(self.numbers),))
        return type(self.numbers)(*map(jnp.where, from_a, genome_a, genome_b))

    def check(self, genome: Genome) -> tuple[Bool[Array, ""], Int[Array, ""]]:
        """Whether all numbers are within their bounds, and the first one that is not."""
        low, high = self._bounds()
        values = _stack(genome)
        inside = (values >= low) & (values <= high)
        return inside.all(), jnp.where(inside.all(), 0, 1 + jnp.argmin(inside))

    def features(self, genome: Genome) -> Float[Array, "F"]:
        """The numbers."""
        return _stack(genome)

    def simplest(self) -> Genome:
        """Every number at its start."""
        return self._make(number.start for number in self.numbers)

    def describe(self, genome: Genome) -> str:
        """Names and numbers."""
        return ", ".join(
            f"{name.replace('_', ' ')} {value if isinstance(value, int) else f'{value:.3g}'}"
            for name, value in self._values(genome).items()
        )

    def to_json(self, genome: Genome) -> dict[str, Any]:
        """The numbers by name."""
        return {"id": self.id, "version": self.version, **self._values(genome)}

    def from_json(self, data: dict[str, Any]) -> Genome:
        """Inverse of `to_json`. Raises `ConfigError` for another id, version or field, and for what is no number."""
        check_fields(data, self.id, self.version, self.feature_names)
        for name, number in zip(self.feature_names, self.numbers):
            value, kinds, limit = data[name], (int, float), MAX_REAL
            if number.is_integer:
                kinds, limit = (int,), MAX_INTEGER
            if not isinstance(value, kinds) or isinstance(value, bool) or not abs(value) <= limit:
                kind = "an integer" if number.is_integer else "a number"
                raise ConfigError(
                    f"{name} of a {self.id!r} genome expects {kind} within +-{limit:g}, got {value!r:.99}"
                )
        return self._make(data[name] for name in self.feature_names)

    def _bounds(self) -> tuple[Float[np.ndarray, "F"], Float[np.ndarray, "F"]]:
        low, high = np.array(self.feature_bounds, np.float32).T
        return low, high

    def _integers(self) -> Bool[np.ndarray, "F"]:
        return np.array([number.is_integer for number in self.numbers])

    def _genome(self, values: Float[Array, "F"]) -> Genome:
        """The genome of these numbers, clipped to their bounds, integers rounded down."""
        return self._make(jnp.clip(jnp.where(self._integers(), jnp.floor(values), values), *self._bounds()))

    def _make(self, values: Iterable[Any]) -> Genome:
        dtypes = (jnp.int32 if number.is_integer else jnp.float32 for number in self.numbers)
        return type(self.numbers)(*map(jnp.asarray, values, dtypes))

    def _values(self, genome: Genome) -> dict[str, int | float]:
        return {
            name: int(value) if number.is_integer else float(value)
            for name, value, number in zip(self.feature_names, genome, self.numbers)
        }


def _stack(genome: Genome) -> Float[Array, "F"]:
    return jnp.stack([jnp.asarray(value, jnp.float32) for value in genome])
