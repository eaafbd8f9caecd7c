"""Columns of DataFrames to samples and tensors, and outputs to columns.

It lies here, not beside the stages, because executors import it, and the folder of those imports TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, FloatType

from sparkdl.bigdl.feature.preprocessing import ChainedPreprocessing, Preprocessing, SeqToTensor, TensorToSample
from sparkdl.bigdl.transform.vision.feature import drawing_from
from sparkdl.bigdl.util.sample import JTensor, Sample
from sparkdl.errors import DataError
from sparkdl.nn.torch.initial import generator
from sparkdl.spark.columns import find_column, quoted

_TENSORS = "__tensors"


@dataclass(frozen=True)
class RowConverter:
    """Makes samples of the rows of a partition, each with chance of its own."""

    preprocessing: Preprocessing
    seed: int

    def __call__(self, partition: int, rows: Iterator[Any]) -> Iterator[Sample]:
        """Takes (feature, label) or (feature,) rows."""
        for position, row in enumerate(rows):
            with drawing_from(np.random.RandomState([self.seed, partition, position])):
                yield converted(self.preprocessing, (row[0], row[1] if len(row) > 1 else None))


def converted(preprocessing: Preprocessing, value: Any) -> Sample:
    """What a preprocessing chain makes of a row.

    Raises:
        DataError: no sample.
    """
    sample = preprocessing.convert(value)
    if not isinstance(sample, Sample):
        raise DataError(
            f"the preprocessing of the columns must end in a Sample, received a {type(sample).__name__}: put "
            f"TensorToSample or FeatureLabelPreprocessing at its end."
        )
    return sample


def samples_of(frame: DataFrame, features: str, label: str, preprocessing: Preprocessing) -> Any:
    """An RDD of samples of a DataFrame, without labels where it has no such column."""
    names = [find_column(features, frame.schema, "featuresCol")]
    if label in frame.columns:
        names.append(find_column(label, frame.schema, "labelCol"))
    rows = frame.select(*[F.col(quoted(name)) for name in names]).rdd
    task = RowConverter(preprocessing, int(generator().randint(1 << 31)))
    return rows.mapPartitionsWithIndex(task, preservesPartitioning=True)


@dataclass(frozen=True)
class Tensors:
    """Feature columns for a model, and the DataFrame that has them.

    Attributes:
        frame: the DataFrame, with a further column where one was needed.
        features: what `score` takes as features.
        shapes: the shape of a row of each.
        added: columns to take away again.
    """

    frame: DataFrame
    features: Any
    shapes: dict[str, tuple[int, ...]]
    added: tuple[str, ...] = ()

    @property
    def row_shapes(self) -> Any:
        """What a row of the model's input looks like: a shape, or a list of them."""
        found = list(self.shapes.values())
        return found[0] if len(found) == 1 else found


def tensors_of(frame: DataFrame, column: str, preprocessing: Preprocessing) -> Tensors:
    """The tensors of a feature column.

    Where the chain only gives numbers a shape, the column is read as it is. Any other chain runs row by row on the
    executors, in a function of SQL.

    Raises:
        DataError: there is no row to look at.
    """
    name = find_column(column, frame.schema, "featuresCol")
    shape = plain_shape(preprocessing)
    if shape:
        return Tensors(frame, name, {name: shape})
    first = frame.select(F.col(quoted(name))).first()
    if first is None:
        raise DataError(f"the DataFrame has no rows, so nobody knows the shape of {column!r}.")
    shapes = [tensor.shape for tensor in converted(preprocessing, first[0]).features]
    kind = ArrayType(ArrayType(FloatType(), False), False)
    function = F.udf(_Numbers(preprocessing), kind, useArrow=False).asNondeterministic()
    made = frame.withColumn(_TENSORS, function(F.col(quoted(name))))
    names = [f"{_TENSORS}_{place}" for place in range(len(shapes))]
    made = made.select("*", *[F.col(_TENSORS)[place].alias(new) for place, new in enumerate(names)])
    found = dict(zip(names, shapes, strict=True))
    return Tensors(made, names[0] if len(names) == 1 else names, found, (_TENSORS, *names))


def plain_shape(preprocessing: Any) -> tuple[int, ...] | None:
    """The shape that a chain gives to numbers where it does nothing else; None of other chains."""
    if not isinstance(preprocessing, ChainedPreprocessing) or len(preprocessing.transformers) != 2:
        return None
    first, second = preprocessing.transformers
    if not isinstance(first, SeqToTensor) or type(second) is not TensorToSample:
        return None
    return tuple(first.size) or None


@dataclass(frozen=True)
class _Numbers:
    """The tensors of a value as lists of numbers."""

    preprocessing: Preprocessing

    def __call__(self, value: Any) -> Sequence[Sequence[float]]:
        features: list[JTensor] = converted(self.preprocessing, value).features
        return [tensor.to_ndarray().reshape(-1).tolist() for tensor in features]


@dataclass(frozen=True)
class Flat:
    """The numbers of each row of an output, one after the other."""

    def __call__(self, outputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """See `score`."""
        return [np.asarray(outputs[0], np.float32).reshape(len(outputs[0]), -1)]


@dataclass(frozen=True)
class ClassNumber:
    """The number of the largest output, from 1; of one output, whether it is above a threshold: 1 or 0."""

    threshold: float

    def __call__(self, outputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """See `score`."""
        rows = np.asarray(outputs[0]).reshape(len(outputs[0]), -1)
        found = rows[:, 0] > self.threshold if rows.shape[1] == 1 else np.argmax(rows, axis=1) + 1
        return [found.astype(np.float64)]
