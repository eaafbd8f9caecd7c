"""Files of callbacks: redirected, collected when they change, written whole."""

from __future__ import annotations

import keras
import pytest

from sparkdl.engine.callback_files import CallbackFiles, existing_contents, path_attribute, target_folder, write_file

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
    assert files.collect() == [("runs/log.csv", b"a"), ("3.weights.h5", b"w")]
    assert files.collect() == []
    with open(logger.filename, "a") as file:
        file.write("b")
    assert files.collect() == [("runs/log.csv", b"ab")]


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


def test_remote_paths_are_left_alone(tmp_path):
    callback = _k.TensorBoard("gs://bucket/logs")
    CallbackFiles([callback], str(tmp_path), {})
    assert callback.log_dir == "gs://bucket/logs" and path_attribute(callback) is None


@pytest.mark.parametrize(
    ("path", "folder"),
    [("a/b/c.keras", "a/b"), ("/x/{epoch}/m.keras", "/x"), ("m-{epoch}.keras", ""), ("a{loss}/b/c.keras", "")],
)
def test_the_folder_before_a_template(path, folder):
    assert target_folder(path, False) == folder


def test_files_are_written_whole(tmp_path):
    target = tmp_path / "deep" / "file.bin"
    write_file(str(target), b"one")
    write_file(str(target), b"two")
    assert target.read_bytes() == b"two"
    assert [path.name for path in target.parent.iterdir()] == ["file.bin"]
