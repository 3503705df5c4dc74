"""A sink that fails is tried again and loses no rows."""

from typing import Any

import pytest

from poet.runs import feed as feeds
from poet.runs.feed import SinkFeed


class Tracker:
    """Fails at the calls of these numbers."""

    def __init__(self, *failing: int) -> None:
        self.failing, self.calls, self.rows = failing, 0, []

    def __call__(self, rows: Any) -> None:
        self.calls += 1
        if self.calls in self.failing:
            raise ConnectionError("away")
        self.rows += rows


def rows(number: int) -> list[dict[str, Any]]:
    return [{"event": "iteration", "iteration": number}]


def test_after_one_failure_the_next_iteration_brings_all_rows() -> None:
    tracker, said = Tracker(2), []
    feed = SinkFeed(tracker, said.append)
    for number in range(5):
        feed.send(rows(number))
    assert [row["iteration"] for row in tracker.rows] == [0, 1, 2, 3, 4]
    assert tracker.calls == 5
    assert [text.partition(":")[0] for text in said] == ["warning", "the sink works again after 1 failures"]


def test_a_sink_that_keeps_failing_is_left_alone_for_longer_and_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(feeds.time, "monotonic", lambda: now[0])
    tracker, said = Tracker(*range(1, 100)), []
    feed = SinkFeed(tracker, said.append)
    calls = []
    for second in range(200):
        now[0] = float(second)
        feed.send(rows(second))
        calls.append(tracker.calls)
    assert calls[:8] == [1, 2, 3, 3, 4, 4, 4, 4]
    assert calls[-1] < 12
    assert len(said) == 1
    feed.send((), last=True)
    assert tracker.calls == calls[-1] + 1, "at the end of a run it is tried in any case"


def test_rows_that_wait_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MAX_WAITING", 3)
    tracker, said = Tracker(1, 2, 3, 4, 5), []
    feed = SinkFeed(tracker, said.append)
    for number in range(6):
        feed.send(rows(number), last=True)
    assert [row["iteration"] for row in tracker.rows] == [2, 3, 4, 5]
    assert "2 rows were lost" in said[-1]
