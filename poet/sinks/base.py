"""What a sink is: a function of journal rows, which may ask the run to stop."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol

from poet.errors import ContractError

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Stop:
    """What a sink returns to end the run: it saves, and the same command resumes it. `reason` is for people."""

    reason: str

    def __post_init__(self) -> None:
        if not isinstance(self.reason, str) or not self.reason.strip():
            raise ContractError(f"Stop expects a reason in words, as in Stop('no progress'), got {self.reason!r:.200}")
        object.__setattr__(self, "reason", " ".join(self.reason.split()))  # one line, for tables


class Sink(Protocol):
    """Receives the rows of each iteration, in order, as `poet.read_journal` gives them: NaN is None.

    It is called in a thread of its own. If it raises, it gets the same rows again later, with those that came since. A
    sink with a method `close` is closed at the end of the run.
    """

    def __call__(self, rows: Sequence[Row], /) -> Stop | None:
        """Take the rows of one or more whole iterations; the last row of each has the event "iteration"."""
        ...
