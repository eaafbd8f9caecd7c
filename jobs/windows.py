"""Readings in CSV files to balanced, normalised sequences, in Spark SQL alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from telemetry import SLOT_SECONDS, SLOTS_PER_DAY

CLOCK = ("clock_sin", "clock_cos")
BUCKETS = 1_000_000


@dataclass(frozen=True)
class Windowing:
    """How readings become sequences.

    Attributes:
        gauges: columns taken as they are.
        counters: columns of counts, taken as log(1 + count).
        length: readings per sequence.
        horizon: slots; a sequence counts as positive when its device fails within them.
        stride: slots from one sequence of a device to its next.
        fill: how many slots long a lost reading is replaced by the one before.
        complete: share of the rows of a sequence that must have arrived.
    """

    gauges: tuple[str, ...]
    counters: tuple[str, ...]
    length: int = 48
    horizon: int = 24
    stride: int = 4
    fill: int = 8
    complete: float = 0.75

    @property
    def sensors(self) -> tuple[str, ...]:
        """Columns of readings."""
        return self.gauges + self.counters

    @property
    def features(self) -> int:
        """Features per step: the sensors and the clock."""
        return len(self.sensors) + len(CLOCK)

    @property
    def leads(self) -> range:
        """Slots from the end of a positive sequence to the failure."""
        return range(0, self.horizon, self.stride)


def read_tables(spark: SparkSession, directory: str, sensors: Sequence[str]) -> tuple[DataFrame, DataFrame]:
    """The readings of all sites and the failures, with given types; a reading that is no number fails the job."""
    columns = ", ".join(f"`{name}` double" for name in sensors)
    options = {"header": True, "mode": "FAILFAST", "timestampFormat": "yyyy-MM-dd'T'HH:mm:ssX"}
    read = spark.read.options(**options)
    readings = read.schema(f"device_id string, read_at timestamp, {columns}").csv(f"{directory}/readings")
    return readings, read.schema("device_id string, failed_at timestamp").csv(f"{directory}/failures.csv")


def split_column(seed: int) -> Column:
    """`train` (70 %), `valid` (10 %) or `test` (20 %), by a hash of the device: no device is in two of them."""
    bucket = F.pmod(F.xxhash64("device_id", F.lit(seed)), F.lit(10))
    return F.when(bucket < 2, "test").when(bucket == 2, "valid").otherwise("train")


def on_grid(readings: DataFrame, failures: DataFrame, windowing: Windowing) -> DataFrame:
    """One row per device and slot from its first reading to its last (or to its failure), lost ones with nulls.

    Returns:
        `device_id`, `slot`, `failed_slot` (null for a healthy device), `arrived`, and the sensors.
    """
    slot = F.floor(F.unix_timestamp("read_at") / SLOT_SECONDS)
    # Where two exports overlap a reading comes twice; the mean of equal values is that value.
    means = [F.avg(name).alias(name) for name in windowing.sensors]
    # All that follows happens within a device: this is the only shuffle of the readings, and its number of parts stays.
    parts = 2 * readings.sparkSession.sparkContext.defaultParallelism
    slotted = readings.withColumn("slot", slot).repartition(parts, "device_id").groupBy("device_id", "slot").agg(*means)
    fates = failures.select("device_id", F.floor(F.unix_timestamp("failed_at") / SLOT_SECONDS).alias("failed_slot"))
    following = F.lead("slot").over(Window.partitionBy("device_id").orderBy("slot"))
    rows = slotted.join(F.broadcast(fates), "device_id", "left")
    until = F.coalesce(following, F.col("failed_slot"), F.col("slot") + 1) - 1
    rows = rows.withColumn("until", F.greatest(until, F.col("slot")))
    rows = rows.withColumn("at", F.explode(F.sequence("slot", "until")))
    arrived = F.col("at") == F.col("slot")
    sensors = [F.when(arrived, F.col(name)).alias(name) for name in windowing.sensors]
    return rows.select(
        "device_id", F.col("at").alias("slot"), "failed_slot", arrived.cast("int").alias("arrived"), *sensors
    )


def filled(grid: DataFrame, windowing: Windowing) -> DataFrame:
    """Carries the last known reading forward over short gaps, and takes counts as log(1 + count)."""
    past = Window.partitionBy("device_id").orderBy("slot").rowsBetween(-windowing.fill, 0)
    values = {name: F.col(name) for name in windowing.gauges} | {name: F.log1p(name) for name in windowing.counters}
    carried = [F.last(value, ignorenulls=True).over(past).alias(name) for name, value in values.items()]
    return grid.select("device_id", "slot", "failed_slot", "arrived", *carried)


def scales(rows: DataFrame, windowing: Windowing) -> dict[str, float]:
    """Per sensor the standard deviation of a device's readings about its own mean; give it training devices only."""
    variances = rows.groupBy("device_id").agg(*(F.var_pop(name).alias(name) for name in windowing.sensors))
    row = variances.agg(*(F.sqrt(F.avg(name)).alias(name) for name in windowing.sensors)).first()
    found = row.asDict() if row is not None else {}
    return {name: found.get(name) or 1.0 for name in windowing.sensors}


