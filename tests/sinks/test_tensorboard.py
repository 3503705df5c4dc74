"""Event files, read back by TensorBoard's own reader."""

import math
from pathlib import Path
from typing import Any

import pytest

from poet.runs.diff import diff_runs
from poet.runs.layout import SINKS
from poet.runs.read import read_journal
from poet.sinks.config import TensorBoardConfig
from tests.runs.toy import ToyConfig, toy_run, walk

pytest.importorskip("tensorboard")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData


def config(iterations: int = 6, **options: Any) -> ToyConfig:
    return ToyConfig(iterations=iterations, sinks=(TensorBoardConfig(**options),))


def read(path: Path) -> EventAccumulator:
    reader = EventAccumulator(str(path / SINKS / "tensorboard"))
    return reader.Reload()


def steps(path: Path, name: str) -> list[int]:
    return [event.step for event in read(path).Scalars(name)]


def test_the_numbers_of_a_run(tmp_path: Path) -> None:
    toy_run(tmp_path, config())
    reader = read(tmp_path)
    rows = [row for row in read_journal(tmp_path) if row.get("event") == "iteration"]
    events = reader.Scalars("best/max")
    assert [event.step for event in events] == list(range(6))
    assert [event.value for event in events] == pytest.approx([row["best"][0] for row in rows])
    assert [event.value for event in reader.Scalars("env_steps")] == [100, 200, 300, 400, 500, 600]
    assert steps(tmp_path, "events/milestone") == [0, 3]
    assert {"wall/seconds", "wall/rollout_s"} <= set(reader.Tags()["scalars"])


def test_time_is_that_of_the_journal(tmp_path: Path) -> None:
    toy_run(tmp_path, ToyConfig(iterations=3))
    toy_run(tmp_path, config(3))
    times = [event.wall_time for event in read(tmp_path).Scalars("env_steps")]
    assert len(times) == 3
    started = (tmp_path / SINKS / "tensorboard" / "events.out.tfevents.0000000000").stat().st_mtime
    assert times == sorted(times)
    assert times[-1] < started


def test_environment_steps_can_be_the_x_axis(tmp_path: Path) -> None:
    toy_run(tmp_path, config(step="env_steps"))
    toy_run(tmp_path, config(8, step="env_steps"))
    assert steps(tmp_path, "best/max") == [100, 200, 300, 400, 500, 600, 700, 800]


def test_the_config_is_there(tmp_path: Path) -> None:
    toy_run(tmp_path, config())
    content = read(tmp_path).SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    values = HParamsPluginData.FromString(content).session_start_info.hparams
    assert values["step_size"].number_value == 0.5
    assert values["executor.id"].string_value == "local"
    assert values["stop.metric"].string_value == "None"


@pytest.mark.parametrize("crash_at", [1, 3, 4, 5])
def test_after_a_crash_no_step_is_there_twice(tmp_path: Path, crash_at: int) -> None:
    whole = walk(ToyConfig())

    def step(state: Any) -> Any:
        if int(state.iteration) == crash_at:
            raise ZeroDivisionError("on purpose")
        return whole.step(state)

    with pytest.raises(ZeroDivisionError):
        toy_run(tmp_path, config(), whole._replace(step=step))
    toy_run(tmp_path, config())
    assert steps(tmp_path, "best/max") == list(range(6))
    assert steps(tmp_path, "events/milestone") == [0, 3]


def test_after_an_error_no_step_is_there_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from poet.sinks import tensorboard

    write, calls = tensorboard._write, []

    def fail_at_times(file: Any, event: Any) -> None:
        calls.append(event)
        if len(calls) in (5, 11):
            raise OSError("the disk is full")
        write(file, event)

    monkeypatch.setattr(tensorboard, "_write", fail_at_times)
    toy_run(tmp_path, config())
    assert len(list((tmp_path / SINKS / "tensorboard").iterdir())) == 3
    assert steps(tmp_path, "best/max") == list(range(6))


def test_what_is_not_finite_is_shown_as_such(tmp_path: Path) -> None:
    search = walk(ToyConfig())

    def step(state: Any) -> Any:
        state, info = search.step(state)
        return state, info._replace(metrics={**info.metrics, "score": math.nan})

    toy_run(tmp_path, config(2), search._replace(step=step))
    assert all(math.isnan(event.value) for event in read(tmp_path).Scalars("score"))


def test_it_changes_no_result(tmp_path: Path) -> None:
    toy_run(tmp_path / "a", config())
    toy_run(tmp_path / "b", ToyConfig(iterations=6))
    assert diff_runs(tmp_path / "a", tmp_path / "b") == []
