"""Some rows of the data on the driver, the same for the same seed: what ranges of eight bits are found from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark import RDD
from pyspark.sql import functions as F

from sparkdl.data.arrow import ID_COLUMN
from sparkdl.data.blocks import Block, block_of_samples, pack, unpack
from sparkdl.errors import ArgumentError, DataError
from sparkdl.spark.arguments import refuse_stream
from sparkdl.spark.evaluate import coded
from sparkdl.spark.failures import own_errors
from sparkdl.spark.frames import DataArguments, ModelShapes, prepare
from sparkdl.types import Batch, SampleSpec, TensorSpec


def sample_rows(
    data: Any, arguments: DataArguments, shapes: ModelShapes, rows: int, seed: int, label_values: Mapping[str, Any]
) -> tuple[SampleSpec, Batch]:
    """Rows that a seed chooses, as the model takes them.

    A row's place in the choice follows from its partition, its position in it and the seed; each task keeps `rows`
    rows, one task chooses among these, and so many come to the driver.

    Args:
        data: a DataFrame, an RDD of `Sample`, or arrays (features, and labels or none).
        arguments: which columns are what.
        shapes: what the model expects.
        rows: how many; all where there are fewer.
        seed: of the choice.
        label_values: for a label column of strings, these in the order of their numbers.

    Raises:
        ArgumentError: the data is a stream.
        DataError: there are no rows, or they do not fit.
    """
    if isinstance(data, Arrays):
        return data.spec(shapes), data.chosen(rows, seed)
    refuse_stream("quantize", data, "give a table of such rows")
    prepared = prepare(data, arguments, shapes)
    with own_errors():
        if isinstance(data, RDD):
            samples = data.takeSample(False, rows, seed)
            blocks = [block_of_samples(samples, prepared.spec, np.arange(len(samples)))] if samples else []
        else:
            frame: Any = prepared.frame
            chosen = frame.orderBy(F.xxhash64(F.lit(seed), F.col(ID_COLUMN)), ID_COLUMN).limit(rows)
            # A job over what was chosen: a mere collect would bring the choice of each task to the driver.
            task = PackRows(prepared.inference_blocks, prepared.spec, label_values)
            blocks = [unpack(bytes(row.block)) for row in chosen.mapInArrow(task, "block binary").collect()]
    if not blocks:
        raise no_rows()
    columns = tuple(
        np.concatenate([block.columns[index] for block in blocks]) for index in range(len(blocks[0].columns))
    )
    inputs = len(prepared.spec.features)
    return prepared.spec, Batch(columns[:inputs], columns[inputs : inputs + len(prepared.spec.labels)])


def no_rows() -> DataError:
    """The error of empty data."""
    return DataError("quantize was given no rows, and finds ranges of numbers in rows: the data is empty.")


@dataclass(frozen=True)
class PackRows:
    """The task: rows in, blocks as bytes out."""

    blocks: Callable[[Iterable[Any]], Iterator[Block]]
    spec: SampleSpec
    label_values: Mapping[str, Sequence[str]]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for block in self.blocks(batches):
            if block.rows:
                packed = pack(coded(block, self.spec, self.label_values))
                yield pa.RecordBatch.from_arrays([pa.array([packed], pa.binary())], names=["block"])


@dataclass(frozen=True)
class Arrays:
    """Rows in the driver's memory.

    Attributes:
        features: an array (rows, ...) for each input.
        labels: an array (rows, ...) for each output, or none.
    """

    features: tuple[np.ndarray, ...]
    labels: tuple[np.ndarray, ...] = ()

    @classmethod
    def of(cls, features: Any, labels: Any) -> Arrays:
        """Of an array or a list of them, and labels likewise or None; float64 becomes float32.

        Raises:
            ArgumentError: labels are something else.
            DataError: there are no rows, or they differ in number.
        """
        if isinstance(labels, str):
            raise ArgumentError(f"label={labels!r} names a column, but the data are arrays: give an array of labels.")
        found = cls(_arrays(features), () if labels is None else _arrays(labels))
        counts = {len(array) if array.ndim else 0 for array in (*found.features, *found.labels)}
        if counts == {0} or not counts:
            raise no_rows()
        if len(counts) > 1:
            raise DataError(f"the arrays of features and labels have {sorted(counts)} rows: give as many of each.")
        return found

    def spec(self, shapes: ModelShapes) -> SampleSpec:
        """The columns, by the names of the model's inputs.

        Raises:
            DataError: there are more or fewer arrays than inputs.
        """
        names = shapes.input_names or tuple(f"input_{index}" for index in range(len(self.features)))
        if len(names) != len(self.features):
            raise DataError(f"{len(self.features)} arrays were given, but the model has the inputs {', '.join(names)}.")
        tensors = [
            TensorSpec(name, array.shape[1:], str(array.dtype))
            for name, array in zip(names, self.features, strict=True)
        ]
        return SampleSpec(tuple(tensors), feature_structure="single" if len(tensors) == 1 else "list")

    def chosen(self, rows: int, seed: int) -> Batch:
        """Rows that the seed chooses, in their order."""
        count = len(self.features[0])
        chosen = np.sort(np.random.default_rng(seed).choice(count, min(rows, count), replace=False))
        return Batch(tuple(array[chosen] for array in self.features), tuple(array[chosen] for array in self.labels))


def _arrays(value: Any) -> tuple[np.ndarray, ...]:
    several = isinstance(value, (list, tuple)) and any(isinstance(item, np.ndarray) for item in value)
    found = [np.asarray(item) for item in (value if several else [value])]
    return tuple(array.astype(np.float32) if array.dtype == np.float64 else array for array in found)
