"""From DataFrames and RDDs to the workers' stores, through Spark, and what is refused before a job runs."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.ml.linalg import Vectors
from pyspark.sql import functions as F

from sparkdl.data.arrow import BlockReader, read_columns
from sparkdl.data.blocks import POSITION_BITS, Block, pack, unpack
from sparkdl.errors import ArgumentError, DataError
from sparkdl.spark.feature_columns import prepare_features
from sparkdl.spark.frames import DataArguments, ModelShapes, Prepared, prepare
from sparkdl.types import Sample

ROWS = 101
POSITION = (1 << POSITION_BITS) - 1


@pytest.fixture(scope="module")
def frame(spark_local: Any) -> Any:
    def row(i: int) -> tuple[Any, ...]:
        sparse = Vectors.sparse(3, [1], [float(i)]) if i % 2 else Vectors.dense([0.0, float(i), 0.0])
        raw = bytearray(np.full((2, 2), i, "float32").tobytes())
        image = (f"f{i}", 2, 2, 3, 16, bytearray([i] * 12))
        return (i, float(i), [float(i)] * 4, [[i, i], [i, i]], sparse, raw, image, "abc"[i % 3], i % 4 == 0, i % 2)

    schema = (
        "n int, x double, arr array<double>, nested array<array<int>>, raw binary, kind string, held boolean, w int, "
        "image struct<origin:string,height:int,width:int,nChannels:int,mode:int,data:binary>"
    )
    fields = spark_local.createDataFrame([], schema).schema
    rows = [row(i) for i in range(ROWS)]
    plain = [(r[0], r[1], r[2], r[3], r[5], r[7], r[8], r[9], r[6]) for r in rows]
    vectors = spark_local.createDataFrame([(r[0], r[4]) for r in rows], ["n", "vec"])
    joined = spark_local.createDataFrame(plain, fields).join(vectors, "n")
    joined = joined.withColumn("dec", F.col("n").cast("decimal(9,2)"))
    return joined.repartition(3, "n").sortWithinPartitions("n").cache()


def blocks_of(prepared: Prepared) -> list[list[Block]]:
    """What each worker reads, by rank. Strings come back as a column of their own words."""
    reader = prepared.blocks

    def read(items: Any) -> Iterator[tuple[int, str, bytes]]:
        from pyspark import TaskContext

        context = TaskContext.get()
        for block in reader(items):
            yield context.partitionId(), json.dumps(block.vocabularies), pack(block)

    if prepared.frame is None:
        rdd: Any = prepared.rdd
        found = rdd.barrier().mapPartitions(read).collect()
    else:

        def read_arrow(items: Any) -> Iterator[pa.RecordBatch]:
            for rank, words, payload in read(items):
                yield pa.RecordBatch.from_pydict({"rank": [rank], "words": [words], "block": [payload]})

        schema = "rank long, words string, block binary"
        found = prepared.frame.mapInArrow(read_arrow, schema, barrier=prepared.shuffled).collect()
    ranks: list[list[Block]] = [[] for _ in range(max((row[0] for row in found), default=0) + 1)]
    for rank, words, payload in found:
        block = unpack(bytes(payload))
        ranks[rank].append(Block(block.ids, block.columns, block.role, tuple(json.loads(words))))
    return ranks


def columns_of(prepared: Prepared) -> list[np.ndarray]:
    """All rows of all workers, in the order of the last feature-or-label column's numbers."""
    blocks = [block for rank in blocks_of(prepared) for block in rank]
    return [np.concatenate(parts) for parts in zip(*[block.columns for block in blocks], strict=True)]


NUMBERS = np.arange(ROWS)


