"""Callbacks on worker 0 against the same callbacks in Keras's own `fit`."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest

from sparkdl.engine.callbacks import KerasCallbackRunner, apply_states
from sparkdl.engine.optimizer_state import state_of_optimizer
from sparkdl.errors import ModelError, UnsupportedError
from sparkdl.types import TrainingState
from tests.engine.callback_loop import Loop, data, keras_fit, make_model

_k = keras.callbacks
EPOCHS = 8
CASES = {
    "early stopping": lambda: _k.EarlyStopping("val_loss", patience=1, min_delta=0.5),
    "early stopping, best weights": lambda: _k.EarlyStopping(
        "loss", patience=0, min_delta=1.0, restore_best_weights=True, start_from_epoch=2
    ),
    "plateau": lambda: _k.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.3, cooldown=1, min_lr=0.001),
    "scheduler": lambda: _k.LearningRateScheduler(lambda epoch, rate: rate * 0.8 if epoch % 2 else rate),
    "nan": lambda: _k.TerminateOnNaN(),
    "lambda": lambda: _k.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
    "own weights": lambda: Halver(),
    "own rate and stop": lambda: StopsInBatch(),
}


class Halver(_k.Callback):
    """Assigns weights in the middle of the training."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 3:
            self.model.set_weights([weight * 0.5 for weight in self.model.get_weights()])


class StopsInBatch(_k.Callback):
    """Sets the learning rate at batches and stops after an epoch."""

    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate = 0.01 * (batch + 1)

    def on_train_batch_end(self, batch, logs=None):
        self.iterations = int(self.model.optimizer.iterations)
        if self.iterations == 10:
            self.model.stop_training = True


@pytest.mark.parametrize("name", CASES)
def test_decisions_epochs_and_weights_are_those_of_keras(name):
    theirs, ours = make_model(), make_model()
    expected = keras_fit(theirs, [CASES[name]()], EPOCHS)
    loop = Loop(ours, [CASES[name]()], EPOCHS)
    history = loop.run()
    assert sorted(history) == sorted(expected)
    for key, values in expected.items():
        np.testing.assert_allclose(history[key], values, rtol=1e-4, err_msg=key)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-5)
    if "stop" in name:
        assert 1 < len(history["loss"]) < EPOCHS, "the case must stop early to be a test"


def test_what_callbacks_did_is_in_the_decisions():
    loop = Loop(make_model(), [CASES["own weights"](), CASES["scheduler"]()], 5)
    loop.run()
    changed = [(name, index) for name, index, decision in loop.decisions if decision.weights_changed]
    assert changed == [("on_epoch_end", 3)]
    rates = [(name, index) for name, index, decision in loop.decisions if decision.learning_rate is not None]
    assert rates == [("on_epoch_begin", 1), ("on_epoch_begin", 3)]
    stopping = Loop(make_model(), [CASES["early stopping, best weights"]()], EPOCHS)
    stopping.run()
    name, _, last = stopping.decisions[-1]
    assert name == "on_train_end" and last.weights_changed and last.stop


