"""Event files for TensorBoard, in TensorBoard's own record format, without TensorFlow.

`tensorboard.summary.writer.event_file_writer` would import TensorFlow wherever it is installed, for the sake of its
file system; the record writer and the messages below it do not.
"""

from __future__ import annotations

import itertools
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.compat.tensorflow_stub.errors import DataLossError, OutOfRangeError
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New
from tensorboard.plugins.histogram import metadata as histogram_metadata
from tensorboard.plugins.scalar import metadata as scalar_metadata
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util import tensor_util

from sparkdl.errors import ArgumentError

BUCKETS = 30

_serial = itertools.count()


class SummaryWriter:
    """Writes one event file into a directory, which is made if need be.

    Args:
        directory: a local directory; each writer adds a file of its own.

    Raises:
        ArgumentError: the directory cannot be written to.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     with SummaryWriter(directory) as writer:
        ...         writer.scalar("loss", 0.5, step=1)
        ...     read_scalars(directory, "loss")
        [(1, 0.5)]
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        # What TensorBoard looks for in a name; the rest keeps writers of one second apart.
        name = f"events.out.tfevents.{int(time.time()):010d}.{platform.node()}.{os.getpid()}.{next(_serial)}"
        self.path = Path(directory, name)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("xb")
        except OSError as error:
            raise ArgumentError(
                f"The summary directory {str(directory)!r} cannot be written to ({error.strerror}): give a directory "
                "on this machine in which you may make files."
            ) from error
        self._records = RecordWriter(self._file)
        self._write(event_pb2.Event(wall_time=time.time(), file_version="brain.Event:2"))

    def scalar(self, tag: str, value: float, step: int, when: float | None = None) -> None:
        """Adds one number to the curve `tag`; `when` is its wall time, now if it is not given."""
        data = tensor_util.make_tensor_proto(np.float32(value))
        self._add(tag, step, data, scalar_metadata.create_summary_metadata(display_name="", description=""), when)

    def histogram(self, tag: str, values: Any, step: int) -> None:
        """Adds the distribution of an array of numbers of any shape; what is not finite is left out."""
        data = tensor_util.make_tensor_proto(_buckets(np.asarray(values, np.float64).ravel()))
        self._add(tag, step, data, histogram_metadata.create_summary_metadata(display_name="", description=""))

    def graph(self, graph: bytes) -> None:
        """Adds a graph to look at: a serialised `GraphDef`."""
        self._write(event_pb2.Event(wall_time=time.time(), graph_def=graph))

    def flush(self) -> None:
        """Makes what was added visible to readers."""
        self._file.flush()

    def close(self) -> None:
        """Ends the file; safe to call twice."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _add(self, tag: str, step: int, data: Any, metadata: Any, when: float | None = None) -> None:
        summary = summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=tag, tensor=data, metadata=metadata)])
        self._write(event_pb2.Event(wall_time=time.time() if when is None else when, step=step, summary=summary))

    def _write(self, event: Any) -> None:
        self._records.write(event.SerializeToString())


def read_scalars(directory: str | os.PathLike[str], tag: str) -> list[tuple[int, float]]:
    """The curve `tag` from all event files of a directory, as (step, value) in the order of steps.

    A file that is still being written, or was cut off, is read as far as it goes. An unknown tag gives an
    empty list.
    """
    return [(step, value) for step, value, _ in read_points(directory, tag)]


def read_points(directory: str | os.PathLike[str], tag: str) -> list[tuple[int, float, float]]:
    """As `read_scalars`, as (step, value, wall time)."""
    found = []
    for path in sorted(Path(directory).glob("events.out.tfevents.*")):
        for event in _events(path):
            for value in event.summary.value:
                if value.tag == tag:
                    found.append((int(event.step), _number(value), float(event.wall_time)))
    return sorted(found, key=lambda point: point[0])


def _events(path: Path) -> Iterator[Any]:
    reader = PyRecordReader_New(str(path))
    while True:
        try:
            reader.GetNext()
        except (OutOfRangeError, DataLossError):
            return
        yield event_pb2.Event.FromString(reader.record())


def _number(value: Any) -> float:
    """The old form of a scalar, or the new one."""
    if value.WhichOneof("value") == "simple_value":
        return float(value.simple_value)
    return float(tensor_util.make_ndarray(value.tensor))


def _buckets(values: np.ndarray) -> np.ndarray:
    """Rows of (left edge, right edge, count), as TensorBoard's histogram plugin wants them."""
    values = values[np.isfinite(values)]
    if not values.size:
        return np.zeros((0, 3))
    low, high = values.min(), values.max()
    if low == high:
        return np.array([[low - 0.5, high + 0.5, values.size]])
    counts, edges = np.histogram(values, BUCKETS)
    return np.stack([edges[:-1], edges[1:], counts], axis=1)
