from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from sparkdl.engine.probe import ExtraLosses, probe_extra_losses
from sparkdl.engine.replica import KerasReplica
from sparkdl.errors import UnsupportedError
from sparkdl.types import Batch
from tests.engine.replica_cases import Workers, assert_same_objective, spec_of, split

ops = keras.ops
rng = np.random.default_rng(0)
ROWS, SIZES = 23, (11, 0, 5, 7)
X = rng.normal(size=(ROWS, 6)).astype("float32")
Y = rng.normal(size=(ROWS, 4)).astype("float32")
WEIGHTS = rng.uniform(0, 2, ROWS).astype("float32")


class Adds(keras.layers.Layer):
    def __init__(self, function: Any, only_training: bool = False) -> None:
        super().__init__()
        self.function = function
        self.only_training = only_training

    def call(self, x: Any, training: bool = False) -> Any:
        if training or not self.only_training:
            self.add_loss(self.function(x))
        return x


def builder(*layers: Any, loss: Any = "mse", metrics: Any = None) -> Any:
    def build() -> keras.Model:
        keras.utils.set_random_seed(1)
        made = [layer() for layer in layers]
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5, "tanh"), *made, keras.layers.Dense(4)])
        model.compile("sgd", loss, metrics=metrics() if metrics else None)
        return model

    return build


def per_row(y_true: Any, y_pred: Any) -> Any:
    return ops.max(ops.abs(y_true - y_pred), axis=-1)


def per_element(y_true: Any, y_pred: Any) -> Any:
    return ops.abs(y_true - y_pred)


def mean_of_rows(y_true: Any, y_pred: Any) -> Any:
    return ops.mean(ops.abs(y_true - y_pred))


def sum_of_rows(y_true: Any, y_pred: Any) -> Any:
    return ops.sum(ops.square(y_true - y_pred))


def root_of_mean(y_true: Any, y_pred: Any) -> Any:
    return ops.sqrt(ops.mean(ops.square(y_true - y_pred)))


def contrast(y_true: Any, y_pred: Any) -> Any:
    return ops.mean(ops.square(y_pred - ops.mean(y_pred, axis=0, keepdims=True)), axis=-1)


class Whole(keras.losses.Loss):
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        values = ops.mean(ops.square(y_true - y_pred), axis=-1)
        return ops.mean(values if sample_weight is None else values * sample_weight)


LAYERS = keras.layers
OWN_LOSSES = {
    "weight regulariser": lambda: LAYERS.Dense(5, kernel_regularizer="l2", bias_regularizer="l1"),
    "activity regulariser": lambda: LAYERS.Dense(5, activity_regularizer="l2"),
    "ActivityRegularization": lambda: LAYERS.ActivityRegularization(l1=0.1, l2=0.1),
    "mean": lambda: Adds(lambda x: 0.1 * ops.mean(x**2)),
    "sum": lambda: Adds(lambda x: 0.1 * ops.sum(x**2)),
    "per row": lambda: Adds(lambda x: 0.1 * ops.sum(x**2, axis=-1)),
    "constant": lambda: Adds(lambda x: ops.convert_to_tensor(3.0)),
    "only in training": lambda: Adds(lambda x: ops.sum(x**2), only_training=True),
}


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("name", OWN_LOSSES)
def test_losses_of_the_model_itself_add_up(name, weights):
    assert_same_objective(builder(OWN_LOSSES[name]), Batch((X,), (Y,), weights), SIZES)


@pytest.mark.parametrize("name", OWN_LOSSES)
def test_losses_of_the_model_itself_in_evaluation(name):
    build = builder(OWN_LOSSES[name])
    batch = Batch((X,), (Y,))
    workers = Workers(build, spec_of(batch), 2)
    for replica, share in zip(workers.replicas, split(batch, (20, 3)), strict=True):
        replica.evaluate(share)
    results = workers.replicas[0].results(sum(replica.sums() for replica in workers.replicas))
    assert results["loss"] == pytest.approx(build().evaluate(X, Y, batch_size=ROWS, verbose=0), rel=1e-5)


def test_a_model_with_nothing_but_its_own_losses():
    def build() -> keras.Model:
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5), Adds(lambda x: ops.mean(x**2))])
        model.compile("sgd")
        return model

    assert_same_objective(build, Batch((X,), ()), SIZES)


@pytest.mark.parametrize("loss", [per_row, per_element, mean_of_rows, sum_of_rows, Whole()])
def test_custom_losses_that_split(loss):
    assert_same_objective(builder(loss=loss), Batch((X,), (Y,)), SIZES)


@pytest.mark.parametrize("loss", [per_row, Whole()])
def test_custom_losses_with_weights(loss):
    assert_same_objective(builder(loss=loss), Batch((X,), (Y,), WEIGHTS), SIZES)


