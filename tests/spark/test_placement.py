"""The hash of Spark, and keys that reach every partition."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkdl.spark.placement import destination, feeds_barrier, murmur3, partition_keys, rdd_feeds_barrier

NUMBERS = [0, 1, -1, 42, 123456, -987654321, 2**31 - 1, -(2**31)]


def test_murmur3_is_that_of_spark(spark_local: Any) -> None:
    found = spark_local.sql("select " + ", ".join(f"hash(int({number}L))" for number in NUMBERS)).first()
    assert [murmur3(number) for number in NUMBERS] == list(found)


@given(st.integers(1, 300))
def test_keys_reach_every_partition(partitions: int) -> None:
    assert [murmur3(key) % partitions for key in partition_keys(partitions)] == list(range(partitions))


@given(st.integers(1, 9), st.integers(0, 5), st.integers(0, 50))
def test_the_rows_of_a_partition_are_dealt_out_evenly(workers: int, partition: int, rows: int) -> None:
    dealt = [destination(partition, position, workers) for position in range(rows)]
    counts = [dealt.count(worker) for worker in range(workers)]
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda spark: spark.range(0, 10, 1, 2), True),
        (lambda spark: spark.range(0, 10, 1, 2).selectExpr("id * 2 as x").where("x > 3"), True),
        (lambda spark: spark.range(0, 10, 1, 3), False),
        (lambda spark: spark.range(0, 10, 1, 4).coalesce(2), False),
        (lambda spark: spark.range(0, 10, 1, 1).union(spark.range(0, 10, 1, 1)), False),
        (lambda spark: spark.range(0, 10, 1, 3).repartition(2), False),
        (lambda spark: spark.range(0, 10, 1, 2).mapInArrow(lambda batches: batches, "id long", barrier=True), False),
    ],
)
def test_what_a_barrier_stage_of_two_can_read_as_it_lies(spark_local: Any, make: Any, expected: bool) -> None:
    frame = make(spark_local)
    assert feeds_barrier(frame, 2) is expected
    if expected:  # Spark agrees
        assert frame.mapInArrow(lambda batches: batches, frame.schema, barrier=True).count() == frame.count()


def test_rdds_are_looked_into_too(spark_local: Any) -> None:
    context = spark_local.sparkContext
    two = context.parallelize(range(10), 2)
    assert rdd_feeds_barrier(two.map(str)._jrdd.rdd(), 2)
    assert not rdd_feeds_barrier(two.union(two)._jrdd.rdd(), 4)
