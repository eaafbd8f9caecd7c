"""Writes tests/golden/keras with tf_keras, which is tf.keras after TensorFlow 2.15 and writes the same files.

pip install --target FOLDER --no-deps tf_keras
PYTHONPATH=FOLDER:. python -m tests.importers.keras.oracle
"""

from __future__ import annotations

import gzip
import io
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parents[2] / "golden" / "keras"
RANDOM = np.random.default_rng(0)


def numbers(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype("float32")


def functions(k: Any, layers: Any, tf: Any) -> tuple[Any, Any]:
    """Names with slashes, Keras 2's hard sigmoid, arguments of parent classes, and TensorFlow's functions."""
    image = k.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="conv1/conv", activation="hard_sigmoid")(image)
    x = layers.DepthwiseConv2D(3)(layers.BatchNormalization(name="conv1/bn")(x))
    x = layers.LeakyReLU(alpha=0.2)(layers.SeparableConv2D(2, 3, padding="same")(x))
    x = 1.0 - (tf.nn.relu6(x) + 1.0) * 2.0
    x = tf.reshape(x, [-1, 6 * 6 * 2])[:, 2:50:3]
    x = tf.concat([x, tf.cast(tf.math.abs(x), "float32")], axis=-1)
    return k.Model(image, layers.Dense(3)(layers.ThresholdedReLU(0.4)(x))), numbers(2, 8, 8, 3)


def recurrent(k: Any, layers: Any, tf: Any) -> tuple[Any, Any]:
    """States as inputs and outputs, both kinds of GRU, wrappers."""
    rows = k.Input((6, 4))
    x, *state = layers.LSTM(3, return_sequences=True, return_state=True, recurrent_activation="hard_sigmoid")(rows)
    x = layers.GRU(3, return_sequences=True, reset_after=False)(x)
    y = layers.LSTM(3, return_sequences=True)(rows, initial_state=state)
    backward = layers.LSTM(2, return_sequences=True, go_backwards=True, name="backward")
    x = layers.Bidirectional(layers.LSTM(2, return_sequences=True), backward_layer=backward)(
        layers.Concatenate()([x, y])
    )
    x = layers.TimeDistributed(layers.Dense(4))(x)
    x = layers.ConvLSTM2D(2, 2, padding="same")(layers.Reshape((6, 2, 2, 1))(x))
    return k.Model(rows, [layers.Flatten()(x), state[0]]), numbers(2, 6, 4)


def nested(k: Any, layers: Any, tf: Any) -> tuple[Any, Any]:
    """Models within a model, called several times, frozen in part; inputs that are not in the order of their names."""
    inner = k.Sequential(
        [k.Input((5,)), layers.Dense(4, name="a"), layers.BatchNormalization(), layers.Dense(4), layers.PReLU()],
        name="inner",
    )
    inner.get_layer("a").trainable = False
    start = k.Input((4,))
    frozen = k.Model(start, [layers.Dense(2)(start), layers.Dense(3)(layers.BatchNormalization()(start))])
    frozen.trainable = False
    first, second = k.Input((5,), name="z"), k.Input((5,), name="a")
    p, q = frozen(inner(first))
    r, s = frozen(inner(second))
    outputs = [layers.Add()([p, r]), layers.Concatenate()([q, s]), inner(layers.Concatenate()([p, q]))]
    return k.Model([first, second], outputs), [numbers(2, 5), numbers(2, 5)]


def attention(k: Any, layers: Any, tf: Any) -> tuple[Any, Any]:
    rows = k.Input((6, 4))
    x = layers.LayerNormalization()(layers.MultiHeadAttention(2, 3)(rows, rows) + rows)
    x = layers.Conv1D(4, 2, padding="causal")(layers.Attention(use_scale=True)([x, rows]))
    return k.Model(rows, layers.GlobalAveragePooling1D()(layers.UnitNormalization()(x))), numbers(2, 6, 4)


def images(k: Any, layers: Any, tf: Any) -> tuple[Any, Any]:
    image = k.Input((9, 7, 2))
    x = layers.Cropping2D(2)(layers.ZeroPadding2D(1)(layers.UpSampling2D(2, interpolation="bilinear")(image)))
    x = layers.Conv2DTranspose(3, 3, strides=2, padding="same", output_padding=1)(x)
    x = layers.BatchNormalization(renorm=True)(layers.MaxPooling2D()(layers.SpatialDropout2D(0.1)(x)))
    x = layers.AveragePooling2D(3, 2, "same")(layers.experimental.SyncBatchNormalization()(x))
    x = layers.GlobalMaxPooling2D(data_format="channels_first")(layers.Permute((3, 1, 2))(x))
    x = layers.LSTM(2)(layers.Masking(0.0)(layers.RepeatVector(2)(x)))
    return k.Model(image, layers.ActivityRegularization(0.1)(x)), numbers(2, 9, 7, 2)