def sequences(rows: DataFrame, windowing: Windowing, scale: Mapping[str, float]) -> DataFrame:
    """Slides a window over every device.

    Each reading is taken relative to the device's own mean over the window, in units of `scale`: the
    level at which a device runs says nothing of its fate, but lets a network learn devices by heart.

    A device that fails gives the windows that end within the horizon before its failure, and no
    others: whether its earlier days were healthy nobody knows. A healthy device gives all.

    Returns:
        `device_id`, `end` (last slot), `failed` (0 or 1) and `features`, array<float> of length x features values.
    """
    size = windowing.length
    devices = _courses(rows, windowing, scale)
    starts = F.expr(f"explode(sequence(1, size(course) - {size - 1}))")
    placed = devices.where(F.size("course") >= size).select("*", starts.alias("start"))
    last = F.element_at("course", F.col("start") + (size - 1))
    windows = placed.select("device_id", "failed_slot", last.alias("last"), F.slice("course", "start", size).alias("w"))
    arrived = F.aggregate("w", F.lit(0), lambda count, step: count + step["arrived"])
    kept = windows.where(_wanted(windowing)).where(arrived >= math.ceil(windowing.complete * size))
    return kept.select(
        "device_id",
        F.col("last.slot").alias("end"),
        F.col("failed_slot").isNotNull().cast("int").alias("failed"),
        F.flatten(F.transform("w", _relative)).alias("features"),
    )


def _courses(rows: DataFrame, windowing: Windowing, scale: Mapping[str, float]) -> DataFrame:
    """One row per device: its whole course, ordered by time."""
    window = Window.partitionBy("device_id").orderBy("slot").rowsBetween(1 - windowing.length, 0)
    angle = F.col("slot") % SLOTS_PER_DAY * F.lit(2 * math.pi / SLOTS_PER_DAY)
    scaled = {name: F.col(name) / F.lit(scale[name]) for name in windowing.sensors}
    step = F.struct(
        "slot",
        "arrived",
        F.array(*(value.cast("float") for value in scaled.values())).alias("values"),
        F.array(*(F.avg(value).over(window).cast("float") for value in scaled.values())).alias("means"),
        F.array(F.sin(angle).cast("float"), F.cos(angle).cast("float")).alias("clock"),
    )
    steps = rows.select("device_id", "failed_slot", step.alias("step"))
    return steps.groupBy("device_id", "failed_slot").agg(F.sort_array(F.collect_list("step")).alias("course"))


def _wanted(windowing: Windowing) -> Column:
    end = F.col("last.slot")
    lead = F.col("failed_slot") - 1 - end
    before_failure = (lead >= 0) & (lead < windowing.horizon) & (lead % windowing.stride == 0)
    return F.when(F.col("failed_slot").isNull(), end % windowing.stride == 0).otherwise(before_failure)


def _relative(step: Column) -> Column:
    """A step's readings less the means of the whole window (0 where still unknown), then the clock."""
    less = F.zip_with(step["values"], F.col("last.means"), lambda value, mean: F.coalesce(value - mean, F.lit(0.0)))
    return F.concat(less.cast("array<float>"), step["clock"])


def balanced(windows: DataFrame) -> DataFrame:
    """As many windows of each class in every split: of the larger class a fixed pseudo-random share is kept."""
    counts = windows.groupBy("split", "failed").count()
    fewest = counts.groupBy("split").agg(F.min("count").alias("fewest"))
    shares = counts.join(fewest, "split").select("split", "failed", (F.col("fewest") / F.col("count")).alias("share"))
    draw = F.pmod(F.xxhash64("device_id", "end"), F.lit(BUCKETS)) / BUCKETS
    return windows.join(F.broadcast(shares), ["split", "failed"]).where(draw < F.col("share")).drop("share")
