"""Event files for TensorBoard, in its own format: neither TensorFlow nor PyTorch is needed.

A resumed run adds a file, which begins with a mark: TensorBoard then forgets what older files say from that step on, as
of iterations that are done again.
"""

# Protobuf makes its classes when it is imported.
# pyright: reportAttributeAccessIssue=false

import contextlib
from collections.abc import Sequence
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.hparams import metadata as hparams
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionStartInfo
from tensorboard.summary.writer.record_writer import RecordWriter

from poet.configs import flatten
from poet.sinks.base import Row
from poet.sinks.config import SinkContext, TensorBoardConfig
from poet.sinks.points import Point, points


class TensorBoardSink:
    """Writes the rows that it is given, and flushes after each call."""

    def __init__(self, config: TensorBoardConfig, context: SinkContext) -> None:
        self._by_env_steps = config.step == "env_steps"
        self._context = context
        self._file: RecordWriter | None = None

    def __call__(self, rows: Sequence[Row]) -> None:
        """Add points. After an error the same rows begin another file, so that none of them counts twice."""
        new = list(points(rows))
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            if self._file is None:
                self._file = self._open()
                self._begin(self._file, new[0])
            for point in new:
                values = [Summary.Value(tag=name, simple_value=value) for name, value in point.values.items()]
                event = Event(step=self._step(point), wall_time=point.time, summary=Summary(value=values))
                _write(self._file, event)
            self._file.flush()
            undo.pop_all()

    def close(self) -> None:
        """Close the file; rows that come later begin another one."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _open(self) -> RecordWriter:
        folder = self._context.folder
        # TensorBoard reads files in the order of their names: numbers, since a clock may be set back.
        number = sum(1 for _ in folder.glob("*tfevents*"))
        return RecordWriter((folder / f"events.out.tfevents.{number:010}").open("xb"))

    def _begin(self, file: RecordWriter, first: Point) -> None:
        start = SessionLog(status=SessionLog.START)
        _write(file, Event(wall_time=first.time, file_version="brain.Event:2"))
        _write(file, Event(step=self._step(first), wall_time=first.time, session_log=start))
        _write(file, Event(wall_time=first.time, summary=Summary(value=[_hyperparameters(self._context.config)])))

    def _step(self, point: Point) -> int:
        return int(point.values["env_steps"]) if self._by_env_steps else point.iteration


def _write(file: RecordWriter, event: Event) -> None:
    file.write(event.SerializeToString())


def _hyperparameters(config: Any) -> Summary.Value:
    """The config, for TensorBoard's tab HPARAMS."""
    info = SessionStartInfo()
    for name, value in flatten(config).items():
        if isinstance(value, bool):
            info.hparams[name].bool_value = value
        elif isinstance(value, int | float):
            info.hparams[name].number_value = value
        else:
            info.hparams[name].string_value = str(value)
    content = HParamsPluginData(session_start_info=info, version=hparams.PLUGIN_DATA_VERSION).SerializeToString()
    plugin = SummaryMetadata.PluginData(plugin_name=hparams.PLUGIN_NAME, content=content)
    return Summary.Value(
        tag=hparams.SESSION_START_INFO_TAG, metadata=SummaryMetadata(plugin_data=plugin), tensor=hparams.NULL_TENSOR
    )
