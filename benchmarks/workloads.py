"""The models that the training benchmark runs, and their data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Workload:
    """A model with its global batch, its input, and the share of the synchronous limit that `fit` should reach.

    Attributes:
        name: as on the command line.
        shape: shape of one row of features, float32.
        classes: labels are 0 to classes - 1.
        batch: rows of a step over all workers.
        steps: steps of an epoch, unless the command line says otherwise.
        goal: share of the limit.
        layers: makes the model, uncompiled.
    """

    name: str
    shape: tuple[int, ...]
    classes: int
    batch: int
    steps: int
    goal: float
    layers: Callable[[], Any]

    def model(self, optimizer: str) -> Any:
        """The compiled model, with the same weights in every process."""
        import keras

        keras.utils.set_random_seed(1)
        model = self.layers()
        model.compile(optimizer, "sparse_categorical_crossentropy")
        return model

    def rows(self, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Random features (count, *shape) float32 and labels (count,) int64."""
        rng = np.random.default_rng(seed)
        return rng.random((count, *self.shape), np.float32), rng.integers(0, self.classes, count)


@dataclass(frozen=True)
class MakeRows:
    """Fills a Spark range with a workload's rows: features as raw bytes, and a label."""

    shape: tuple[int, ...]
    classes: int

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        import pyarrow as pa

        for batch in batches:
            count = batch.num_rows
            rng = np.random.default_rng(batch.column(0)[0].as_py())
            values = rng.random((count, *self.shape), np.float32)
            labels = rng.integers(0, self.classes, count)
            column = pa.array([row.tobytes() for row in values], pa.binary())
            yield pa.RecordBatch.from_arrays([column, pa.array(labels, pa.int64())], names=["features", "label"])


def _lenet() -> Any:
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 5, activation="tanh"),
            layers.MaxPooling2D(),
            layers.Conv2D(12, 5, activation="tanh"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(100, activation="tanh"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def _lstm() -> Any:
    import keras
    from keras import layers

    return keras.Sequential([keras.Input((48, 16)), layers.LSTM(64), layers.Dense(2, activation="softmax")])


def _mlp() -> Any:
    import keras
    from keras import layers

    hidden = [layers.Dense(512, activation="relu") for _ in range(2)]
    return keras.Sequential([keras.Input((784,)), *hidden, layers.Dense(10, activation="softmax")])


def _wide() -> Any:
    """Ten million parameters: its update takes as long as its gradient."""
    import keras
    from keras import layers

    hidden = [layers.Dense(2048, activation="relu") for _ in range(3)]
    return keras.Sequential([keras.Input((784,)), *hidden, layers.Dense(10, activation="softmax")])


def _resnet50() -> Any:
    import keras

    return keras.applications.ResNet50(weights=None)


def _densenet121() -> Any:
    import keras

    return keras.applications.DenseNet121(weights=None)


def _vgg16() -> Any:
    import keras

    return keras.applications.VGG16(weights=None)


def _inception_v1() -> Any:
    """GoogLeNet as in its paper's table 1, without the two side classifiers."""
    import keras
    from keras import layers

    def conv(x: Any, filters: int, size: int, strides: int = 1) -> Any:
        return layers.Conv2D(filters, size, strides, "same", activation="relu")(x)

    def pool(x: Any, strides: int) -> Any:
        return layers.MaxPooling2D(3, strides, "same")(x)

    def inception(x: Any, one: int, three_in: int, three: int, five_in: int, five: int, pooled: int) -> Any:
        wide, wider = conv(conv(x, three_in, 1), three, 3), conv(conv(x, five_in, 1), five, 5)
        return layers.Concatenate()([conv(x, one, 1), wide, wider, conv(pool(x, 1), pooled, 1)])

    inputs = keras.Input((224, 224, 3))
    x = pool(conv(conv(pool(conv(inputs, 64, 7, 2), 2), 64, 1), 192, 3), 2)
    for block in GOOGLENET:
        for widths in block:
            x = inception(x, *widths)
        x = pool(x, 2) if block is not GOOGLENET[-1] else layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(1000, activation="softmax")(layers.Dropout(0.4)(x)))


GOOGLENET = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)

WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("lenet", (28, 28, 1), 10, 512, 200, 0.97, _lenet),
        Workload("lstm", (48, 16), 2, 256, 200, 0.97, _lstm),
        Workload("mlp", (784,), 10, 256, 400, 0.75, _mlp),
        Workload("wide", (784,), 10, 256, 60, 0.75, _wide),
        Workload("resnet50", (224, 224, 3), 1000, 16, 6, 0.97, _resnet50),
        Workload("inception", (224, 224, 3), 1000, 16, 10, 0.97, _inception_v1),
        Workload("densenet121", (224, 224, 3), 1000, 16, 6, 0.97, _densenet121),
        Workload("vgg16", (224, 224, 3), 1000, 8, 6, 0.97, _vgg16),
    )
}
# What runs where no model is named: those whose steps take milliseconds.
QUICK = ("lenet", "lstm", "mlp")
