"""What a training writes, in remote storage: the files of callbacks, and event files."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parent))
from models import blobs, classifier, frame

import sparkdl as sdl
from sparkdl.errors import ArgumentError, StorageError
from sparkdl.spark.storage import read_file, storage_for, write_file
from sparkdl.storage.paths import join
from sparkdl.summary import read_scalars
from sparkdl.types import Content, Storage

pytestmark = [pytest.mark.spark, pytest.mark.tf]


def copy_of(storage: Storage, folder: str, target: Path) -> Path:
    """A folder of files as a local directory."""
    target.mkdir()
    for name in storage.list(folder):
        (target / name).write_bytes(storage.read(f"{folder}/{name}"))
    return target


def test_checkpoints_logs_and_curves_on_hdfs(spark_local: SparkSession, hdfs: str, tmp_path: Path) -> None:
    x, y = blobs(30)
    root = f"{hdfs}/runs of a fit"
    model = classifier()
    write_file(f"{root}/log.csv", b"epoch,accuracy,loss,val_accuracy,val_loss\n0,0.5,9.0,NA,NA\n", spark_local)
    callbacks = [
        keras.callbacks.ModelCheckpoint(f"{root}/models/{{epoch:02d}}.keras"),
        keras.callbacks.CSVLogger(f"{root}/log.csv", append=True),
        keras.callbacks.TensorBoard(f"{root}/board", write_graph=False),
    ]
    data = frame(spark_local, x, y)
    history = sdl.fit(model, data, batch_size=30, epochs=2, verbose=0, callbacks=callbacks, log_dir=f"{root}/logs")
    storage = storage_for(root, spark_local)
    assert storage.list() == ["board", "log.csv", "logs", "models"]
    assert storage.list("models") == ["01.keras", "02.keras"]
    (tmp_path / "model.keras").write_bytes(storage.read("models/02.keras"))
    saved = keras.models.load_model(tmp_path / "model.keras")
    for theirs, ours in zip(saved.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(theirs, ours)
    rows = list(csv.DictReader(storage.read("log.csv").decode().splitlines()))
    assert [float(row["loss"]) for row in rows] == [9.0, *history.history["loss"]]
    for folder in ("logs/train", "board/train"):
        curve = read_scalars(copy_of(storage, folder, tmp_path / folder.replace("/", "-")), "epoch_loss")
        np.testing.assert_allclose([value for _, value in curve], history.history["loss"], rtol=1e-6)
    assert callbacks[0].filepath == f"{root}/models/{{epoch:02d}}.keras"


@pytest.mark.parametrize("argument", ["log_dir", "callbacks"])
def test_a_folder_that_cannot_be_written_is_refused_before_anything_starts(
    spark_local: SparkSession, hdfs: str, argument: str
) -> None:
    write_file(f"{hdfs}/occupied", b"", spark_local)
    path = f"{hdfs}/occupied/folder"
    value = path if argument == "log_dir" else [keras.callbacks.CSVLogger(f"{path}/log.csv")]
    said = "log_dir" if argument == "log_dir" else "the folder of callback CSVLogger"
    with pytest.raises(ArgumentError, match=f"{said} '{path}' cannot be written to"):
        sdl.fit(classifier(), frame(spark_local, *blobs(9)), batch_size=9, verbose=0, **{argument: value})


@pytest.fixture
def full_after_the_check(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A URL of a store that takes the check's file and no other."""
    from sparkdl.storage import arrow

    write = arrow.ArrowStorage.write

    def full(self: arrow.ArrowStorage, name: str, content: Content) -> None:
        if name == "log.csv":
            raise StorageError(f"{join(self.location, name)!r} cannot be written: the store is full")
        write(self, name, content)

    monkeypatch.setattr(arrow.ArrowStorage, "write", full)
    yield "memory://full"


def test_a_store_that_fails_later_costs_the_files_and_not_the_training(
    spark_local: SparkSession, full_after_the_check: str
) -> None:
    model = classifier()
    before = model.get_weights()
    logger = keras.callbacks.CSVLogger(f"{full_after_the_check}/log.csv")
    with pytest.raises(StorageError, match="'memory://full/log.csv' cannot be written: the store is full"):
        sdl.fit(model, frame(spark_local, *blobs(9)), batch_size=9, epochs=2, verbose=0, callbacks=[logger])
    assert any((old != new).any() for old, new in zip(before, model.get_weights(), strict=True))


def test_files_of_a_local_run_are_there_when_fit_returns(spark_local: SparkSession, tmp_path: Path) -> None:
    checkpoint = keras.callbacks.ModelCheckpoint(f"file://{tmp_path}/deep/{{epoch}}.weights.h5", save_weights_only=True)
    sdl.fit(classifier(), frame(spark_local, *blobs(9)), batch_size=9, epochs=2, verbose=0, callbacks=[checkpoint])
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["1.weights.h5", "2.weights.h5"]
    assert read_file(f"{tmp_path}/deep/2.weights.h5").startswith(b"\x89HDF")
