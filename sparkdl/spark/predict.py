"""`sdl.predict`: the same rows, one more column for each output of the model."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark import RDD
from pyspark.sql.types import ArrayType, DataType, FloatType, StructField, StructType

from sparkdl.data.arrow import BlockReader, read_columns
from sparkdl.data.blocks import block_of_samples
from sparkdl.errors import ArgumentError, DataError, ModelError
from sparkdl.spark.arguments import refuse
from sparkdl.spark.cluster import context_of
from sparkdl.spark.expectations import shapes_of
from sparkdl.spark.frames import DataArguments, prepare_features
from sparkdl.spark.samples import first_item, spec_of
from sparkdl.spark.shipping import ShippedModel, ship
from sparkdl.types import Sample


def predict(
    model: Any,
    data: Any,
    *,
    features: Any = "features",
    output: str | Sequence[str] = "prediction",
    batch_size: int = 1024,
    shapes: Mapping[str, Sequence[int]] | None = None,
    dtypes: Mapping[str, str] | None = None,
    **keras_arguments: Any,
) -> Any:
    """Applies a model to every row, without a shuffle: order, partitions and all columns are kept.

    Args:
        model: a built `keras.Model`; it need not be compiled.
        data: a DataFrame (batch or streaming), or an RDD of `sparkdl.Sample` or ndarrays.
        features: as in `fit`.
        output: name of the new column; a name per output where the model has several.
        batch_size: rows per call of the model.
        shapes: shape per row of a column, where neither the model nor the column says it.
        dtypes: numpy dtype of a `binary` column of raw tensors.
        **keras_arguments: other arguments of `keras.Model.predict`, refused by name with the reason.

    Returns:
        for a DataFrame, the DataFrame with a column more per output: `float` for an output of shape
        (batch,), `array<float>` for (batch, n), nested arrays for more axes; for an RDD, an RDD with one
        ndarray (or a tuple of them) per row.

    Raises:
        DataError: where the columns do not fit the model.
        ModelError: where the model has no weights yet.
    """
    refuse("predict", **keras_arguments)
    if not model.built:
        raise ModelError(f"model {model.name!r} is not built: call it once, or give it an Input, before predict.")
    if isinstance(data, RDD):
        first = as_sample(first_item(data))
        spec = replace(spec_of(first, shapes_of(model).input_names, ()), labels=(), weighted=False)
        shipped = ship(data.context, model, spec, compiled=False)
        return data.map(as_sample).mapPartitions(functools.partial(predict_samples, shipped, batch_size))
    arguments = DataArguments(features=features, shapes=shapes or {}, dtypes=dtypes or {})
    prepared = prepare_features(data, arguments, shapes_of(model))
    names = output_names(model, output)
    taken = [name for name in names if name in data.columns]
    if taken:
        raise ArgumentError(f"output column {taken[0]!r} exists already in the DataFrame: choose another output= name.")
    shapes_out = [tuple(tensor.shape[1:]) for tensor in outputs_of(model)]
    fields = [StructField(name, column_type(shape)) for name, shape in zip(names, shapes_out, strict=True)]
    schema = StructType([*data.schema.fields, *fields])
    shipped = ship(context_of(data), model, prepared.spec, compiled=False)
    task = Scorer(shipped, prepared.reader, tuple(data.columns), tuple(names), batch_size)
    return prepared.frame.mapInArrow(task, schema)


def outputs_of(model: Any) -> list[Any]:
    """The model's symbolic outputs, flat."""
    outputs = getattr(model, "outputs", None)
    if not outputs:
        raise ModelError(f"model {model.name!r} has no known outputs: call it once on an Input before predict.")
    return list(outputs)


def output_names(model: Any, output: str | Sequence[str]) -> list[str]:
    """A column name per output: the names given, or for several outputs `output` with each output's name."""
    outputs = outputs_of(model)
    if not isinstance(output, str):
        if len(output) != len(outputs):
            raise ArgumentError(f"output= names {len(output)} columns, but the model has {len(outputs)} outputs.")
        return list(output)
    if len(outputs) == 1:
        return [output]
    return [f"{output}_{name}" for name in model.output_names]


def column_type(shape: tuple[int | None, ...]) -> DataType:
    """The Spark type of one row of an output of this shape."""
    return ArrayType(column_type(shape[1:]), False) if shape else FloatType()


def arrow_column(values: np.ndarray) -> pa.Array:
    """Rows of float32 tensors as an Arrow column: float, list<float>, list<list<float>>, ..."""
    column = pa.array(np.ascontiguousarray(values, np.float32).reshape(-1))
    for length in reversed(values.shape[1:]):
        offsets = (
            np.arange(0, len(column) + 1, length, dtype=np.int32) if length else np.zeros(len(values) + 1, np.int32)
        )
        column = pa.ListArray.from_arrays(pa.array(offsets), column)
    return column


@dataclass(frozen=True)
class Scorer:
    """The task of `predict`: record batches in, the same with the outputs added."""

    shipped: ShippedModel
    reader: BlockReader
    kept: tuple[str, ...]
    outputs: tuple[str, ...]
    batch_size: int

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        predictor, seen = None, 0
        for batch in batches:
            if batch.num_rows == 0:
                continue
            predictor = predictor or self.shipped.predictor()
            features, _ = read_columns(batch, self.reader, functools.partial(describe, seen))
            predictions = predictor.predict(features, self.batch_size)
            seen += batch.num_rows
            columns = [*batch.columns[: len(self.kept)], *map(arrow_column, predictions)]
            yield pa.RecordBatch.from_arrays(columns, names=[*self.kept, *self.outputs])


def describe(before: int, row: int) -> str:
    """Names a row by its position among those that this task has seen."""
    return f"row {before + row} of its partition (counted from 0)"


def as_sample(item: Any) -> Sample:
    """A sample, or an ndarray of features as one.

    Raises:
        DataError: for anything else.
    """
    if isinstance(item, Sample):
        return Sample(item.features)
    if isinstance(item, np.ndarray):
        return Sample((item,))
    raise DataError(f"predict takes an RDD of sparkdl.Sample or of ndarrays, received a {type(item).__name__}.")


def predict_samples(shipped: ShippedModel, batch_size: int, samples: Iterable[Sample]) -> Iterator[Any]:
    """The task of `predict` on an RDD: the outputs of each sample, in order."""
    predictor, seen, remaining = None, 0, iter(samples)
    while chunk := list(itertools.islice(remaining, batch_size)):
        predictor = predictor or shipped.predictor()
        block = block_of_samples(chunk, shipped.spec, np.arange(seen, seen + len(chunk)))
        outputs = predictor.predict(block.columns, batch_size)
        seen += len(chunk)
        yield from outputs[0] if len(outputs) == 1 else zip(*outputs, strict=True)