@pytest.mark.parametrize("ansi", ["true", "false"])
@pytest.mark.parametrize(
    ("features", "shape", "given", "dtype"),
    [
        ("x", (1,), None, "float32"),
        ("n", None, (), "int32"),
        ("dec", None, (), "float32"),
        ("arr", (4,), None, "float32"),
        ("arr", (2, 2, 1), None, "float32"),
        ("arr", None, (4,), "float32"),
        ("arr", (None, 2), (2, 2), "float32"),
        ("nested", (2, 2, 1), None, "int32"),
        ("nested", None, (2, 2), "int32"),
        ("raw", (2, 2), None, "float32"),
        ("image", (2, 2, 3), None, "uint8"),
        ("image", None, (2, 2, 3), "uint8"),
        (["x", "n", "dec"], (3,), None, "float32"),
        (["n", "w"], None, (2,), "int32"),
    ],
)
def test_a_column_of_every_kind_arrives(
    spark_local: Any, frame: Any, features: Any, shape: Any, given: Any, dtype: str, ansi: str
) -> None:
    spark_local.conf.set("spark.sql.ansi.enabled", ansi)
    try:
        prepared = prepare(frame, DataArguments(features, "n"), ModelShapes((shape,) if shape else ()), workers=2)
        values, labels = columns_of(prepared)
    finally:
        spark_local.conf.unset("spark.sql.ansi.enabled")
    tensor = prepared.spec.features[0]
    assert (tensor.shape, tensor.dtype, str(values.dtype)) == (given if given is not None else shape, dtype, dtype)
    assert sorted(labels.tolist()) == NUMBERS.tolist()
    last = values.reshape(ROWS, -1)[:, 0]
    np.testing.assert_array_equal(last, labels)


def test_dense_and_sparse_vectors_arrive(frame: Any) -> None:
    for shape, workers in (((3,), 2), (None, None)):
        prepared = prepare(frame, DataArguments("vec", "n"), ModelShapes((shape,) if shape else ()), workers=workers)
        values, labels = columns_of(prepared)
        assert prepared.spec.features[0].shape == (3,)
        np.testing.assert_array_equal(values, np.stack([labels * 0, labels, labels * 0], axis=1))


def test_labels_know_their_columns(frame: Any) -> None:
    inputs = ModelShapes(((4,),), ("a",), ("one", "other"))
    prepared = prepare(frame, DataArguments("arr", {"one": "N", "other": ["x", "w"]}), inputs)
    assert prepared.label_columns == {"one": "n", "other": "x"}
    assert prepare(frame, DataArguments("arr", ["x", "n"]), ModelShapes()).label_columns == {"label": "x"}


def test_string_labels_arrive_as_codes_with_their_words(frame: Any) -> None:
    prepared = prepare(frame, DataArguments("n", "kind"), ModelShapes(), workers=2)
    assert prepared.strings == (1,)
    for rank in blocks_of(prepared):
        for block in rank:
            words = block.vocabularies[1]
            assert words is not None
            assert [words[code] for code in block.columns[1]] == ["abc"[n % 3] for n in block.columns[0]]


def test_several_inputs_outputs_and_a_weight(frame: Any) -> None:
    model = ModelShapes(((4,), (2,)), ("left", "right"), ("one", "two"))
    arguments = DataArguments({"right": ["x", "w"], "left": "arr"}, {"two": "n", "one": "x"}, "w")
    prepared = prepare(frame, arguments, model, workers=2)
    spec = prepared.spec
    assert [tensor.name for tensor in spec.columns] == ["left", "right", "one", "two", "weight"]
    assert (spec.feature_structure, spec.label_structure, spec.weighted) == ("dict", "dict", True)
    left, right, one, two, weight = columns_of(prepared)
    np.testing.assert_array_equal(left[:, 3], two)
    np.testing.assert_array_equal(right, np.stack([two, two % 2], axis=1))
    np.testing.assert_array_equal(weight, two % 2)
    assert weight.dtype == np.float32


@pytest.mark.parametrize(
    ("features", "count", "structure", "names"),
    [
        (["x", "n"], 1, "single", ["in0"]),
        (["x", "n"], 2, "list", ["in0", "in1"]),
        (["arr", "x"], 0, "list", ["arr", "x"]),
        (["x", "n"], 0, "single", ["features"]),
        (["arr"], 1, "single", ["in0"]),
        ({"a": "arr"}, 0, "dict", ["a"]),
    ],
)
def test_how_a_list_of_columns_is_understood(
    frame: Any, features: Any, count: int, structure: str, names: list[str]
) -> None:
    model = ModelShapes((None,) * count, tuple(f"in{i}" for i in range(count)))
    spec = prepare(frame, DataArguments(features), model).spec
    assert (spec.feature_structure, [tensor.name for tensor in spec.features]) == (structure, names)


