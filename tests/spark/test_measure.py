from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.ml.linalg import Vectors
from pyspark.sql import functions as F

import sparkdl as sdl
from sparkdl.errors import ArgumentError, DataError
from sparkdl.metrics import (
    AUROC,
    F1,
    MAE,
    MSE,
    NDCG,
    R2,
    Accuracy,
    AveragePrecision,
    BrierScore,
    ConfusionMatrix,
    ExpectedCalibrationError,
    HitRatio,
    LogLoss,
    Precision,
    TopK,
)
from sparkdl.metrics.ranking import Points, Standing
from sparkdl.spark import ranges as ranges_module
from sparkdl.spark.measure import measure
from sparkdl.spark.measuring import FirstPass, MeasureGroups, merge_states, samples_of, whole_groups
from sparkdl.spark.ranges import CutPieces, MeasureRanges, plan_ranges

ROWS, CLASSES = 3000, 4
CLASSIFICATION = [
    Accuracy(),
    TopK(2),
    F1(),
    Precision(average="weighted"),
    ConfusionMatrix(),
    LogLoss(),
    BrierScore(),
    ExpectedCalibrationError(),
    AUROC(),
    AveragePrecision(average="weighted"),
]


@pytest.fixture(scope="module")
def table() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    scores = rng.integers(1, 50, (ROWS, CLASSES)).astype(float)  # many ties
    return {
        "label": rng.integers(0, CLASSES - 1, ROWS),  # the last class is absent
        "prediction": scores / scores.sum(axis=1, keepdims=True),
        "weight": rng.integers(1, 9, ROWS) / 4,
        "user": rng.integers(0, 40, ROWS),
        "score": (scores[:, 0] / 50).astype(np.float32),
    }


@pytest.fixture(scope="module")
def frame(spark_local: Any, table: dict[str, np.ndarray]) -> Any:
    columns = [values.tolist() for values in table.values()]
    made = spark_local.createDataFrame(list(zip(*columns, strict=True)), list(table))
    return made.withColumn("score", F.col("score").cast("float")).repartition(5, "user").cache()


