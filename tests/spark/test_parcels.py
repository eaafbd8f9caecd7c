"""Bytes that come to the executors: once, mapped and not loaded, aligned, and gone afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from sparkdl.spark import parcels
from sparkdl.spark.parcels import Parcel, send

PARTS = [b"", b"short", bytes(range(256)) * 1000, b"x" * 63, bytes(1 << 20)]


@pytest.mark.parametrize("parts", [[], [b""], [b"one"], PARTS])
def test_parts_come_out_as_they_went_in(parts: list[bytes]) -> None:
    packed = parcels._pack(parts)
    for before in (bytes(parcels._PICKLED), b""):
        assert [bytes(part) for part in parcels._unpack(memoryview(before + packed))] == parts


class Look:
    """What a task sees of a parcel."""

    def __init__(self, parcel: Parcel) -> None:
        self.parcel = parcel

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            parts = self.parcel.parts()
            places = [np.frombuffer(part, np.uint8).ctypes.data for part in parts if len(part)]
            whole = [bytes(part) for part in parts] == PARTS
            path = self.parcel.contents._path
            mapped = path in Path("/proc/self/maps").read_text()
            row = [
                whole,
                all(place % 64 == 0 for place in places),
                mapped,
                hasattr(self.parcel.contents, "_value"),
                path,
            ]
            yield pa.RecordBatch.from_arrays(
                [pa.array([value]) for value in row], names=["whole", "aligned", "mapped", "loaded", "path"]
            )


def look(spark: SparkSession, parcel: Parcel) -> list[Any]:
    schema = "whole boolean, aligned boolean, mapped boolean, loaded boolean, path string"
    return spark.range(0, 4, numPartitions=4).mapInArrow(Look(parcel), schema).collect()


def test_a_task_maps_the_file_of_its_executor(spark_local: SparkSession) -> None:
    parcel = send(spark_local.range(1), PARTS)
    rows = look(spark_local, parcel)
    assert all(row.whole and row.aligned and row.mapped and not row.loaded for row in rows)
    (path,) = {row.path for row in rows}
    assert [bytes(part) for part in parcel.parts()] == PARTS
    parcel.close()
    assert not os.path.exists(path)


def test_each_executor_has_one_file(spark_cluster: SparkSession) -> None:
    parcel = send(spark_cluster.range(1), PARTS)
    rows = look(spark_cluster, parcel)
    assert all(row.whole and row.aligned and row.mapped and not row.loaded for row in rows)
    assert len({row.path for row in rows}) <= 2
    parcel.close()