@pytest.mark.parametrize("workers", [1, 2])
def test_rows_are_dealt_out_exactly_and_evenly(frame: Any, workers: int) -> None:
    prepared = prepare(frame, DataArguments("n", "n"), ModelShapes(), workers=workers)
    assert prepared.shuffled
    ranks = blocks_of(prepared)
    ids = [np.concatenate([block.ids for block in rank]) for rank in ranks]
    assert len(np.unique(np.concatenate(ids))) == ROWS
    for rank, found in enumerate(ids):
        assert (((found >> POSITION_BITS) + (found & POSITION)) % workers == rank).all()
    assert max(map(len, ids)) - min(map(len, ids)) <= 3  # one per source partition


def test_validation_rows_keep_their_own_ids_and_role(frame: Any) -> None:
    valid = frame.where("n < 20").withColumn("n", F.col("n").cast("long")).coalesce(1)
    prepared = prepare(frame, DataArguments("arr", "n"), ModelShapes(((4,),)), validation_data=valid, workers=2)
    blocks = [block for rank in blocks_of(prepared) for block in rank]
    ids = np.concatenate([block.ids for block in blocks])
    role = np.concatenate([block.role for block in blocks])
    labels = np.concatenate([block.columns[1] for block in blocks])
    assert sorted(labels[role == 1].tolist()) == list(range(20)) and labels.dtype == np.int32
    assert sorted(ids[role == 1].tolist()) == list(range(20))
    assert sorted(labels[role == 0].tolist()) == NUMBERS.tolist()
    assert {int(part) for part in ids[role == 0] >> POSITION_BITS} == {0, 1, 2}


def test_an_indicator_column_holds_rows_out(frame: Any) -> None:
    prepared = prepare(frame, DataArguments("n", "n", validation_indicator="held"), ModelShapes(), workers=2)
    for rank in blocks_of(prepared):
        for block in rank:
            np.testing.assert_array_equal(block.role, block.columns[0] % 4 == 0)


def test_rows_stay_where_they_are_when_that_is_safe(spark_local: Any) -> None:
    data = spark_local.range(0, 50, 1, 2).withColumn("x", F.col("id") * 2.0)
    assert not prepare(data, DataArguments("x", "id"), ModelShapes(), workers=2).shuffled
    assert prepare(data, DataArguments("x", "id"), ModelShapes(), workers=2, shuffle=True).shuffled
    assert prepare(data, DataArguments("x", "id"), ModelShapes(), workers=3).shuffled
    assert prepare(data, DataArguments("x", "id"), ModelShapes(), validation_data=data, workers=2).shuffled
    assert not prepare(data, DataArguments("x", "id"), ModelShapes()).shuffled


def test_fewer_rows_than_workers_and_no_rows(spark_local: Any) -> None:
    data = spark_local.range(0, 1, 1, 3).withColumn("x", F.col("id") * 2.0)
    ranks = blocks_of(prepare(data, DataArguments("x", "id"), ModelShapes(), workers=2))
    assert sum(block.rows for rank in ranks for block in rank) == 1
    with pytest.raises(DataError, match="no rows"):
        prepare(data.where("id > 5").select(F.array("x").alias("a")), DataArguments("a"), ModelShapes(), workers=2)
    with pytest.raises(DataError, match="no rows"):
        prepare(spark_local.sparkContext.emptyRDD(), DataArguments(), ModelShapes(), workers=2)


def test_the_reader_is_picklable_and_small(frame: Any) -> None:
    prepared = prepare(frame, DataArguments("raw", "kind"), ModelShapes(((2, 2),)), workers=2)
    payload = pickle.dumps(prepared.blocks)
    assert len(payload) < 1000 and isinstance(pickle.loads(payload), BlockReader)  # noqa: S301
    assert prepared.batch_rows == 10_000


# RDDs of samples


def samples(context: Any, rows: int, partitions: int) -> Any:
    numbers = context.parallelize(range(rows), partitions)
    return numbers.map(lambda i: Sample.from_ndarray(np.full((2, 3), i / 2), i, float(i)))


