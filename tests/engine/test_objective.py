from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from sparkdl.engine.objective import refuse_unsplittable
from sparkdl.engine.replica import KerasReplica
from sparkdl.errors import UnsupportedError
from sparkdl.types import Batch
from tests.engine.replica_cases import assert_same_objective, spec_of

L = keras.losses
rng = np.random.default_rng(0)
ROWS = 23
SIZES = (11, 0, 5, 7)
X = rng.normal(size=(ROWS, 6)).astype("float32")
REAL = rng.normal(size=(ROWS, 4)).astype("float32")
POSITIVE = rng.uniform(0.1, 2, size=(ROWS, 4)).astype("float32")
DISTRIBUTION = rng.dirichlet(np.ones(4), ROWS).astype("float32")
ONE_HOT = np.eye(4, dtype="float32")[rng.integers(0, 4, ROWS)]
CLASSES = rng.integers(0, 4, ROWS)
BINARY = rng.integers(0, 2, (ROWS, 4)).astype("float32")
WEIGHTS = rng.uniform(0, 2, ROWS).astype("float32")

LOSSES: dict[str, tuple[type, str, np.ndarray, dict[str, Any]]] = {
    "mse": (L.MeanSquaredError, "linear", REAL, {}),
    "mae": (L.MeanAbsoluteError, "linear", REAL, {}),
    "mape": (L.MeanAbsolutePercentageError, "linear", POSITIVE, {}),
    "msle": (L.MeanSquaredLogarithmicError, "softplus", POSITIVE, {}),
    "cosine": (L.CosineSimilarity, "linear", REAL, {}),
    "huber": (L.Huber, "linear", REAL, {"delta": 0.5}),
    "log_cosh": (L.LogCosh, "linear", REAL, {}),
    "hinge": (L.Hinge, "linear", BINARY, {}),
    "squared_hinge": (L.SquaredHinge, "linear", BINARY, {}),
    "categorical_hinge": (L.CategoricalHinge, "linear", ONE_HOT, {}),
    "kl": (L.KLDivergence, "softmax", DISTRIBUTION, {}),
    "poisson": (L.Poisson, "softplus", POSITIVE, {}),
    "binary": (L.BinaryCrossentropy, "sigmoid", BINARY, {"label_smoothing": 0.1}),
    "binary_logits": (L.BinaryCrossentropy, "linear", BINARY, {"from_logits": True}),
    "binary_focal": (L.BinaryFocalCrossentropy, "sigmoid", BINARY, {"apply_class_balancing": True}),
    "categorical": (L.CategoricalCrossentropy, "softmax", ONE_HOT, {}),
    "categorical_focal": (L.CategoricalFocalCrossentropy, "softmax", ONE_HOT, {}),
    "sparse": (L.SparseCategoricalCrossentropy, "softmax", CLASSES, {}),
    "sparse_logits": (L.SparseCategoricalCrossentropy, "linear", CLASSES, {"from_logits": True, "ignore_class": 2}),
    "generalized": (L.CategoricalGeneralizedCrossEntropy, "softmax", CLASSES, {"q": 0.5}),
}
REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum")


def classifier(loss: Any, activation: str = "linear", units: int = 4) -> Any:
    def build() -> keras.Model:
        keras.utils.set_random_seed(1)
        layers = [keras.Input((6,)), keras.layers.Dense(5, "tanh"), keras.layers.Dense(units, activation)]
        model = keras.Sequential(layers)
        model.compile("sgd", loss)
        return model

    return build


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_of_keras_adds_up(name):
    cls, activation, labels, arguments = LOSSES[name]
    assert_same_objective(classifier(cls(**arguments), activation), Batch((X,), (labels,)), SIZES)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_every_reduction(reduction, weights):
    loss = L.MeanSquaredError(reduction=reduction)
    assert_same_objective(classifier(loss), Batch((X,), (REAL,), weights), SIZES)


@pytest.mark.parametrize("sizes", [(23,), (22, 1), (0, 23), (8, 8, 7)])
def test_any_split(sizes):
    assert_same_objective(classifier("sparse_categorical_crossentropy", "softmax"), Batch((X,), (CLASSES,)), sizes)


def test_labels_without_a_trailing_axis():
    batch = Batch((X,), (BINARY[:, 0],), WEIGHTS)
    assert_same_objective(classifier("binary_crossentropy", "sigmoid", units=1), batch, SIZES)


def test_connectionist_temporal_classification():
    """CTC compares sequences of labels with longer sequences of scores; 0 fills up a short label."""
    scores = rng.normal(size=(ROWS, 12, 6)).astype("float32")
    labels = np.where(np.arange(4) < rng.integers(1, 5, (ROWS, 1)), rng.integers(1, 6, (ROWS, 4)), 0)

    def build() -> keras.Model:
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((12, 6)), keras.layers.Dense(6)])
        model.compile("sgd", L.CTC())
        return model

    assert_same_objective(build, Batch((scores,), (labels,)), SIZES)


