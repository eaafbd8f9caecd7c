from __future__ import annotations

from typing import Any

import keras
import pytest

from sparkdl.engine.checks import check_model, class_counts
from sparkdl.errors import ArgumentError, DataError, ModelError, UnsupportedError
from sparkdl.types import SampleSpec, TensorSpec

layers = keras.layers


def spec(feature: tuple[int, ...] = (6,), label: tuple[int, ...] = (), count: int = 1, name: str = "x") -> SampleSpec:
    features = tuple(TensorSpec(name if count == 1 else f"{name}{i}", feature, "float32") for i in range(count))
    return SampleSpec(features, (TensorSpec("y", label, "int64"),), False, "single" if count == 1 else "list")


def model(*made: Any, loss: Any = "sparse_categorical_crossentropy", units: int = 10, **inputs: Any) -> keras.Model:
    result = keras.Sequential([keras.Input((6,), **inputs), *made, layers.Dense(units)])
    result.compile("sgd", loss)
    return result


def test_a_model_that_fits_passes_and_is_built():
    unbuilt = keras.Sequential([layers.Dense(10)])
    unbuilt.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    check_model(unbuilt, spec())
    assert unbuilt.built
    assert not unbuilt.optimizer.built


@pytest.mark.parametrize(
    ("build", "columns", "error", "message"),
    [
        (lambda: object(), spec(), ModelError, "keras.Model.*object"),
        (lambda: keras.Sequential([keras.Input((6,)), layers.Dense(1)]), spec(), ModelError, r"compile\("),
        (model, spec(feature=(7,)), ModelError, r"\(6,\).*\(7,\).*shapes="),
        (model, spec(count=2), ModelError, "1 inputs.*2 feature columns"),
        (model, spec(label=(10,)), ModelError, r"labels of shape \(\).*\(10,\)"),
        (lambda: model(loss="categorical_crossentropy"), spec(), ModelError, "one-hot.*sparse_categorical"),
        (
            lambda: model(units=1),
            spec(),
            ModelError,
            "'sparse_categorical_crossentropy' .* ends in one unit, which would",
        ),
        (lambda: model(loss="categorical_crossentropy", units=1), spec(label=(1,)), ModelError, "use 'binary_cross"),
        (lambda: model(loss="mse", units=2), spec(label=(3,)), ModelError, r"\(2,\).*\(3,\)"),
        (lambda: model(batch_size=4), spec(), UnsupportedError, "fixed batch of 4"),
        (lambda: model(layers.BatchNormalization(synchronized=True)), spec(), UnsupportedError, "synchronized=True"),
        (lambda: model(loss="dice"), spec(label=(10,)), UnsupportedError, "dice.*couples"),
        (lambda: model(layers.Dense(3, dtype="float64")), spec(), UnsupportedError, "float64"),
        (model, SampleSpec(spec().features), ArgumentError, "compiled with a loss.*give label="),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(build, columns, error, message):
    with pytest.raises(error, match=message) as caught:
        check_model(build(), columns)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "label", "columns", "said"),
    [
        ((8, 8, 1), (64,), {"y": "arr"}, r"give shapes=\{'arr': \(8, 8, 1\)\}, or change the label column"),
        ((8, 8, 1), (65,), {"y": "arr"}, r"has shape \(65,\): change the label column"),
        ((None, 8, 1), (64,), {"y": "arr"}, r"give shapes=\{'arr': \(8, 8, 1\)\}, or change the label column"),
        ((8, 8, 1), (64,), {}, r"has shape \(64,\): change the label column"),  # an RDD takes no shapes=
    ],
)
def test_labels_of_another_shape_are_told_how_to_get_it(
    shape: tuple[int | None, ...], label: tuple[int, ...], columns: dict[str, str], said: str
):
    images = keras.Sequential([keras.Input(shape), layers.Rescaling(2.0), layers.Conv2D(1, 1)])
    images.compile("sgd", "mse")
    feature = tuple(8 if size is None else size for size in shape)
    with pytest.raises(ModelError, match=said):
        check_model(images, spec(feature=feature, label=label), columns)


