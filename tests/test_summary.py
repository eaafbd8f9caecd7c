"""Event files, read back with TensorBoard's own reader and with TensorFlow's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sparkdl.errors import ArgumentError
from sparkdl.summary import SummaryWriter, read_scalars

ROOT = Path(__file__).parents[1]


def test_scalars_come_back_in_the_order_of_steps(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path / "logs") as first, SummaryWriter(tmp_path / "logs") as second:
        for step in (5, 1, 3):
            first.scalar("loss", step / 2, step)
        second.scalar("loss", 1.0, 2)
        second.scalar("accuracy", 0.25, 2)
        assert first.path != second.path
    assert read_scalars(tmp_path / "logs", "loss") == [(1, 0.5), (2, 1.0), (3, 1.5), (5, 2.5)]
    assert read_scalars(tmp_path / "logs", "accuracy") == [(2, 0.25)]
    assert read_scalars(tmp_path / "logs", "absent") == []


def test_a_file_is_readable_while_it_is_written_and_after_it_was_cut(tmp_path: Path) -> None:
    writer = SummaryWriter(tmp_path)
    writer.scalar("loss", 1.0, 1)
    writer.scalar("loss", 2.0, 2)
    writer.flush()
    assert read_scalars(tmp_path, "loss") == [(1, 1.0), (2, 2.0)]
    writer.close()
    writer.close()
    writer.path.write_bytes(writer.path.read_bytes()[:-5])
    assert read_scalars(tmp_path, "loss") == [(1, 1.0)]


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        ArgumentError, match=r"summary directory '.*file/logs' cannot be written to \(Not a directory\)"
    ):
        SummaryWriter(tmp_path / "file" / "logs")


@pytest.mark.parametrize(
    "values",
    [np.linspace(-2, 3, 1000).reshape(10, 100), [7.0, 7.0], [], [np.nan, 1.0, np.inf, 2.0]],
    ids=["spread", "equal", "empty", "not finite"],
)
def test_tensorboard_reads_histograms_and_scalars(values: object, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util

    with SummaryWriter(tmp_path) as writer:
        writer.histogram("weights", values, 4)
        writer.scalar("loss", 0.5, 4)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert set(events.Tags()["tensors"]) == {"weights", "loss"}
    assert events.SummaryMetadata("weights").plugin_data.plugin_name == "histograms"
    assert events.SummaryMetadata("loss").plugin_data.plugin_name == "scalars"
    (event,) = events.Tensors("weights")
    buckets = tensor_util.make_ndarray(event.tensor_proto).reshape(-1, 3)
    finite = np.asarray(values, float)[np.isfinite(np.asarray(values, float))]
    assert buckets[:, 2].sum() == finite.size
    if finite.size:
        assert buckets[0, 0] <= finite.min() and finite.max() <= buckets[-1, 1]
        inside = (buckets[:1, 0] <= finite) & (finite < buckets[0, 1])
        assert len(buckets) == 1 or inside.sum() == buckets[0, 2]


@pytest.mark.tf
def test_tensorflow_reads_the_file(tmp_path: Path) -> None:
    import tensorflow as tf

    with SummaryWriter(tmp_path) as writer:
        writer.scalar("loss", 0.5, 3)
    first, second = tf.compat.v1.train.summary_iterator(str(writer.path))
    assert first.file_version == "brain.Event:2"
    assert second.step == 3
    assert float(tf.make_ndarray(second.summary.value[0].tensor)) == 0.5


@pytest.mark.tf
def test_keras_curves_are_read(tmp_path: Path) -> None:
    import tensorflow as tf

    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        tf.summary.scalar("epoch_loss", 0.25, step=2)
    assert read_scalars(tmp_path, "epoch_loss") == [(2, 0.25)]


def test_no_tensorflow_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from sparkdl.summary import SummaryWriter, read_scalars; writer = SummaryWriter(sys.argv[1]);"
        "writer.scalar('a', 1, 1); writer.histogram('b', [1, 2], 1); writer.close(); read_scalars(sys.argv[1], 'a');"
        "print('tensorflow' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