def test_a_schedule_cannot_be_set_and_a_new_one_is_refused():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)
    with pytest.raises(TypeError, match="LearningRateSchedule"):
        Loop(make_model(keras.optimizers.Adam(schedule)), [CASES["scheduler"]()], 2).run()

    class Replaces(_k.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = schedule

    with pytest.raises(UnsupportedError, match="on_epoch_begin by a schedule"):
        Loop(make_model(), [Replaces()], 2).run()


@pytest.mark.parametrize(
    ("callback", "wanted"),
    [
        (lambda folder: _k.ModelCheckpoint(f"{folder}/m.keras"), False),
        (lambda folder: _k.ModelCheckpoint(f"{folder}/m.keras", save_freq=2), True),
        (lambda folder: _k.TensorBoard(folder), False),
        (lambda folder: _k.TensorBoard(folder, update_freq="batch"), True),
        (lambda folder: _k.EarlyStopping(), False),
        (lambda folder: _k.TerminateOnNaN(), False),
        (lambda folder: _k.TerminateOnNaN(raise_error=True), True),
        (lambda folder: _k.LambdaCallback(on_epoch_end=print), False),
        (lambda folder: _k.LambdaCallback(on_train_batch_end=print), True),
        (lambda folder: StopsInBatch(), True),
        (lambda folder: Halver(), False),
    ],
)
def test_batch_hooks_only_where_somebody_listens(callback, wanted, tmp_path):
    assert Loop(make_model(), [callback(str(tmp_path))], 1).runner.batch_hooks is wanted


@pytest.mark.parametrize(
    ("frequency", "make"),
    [
        ("epoch", lambda: keras.optimizers.Muon(0.01)),
        (2, lambda: keras.optimizers.Adam(0.05)),
        (5, lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.05), initial_scale=1.0)),
    ],
)
def test_checkpoints_are_those_of_keras_with_the_whole_optimizer_state(frequency, make, tmp_path):
    template = "deep/{epoch}/model-{epoch:02d}.keras" if frequency == "epoch" else "model-{epoch}-{batch}.keras"
    theirs, ours = make_model(make()), make_model(make())
    keras_fit(theirs, [_k.ModelCheckpoint(str(tmp_path / "theirs" / template), save_freq=frequency)], 3)
    loop = Loop(ours, [_k.ModelCheckpoint(str(tmp_path / "ours" / template), save_freq=frequency)], 3)
    loop.run()
    written = {path: content for path, content in loop.files}
    expected = sorted(path for path in (tmp_path / "theirs").rglob("*.keras"))
    assert sorted(written) == [str(path).replace("/theirs/", "/ours/") for path in expected]
    assert not (tmp_path / "ours").exists(), "only the driver writes there"
    for path in expected:
        mine = tmp_path / "mine.keras"
        mine.write_bytes(written[str(path).replace("/theirs/", "/ours/")])
        saved, reference = keras.saving.load_model(mine), keras.saving.load_model(path)
        state = state_of_optimizer(saved.optimizer, saved.trainable_variables)
        other = state_of_optimizer(reference.optimizer, reference.trainable_variables)
        assert state.keys() == other.keys()
        for key, value in other.items():
            np.testing.assert_allclose(state[key], value, rtol=1e-4, atol=1e-6, err_msg=key)


def test_optimizer_state_is_gathered_only_when_somebody_may_save(tmp_path):
    def saves(callback):
        loop = Loop(make_model(), [callback], 2)
        loop.run()
        return loop.saves

    assert saves(_k.EarlyStopping("loss")) == []
    assert saves(_k.TensorBoard(str(tmp_path))) == []
    assert saves(_k.ModelCheckpoint(str(tmp_path / "m.keras"))) == [("on_epoch_end", 0), ("on_epoch_end", 1)]
    batches = saves(_k.ModelCheckpoint(str(tmp_path / "m.keras"), save_freq=4))
    assert batches == [("on_train_batch_end", 0)]
    assert saves(Halver()) == [("on_epoch_end", 0), ("on_epoch_end", 1)]
    assert saves(_k.LambdaCallback(on_train_end=lambda logs: None)) == [("on_train_end", None)]


def test_csv_files_are_those_of_keras(tmp_path):
    theirs = tmp_path / "theirs.csv"
    keras_fit(make_model(), [_k.CSVLogger(str(theirs))], 3)
    loop = Loop(make_model(), [_k.CSVLogger(str(tmp_path / "ours.csv"))], 3)
    loop.run()
    path, content = loop.files[-1]
    assert path == str(tmp_path / "ours.csv")
    rows, expected = content.decode().splitlines(), theirs.read_text().splitlines()
    assert rows[0] == expected[0] and len(rows) == len(expected) == 4
    for row, other in zip(rows[1:], expected[1:], strict=True):
        np.testing.assert_allclose([float(v) for v in row.split(",")], [float(v) for v in other.split(",")], rtol=1e-4)


def test_csv_files_are_continued(tmp_path):
    path = tmp_path / "log.csv"
    for _ in range(2):
        loop = Loop(make_model(), [_k.CSVLogger(str(path), append=True)], 2)
        loop.run()
        path.write_bytes(loop.files[-1][1])
    lines = path.read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch", "0", "1", "0", "1"]


def test_event_files_of_tensorboard_come_back(tmp_path):
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    loop = Loop(make_model(), [_k.TensorBoard(str(tmp_path / "logs"), histogram_freq=1)], 2)
    loop.run()
    latest = {path: content for path, content in loop.files}
    assert all(path.startswith(str(tmp_path / "logs")) for path in latest)
    tags = set()
    for number, content in enumerate(latest.values()):
        file = tmp_path / f"events.{number}"
        file.write_bytes(content)
        tags |= {value.tag for event in EventFileLoader(str(file)).Load() for value in event.summary.value}
    assert {"epoch_loss", "epoch_learning_rate"} <= tags
    assert any("histogram" in tag for tag in tags)


