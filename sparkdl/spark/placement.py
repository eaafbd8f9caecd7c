"""Which rows go to which task: an exact, even, deterministic shuffle, or none where it is safe."""

from __future__ import annotations

from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from sparkdl.data.arrow import ID_COLUMN
from sparkdl.data.blocks import POSITION_BITS

_MASK = 0xFFFFFFFF
_SEED = 42  # of Spark's HashPartitioning


def murmur3(value: int, seed: int = _SEED) -> int:
    """Spark's hash of a 32-bit integer, as a signed 32-bit integer.

    Example:
        >>> murmur3(1)
        -559580957
    """
    mixed = _rotate((value & _MASK) * 0xCC9E2D51 & _MASK, 15) * 0x1B873593 & _MASK
    state = (_rotate((seed & _MASK) ^ mixed, 13) * 5 + 0xE6546B64) & _MASK
    state ^= 4
    state = (state ^ state >> 16) * 0x85EBCA6B & _MASK
    state = (state ^ state >> 13) * 0xC2B2AE35 & _MASK
    state ^= state >> 16
    return state - (1 << 32) if state >> 31 else state


def _rotate(value: int, bits: int) -> int:
    return (value << bits | value >> (32 - bits)) & _MASK


def partition_keys(partitions: int) -> list[int]:
    """For each partition an integer that Spark's hash partitioning sends there.

    Example:
        >>> [murmur3(key) % 4 for key in partition_keys(4)]
        [0, 1, 2, 3]
    """
    keys: dict[int, int] = {}
    candidate = 0
    while len(keys) < partitions:
        keys.setdefault(murmur3(candidate) % partitions, candidate)
        candidate += 1
    return [keys[partition] for partition in range(partitions)]


def destination(partition: int, position: int, workers: int) -> int:
    """The worker that gets a row: the rows of a partition are dealt out in turn.

    Example:
        >>> [destination(1, position, 3) for position in range(4)]
        [1, 2, 0, 1]
    """
    return (partition + position) % workers


def place(frame: DataFrame, workers: int) -> DataFrame:
    """Deals the rows of a frame with an id column out to `workers` partitions, without a sort."""
    return frame.repartition(workers, _key(workers))


def _key(workers: int) -> Column:
    ids = F.col(ID_COLUMN)
    dealt = (F.shiftright(ids, POSITION_BITS) + ids.bitwiseAND(F.lit((1 << POSITION_BITS) - 1))) % F.lit(workers)
    keys = F.array(*[F.lit(key) for key in partition_keys(workers)])
    return F.element_at(keys, (dealt + F.lit(1)).cast("int"))


def feeds_barrier(frame: DataFrame, workers: int) -> bool:
    """Whether a barrier stage of `workers` tasks can read the frame as it lies, without a shuffle before it.

    Spark wants every RDD of the stage to have as many partitions as the stage has tasks. Adaptive plans
    are not looked into: their partitions are known only after they ran.
    """
    classic = getattr(frame, "_jdf", None)  # a Connect frame has none
    if classic is None:
        return False
    execution = classic.queryExecution()
    plan = execution.executedPlan().toString()
    if "AdaptiveSparkPlan" in plan or "Exchange" in plan:
        return False
    return rdd_feeds_barrier(execution.toRdd(), workers)


def rdd_feeds_barrier(jvm_rdd: Any, workers: int) -> bool:
    """The same for an RDD of the JVM."""
    pending = [jvm_rdd]
    while pending:
        rdd = pending.pop()
        if rdd.getNumPartitions() != workers or rdd.isBarrier():
            return False
        dependencies = rdd.dependencies()
        for index in range(dependencies.size()):
            dependency = dependencies.apply(index)
            if dependency.getClass().getSimpleName() != "ShuffleDependency":
                pending.append(dependency.rdd())
    return True
