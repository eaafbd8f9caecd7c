"""What OpenVINO converts gives what TensorFlow gives; what it cannot is refused with the reason."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L

import sparkdl.nn.normalization  # noqa: F401
from sparkdl.engine.runtimes.conversion import convert
from sparkdl.engine.runtimes.openvino import OpenVINOPredictor
from sparkdl.engine.runtimes.tensorflow import TensorFlowPredictor
from sparkdl.engine.synthetic import synthetic_features
from sparkdl.errors import UnsupportedError
from sparkdl.types import SampleSpec, TensorSpec

pytest.importorskip("openvino")


def spec_of(*columns: tuple[str, tuple[int, ...], str], structure: Any = None) -> SampleSpec:
    tensors = tuple(TensorSpec(*column) for column in columns)
    return SampleSpec(tensors, feature_structure=structure or ("single" if len(tensors) == 1 else "list"))


def simple(shape: tuple[int | None, ...], *layers: Any, dtype: str = "float32") -> keras.Model:
    inputs = keras.Input(shape, dtype=dtype)
    value = inputs
    for layer in layers:
        value = layer(value)
    return keras.Model(inputs, value)


def several() -> keras.Model:
    one, other, unused = (
        keras.Input((4,), name="one"),
        keras.Input((3,), name="other"),
        keras.Input((2,), name="unused"),
    )
    both = L.Concatenate()([other, one])
    return keras.Model([one, unused, other], [L.Dense(2, name="z")(both), both, other, L.Dense(1, name="a")(both)])


def tokens() -> keras.Model:
    return simple((None,), L.Embedding(20, 5, mask_zero=True), L.LSTM(6), L.Dense(2), dtype="int64")


def images() -> keras.Model:
    body = (L.Rescaling(1 / 255.0), L.Conv2D(4, 3, padding="same"), L.BatchNormalization(), L.ReLU(), L.MaxPooling2D())
    return simple((8, 8, 3), *body, L.DepthwiseConv2D(3), L.GlobalAveragePooling2D(), dtype="uint8")


def attention() -> keras.Model:
    inputs = keras.Input((6, 8))
    return keras.Model(inputs, L.LayerNormalization()(L.MultiHeadAttention(2, 4)(inputs, inputs) + inputs))


THREE = ("one", (4,), "float32"), ("unused", (2,), "float32"), ("other", (3,), "float32")
CASES: dict[str, tuple[Callable[[], keras.Model], SampleSpec]] = {
    "mlp": (
        lambda: simple((10,), L.Dense(16, "relu"), L.Dropout(0.5), L.Dense(3, "softmax")),
        spec_of(("x", (10,), "float32")),
    ),
    "scalars": (lambda: simple((), L.Reshape((1,)), L.Dense(2)), spec_of(("x", (), "float32"))),
    "integers for floats": (lambda: simple((3,), L.Dense(2)), spec_of(("x", (3,), "int32"))),
    "several by list": (several, spec_of(*THREE)),
    "several by name": (several, spec_of(*THREE, structure="dict")),
    "tokens": (tokens, spec_of(("x", (7,), "int64"))),
    "sequences": (
        lambda: simple((None, 4), L.Bidirectional(L.GRU(5, return_sequences=True)), L.TimeDistributed(L.Dense(2))),
        spec_of(("x", (5, 4), "float32")),
    ),
    "images": (images, spec_of(("x", (8, 8, 3), "uint8"))),
    "attention": (attention, spec_of(("x", (6, 8), "float32"))),
}


@pytest.mark.parametrize("name", CASES)
def test_a_converted_model_gives_what_tensorflow_gives(name: str) -> None:
    build, spec = CASES[name]
    keras.utils.set_random_seed(1)
    model = build()
    converted, reference = OpenVINOPredictor(convert(model, spec), 1), TensorFlowPredictor(model, spec)
    for rows in (7, 1, 40):
        features = synthetic_features(spec, rows, np.random.default_rng(rows))
        for feature in features:
            feature.flags.writeable = False
        for expected, received in zip(reference.predict(features), converted.predict(features), strict=True):
            assert received.shape == expected.shape
            np.testing.assert_allclose(received, expected, atol=1e-5 * max(1e-3, np.abs(expected).max()))


def test_the_weights_stay_float32_and_results_stay_when_the_next_batch_comes() -> None:
    model = simple((2,), L.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(1 + 2**-20)))
    spec = spec_of(("x", (2,), "float32"))
    network = convert(model, spec)
    predictor = OpenVINOPredictor(network, 1)
    first = predictor.predict((np.ones((3, 2), "float32"),))[0]
    predictor.predict((np.zeros((3, 2), "float32"),))
    assert first.tolist() == [[2 + 2**-19]] * 3
    rounded = OpenVINOPredictor(network, 1, "bf16").predict((np.full((3, 2), 1 + 2**-7, "float32"),))[0]
    np.testing.assert_allclose(rounded, 2.0, rtol=0.02)


class Unknown(keras.layers.Layer):
    """Has an operation that OpenVINO does not know."""

    def call(self, inputs: Any) -> Any:
        import tensorflow as tf

        return tf.cast(tf.math.bincount(tf.cast(inputs, "int32"), axis=-1, minlength=5), "float32")


class Noise(keras.layers.Layer):
    """Never gives the same twice."""

    def build(self, shape: Any) -> None:
        self.generator = keras.random.SeedGenerator(1)

    def call(self, inputs: Any) -> Any:
        return inputs + keras.random.normal(keras.ops.shape(inputs), seed=self.generator)


def test_what_it_does_not_know_or_does_otherwise_is_refused() -> None:
    root = logging.getLogger()
    before = root.level, list(root.filters), list(root.handlers)
    spec = spec_of(("x", (5,), "float32"))
    with pytest.raises(UnsupportedError, match="No conversion rule found for operations: DenseBincount"):
        convert(simple((5,), Unknown()), spec)
    with pytest.raises(UnsupportedError, match="OpenVINO"):
        convert(simple((5,), Noise()), spec)
    assert (root.level, root.filters, root.handlers) == before  # so that the warning about it is seen


def test_nothing_is_reported_over_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    senders = pytest.importorskip("openvino_telemetry.utils.sender")
    sent: list[Any] = []
    monkeypatch.setattr(senders.TelemetrySender, "send", lambda *message: sent.append(message))
    monkeypatch.delenv("CI", raising=False)
    from openvino.tools.ovc.telemetry_utils import init_ovc_telemetry

    init_ovc_telemetry("another program").send_event("ov", "import", "as where nobody forbids it")
    assert len(sent) == 1
    convert(simple((3,), L.Dense(2)), spec_of(("x", (3,), "float32")))
    assert len(sent) == 1 and "CI" not in os.environ
