"""The tasks that score: record batches or samples in, what the model says of them out.

Executors import this module: nothing in it, nor in what it imports, needs TensorFlow.
"""

from __future__ import annotations

import functools
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from sparkdl.data.arrow import BlockReader, portions, read_columns, refuse_guesses, refuse_indices
from sparkdl.data.blocks import block_of_samples
from sparkdl.data.output import arrow_column, with_nulls
from sparkdl.data.rows import RowQueue
from sparkdl.data.validity import valid_rows
from sparkdl.errors import DataError
from sparkdl.spark.shipped import ShippedModel, ShippedNetwork
from sparkdl.types import Sample, SampleSpec

Derive = Callable[[list[np.ndarray]], Sequence[Any]]


@dataclass(frozen=True)
class Scorer:
    """The task: record batches in, the same batches with more columns out.

    Attributes:
        shipped: the model.
        reader: reads the features.
        kept: how many columns of a record batch, from the first, go on as they are.
        kinds: the Arrow type of each new column.
        derive: makes them from the outputs of the model.
        batch_size: rows per call of the model.
        handle_invalid: what becomes of rows that cannot be read.
    """

    shipped: ShippedModel | ShippedNetwork
    reader: BlockReader
    kept: int
    kinds: Mapping[str, pa.DataType]
    derive: Derive
    batch_size: int
    handle_invalid: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for portion, columns in self.scored(batches):
            if portion.batch.num_rows:
                names = [*portion.batch.schema.names, *self.kinds]
                yield pa.RecordBatch.from_arrays([*portion.batch.columns, *columns], names=names)

    def scored(self, batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[Portion, list[pa.Array]]]:
        """Each record batch with its new columns.

        Holds back at most the record batches that the rows of one unfinished call of the model came in.
        """
        waiting: deque[Portion] = deque()
        features, outputs, seen = RowQueue(), RowQueue(), 0
        predictor = functools.cache(self.shipped.predictor)
        for batch in portions(batches, self.reader):
            portion, arrays = self.read(batch, functools.partial(describe, seen))
            seen += batch.num_rows
            waiting.append(portion)
            features.put(arrays)
            while len(features) >= self.batch_size:
                outputs.put(predictor().predict(features.take(self.batch_size)))
            while waiting and waiting[0].rows <= len(outputs):
                portion = waiting.popleft()
                yield portion, self.columns(portion, outputs)
        if len(features):
            outputs.put(predictor().predict(features.take(len(features))))
        for portion in waiting:
            yield portion, self.columns(portion, outputs)

    def read(self, batch: pa.RecordBatch, where: Callable[[int], str]) -> tuple[Portion, tuple[np.ndarray, ...]]:
        """A record batch on its way, and the features of its valid rows."""
        kept = batch.select(list(range(self.kept)))
        try:
            arrays, _ = read_columns(batch, self.reader, where)
            return Portion(kept, batch.num_rows), arrays
        except DataError:
            if self.handle_invalid == "error":
                raise
        # Else the first row would decide which rows are left out.
        refuse_guesses(batch, self.reader, where)
        valid = valid_rows(batch, self.reader)
        arrays, _ = read_columns(batch.filter(pa.array(valid)), self.reader, where)
        if self.handle_invalid == "skip":
            return Portion(kept.filter(pa.array(valid)), int(valid.sum())), arrays
        return Portion(kept, int(valid.sum()), valid), arrays

    def columns(self, portion: Portion, outputs: RowQueue) -> list[pa.Array]:
        """The new columns of a record batch, once the model has seen its rows."""
        made: Iterable[Any] = [pa.nulls(0, kind) for kind in self.kinds.values()]
        if portion.rows:
            made = self.derive(list(outputs.take(portion.rows)))
        columns = [
            values if isinstance(values, pa.Array) else arrow_column(np.asarray(values), kind)
            for values, kind in zip(made, self.kinds.values(), strict=True)
        ]
        return columns if portion.valid is None else [with_nulls(column, portion.valid) for column in columns]


@dataclass(frozen=True)
class ColumnScorer:
    """The same task as a function of columns: only features come, and only what is new goes back.

    Attributes:
        scorer: does not skip: a function gives a value for each row.
        names: what the scorer's reader calls the columns that come.
        struct: the type of what goes back: the new columns as one, null for rows that are invalid. None where there
            is one new column, which goes back as it is.
    """

    scorer: Scorer
    names: tuple[str, ...]
    struct: pa.DataType | None

    def __call__(self, items: Iterable[Any]) -> Iterator[pa.Array]:
        """Takes columns: an Arrow array, or a tuple of several; gives as many rows as it was given."""
        for portion, columns in self.scorer.scored(map(self.batch, items)):
            if self.struct is None:
                yield columns[0]
                continue
            mask = None if portion.valid is None else pa.array(~portion.valid)
            yield pa.StructArray.from_arrays(columns, fields=list(self.struct), mask=mask)

    def batch(self, item: Any) -> pa.RecordBatch:
        """Columns as a record batch."""
        return pa.RecordBatch.from_arrays(list(item) if isinstance(item, tuple) else [item], names=list(self.names))


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


def predict_samples(
    shipped: ShippedModel | ShippedNetwork,
    spec: SampleSpec,
    limits: Sequence[np.ndarray | None],
    batch_size: int,
    samples: Iterable[Sample],
) -> Iterator[Any]:
    """The task of `predict` on an RDD: the outputs of each sample, in order."""
    predictor, seen, remaining = None, 0, iter(samples)
    while chunk := list(itertools.islice(remaining, batch_size)):
        predictor = predictor or shipped.predictor()
        block = block_of_samples(chunk, spec, np.arange(seen, seen + len(chunk)))
        refuse_indices(block.columns, limits, functools.partial(describe, seen))
        outputs = predictor.predict(block.columns)
        seen += len(chunk)
        yield from outputs[0] if len(outputs) == 1 else zip(*outputs, strict=True)
