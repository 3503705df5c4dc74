"""Journal rows as numbers by name."""

import math
from typing import Any

import pytest

from poet.sinks.points import points, scalars

WALL = {"time": "2026-11-28T00:00:00.500+00:00", "seconds": 2.0}
START = 1795824000.5


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"event": "iteration", "iteration": 3, "coverage": 0.5}, {"coverage": 0.5}),
        ({"count": 7, "flag": True}, {"count": 7.0, "flag": 1.0}),
        ({"emitters": {"es": {"added": 2, "name": "x"}}}, {"emitters/es/added": 2.0}),
        ({"fitness": [3.0, 1.0, 2.0]}, {"fitness/min": 1.0, "fitness/mean": 2.0, "fitness/max": 3.0}),
        ({"fitness": [3.0, None]}, {"fitness/min": 3.0, "fitness/mean": 3.0, "fitness/max": 3.0}),
        ({"mixed": [1, 2.0]}, {"mixed/min": 1.0, "mixed/mean": 1.5, "mixed/max": 2.0}),
        ({"niches": [0, 4]}, {}),
        ({"empty": []}, {}),
        ({"words": ["a"], "nested": [{"a": 1}], "lists": [[1.0]]}, {}),
        ({"text": "x", "nonfinite": ["best"]}, {}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_the_numbers_of_a_row(row: dict[str, Any], expected: dict[str, float]) -> None:
    assert scalars(row) == expected


@pytest.mark.parametrize(
    ("row", "names"),
    [
        ({"best": None}, ["best"]),
        ({"best": [None, None]}, ["best/min", "best/mean", "best/max"]),
        ({"emitters": {"es": {"gain": None}}}, ["emitters/es/gain"]),
    ],
)
def test_what_is_not_finite_keeps_its_name(row: dict[str, Any], names: list[str]) -> None:
    found = scalars(row)
    assert list(found) == names
    assert all(math.isnan(value) for value in found.values())


def test_events_are_counted_in_their_iteration() -> None:
    rows = [
        {"event": "transfer", "iteration": 0},
        {"event": "transfer", "iteration": 0},
        {"event": "admission", "iteration": 0},
        {"event": "iteration", "iteration": 0, "env_steps": 10, "wall": WALL},
        {"event": "iteration", "iteration": 1, "env_steps": 20, "wall": WALL},
    ]
    first, second = points(rows)
    assert (first.iteration, first.time) == (0, START)
    assert first.values == {"env_steps": 10, "wall/seconds": 2.0, "events/transfer": 2, "events/admission": 1}
    assert second.values == {"env_steps": 20, "wall/seconds": 2.0}