@pytest.mark.parametrize(("partitions", "workers", "shuffled"), [(3, 2, True), (2, 2, False), (2, None, False)])
def test_samples_arrive(spark_local: Any, partitions: int, workers: int | None, shuffled: bool) -> None:
    rdd = samples(spark_local.sparkContext, 5001, partitions)
    prepared = prepare(rdd, DataArguments(), ModelShapes(((2, 3),), ("pixels",), ("digit",)), workers=workers)
    assert prepared.shuffled is shuffled
    ranks = blocks_of(prepared)
    features, labels, weights = columns_of(prepared)
    assert sorted(labels.tolist()) == list(range(5001))
    np.testing.assert_array_equal(features[:, 1, 2], (labels / 2).astype("float32"))
    np.testing.assert_array_equal(weights, labels)
    assert [tensor.name for tensor in prepared.spec.columns] == ["pixels", "digit", "weight"]
    if shuffled:
        counts = [sum(block.rows for block in rank) for rank in ranks]
        assert max(counts) - min(counts) <= partitions
        for rank, blocks in enumerate(ranks):
            for block in blocks:
                assert (((block.ids >> POSITION_BITS) + (block.ids & POSITION)) % 2 == rank).all()


def test_an_rdd_is_looked_into_only_once(spark_local: Any) -> None:
    rdd = samples(spark_local.sparkContext, 10, 2)
    before = len(spark_local.sparkContext.statusTracker().getJobIdsForGroup(None))
    for workers in (2, 1, 2):
        prepare(rdd, DataArguments(), ModelShapes(), workers=workers)
    assert len(spark_local.sparkContext.statusTracker().getJobIdsForGroup(None)) == before + 1


def test_validation_samples_have_their_own_partitions(spark_local: Any) -> None:
    context = spark_local.sparkContext
    prepared = prepare(
        samples(context, 30, 2), DataArguments(), ModelShapes(), validation_data=samples(context, 10, 3), workers=2
    )
    blocks = [block for rank in blocks_of(prepared) for block in rank]
    role = np.concatenate([block.role for block in blocks])
    ids = np.concatenate([block.ids for block in blocks])
    assert (role == 1).sum() == 10
    assert sorted({int(part) for part in ids[role == 1] >> POSITION_BITS}) == [0, 1, 2]
    assert sorted({int(part) for part in ids[role == 0] >> POSITION_BITS}) == [0, 1]


@pytest.mark.parametrize(
    ("name", "value", "instead"),
    [
        ("weight", "importance", "its weight"),
        ("validation_indicator", "held_out", "validation_data="),
        ("shapes", {"features": (2,)}, "reshape"),
        ("dtypes", {"features": "uint8"}, "convert"),
        ("transform", len, "with map"),
    ],
)
def test_arguments_for_columns_are_refused_for_samples(spark_local: Any, name: str, value: Any, instead: str) -> None:
    rdd = spark_local.sparkContext.parallelize([Sample.from_ndarray(np.zeros(2), 0)])
    with pytest.raises(ArgumentError, match=f"{name}= is for DataFrames.*{instead}"):
        prepare(rdd, DataArguments(**{name: value}), ModelShapes())


def test_samples_that_are_none_or_do_not_fit_the_model_are_refused_at_once(spark_local: Any) -> None:
    context = spark_local.sparkContext
    with pytest.raises(DataError, match=r"shape \(2, 3\).*input 'pixels' of the model.*\(28, 28\)"):
        prepare(samples(context, 3, 1), DataArguments(), ModelShapes(((28, 28),), ("pixels",)), workers=1)
    with pytest.raises(DataError, match="1 feature arrays, but the model has 2"):
        prepare(samples(context, 3, 1), DataArguments(), ModelShapes(((2, 3), (1,))), workers=1)
    with pytest.raises(DataError, match="received tuple.*Sample.from_ndarray"):
        prepare(context.parallelize([(1, 2)]), DataArguments(), ModelShapes(), workers=1)


# Refused before a job runs