def agree(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert sorted(found) == sorted(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-12, err_msg=name)


def test_all_of_a_call_in_one_reading_and_no_row_to_the_driver(
    frame: Any, table: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch, spark_local: Any
) -> None:
    collected = []
    kind = type(frame)
    collect = kind.collect
    monkeypatch.setattr(kind, "collect", lambda self: collected.append(collect(self)) or collected[-1])
    monkeypatch.setattr(ranges_module, "RANGE_POINTS", 400)
    read = spark_local.sparkContext.accumulator(0)

    @F.udf("long")
    def seen(label: int) -> int:
        read.add(1)
        return label

    found = measure(frame.withColumn("label", seen("label")), CLASSIFICATION, weight="weight")
    expected: dict[str, Any] = {}
    for metric in CLASSIFICATION:
        expected |= metric.compute(table["label"], table["prediction"], table["weight"])
    agree(found, expected)
    assert list(found) == list(expected)
    assert read.value == ROWS
    assert sum(map(len, collected)) < 100
    oracle = [
        sk.roc_auc_score(table["label"] == number, table["prediction"][:, number], sample_weight=table["weight"])
        for number in range(CLASSES - 1)
    ]
    np.testing.assert_allclose(found["auroc_per_class"], [*oracle, np.nan], rtol=1e-9)
    assert found["auroc"] == pytest.approx(np.mean(oracle), abs=1e-9)


def test_groups_meet_from_all_partitions(frame: Any, table: dict[str, np.ndarray]) -> None:
    metrics = [HitRatio(3), NDCG(5)]
    found = sdl.measure(frame.repartition(6), [*metrics, MSE()], prediction="score", group="user")
    expected = MSE().compute(table["label"], table["score"])
    for metric in metrics:
        expected |= metric.compute(table["label"], table["score"], table["user"])
    agree(found, expected)


def test_columns_of_every_kind(frame: Any, table: dict[str, np.ndarray]) -> None:
    label, scores = table["label"], table["prediction"]
    names = ["ant", "bee", "cat", "dog"]
    lookup = F.array(*[F.lit(name) for name in names])
    more = frame.select(
        F.array(*[(F.col("label") == number).cast("int") for number in range(CLASSES)]).alias("one_hot"),
        F.element_at(lookup, (F.col("label") + 1).cast("int")).alias("name"),
        F.element_at(lookup, (F.col("user") % 4 + 1).cast("int")).alias("guess"),
        (F.col("label") == 1).alias("flag"),
        F.udf(Vectors.dense, _vector())("prediction").alias("vector"),
        F.col("prediction").cast("array<float>").alias("floats"),
        F.col("score").cast("decimal(12,10)").alias("decimal"),
        "label",
        "score",
    )
    agree(measure(more, LogLoss(), label="one_hot", prediction="vector"), LogLoss().compute(label, scores))
    agree(measure(more, AUROC(), prediction="floats"), AUROC().compute(label, scores.astype(np.float32)))
    strings = measure(more, [Accuracy(), F1()], label="name", prediction="guess", classes=names)
    guess = table["user"] % 4
    agree(strings, {**Accuracy().compute(label, guess), **F1().compute(label, guess)})
    agree(measure(more, AUROC(), label="flag", prediction="score"), AUROC().compute(label == 1, table["score"]))
    both = {**MAE().compute(label, table["score"]), **R2().compute(label, table["score"])}
    agree(measure(more, [MAE(), R2()], prediction="score"), both)
    with pytest.raises(
        DataError, match=r"label column 'name' has 'cat' in row \d+ of its partition .* one of classes="
    ):
        measure(more, Accuracy(), label="name", prediction="guess", classes=names[:2])


def _vector() -> Any:
    from pyspark.ml.linalg import VectorUDT

    return VectorUDT()


def test_bad_rows_are_named(spark_local: Any) -> None:
    bad = spark_local.createDataFrame(
        [(0, 0.1, [0.1]), (1, float("nan"), [0.1, 0.2]), (1, None, None)], "label int, nan double, list array<double>"
    )
    bad = bad.coalesce(1)
    with pytest.raises(DataError, match=r"^the prediction in row 1 of its partition .* is nan, which has no place"):
        measure(bad.limit(2), AUROC(), prediction="nan")
    with pytest.raises(DataError, match=r"^prediction column 'nan' has a null in row 2 of its partition"):
        measure(bad, AUROC(), prediction="nan")
    with pytest.raises(DataError, match=r"has a list of 2 numbers in row 1 of its partition .* and of 1 in row 0"):
        measure(bad.limit(2), AUROC(), prediction="list")
    with pytest.raises(DataError, match="measure was given no rows"):
        measure(bad.limit(0), [Accuracy(), AUROC()], prediction="nan")


@pytest.mark.parametrize(
    ("metrics", "arguments", "error", "sentence"),
    [
        ([], {}, ArgumentError, r"metrics must be a list of metrics such as \[sdl.metrics.AUROC\(\)\], received \[\]"),
        ([AUROC], {}, ArgumentError, "received <class .*AUROC'>: call it"),
        (["auroc"], {}, ArgumentError, "must hold objects of sdl.metrics"),
        ([F1(), F1("micro")], {}, ArgumentError, "two metrics named 'f1': give one of them another name="),
        (NDCG(), {}, ArgumentError, "ndcg_at_10 is a mean over groups: give the column"),
        (NDCG(), {"group": "user", "weight": "weight"}, ArgumentError, "knows no weights: measure it without weight="),
        (AUROC(), {"group": "user"}, ArgumentError, "metrics= holds neither: leave it out"),
        (AUROC(), {"prediction": "predictoin"}, DataError, "no column 'predictoin' .*did you mean 'prediction'"),
        (AUROC(), {"label": "name"}, DataError, "label column 'name' holds strings: give the names"),
        (AUROC(), {"weight": "prediction"}, DataError, "type array<double>, expected numbers: convert it first"),
        (AUROC(), {"label": "when"}, DataError, "label column 'when' has the type date, expected numbers, arrays of"),
        (AUROC(), {"label": None}, ArgumentError, "label must name columns by strings, received None"),
    ],
)
def test_arguments_are_checked_before_a_job(
    frame: Any, metrics: Any, arguments: Any, error: type[Exception], sentence: str
) -> None:
    more = frame.withColumns({"name": F.lit("x"), "when": F.current_date()})
    with pytest.raises(error, match=sentence):
        measure(more, metrics, **arguments)


def test_streams_and_other_things_are_refused(spark_local: Any) -> None:
    with pytest.raises(ArgumentError, match="measure takes a Spark DataFrame of labels and predictions, received list"):
        measure([], AUROC())
    with pytest.raises(ArgumentError, match="measure takes a DataFrame that ends, received a stream"):
        measure(spark_local.readStream.format("rate").load(), AUROC())


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.integers(1, 60), st.sampled_from([2, 20, 10**6]))
def test_ranges_give_what_all_points_give(seed: int, rows: int, size: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    scores, flags = rng.integers(0, levels, rows) / levels, rng.integers(0, 2, rows) > 0
    parts = [part for part in np.array_split(rng.permutation(rows), 4) if len(part)]
    points = [Points.of(scores[part], flags[part], np.ones(len(part))) for part in parts]
    pieces = [{"class": 3, "size": len(piece), "samples": samples_of(piece)} for piece in points]
    ranges = plan_ranges(pieces, size)
    packed = pa.RecordBatch.from_arrays(
        [pa.array([3] * len(points), pa.int32()), pa.array([piece.to_bytes() for piece in points], pa.binary())],
        names=["class", "points"],
    )
    sums = np.zeros((len(ranges), 2))
    for batch in CutPieces(ranges, sums=True)([packed]):
        np.add.at(sums, batch["range"].to_numpy(), np.stack([batch["positives"], batch["negatives"]], axis=1))
    above = {part: tuple(sums[part + 1 :].sum(axis=0)) for part in range(len(ranges))}
    cut = pa.Table.from_batches(CutPieces(ranges, sums=False)([packed])).sort_by("range")
    metrics = (AUROC(), AveragePrecision())
    found = sum(np.array(batch["areas"][0].as_py()) for batch in MeasureRanges(metrics, above)(cut.to_batches(7)))
    whole = Points.merged(points)
    np.testing.assert_allclose(found, [metric.area(whole, Standing.among(whole, whole)) for metric in metrics])


def test_a_million_points_are_cut_evenly() -> None:
    scores = np.sort(np.random.default_rng(0).beta(0.05, 0.05, (4, 100_000)), axis=1)  # most near 0 and 1
    points = [Points.of(row, np.ones(len(row), bool), np.ones(len(row))) for row in scores]
    pieces = [{"class": 0, "size": len(piece), "samples": samples_of(piece)} for piece in points]
    ranges = plan_ranges(pieces, 40_000)
    sizes = np.zeros(len(ranges))
    for piece in points:
        for number, part in ranges.cut(0, piece):
            sizes[number] += len(part)
    assert len(ranges) >= 8 and sizes.max() < 80_000


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(1, 9))
def test_groups_are_whole_however_batches_are_cut(groups: list[int], size: int) -> None:
    numbers = np.sort(groups)
    columns = {"group": numbers.astype(str), "relevance": numbers % 2 + 0.0, "score": np.arange(len(groups)) % 3 + 0.0}
    table = pa.table(columns)
    seen = [batch.column("group").to_pylist() for batch in whole_groups(table.to_batches(size))]
    assert sum(seen, []) == numbers.astype(str).tolist()
    assert sum(len(set(part)) for part in seen) == len(set(groups))
    metric = NDCG(2)
    batches = MeasureGroups((metric,))(table.to_batches(size))
    found = metric.values(sum(np.array(batch["sums"][0].as_py()) for batch in batches))
    assert found == pytest.approx(metric.compute(columns["relevance"], columns["score"], numbers))


def test_many_rows_leave_a_task_in_several_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparkdl.spark.measuring.MOST_SCORES", 100)
    monkeypatch.setattr("sparkdl.spark.measuring.FEWEST_ROWS", 10)
    labels, scores = np.arange(500) % 2, np.arange(500) / 500
    table = pa.table({"label": labels, "prediction": scores})
    task = FirstPass((AUROC(), Accuracy()), (), {"label": "label", "prediction": "prediction", "group": ""})
    rows = [row for batch in task(table.to_batches(30)) for row in batch.to_pylist()]
    pieces = [Points.from_bytes(row["points"]) for row in rows if row["points"]]
    assert len(pieces) == 5 and functools.reduce(lambda total, piece: total + len(piece), pieces, 0) == 500
    merged = merge_states(task.metrics, [row["state"] for row in rows if row["state"]])
    assert merged is not None and merged.info["rows"] == 500
    assert Accuracy().values(merged.arrays["0"]) == Accuracy().compute(labels, scores)