def test_a_model_without_a_loss_needs_no_labels():
    penalised = keras.Sequential([keras.Input((6,)), layers.Dense(1, activity_regularizer="l2")])
    penalised.compile("sgd")
    check_model(penalised, SampleSpec(spec().features))


def test_names_of_metrics_are_looked_up_before_keras_does():
    made = keras.Sequential([keras.Input((6,)), layers.Dense(1)])
    made.compile("sgd", "mse", metrics=["acc", "mae", "ce"], weighted_metrics={"dense": ["acuracy"]})
    with pytest.raises(
        ModelError, match=r"weighted_metrics='acuracy' of the model '\w+' is no metric that Keras knows"
    ):
        check_model(made, spec())


def test_a_stateful_layer_is_refused():
    stateful = keras.Sequential([keras.Input((5, 6), batch_size=2), layers.LSTM(3, stateful=True), layers.Dense(1)])
    stateful.compile("sgd", "mse")
    with pytest.raises(UnsupportedError, match="fixed batch|stateful"):
        check_model(stateful, spec(feature=(5, 6)))


@pytest.mark.parametrize(
    ("loss", "units", "label", "expected"),
    [
        ("sparse_categorical_crossentropy", 10, (), 10),
        (keras.losses.SparseCategoricalCrossentropy(from_logits=True), 7, (1,), 7),
        (keras.losses.SparseCategoricalCrossentropy(ignore_class=-1), 7, (), None),
        ("categorical_crossentropy", 10, (10,), None),
        ("binary_crossentropy", 1, (), None),
        ("mse", 1, (), None),
    ],
)
def test_class_counts(loss, units, label, expected):
    assert class_counts(model(loss=loss, units=units), spec(label=label)) == (expected,)


def own_loss(y_true: Any, y_pred: Any) -> Any:
    return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)


@pytest.mark.parametrize(
    ("loss", "units", "codes"),
    [
        ("sparse_categorical_crossentropy", 10, 10),
        (keras.losses.SparseCategoricalCrossentropy(ignore_class=0), 10, 10),
        ("binary_crossentropy", 1, 2),
        (keras.losses.BinaryFocalCrossentropy(), 1, 2),
        ("hinge", 1, 2),
        ("squared_hinge", 1, 2),
        (own_loss, 3, 3),
        (own_loss, 1, None),
        ("mse", 1, None),
        (keras.losses.Huber(), 1, None),
        ("poisson", 1, None),
        ("log_cosh", 1, None),
    ],
)
def test_strings_are_labels_only_where_the_loss_takes_codes(loss: Any, units: int, codes: int | None):
    made, columns = model(loss=loss, units=units), spec()
    assert class_counts(made, columns, ["y"]) == (codes,)
    if codes is None:
        with pytest.raises(DataError, match=r"needs numbers, but the label column 'price' .*F.col\('price'\).cast"):
            check_model(made, columns, {"y": "price"}, ["y"])
    else:
        check_model(made, columns, {"y": "price"}, ["y"])
    check_model(made, columns)


def test_strings_where_one_hot_labels_are_needed():
    with pytest.raises(ModelError, match="one-hot labels.*use 'sparse_categorical_crossentropy'"):
        check_model(model(loss="categorical_crossentropy"), spec(), {}, ["y"])


def test_class_counts_of_two_outputs_by_name():
    inputs = keras.Input((6,))
    both = keras.Model(inputs, [layers.Dense(4, name="a")(inputs), layers.Dense(1, name="b")(inputs)])
    both.compile("sgd", {"a": "sparse_categorical_crossentropy", "b": "mse"})
    labels = (TensorSpec("b", (1,), "float32"), TensorSpec("a", (), "int64"))
    columns = SampleSpec(spec().features, labels, False, "single", "dict")
    check_model(both, columns)
    assert class_counts(both, columns) == (None, 4)


def test_a_vector_of_one_class_number_per_step_fits():
    sequence = keras.Sequential([keras.Input((5, 6)), layers.Dense(3)])
    sequence.compile("sgd", "sparse_categorical_crossentropy")
    check_model(sequence, spec(feature=(5, 6), label=(5,)))