def test_a_run_that_is_started_again_goes_on_as_if_nothing_had_happened(tmp_path):
    def callbacks():
        return [
            _k.EarlyStopping("val_loss", patience=2, min_delta=1.5, restore_best_weights=True),
            _k.ReduceLROnPlateau("loss", factor=0.5, patience=2, min_delta=0.3),
            _k.CSVLogger(str(tmp_path / "log.csv")),
            _k.ModelCheckpoint(str(tmp_path / "best.keras"), monitor="loss", save_best_only=True),
        ]

    whole = Loop(make_model(), callbacks(), EPOCHS)
    whole.run()
    first = Loop(make_model(), callbacks(), 2)
    first.run()
    second = Loop(make_model(), callbacks(), EPOCHS)
    second.replica.weights[:] = first.replica.weights
    second.replica.weights_written()
    second.updater.load_state(first.updater.merge_state([first.updater.state()]))
    second.model.stop_training = False
    state = first.runner.state()
    second.runner.load_state(state)
    second.run(first_epoch=2)

    assert first.history["loss"] + second.history["loss"] == pytest.approx(whole.history["loss"])
    assert len(whole.history["loss"]) < EPOCHS
    for mine, other in zip(second.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)
    logs = [dict(loop.files)[str(tmp_path / "log.csv")].decode().splitlines() for loop in (whole, second)]
    assert [line.split(",")[0] for line in logs[0]] == [line.split(",")[0] for line in logs[1]]


def test_what_callbacks_remember_is_put_onto_the_drivers_own(tmp_path):
    collected, losses = [], {}

    class Remembers(_k.Callback):
        def __init__(self, into):
            super().__init__()
            self.into, self.best, self.trace = into, None, np.zeros(2)
            self.tensor, self.variable = None, None

        def on_epoch_end(self, epoch, logs=None):
            self.into.append(logs["loss"])
            self.best, self.trace = np.float32(logs["loss"]), self.trace + 1
            self.tensor, self.variable = keras.ops.zeros(2), self.model.weights[0]  # no plain values: left out

    def note(epoch, logs):
        losses[epoch] = logs["loss"]

    mine = [
        Remembers(collected),
        _k.LambdaCallback(on_epoch_end=note),
        _k.EarlyStopping("loss", patience=3, restore_best_weights=True),
        _k.ModelCheckpoint(str(tmp_path / "m.keras"), monitor="loss", save_best_only=True),
        _k.TensorBoard(str(tmp_path / "logs")),
        _k.History(),
    ]
    loop = Loop(make_model(), mine, 3)
    loop.run()
    assert collected == [] and losses == {}, "worker 0 works on copies"
    payload = np.frombuffer(loop.runner.encoded_state(), np.uint8)
    apply_states(mine, TrainingState({"callbacks": payload}))
    assert collected == pytest.approx(loop.history["loss"]) and mine[0].into is collected
    assert losses == pytest.approx(dict(enumerate(loop.history["loss"])))
    assert mine[0].best == np.float32(loop.history["loss"][-1]) and mine[0].trace.tolist() == [3.0, 3.0]
    assert mine[2].best == pytest.approx(min(loop.history["loss"]))
    assert [weight.shape for weight in mine[2].best_weights] == [w.shape for w in loop.model.get_weights()]
    assert mine[3].filepath == str(tmp_path / "m.keras") and mine[4].log_dir == str(tmp_path / "logs")
    assert mine[5].history["loss"] == pytest.approx(loop.history["loss"])
    assert all(callback.model is None for callback in mine)
    leftovers = json.dumps([str(vars(callback)) for callback in mine])
    assert "sparkdl-callbacks-" not in leftovers


def test_a_state_of_other_callbacks_is_refused():
    loop = Loop(make_model(), [_k.EarlyStopping("loss")], 1)
    loop.runner.load_state(Loop(make_model(), [_k.History()], 1).runner.state())
    with pytest.raises(ModelError, match="History.*EarlyStopping"):
        loop.run()


def test_temporary_files_are_removed(tmp_path):
    with Loop(make_model(), [_k.CSVLogger(str(tmp_path / "log.csv"))], 1).runner as runner:
        folder = runner._folder.name
        runner.run("on_train_begin")
    from pathlib import Path

    assert not Path(folder).exists()
    runner.close()


def test_plain_callbacks_will_do_too():
    loop = Loop(make_model(), [_k.EarlyStopping("loss")], 2, packed=False)
    loop.run()
    assert isinstance(loop.runner, KerasCallbackRunner) and len(data()[0]) == 24
