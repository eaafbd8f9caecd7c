"""A training loop of one worker in the order of Keras's `fit`, to compare callbacks with Keras itself."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from sparkdl.engine.callback_files import folders_of
from sparkdl.engine.callbacks import KerasCallbackRunner, pack_callbacks
from sparkdl.engine.updater import KerasUpdater, excluded_variables
from sparkdl.storage.paths import join
from tests.engine.optimizer_cases import flatten, layout_of

BATCH, ROWS = 8, 24


def data():
    random = np.random.default_rng(3)
    x = random.normal(size=(ROWS, 3)).astype("float32")
    return x, (x @ np.array([[1.0], [-2.0], [0.5]], "float32") + 0.3).astype("float32")


def make_model(optimizer=None):
    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(1)])
    model.compile(optimizer or keras.optimizers.Adam(0.05), "mse")
    return model


class FlatReplica:
    """Keeps the model's variables and a flat vector alike."""

    def __init__(self, model):
        self.model = model
        self.layout = layout_of(model.trainable_variables)
        self.weights = self._flat()

    def _flat(self):
        return flatten(self.layout, [np.asarray(variable.value) for variable in self.model.trainable_variables])

    def weights_written(self):
        for spec, variable in zip(self.layout.variables, self.model.trainable_variables, strict=True):
            variable.assign(self.weights[spec.offset : spec.offset + spec.size].reshape(spec.shape))

    def refresh_weights(self):
        now = self._flat()
        changed = not np.array_equal(now, self.weights)
        self.weights[:] = now
        return changed


class Loop:
    """Runs epochs; `history`, `decisions` and `files` tell what happened."""

    def __init__(self, model, callbacks, epochs, packed=True):
        self.model, self.epochs = model, epochs
        self.replica = FlatReplica(model)
        layout = self.replica.layout
        self.updater = KerasUpdater(
            model.optimizer,
            model.trainable_variables,
            layout,
            ((0, layout.length),),
            0,
            self.replica.weights,
            excluded_variables(model.optimizer, model.trainable_variables),
        )
        params = {"epochs": epochs, "steps": ROWS // BATCH, "verbose": 0}
        self.folders = folders_of(callbacks)
        given = pack_callbacks(callbacks, model) if packed else callbacks
        self.runner = KerasCallbackRunner(given, model, params, self.updater, self.replica)
        self.history, self.decisions, self.files, self.saves = {}, [], [], []

    def hook(self, name, index=None, logs=None):
        if self.runner.saves_at(name, index):
            self.saves.append((name, index))
            self.runner.load_optimizer_state(self.updater.merge_state([self.updater.state()]))
        decision = self.runner.run(name, index, logs)
        if decision.learning_rate is not None:
            self.updater.learning_rate = decision.learning_rate
        self.decisions.append((name, index, decision))
        collected = self.runner.collect_files()
        self.files += [(join(self.folders[number], path), content) for number, path, content in collected]
        return decision.stop

    def step(self, x, y):
        with tf.GradientTape() as tape:
            loss = self.model.compute_loss(x, y, self.model(x, training=True))
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.updater.apply(flatten(self.replica.layout, gradients), self.replica.weights)
        self.replica.weights_written()
        return float(loss)

    def run(self, first_epoch=0):
        x, y = data()
        self.hook("on_train_begin")
        logs = {}
        for epoch in range(first_epoch, self.epochs):
            stop = self.hook("on_epoch_begin", epoch)
            losses = []
            for step in range(ROWS // BATCH):
                rows = slice(step * BATCH, (step + 1) * BATCH)
                if self.runner.batch_hooks:
                    self.hook("on_train_batch_begin", step)
                losses.append(self.step(x[rows], y[rows]))
                if self.runner.batch_hooks:
                    stop |= self.hook("on_train_batch_end", step, {"loss": float(np.mean(losses))})
                if stop:
                    break
            self.hook("on_test_begin")
            loss = float(self.model.compute_loss(x, y, self.model(x)))
            self.hook("on_test_end", None, {"loss": loss})
            logs = {"loss": float(np.mean(losses)), "val_loss": loss}
            stop |= self.hook("on_epoch_end", epoch, logs)
            for name, value in logs.items():
                self.history.setdefault(name, []).append(value)
            if stop:
                break
        self.updater.finalize(self.replica.weights)
        self.replica.weights_written()
        self.hook("on_train_end", None, logs)
        return self.history


def keras_fit(model, callbacks, epochs):
    x, y = data()
    return model.fit(
        x, y, batch_size=BATCH, epochs=epochs, shuffle=False, validation_data=(x, y), callbacks=callbacks, verbose=0
    ).history