def test_every_loss_of_keras_is_in_the_table_or_refused():
    known = {row[0] for row in LOSSES.values()} | {L.Dice, L.Tversky, L.Circle, L.CTC, L.Loss}
    classes = {value for value in vars(L).values() if isinstance(value, type) and issubclass(value, L.Loss)}
    assert classes == known


@pytest.mark.parametrize("loss", [L.Dice(), L.Tversky(), L.Circle(), "dice", "circle", L.tversky])
def test_losses_that_couple_rows_are_refused_by_name(loss):
    batch = Batch((X,), (CLASSES if "ircle" in str(loss) else ONE_HOT,))
    with pytest.raises(UnsupportedError, match="couples the rows"):
        KerasReplica(classifier(loss, "softmax")(), spec_of(batch))


@pytest.mark.parametrize("reduction", [None, "none"])
def test_a_loss_without_reduction_is_refused(reduction):
    with pytest.raises(UnsupportedError, match="reduction"):
        refuse_unsplittable(L.MeanSquaredError(reduction=reduction))


def test_weights_that_keras_cannot_apply_are_refused():
    x = np.ones((4, 3, 6), "float32")

    def build() -> keras.Model:
        model = keras.Sequential([keras.Input((3, 6)), keras.layers.Dense(2)])
        model.compile("sgd", "mse")
        return model

    batch = Batch((x,), (np.ones((4, 3, 2), "float32"),), np.ones(4, "float32"))
    replica = KerasReplica(build(), spec_of(batch))
    with pytest.raises(UnsupportedError, match="one sample weight per row"):
        replica.gradients(batch, 4, 1.0)


def two_outputs(losses: Any, weights: Any) -> Any:
    def build() -> keras.Model:
        keras.utils.set_random_seed(1)
        inputs = keras.Input((6,))
        hidden = keras.layers.Dense(5, "tanh")(inputs)
        outputs = [keras.layers.Dense(4, name="a")(hidden), keras.layers.Dense(4, "softmax", name="b")(hidden)]
        model = keras.Model(inputs, outputs)
        model.compile("sgd", losses, loss_weights=weights)
        return model

    return build


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["unweighted", "weighted"])
@pytest.mark.parametrize(
    "losses", [["mse", "sparse_categorical_crossentropy"], {"a": "mse", "b": "sparse_categorical_crossentropy"}]
)
def test_two_outputs_with_loss_weights(losses, weights):
    batch = Batch((X,), (REAL, CLASSES), weights)
    factors = [0.3, 2.0] if isinstance(losses, list) else {"a": 0.3, "b": 2.0}
    workers = assert_same_objective(two_outputs(losses, factors), batch, SIZES, label_structure="list")
    assert workers.replicas[0].scalar_names == ("loss", "a_loss", "b_loss")


def test_two_outputs_with_labels_by_name():
    build = two_outputs({"a": "mse", "b": "sparse_categorical_crossentropy"}, {"a": 0.3, "b": 2.0})
    batch = Batch((X,), (REAL, CLASSES))
    assert_same_objective(build, batch, SIZES, label_structure="dict", names=["a", "b"])


def test_a_loss_for_one_output_only():
    batch = Batch((X,), (REAL, CLASSES))
    assert_same_objective(two_outputs(["mse", None], None), batch, SIZES, label_structure="list")


def test_one_loss_for_both_outputs():
    assert_same_objective(two_outputs("mse", None), Batch((X,), (REAL, REAL)), SIZES, label_structure="list")


def masked(reduction: str, sequences: bool) -> Any:
    def build() -> keras.Model:
        keras.utils.set_random_seed(1)
        layers = keras.layers
        model = keras.Sequential(
            [
                keras.Input((7,), dtype="int32"),
                layers.Embedding(11, 4, mask_zero=True),
                layers.LSTM(5, return_sequences=sequences),
                layers.Dense(3),
            ]
        )
        model.compile("sgd", L.MeanSquaredError(reduction=reduction))
        return model

    return build


@pytest.mark.parametrize("sequences", [True, False])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_masked_steps(reduction, sequences):
    tokens = rng.integers(1, 11, (ROWS, 7)).astype("int32")
    lengths = rng.integers(1, 8, ROWS)
    tokens[np.arange(7) >= lengths[:, None]] = 0
    labels = rng.normal(size=(ROWS, 7, 3) if sequences else (ROWS, 3)).astype("float32")
    assert_same_objective(masked(reduction, sequences), Batch((tokens,), (labels,)), SIZES)


def test_a_loss_scale_multiplies_the_gradient_and_not_the_loss():
    workers = assert_same_objective(classifier("mse"), Batch((X,), (REAL,)), SIZES, scale=1024.0)
    assert workers.replicas[0].weights.dtype == np.float32
