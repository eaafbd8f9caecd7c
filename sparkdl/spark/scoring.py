"""Scores a DataFrame where its rows lie: what `sdl.predict` and the pipeline stages are built on."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import to_arrow_type
from pyspark.sql.types import StructField, StructType

from sparkdl.data.arrow import BlockReader, read_columns
from sparkdl.data.output import arrow_column, with_nulls
from sparkdl.data.rows import RowQueue
from sparkdl.data.validity import valid_rows
from sparkdl.errors import ArgumentError, DataError, ModelError
from sparkdl.spark.expectations import shapes_of
from sparkdl.spark.feature_columns import prepare_features
from sparkdl.spark.frames import DataArguments
from sparkdl.spark.shipping import ShippedModel, ship
from sparkdl.types import SampleSpec

HandleInvalid = Literal["error", "skip", "keep"]
Derive = Callable[[list[np.ndarray]], Sequence[Any]]


def score(
    model: Any,
    frame: DataFrame,
    *,
    features: Any,
    columns: Sequence[StructField],
    derive: Derive,
    batch_size: int = 1024,
    shapes: Mapping[str, Sequence[int]] | None = None,
    dtypes: Mapping[str, str] | None = None,
    runtime: str = "auto",
    precision: str = "float32",
    handle_invalid: str = "error",
    layers: str | Sequence[str] | None = None,
    spec: SampleSpec | None = None,
) -> DataFrame:
    """A DataFrame's columns, and further ones that are made of what a model says of its rows.

    Nothing is shuffled: rows, their order and their partitions stay. No job starts here but, where neither model
    nor schema tells the shape of a row and `spec` is not given, one that looks at the first row.

    Args:
        model: a built Keras model.
        frame: a DataFrame, batch or streaming.
        features: its feature columns, as in `fit`.
        columns: the new columns. With `handle_invalid="keep"` they become nullable.
        derive: makes the values of `columns` from the outputs of the model, each an array (rows, ...): for each
            column an array (rows, ...), or a `pyarrow.Array` of its type. It is called on the executors with any
            number of rows from 1, and must be picklable and need no Keras.
        batch_size: rows per call of the model, whatever the partitions and Arrow batches are; the last call of a
            partition has what is left.
        shapes: as in `fit`.
        dtypes: as in `fit`.
        runtime: what computes, see `sparkdl.predict`.
        precision: what it computes in, see `sparkdl.predict`.
        handle_invalid: what becomes of a row with a null, a NaN or an array of the wrong length among its
            features: "error", "skip" (it is left out) or "keep" (null in all new columns).
        layers: inner layers whose outputs are wanted instead of the model's.
        spec: what every row held in training: no row is looked at then, and other features are refused.

    Raises:
        ArgumentError: an argument has the wrong form, or a new column exists already.
        DataError: the columns do not fit the model.
        ModelError: the model is not built.
    """
    check_options(batch_size, runtime, precision, handle_invalid)
    check_new(columns, frame)
    model = ending_at(built(model), layers)
    arguments = DataArguments(features=features, shapes=shapes or {}, dtypes=dtypes or {})
    keep = handle_invalid == "keep"
    prepared = prepare_features(frame, arguments, shapes_of(model), spec=spec, nulls=handle_invalid != "error")
    fields = [StructField(field.name, field.dataType, keep or field.nullable, field.metadata) for field in columns]
    shipped = ship(frame, model, prepared.spec, compiled=False)
    kinds = {field.name: to_arrow_type(field.dataType) for field in fields}
    task = Scorer(shipped, prepared.reader, tuple(frame.columns), kinds, derive, batch_size, handle_invalid)
    return prepared.frame.mapInArrow(task, StructType([*frame.schema.fields, *fields]))


def check_options(batch_size: int, runtime: str, precision: str, handle_invalid: str) -> None:
    """Refuses values that are not among those known.

    Raises:
        ArgumentError: naming argument, value, and what is possible.
    """
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ArgumentError(f"batch_size must be a whole number from 1, received {batch_size!r}.")
    known = {"runtime": RUNTIMES, "precision": PRECISIONS, "handle_invalid": HANDLE_INVALID}
    for name, value in (("runtime", runtime), ("precision", precision), ("handle_invalid", handle_invalid)):
        if value not in known[name]:
            raise ArgumentError(f"{name} must be one of {', '.join(map(repr, known[name]))}; received {value!r}.")


RUNTIMES = ("auto", "tensorflow")
PRECISIONS = ("float32",)
HANDLE_INVALID = ("error", "skip", "keep")


def check_new(columns: Sequence[StructField], frame: DataFrame) -> None:
    """Refuses output columns that exist (Spark tells names apart without regard to case) or come twice.

    Raises:
        ArgumentError: naming the column.
    """
    taken = {name.lower() for name in frame.columns}
    for field in columns:
        if field.name.lower() in taken:
            where = "in the DataFrame" if field.name.lower() in map(str.lower, frame.columns) else "among the outputs"
            raise ArgumentError(
                f"output column {field.name!r} exists already {where}: choose another name (output= of predict)."
            )
        taken.add(field.name.lower())


def built(model: Any) -> Any:
    """The model, if it has its weights and says what its outputs are.

    Raises:
        ModelError: it has not.
    """
    if not getattr(model, "built", False):
        raise ModelError(f"model {model.name!r} is not built: call it once, or give it an Input, before predict.")
    if not getattr(model, "outputs", None):
        raise ModelError(f"model {model.name!r} has no known outputs: call it once on an Input before predict.")
    return model


def ending_at(model: Any, layers: str | Sequence[str] | None) -> Any:
    """The model, or the part of it that ends at inner layers."""
    if layers is None:
        return model
    from sparkdl.importers.transfer import cut

    return cut(model, layers)


@dataclass(frozen=True)
class Scorer:
    """The task: record batches in, the same batches with more columns out.

    Attributes:
        shipped: the model.
        reader: reads the features.
        kept: names of the columns that go on as they are.
        kinds: the Arrow type of each new column.
        derive: makes them from the outputs of the model.
        batch_size: rows per call of the model.
        handle_invalid: what becomes of rows that cannot be read.
    """

    shipped: ShippedModel
    reader: BlockReader
    kept: tuple[str, ...]
    kinds: Mapping[str, pa.DataType]
    derive: Derive
    batch_size: int
    handle_invalid: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Holds back at most the record batches that the rows of one unfinished call of the model came in."""
        waiting: deque[Portion] = deque()
        features, outputs, seen = RowQueue(), RowQueue(), 0
        predictor = functools.cache(self.shipped.predictor)
        for batch in batches:
            portion, arrays = self.read(batch, functools.partial(describe, seen))
            seen += batch.num_rows
            waiting.append(portion)
            features.put(arrays)
            while len(features) >= self.batch_size:
                outputs.put(predictor().predict(features.take(self.batch_size)))
            while waiting and waiting[0].rows <= len(outputs):
                yield from self.finish(waiting.popleft(), outputs)
        if len(features):
            outputs.put(predictor().predict(features.take(len(features))))
        for portion in waiting:
            yield from self.finish(portion, outputs)

    def read(self, batch: pa.RecordBatch, where: Callable[[int], str]) -> tuple[Portion, tuple[np.ndarray, ...]]:
        """A record batch on its way, and the features of its valid rows."""
        kept = batch.select(self.kept)
        try:
            arrays, _ = read_columns(batch, self.reader, where)
            return Portion(kept, batch.num_rows), arrays
        except DataError:
            if self.handle_invalid == "error":
                raise
        valid = valid_rows(batch, self.reader)
        arrays, _ = read_columns(batch.filter(pa.array(valid)), self.reader, where)
        if self.handle_invalid == "skip":
            return Portion(kept.filter(pa.array(valid)), int(valid.sum())), arrays
        return Portion(kept, int(valid.sum()), valid), arrays

    def finish(self, portion: Portion, outputs: RowQueue) -> Iterator[pa.RecordBatch]:
        """The record batch with its new columns, once the model has seen its rows."""
        if not portion.batch.num_rows:
            return
        made: Iterable[Any] = [pa.nulls(0, kind) for kind in self.kinds.values()]
        if portion.rows:
            made = self.derive(list(outputs.take(portion.rows)))
        columns = [
            values if isinstance(values, pa.Array) else arrow_column(np.asarray(values), kind)
            for values, kind in zip(made, self.kinds.values(), strict=True)
        ]
        if portion.valid is not None:
            columns = [with_nulls(column, portion.valid) for column in columns]
        names = [*portion.batch.schema.names, *self.kinds]
        yield pa.RecordBatch.from_arrays([*portion.batch.columns, *columns], names=names)


@dataclass(frozen=True)
class Portion:
    """A record batch whose rows wait for the model.

    Attributes:
        batch: its columns that go on.
        rows: how many of its rows the model sees.
        valid: which of them, where not all: bool (batch.num_rows,).
    """

    batch: pa.RecordBatch
    rows: int
    valid: np.ndarray | None = None


def describe(before: int, row: int) -> str:
    """Names a row by its position among those that this task has seen."""
    return f"row {before + row} of its partition (counted from 0)"
