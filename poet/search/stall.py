"""Why a search does not go on: events that the terminal, the journal and `poet inspect` show."""

from typing import Any


def stall(iteration: int, occasion: int, text: str) -> list[dict[str, Any]]:
    """An event that says why nothing new came of an occasion; the 1st, 2nd, 4th, 8th, ... occasion, else none.

    Occasions are counted from 1, whether or not there was a reason to tell. So a search that does not go on tells it
    again in the second half of its iterations, however long it runs, with few events in all.

    >>> [len(stall(0, occasion, "no score is finite")) for occasion in range(1, 9)]
    [1, 1, 0, 1, 0, 0, 0, 1]
    """
    told = occasion & (occasion - 1) == 0
    return [{"event": "stall", "iteration": iteration, "text": text}] if told else []