@pytest.mark.parametrize("loss", [root_of_mean, contrast])
def test_custom_losses_that_do_not_split_are_refused(loss):
    batch = Batch((X,), (Y,))
    with pytest.raises(UnsupportedError, match=loss.__name__):
        probe_extra_losses(builder(loss=loss)(), spec_of(batch))


def test_a_loss_of_the_model_that_does_not_split_is_refused():
    with pytest.raises(UnsupportedError, match="neither a mean nor a sum"):
        probe_extra_losses(builder(lambda: Adds(lambda x: ops.std(x)))(), spec_of(Batch((X,), (Y,))))


def test_keras_models_are_not_tried(monkeypatch):
    model = builder(lambda: LAYERS.Dropout(0.5))()
    monkeypatch.setattr("sparkdl.engine.probe._run", None)
    assert probe_extra_losses(model, spec_of(Batch((X,), (Y,)))) == ExtraLosses()


def test_trying_leaves_no_trace():
    model = builder(OWN_LOSSES["only in training"], LAYERS.BatchNormalization, lambda: LAYERS.Dropout(0.5))()
    before = [variable.numpy() for variable in model.variables]
    probe_extra_losses(model, spec_of(Batch((X,), (Y,))))
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


class Largest(keras.metrics.Metric):
    def __init__(self, name: str = "largest") -> None:
        super().__init__(name=name)
        self.value = self.add_variable((), "zeros", name="value")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.value.assign(ops.maximum(self.value, ops.max(y_pred)))

    def result(self) -> Any:
        return self.value


class Counted(keras.metrics.Mean):
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state(per_row(y_true, y_pred), sample_weight)


@pytest.mark.parametrize("metric", [per_row, per_element, mean_of_rows, Counted])
def test_custom_metrics_that_are_sums_or_means(metric):
    build = builder(metrics=lambda: [metric() if isinstance(metric, type) else metric])
    batch = Batch((X,), (Y,))
    workers = Workers(build, spec_of(batch), 2)
    for replica, share in zip(workers.replicas, split(batch, (20, 3)), strict=True):
        replica.evaluate(share)
    results = workers.replicas[0].results(sum(replica.sums() for replica in workers.replicas))
    expected = build().evaluate(X, Y, batch_size=ROWS, verbose=0, return_dict=True)
    assert list(results.values()) == pytest.approx([expected["loss"], *(v for k, v in expected.items() if k != "loss")])


@pytest.mark.parametrize("metric", [Largest, lambda: root_of_mean])
def test_custom_metrics_that_are_no_sums_are_refused(metric):
    with pytest.raises(UnsupportedError, match="largest|root_of_mean"):
        KerasReplica(builder(metrics=lambda: [metric()])(), spec_of(Batch((X,), (Y,))))


class Sampling(keras.layers.Layer):
    """What a variational autoencoder draws its codes by, with both of its losses."""

    def __init__(self, total: bool = False) -> None:
        super().__init__()
        self.total = ops.sum if total else ops.mean
        self.noise, self.decoder = keras.random.SeedGenerator(1), LAYERS.Dense(6)

    def call(self, x: Any) -> Any:
        mean, log_variance = x[:, :2], x[:, 2:4]
        code = mean + ops.exp(0.5 * log_variance) * keras.random.normal(ops.shape(mean), seed=self.noise)
        self.add_loss(-0.5 * ops.mean(1.0 + log_variance - mean**2 - ops.exp(log_variance)))
        self.add_loss(self.total((self.decoder(code) - 1.0) ** 2))
        return x


@pytest.mark.parametrize("total", [False, True])
def test_losses_of_random_codes_add_up_as_they_would_without_noise(total: bool) -> None:
    batch = Batch((X,), (Y,))
    model = builder(lambda: LAYERS.Dropout(0.5), lambda: LAYERS.GaussianNoise(0.3), lambda: Sampling(total))()
    kinds = ("mean", "sum" if total else "mean")
    found = probe_extra_losses(model, spec_of(batch))
    assert (found.train_extras, found.test_extras) == (kinds, kinds)
    first, second = (model(X[:1], training=True).numpy() for _ in range(2))
    assert (first != second).any()  # Keras draws again, once the model was looked at


def test_losses_of_random_numbers_that_do_not_add_up_are_refused() -> None:
    batch = Batch((X,), (Y,))
    layer = lambda: Adds(lambda x: ops.mean(x * keras.random.uniform(ops.shape(x), seed=1)) ** 2)  # noqa: E731
    with pytest.raises(UnsupportedError, match="neither a mean nor a sum"):
        probe_extra_losses(builder(layer)(), spec_of(batch))