@pytest.mark.parametrize(
    ("arguments", "model", "message"),
    [
        (DataArguments("pixles"), ModelShapes(), "no column 'pixles' .features.: It has 'n'"),
        (DataArguments("arr", "lable"), ModelShapes(), "no column 'lable' .label."),
        (DataArguments("kinds"), ModelShapes(), "did you mean 'kind'"),
        (DataArguments("kind"), ModelShapes(), "features column 'kind' has the type string.*turn strings"),
        (DataArguments("n", "n", "kind"), ModelShapes(), "weight column 'kind' has the type string"),
        (DataArguments("n", validation_indicator="x"), ModelShapes(), "validation_indicator column 'x'.*boolean"),
        (DataArguments(["x", "n"]), ModelShapes(((3,),)), r"\['x', 'n'\] holds 2 numbers per row.*\(3,\)"),
        (DataArguments("x"), ModelShapes(((3,),)), r"'x' holds 1 number per row; expected the shape \(3,\)"),
        (DataArguments("arr", shapes={"arr": (4,)}), ModelShapes(((2, 2),)), r"the shape \(4,\), but the model takes"),
        (DataArguments("nested"), ModelShapes(((4,),)), r"nested 2 deep.*\(4,\)"),
        (DataArguments("arr"), ModelShapes(((4,), (4,)), ("a", "b")), "1 arrays, but the model has 2 inputs"),
        (DataArguments({"a": "arr", "c": "x"}), ModelShapes((None, None), ("a", "b")), "'c' is not one of them"),
        (DataArguments({"a": "arr"}), ModelShapes((None, None), ("a", "b")), "'b' is missing"),
        (
            DataArguments("arr", "n", shapes={"arr": (4,), "ar": (4,)}),
            ModelShapes(),
            "shapes= names 'ar', which is no feature or label column: did you mean 'arr'. It has 'arr', 'n'",
        ),
        (DataArguments("arr", "n", dtypes={"x": "uint8"}), ModelShapes(), "dtypes= names 'x', which is no feature"),
        (DataArguments("arr", shapes={"lable": ()}), ModelShapes(), "shapes= names 'lable', which is no feature"),
        (DataArguments(["x", "n"], "w", shapes={"n": (2,)}), ModelShapes(), "shapes= names 'n', .* It has 'x', 'w'"),
        (DataArguments({"a": ["arr", "x"]}), ModelShapes(), "to make one vector, but 'arr'"),
        (
            DataArguments(["x", "image.height"]),
            ModelShapes(),
            r"'image.height' \(features\), but a field of that name in the struct 'image': select "
            r"F.col\('image.height'\).alias\('height'\) beside",
        ),
        (DataArguments("image.widht"), ModelShapes(), "no column 'image.widht' .features.: "),
    ],
)
def test_wrong_columns_are_refused_in_one_sentence(
    frame: Any, arguments: DataArguments, model: ModelShapes, message: str
) -> None:
    tracker = frame.sparkSession.sparkContext.statusTracker()
    before = len(tracker.getJobIdsForGroup(None))
    with pytest.raises((DataError, ArgumentError), match=message) as caught:
        prepare(frame, arguments, model, workers=2)
    assert "\n" not in str(caught.value)
    assert len(tracker.getJobIdsForGroup(None)) == before


@pytest.mark.parametrize(
    ("made", "hint"),
    [
        ("named_struct('a', n)", r"select its fields as columns, as in F.col\('struct.field'\)"),
        ("map('a', n)", r"select its values as columns, as in F.col\('map'\)\['key'\]"),
        ("date'2020-02-03'", r"make numbers of it first, as in F.dayofyear"),
        ("timestamp'2020-02-03'", r"make numbers of it first, as in F.hour"),
        ("array(vec)", r"convert its elements to numbers first"),
    ],
)
def test_types_that_no_model_takes_are_refused_with_what_to_do(frame: Any, made: str, hint: str) -> None:
    with pytest.raises(DataError, match=f"^features column 'odd' has the type .*, expected numbers, .*: {hint}"):
        prepare(frame.selectExpr("n", f"{made} AS odd"), DataArguments("odd"), ModelShapes(), workers=2)


def test_wrong_arguments_are_refused(frame: Any) -> None:
    with pytest.raises(ArgumentError, match="not both"):
        prepare(frame, DataArguments("n", validation_indicator="held"), ModelShapes(), validation_data=frame)
    with pytest.raises(ArgumentError, match="must be a Spark DataFrame or an RDD.*received list"):
        prepare([1, 2], DataArguments("n"), ModelShapes())
    with pytest.raises(ArgumentError, match="same kind"):
        prepare(frame, DataArguments("n"), ModelShapes(), validation_data=frame.sparkSession.sparkContext.emptyRDD())
    with pytest.raises(ArgumentError, match="features must be a column name"):
        prepare(frame, DataArguments(3), ModelShapes())  # type: ignore[arg-type]


def test_a_validation_frame_must_have_the_same_columns(frame: Any) -> None:
    with pytest.raises(DataError, match="no column 'n' .validation_data."):
        prepare(frame, DataArguments("x", "n"), ModelShapes(), validation_data=frame.drop("n"))
    other = frame.withColumn("n", F.col("kind"))
    with pytest.raises(DataError, match="'n' has the type string in validation_data, expected int"):
        prepare(frame, DataArguments("x", "n"), ModelShapes(), validation_data=other)


