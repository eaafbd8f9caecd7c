"""The rows that training leaves out are those that scoring leaves out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import keras
import numpy as np
import pytest
from pyspark.ml.linalg import DenseVector, SparseVector, VectorUDT
from pyspark.sql import types as T

import sparkdl as sdl
from sparkdl.spark.expectations import shapes_of
from sparkdl.spark.frames import DataArguments
from sparkdl.spark.whole_rows import whole_rows

NAN = float("nan")
IMAGE = T.StructType(
    [T.StructField(name, T.IntegerType()) for name in ("height", "width", "nChannels", "mode")]
    + [T.StructField("data", T.BinaryType())]
)


def array(kind: T.DataType, depth: int = 1) -> T.DataType:
    return kind if depth == 0 else T.ArrayType(array(kind, depth - 1))


def image(height: int = 2, width: int = 2, mode: int = 0, size: int = 4) -> tuple[Any, ...]:
    return height, width, 1, mode, bytes(size)


@pytest.mark.parametrize(
    ("kind", "shape", "values", "good"),
    [
        (array(T.DoubleType()), (2,), [[1.0, 2.0], None, [1.0, None], [NAN, 1.0], [1.0], [1.0, 2.0, 3.0], []], 1),
        (array(T.FloatType()), (None,), [[1.0, None], [1.0, 2.0], None, [NAN, 1.0], [3.0, 4.0]], 2),
        (array(T.DecimalType(3, 1)), (2,), [[Decimal("1.5"), Decimal(2)], [Decimal(1), None], [Decimal(1)], None], 1),
        (array(T.IntegerType()), (2,), [[1, 2], None, [1, None], [1], [0, 0]], 2),
        (array(T.DoubleType(), 2), (2, 1), [[[1.0], [2.0]], [None, [1.0]], [[1.0], [NAN]], [[1.0]], [[1.0], []]], 1),
        (
            VectorUDT(),
            (2,),
            [DenseVector([1, 2]), SparseVector(2, {}), None, DenseVector([1, NAN]), DenseVector([1])],
            2,
        ),
        (T.DoubleType(), (1,), [1.0, None, NAN], 1),
        (T.BinaryType(), (2,), [np.float32([1, 2]).tobytes(), None, b"abc"], 1),
        (IMAGE, (2, 2, 1), [image(), None, image(mode=5), image(size=3), image(height=1, size=2), image(None)], 1),
    ],
)
def test_the_same_rows_as_in_scoring(spark_local: Any, kind: Any, shape: Any, values: list[Any], good: int) -> None:
    schema = T.StructType([T.StructField("id", T.IntegerType()), T.StructField("x", kind)])
    frame = spark_local.createDataFrame(list(enumerate(values)), schema).coalesce(1)
    inputs = keras.Input(shape)
    model = keras.Model(inputs, keras.ops.sum(keras.ops.cast(inputs, "float32"), axis=-1))
    dtypes = {"x": "float32"} if isinstance(kind, T.BinaryType) else {}
    whole = whole_rows(frame, DataArguments("x", dtypes=dtypes), shapes_of(model))
    scored = sdl.predict(model, frame, features="x", handle_invalid="skip", dtypes=dtypes, runtime="tensorflow")
    kept = sorted(row.id for row in whole.collect())
    assert kept == sorted(row.id for row in scored.collect()) and len(kept) == good


def test_no_row_is_left_out_because_its_list_is_not_as_long_as_that_of_the_first_row(spark_local: Any) -> None:
    frame = spark_local.createDataFrame([([1.0, 2.0],), ([1.0],), (None,)], "x array<double>").coalesce(1)
    model = shapes_of(keras.Model(inputs := keras.Input((None,)), inputs))
    assert [row.x for row in whole_rows(frame, DataArguments("x"), model).collect()] == [[1.0, 2.0], [1.0]]
    given = DataArguments("x", shapes={"x": (2,)})
    assert [row.x for row in whole_rows(frame, given, model).collect()] == [[1.0, 2.0]]


def test_images_of_any_size_and_stacks_labels_and_weights(spark_local: Any) -> None:
    rows = [(image(3, 1, size=3), 1.0, None, [1.0], 1.0), (image(size=3), 1.0, 1, [1.0], 1.0)]
    rows += [(image(), NAN, 1, [1.0], 1.0), (image(), 1.0, 1, [None], 1.0), (image(), 1.0, 1, [2.0], None)]
    rows += [(image(3, 1, size=3), 1.0, 2, [3.0, 4.0], 1.0)]
    schema = T.StructType(
        [
            T.StructField("image", IMAGE),
            T.StructField("a", T.DoubleType()),
            T.StructField("b", T.IntegerType()),
            T.StructField("label", array(T.DoubleType())),
            T.StructField("w", T.DoubleType()),
        ]
    )
    frame = spark_local.createDataFrame(rows, schema)
    model = shapes_of(keras.Model(inputs := [keras.Input((4, 4, 1), name="i"), keras.Input((2,), name="n")], inputs[1]))
    features = {"i": "image", "n": ["a", "b"]}
    gray = sdl.images.Compose([sdl.images.Resize(4), sdl.images.Channels("gray")])
    found = whole_rows(frame, DataArguments(features, "label", "w", transform={"image": gray}), model).collect()
    assert [row.label for row in found] == [[3.0, 4.0]]
