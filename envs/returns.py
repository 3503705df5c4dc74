"""The scale of returns that a generator declares: of an agent that has learnt nothing, of a perfect one, and solved."""

import math
from typing import NamedTuple

from poet.envs.base import Generator
from poet.errors import ContractError

ABSENT = object()
ADVICE = (
    "declare `return_range = (low, high)`, the returns of an agent that has learnt nothing and of a perfect agent, and "
    "`solved_return`, the return that counts as solved, with low < solved_return <= high"
)


class ReturnScale(NamedTuple):
    """Returns of an episode."""

    low: float  # of an agent that has learnt nothing
    high: float  # of a perfect agent
    solved: float  # counts as solved

    def fraction(self, value: float) -> float:
        """A return as a fraction of the range: 0 at its low end, 1 at its high end.

        >>> ReturnScale(low=-100.0, high=300.0, solved=230.0).fraction(200.0)
        0.75
        """
        return (value - self.low) / (self.high - self.low)

    def at(self, fraction: float) -> float:
        """The return at a fraction of the range.

        >>> ReturnScale(low=-100.0, high=300.0, solved=230.0).at(0.375)
        50.0
        """
        return self.low + fraction * (self.high - self.low)


def return_scale(generator: Generator) -> ReturnScale:
    """The scale that a generator declares. Raises `ContractError` where it declares none, or an impossible one."""
    name = getattr(generator, "id", type(generator).__name__)
    values = {}
    for member in ("return_range", "solved_return"):
        values[member] = getattr(generator, member, ABSENT)
        if values[member] is ABSENT:
            raise ContractError(f"generator {name!r} has no `{member}`: {ADVICE}")
    try:
        low, high = map(float, values["return_range"])
        solved = float(values["solved_return"])
    except (TypeError, ValueError):
        low = high = solved = math.nan
    if not -math.inf < low < solved <= high < math.inf:
        raise ContractError(
            f"generator {name!r} expects a finite return_range (low, high) and a solved_return within it, above low, "
            f"got {values['return_range']!r:.100} and {values['solved_return']!r:.100}: {ADVICE}"
        )
    return ReturnScale(low, high, solved)
