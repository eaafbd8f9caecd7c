"""RDDs of samples: packed into blocks where they are, one block for each destination."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from pyspark import RDD

from sparkdl.data.blocks import POSITION_BITS, block_of_samples, pack
from sparkdl.errors import DataError
from sparkdl.types import Sample, SampleSpec, TensorSpec

_PACK_ROWS = 2048
_PACK_BYTES = 16 << 20


@dataclass(frozen=True)
class Packer:
    """Turns the samples of one partition into (destination, packed block) pairs. Picklable."""

    spec: SampleSpec
    role: int
    workers: int | None

    def __call__(self, partition: int, samples: Iterator[Sample]) -> Iterator[tuple[int, bytes]]:
        """Deals the samples out in turn to `workers` destinations (None: all stay in this partition)."""
        ways = self.workers or 1
        row_bytes = sum(tensor.size * np.dtype(tensor.dtype).itemsize for tensor in self.spec.columns)
        rows = max(1, min(_PACK_ROWS, _PACK_BYTES // max(1, row_bytes))) * ways
        position = 0
        while chunk := list(islice(samples, rows)):
            for way in range(min(ways, len(chunk))):
                part = chunk[way::ways]
                ids = np.arange(position + way, position + len(chunk), ways, dtype=np.int64)
                ids += partition << POSITION_BITS
                block = block_of_samples(part, self.spec, ids, np.full(len(part), self.role, np.int8))
                target = partition if self.workers is None else (partition + position + way) % ways
                yield target, pack(block)
            position += len(chunk)


def packed(rdd: RDD[Any], spec: SampleSpec, role: int, workers: int | None) -> RDD[Any]:
    """The RDD's samples as (destination, packed block) pairs."""
    return rdd.mapPartitionsWithIndex(Packer(spec, role, workers), preservesPartitioning=True)


def dealt(pairs: RDD[Any], workers: int) -> RDD[Any]:
    """Brings every packed block to its destination."""
    return pairs.partitionBy(workers, _identity)


def _identity(key: int) -> int:
    return key


def first_sample(rdd: RDD[Any]) -> Sample:
    """The first sample of an RDD.

    Raises:
        DataError: there is none, or it is not a `Sample`.
    """
    found = rdd.take(1)
    if not found:
        raise DataError("the data has no rows: the RDD is empty.")
    if not isinstance(found[0], Sample):
        raise DataError(
            f"the RDD must hold sparkdl.Sample objects, received {type(found[0]).__name__}: map its items through "
            f"Sample.from_ndarray."
        )
    return found[0]


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
