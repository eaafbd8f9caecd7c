"""How callbacks travel to worker 0, and what is refused before anything starts."""

from __future__ import annotations

import threading
from pathlib import Path

import keras
import numpy as np
import pytest

from sparkdl.engine.callback_pack import check_callbacks, pack_callbacks, unpack_callbacks
from sparkdl.errors import ArgumentError, UnsupportedError

_k = keras.callbacks


def make_model():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="first"), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model


class Holds(_k.Callback):
    def __init__(self, **held):
        super().__init__()
        self.__dict__.update(held)


def test_references_to_the_model_mean_the_workers_model():
    model, other = make_model(), make_model()
    seen = []
    callbacks = [
        Holds(net=model, layer=model.layers[0], kernel=model.layers[1].kernel, optimizer=model.optimizer),
        _k.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(model)),
    ]
    payload = pack_callbacks(callbacks, model)
    assert len(payload) < 10_000
    (holds, note), _ = unpack_callbacks(payload, other)
    assert holds.net is other and holds.layer is other.layers[0] and holds.kernel is other.layers[1].kernel
    assert holds.optimizer is other.optimizer
    note.on_epoch_end(0, {})
    copy = next(cell.cell_contents for cell in note.on_epoch_end.__closure__ if isinstance(cell.cell_contents, list))
    assert copy == [other] and seen == []


def test_callbacks_that_were_used_in_keras_before_can_be_sent(tmp_path):
    model = make_model()
    log, events = str(tmp_path / "log.csv"), str(tmp_path / "tb")
    callbacks = [_k.CSVLogger(log), _k.TensorBoard(events), _k.EarlyStopping("loss")]
    model.fit(np.ones((1, 3)), np.ones((1, 1)), callbacks=callbacks, verbose=0)
    check_callbacks(callbacks)
    sent, _ = unpack_callbacks(pack_callbacks(callbacks), make_model())
    assert [callback.model for callback in sent] == [None] * 3
    assert all(callback.model is model for callback in callbacks), "the user's own objects are left alone"
    assert callbacks[0].csv_file is not None


def test_no_callbacks_are_no_bytes():
    assert pack_callbacks([]) == b""


def test_content_of_files_that_go_on_travels(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss\n")
    _, contents = unpack_callbacks(pack_callbacks([_k.History(), _k.CSVLogger(str(path), append=True)]), make_model())
    assert contents == {1: b"epoch,loss\n"}


def test_what_does_not_pickle_is_refused_by_class_and_attribute():
    with pytest.raises(ArgumentError, match=r"callback Holds .* attribute 'lock' of type lock .*on_train_begin"):
        check_callbacks([Holds(fine=1, lock=threading.Lock())])
    lock = threading.Lock()
    with pytest.raises(ArgumentError, match="callback LambdaCallback .* attribute 'on_epoch_end' of type function"):
        check_callbacks([_k.LambdaCallback(on_epoch_end=lambda epoch, logs: lock.acquire())])


def test_what_is_no_callback_is_refused():
    with pytest.raises(ArgumentError, match="make an instance of the class"):
        check_callbacks([_k.EarlyStopping])
    with pytest.raises(ArgumentError, match=r"callbacks\[1\] is 3"):
        check_callbacks([_k.History(), 3])


@pytest.mark.parametrize("callback", [_k.BackupAndRestore("backup"), _k.SwapEMAWeights()])
def test_callbacks_that_do_not_fit_are_refused_by_name(callback):
    with pytest.raises(UnsupportedError, match=f"callback {type(callback).__name__} cannot be used here: "):
        check_callbacks([callback])


class Validated(_k.Callback):
    def on_test_batch_end(self, batch, logs=None):
        pass


@pytest.mark.parametrize("callback", [Validated(), _k.LambdaCallback(on_test_batch_end=print)])
def test_hooks_of_validation_batches_are_refused_by_name(callback):
    sentence = f"callback {type(callback).__name__} has on_test_batch_end, which is never called here: every worker"
    with pytest.raises(UnsupportedError, match=sentence):
        check_callbacks([callback])


def test_callbacks_of_keras_that_have_hooks_of_validation_batches_do_without(tmp_path):
    check_callbacks([_k.TensorBoard(str(tmp_path / "logs")), _k.ProgbarLogger()])


@pytest.mark.parametrize(
    "make",
    [
        lambda file: _k.CSVLogger(f"{file}/log.csv"),
        lambda file: _k.ModelCheckpoint(f"{file}/deep/{{epoch}}/model.keras"),
        lambda file: _k.TensorBoard(f"{file}/logs"),
        lambda file: _k.TensorBoard(f"{file}"),
        lambda file: _k.CSVLogger(str(Path(file).parent)),
    ],
)
def test_paths_that_the_driver_cannot_write_are_refused(make, tmp_path):
    file = tmp_path / "occupied"
    file.write_text("a file, not a folder")
    with pytest.raises(ArgumentError, match="cannot write"):
        check_callbacks([make(str(file))])


def test_paths_of_folders_that_are_yet_to_be_made_will_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_callbacks(
        [
            _k.ModelCheckpoint("new/{epoch}/model.keras"),
            _k.CSVLogger(str(tmp_path / "a" / "b.csv")),
            _k.TensorBoard(str(tmp_path)),
            _k.TensorBoard("gs://bucket/logs"),
        ]
    )
    assert not any(tmp_path.iterdir())