def local(k: Any, layers: Any, tf: Any) -> tuple[Any, Any]:
    image = k.Input((7, 6, 2))
    x = layers.LocallyConnected2D(3, (3, 2), strides=(2, 1), activation="hard_sigmoid", kernel_regularizer="l2")(image)
    x = layers.LocallyConnected1D(2, 3, strides=2, use_bias=False)(layers.Reshape((15, 3))(x))
    return k.Model(image, x), numbers(2, 7, 6, 2)


def stateful(k: Any, layers: Any, tf: Any) -> tuple[Any, Any]:
    model = [
        layers.Embedding(11, 4, mask_zero=True, batch_input_shape=(2, 5)),
        layers.LSTM(3, stateful=True, return_sequences=True),
        layers.GRU(2, stateful=True),
    ]
    return k.Sequential(model), RANDOM.integers(0, 11, (2, 5)).astype("float32")


def mixed(k: Any, layers: Any, tf: Any) -> tuple[Any, Any]:
    policy = k.mixed_precision.Policy("mixed_float16")
    dense = layers.Dense(4, kernel_regularizer="l2", kernel_constraint="max_norm", dtype=policy)
    model = k.Sequential([dense, layers.Rescaling(0.5), layers.GaussianNoise(0.1), layers.ReLU(6.0, 0.1, 0.2)])
    model.build((None, 6))
    return model, numbers(2, 6)


MODELS: tuple[Callable[[Any, Any, Any], tuple[Any, Any]], ...] = (
    *(functions, recurrent, nested, attention, images, local, stateful, mixed),
)


def optimizers(k: Any) -> dict[str, Any]:
    """Optimizers whose state is saved, old and new ones."""
    new, old = k.optimizers, k.optimizers.legacy
    decay = new.schedules.ExponentialDecay(0.01, 2, 0.5)
    return {
        "adam": new.Adam(decay, amsgrad=True),
        "rmsprop": new.RMSprop(0.01, momentum=0.5, centered=True),
        "adamax": new.Adamax(0.01),
        "adadelta": new.Adadelta(1.0),
        "old_sgd": old.SGD(0.1, momentum=0.9, decay=0.01, nesterov=True),
        "old_adam": old.Adam(0.01, amsgrad=True),
        "old_rmsprop": old.RMSprop(0.01, momentum=0.5, centered=True),
        "old_adagrad": old.Adagrad(0.1),
    }


def main(*wanted: str) -> None:
    """Writes models (all, or those named), packed, with inputs and outputs."""
    import tensorflow as tf
    import tf_keras as k

    for make in MODELS:
        if wanted and make.__name__ not in wanted:
            continue
        model, inputs = make(k, k.layers, tf)
        for weight in model.weights:
            value = numbers(*weight.shape) * 0.3
            weight.assign(np.abs(value) + 0.5 if "variance" in weight.name or "stddev" in weight.name else value)
        write(make.__name__, model, {"x": inputs, "y": model.predict(inputs, verbose=0)})
    inputs, targets = numbers(8, 6), RANDOM.integers(0, 2, (8, 2)).astype("float32")
    for name, optimizer in optimizers(k).items():
        if wanted and name not in wanted:
            continue
        model = k.Sequential([k.Input((6,)), k.layers.Dense(4, "relu"), k.layers.Dense(2, "sigmoid")])
        model.compile(optimizer, k.losses.BinaryCrossentropy(), metrics=["accuracy", k.metrics.AUC(name="auc")])
        training = {"epochs": 2, "batch_size": 4, "shuffle": False, "verbose": 0}
        model.fit(inputs, targets, **training)
        arrays = {"x": inputs, "y": model.predict(inputs, verbose=0), "targets": targets}
        write(name, model, arrays, lambda m=model, t=training: {"after": m.fit(inputs, targets, **t).model(inputs)})


def write(name: str, model: Any, arrays: dict[str, Any], then: Callable[[], dict[str, Any]] = dict) -> None:
    """The model as .h5 and, with optimizers that it knows, as .keras; and its arrays."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/{name}.h5")
        (FOLDER / f"{name}.h5.gz").write_bytes(gzip.compress(Path(folder, f"{name}.h5").read_bytes(), 9, mtime=0))
        if not name.startswith("old"):
            model.save(f"{folder}/{name}.keras", save_format="keras")
            (FOLDER / f"{name}.keras").write_bytes(_packed(Path(folder, f"{name}.keras")))
    flat = {}
    for key, value in {**arrays, **then()}.items():
        values = value if isinstance(value, list) else [value]
        flat.update({f"{key}{index}": np.asarray(item) for index, item in enumerate(values)})
    np.savez_compressed(FOLDER / f"{name}.npz", **flat)


def _packed(archive: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(archive) as saved, zipfile.ZipFile(packed, "w") as smaller:
        for member in saved.namelist():
            smaller.writestr(zipfile.ZipInfo(member), saved.read(member), zipfile.ZIP_DEFLATED, 9)
    return packed.getvalue()


if __name__ == "__main__":
    main(*sys.argv[1:])
