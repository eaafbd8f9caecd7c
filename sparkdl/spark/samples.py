"""RDDs of samples: packed into blocks where they are, one block for each destination."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from pyspark import RDD

from sparkdl.data.blocks import POSITION_BITS, Block, block_of_samples, pack
from sparkdl.errors import DataError
from sparkdl.spark.failures import own_errors
from sparkdl.spark.placement import destination
from sparkdl.types import Sample, SampleSpec, TensorSpec

_BLOCK_ROWS = 2048
_BLOCK_BYTES = 16 << 20

_first_items: WeakKeyDictionary[RDD[Any], Any] = WeakKeyDictionary()


@dataclass(frozen=True)
class Blocker:
    """Turns the samples of one partition into blocks, dealt out in turn to `ways` destinations. Picklable."""

    spec: SampleSpec
    role: int
    ways: int = 1

    def __call__(self, partition: int, samples: Iterator[Sample]) -> Iterator[tuple[int, Block]]:
        """Yields (destination, block) pairs; the destination is that of `placement.destination`."""
        row_bytes = sum(tensor.size * np.dtype(tensor.dtype).itemsize for tensor in self.spec.columns)
        rows = max(1, min(_BLOCK_ROWS, _BLOCK_BYTES // max(1, row_bytes))) * self.ways
        position = 0
        while chunk := list(islice(samples, rows)):
            for way in range(min(self.ways, len(chunk))):
                part = chunk[way :: self.ways]
                ids = np.arange(position + way, position + len(chunk), self.ways, dtype=np.int64)
                ids += partition << POSITION_BITS
                block = block_of_samples(part, self.spec, ids, np.full(len(part), self.role, np.int8))
                yield destination(partition, position + way, self.ways), block
            position += len(chunk)

    def blocks(self, partition: int, samples: Iterator[Sample]) -> Iterator[Block]:
        """The blocks alone: what reads them next runs in the same Python process."""
        return (block for _, block in self(partition, samples))

    def packed(self, partition: int, samples: Iterator[Sample]) -> Iterator[tuple[int, bytes]]:
        """The blocks as bytes, to travel."""
        return ((target, pack(block)) for target, block in self(partition, samples))


def in_place(rdd: RDD[Any], spec: SampleSpec) -> RDD[Any]:
    """The samples as blocks, where they lie."""
    return rdd.mapPartitionsWithIndex(Blocker(spec, 0).blocks, preservesPartitioning=True)


def dealt(rdds: Sequence[RDD[Any]], spec: SampleSpec, workers: int) -> RDD[Any]:
    """The samples of the training and the validation RDD as packed blocks, dealt out to `workers` partitions."""
    parts = [rdd.mapPartitionsWithIndex(Blocker(spec, role, workers).packed) for role, rdd in enumerate(rdds)]
    pairs = parts[0] if len(parts) == 1 else parts[0].union(parts[1])
    return pairs.partitionBy(workers, _identity)


def _identity(key: int) -> int:
    return key


def first_item(rdd: RDD[Any]) -> Any:
    """The first item of an RDD, looked for only once.

    The task of `take` does not use up its input, and Spark ends the Python process of such a task, with
    the TensorFlow that is loaded in it: the next use of the same RDD must not pay for that.

    Raises:
        DataError: there is none, or what makes it says so.
    """
    if rdd not in _first_items:
        with own_errors():
            found = rdd.take(1)
        if not found:
            raise DataError("the data has no rows: the RDD is empty.")
        _first_items[rdd] = found[0]
    return _first_items[rdd]


def first_sample(rdd: RDD[Any]) -> Sample:
    """The first sample of an RDD.

    Raises:
        DataError: there is none, or it is not a `Sample`.
    """
    found = first_item(rdd)
    if not isinstance(found, Sample):
        raise DataError(
            f"the RDD must hold sparkdl.Sample objects, received {type(found).__name__}: map its items through "
            f"Sample.from_ndarray."
        )
    return found


def spec_of(sample: Sample, input_names: Sequence[str], output_names: Sequence[str]) -> SampleSpec:
    """What every sample must hold, from the first one; float64 becomes float32."""
    features = _tensors(sample.features, input_names, "features")
    labels = _tensors(sample.labels, output_names, "label")
    return SampleSpec(
        features,
        labels,
        sample.weight is not None,
        "single" if len(features) == 1 else "list",
        "single" if len(labels) <= 1 else "list",
    )


def _tensors(arrays: tuple[np.ndarray, ...], names: Sequence[str], what: str) -> tuple[TensorSpec, ...]:
    tensors = []
    for index, array in enumerate(arrays):
        name = names[index] if len(names) == len(arrays) else f"{what}{index if len(arrays) > 1 else ''}"
        tensors.append(TensorSpec(name, array.shape, _dtype(array, f"{what} array {index}")))
    return tuple(tensors)


def _dtype(array: np.ndarray, what: str) -> str:
    if array.dtype.kind not in "biuf":
        raise DataError(f"{what} of the first sample has the dtype {array.dtype}, expected numbers.")
    return {"float64": "float32", "bool": "uint8"}.get(str(array.dtype), str(array.dtype))