def test_shapes_and_dtypes_of_binary_columns(frame: Any) -> None:
    with pytest.raises(DataError, match="'raw' is binary: give its shape and dtype"):
        prepare(frame, DataArguments("raw"), ModelShapes())
    spec = prepare(frame, DataArguments("raw", dtypes={"raw": "float64"}), ModelShapes()).spec
    assert spec.features[0].shape == (2,) and spec.features[0].dtype == "float32"
    spec = prepare(frame, DataArguments("raw", shapes={"raw": (4, 4)}), ModelShapes()).spec
    assert spec.features[0].dtype == "uint8"
    with pytest.raises(DataError, match="neither uint8 nor float32"):
        prepare(frame, DataArguments("raw"), ModelShapes(((3, 3),)))


def test_odd_names_and_another_case(spark_local: Any) -> None:
    data = spark_local.range(3).selectExpr("id as `a.b`", "id as `c ``d`", "id as Label")
    prepared = prepare(data, DataArguments(["a.b", "c `d"], "label"), ModelShapes())
    assert [sorted(column.ravel().tolist()) for column in columns_of(prepared)] == [[0, 0, 1, 1, 2, 2], [0, 1, 2]]
    twice = data.select("Label", F.col("Label"))
    with pytest.raises(DataError, match="2 columns named 'Label'"):
        prepare(twice, DataArguments("Label"), ModelShapes())


def test_scoring_takes_shapes_of_labels_and_refuses_typos(frame: Any) -> None:
    model = ModelShapes(((4,),), ("arr",))
    prepare_features(frame, DataArguments("arr", shapes={"arr": (4,), "n": ()}), model)
    with pytest.raises(ArgumentError, match="shapes= names 'ar', .*did you mean 'arr'"):
        prepare_features(frame, DataArguments("arr", shapes={"ar": (4,)}), model)
    spec = prepare_features(frame, DataArguments("arr"), model).spec
    prepare_features(frame, DataArguments("arr", shapes={"gone": ()}), model, spec=spec)


def test_features_for_scoring_keep_all_columns_and_rows(frame: Any) -> None:
    model = ModelShapes(((3,), (2, 2, 3), (4,), ()), ("v", "i", "a", "d"))
    arguments = DataArguments({"v": "vec", "i": "image", "a": "arr", "d": "dec"})
    frame = frame.withColumn("arr", F.col("arr").cast("array<decimal(9,2)>"))
    prepared = prepare_features(frame, arguments, model)
    assert prepared.frame.columns[: prepared.keep] == frame.columns
    assert len(prepared.frame.columns) == prepared.keep + 3
    reader = prepared.reader

    def score(batches: Any) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            (vector, image, array, decimal), _ = read_columns(batch, reader, str)
            total = vector.sum(axis=1) + image[:, 0, 0, 0] + array[:, 0] + decimal
            yield pa.RecordBatch.from_arrays([batch.column("n"), pa.array(total)], names=["n", "total"])

    found = prepared.frame.mapInArrow(score, "n int, total float").collect()
    assert [row.n for row in found] == [row.n for row in frame.select("n").collect()]
    assert all(row.total == 4 * row.n for row in found)


def test_columns_that_differ_in_case_alone_are_refused_where_spark_cannot_tell_them_apart(spark_local: Any) -> None:
    data = spark_local.range(3).selectExpr("id as x", "id as y", "1 as X")
    message = r"columns 'x', 'X' \(features\), which differ in case alone, and .* which one 'x' is: rename all but one"
    for name in ("x", "X"):
        with pytest.raises(DataError, match=message.replace("one 'x'", f"one '{name}'")):
            prepare(data, DataArguments([name, "y"]), ModelShapes())
    with pytest.raises(DataError, match=message):
        prepare_features(data, DataArguments(["x", "y"]), ModelShapes())
    assert prepare(data, DataArguments("y"), ModelShapes()).spec.features[0].name == "y"
    spark_local.conf.set("spark.sql.caseSensitive", "true")
    try:
        prepared = prepare(data, DataArguments(["X", "y"]), ModelShapes())
        assert columns_of(prepared)[0].tolist() == [[1, 0], [1, 1], [1, 2]]
    finally:
        spark_local.conf.unset("spark.sql.caseSensitive")
