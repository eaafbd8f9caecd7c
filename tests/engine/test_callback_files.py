"""Files of callbacks: redirected, collected when they change, written whole."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest

from sparkdl.engine.callback_files import (
    CallbackFiles,
    divide,
    existing_contents,
    folders_of,
    remote_folders,
    unwritable,
)
from sparkdl.storage.paths import join

_k = keras.callbacks


def test_new_and_changed_files_are_told_once(tmp_path):
    (tmp_path / "work").mkdir()
    logger = _k.CSVLogger("runs/log.csv")
    checkpoint = _k.ModelCheckpoint("{epoch}.weights.h5", save_weights_only=True)
    files = CallbackFiles([logger, _k.History(), checkpoint], str(tmp_path / "work"), {})
    assert files.collect() == []
    with open(logger.filename, "w") as file:
        file.write("a")
    with open(checkpoint.filepath.format(epoch=3), "w") as file:
        file.write("w")
    assert files.collect() == [(0, "log.csv", b"a"), (2, "3.weights.h5", b"w")]
    assert files.collect() == []
    with open(logger.filename, "a") as file:
        file.write("b")
    assert files.collect() == [(0, "log.csv", b"ab")]


def test_content_to_go_on_with_is_there_and_not_told(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "log.csv").write_text("old")
    callbacks = [_k.CSVLogger(str(tmp_path / "log.csv"), append=True), _k.CSVLogger(str(tmp_path / "log.csv"))]
    contents = existing_contents(callbacks)
    assert contents == {0: b"old"}
    files = CallbackFiles(callbacks, str(tmp_path / "work"), contents)
    assert files.collect() == []
    with open(callbacks[0].filename) as file:
        assert file.read() == "old"


def test_remote_paths_are_redirected_too(tmp_path):
    board = _k.TensorBoard("gs://bucket/logs")
    checkpoint = _k.ModelCheckpoint("hdfs://name/{epoch}/m.keras")
    logger = _k.CSVLogger("s3://bucket/runs/log.csv?scheme=http", append=True)
    callbacks = [board, checkpoint, logger]
    assert remote_folders([*callbacks, _k.CSVLogger("log.csv"), _k.CSVLogger("file:///log.csv"), _k.History()]) == {
        "gs://bucket/logs": "TensorBoard",
        "hdfs://name/": "ModelCheckpoint",
        "s3://bucket/runs?scheme=http": "CSVLogger",
    }
    assert [unwritable(callback) for callback in callbacks] == [None] * 3
    contents = existing_contents(callbacks, lambda path: path.encode())
    folders = folders_of(callbacks)
    assert contents == {2: b"s3://bucket/runs/log.csv?scheme=http"}
    files = CallbackFiles(callbacks, str(tmp_path), contents)
    for path in (f"{board.log_dir}/train/events", checkpoint.filepath.format(epoch=3), logger.filename):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(b"new and longer than it was before")
    assert [join(folders[number], path) for number, path, _ in files.collect()] == [
        "gs://bucket/logs/train/events",
        "hdfs://name/3/m.keras",
        "s3://bucket/runs/log.csv?scheme=http",
    ]


@pytest.mark.parametrize(
    ("path", "folder"),
    [("a/b/c.keras", "a/b"), ("/x/{epoch}/m.keras", "/x"), ("m-{epoch}.keras", ""), ("a{loss}/b/c.keras", "")],
)
def test_the_folder_before_a_template(path, folder):
    assert divide(path, False)[0] == folder
