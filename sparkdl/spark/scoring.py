"""Scores a DataFrame where its rows lie: what `sdl.predict` and the pipeline stages are built on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_type
from pyspark.sql.types import ArrayType, DataType, MapType, StructField, StructType, UserDefinedType

from sparkdl.errors import ArgumentError, ModelError
from sparkdl.spark.cluster import context_of
from sparkdl.spark.columns import quoted
from sparkdl.spark.expectations import shapes_of
from sparkdl.spark.feature_columns import PreparedFeatures, prepare_features
from sparkdl.spark.frames import DataArguments
from sparkdl.spark.functions import arrow_function, has_arrow_functions
from sparkdl.spark.quantized import QuantizedModel
from sparkdl.spark.scorer import ColumnScorer, Derive, Scorer
from sparkdl.spark.shipping import ship_predictor
from sparkdl.types import SampleSpec

RUNTIMES = ("auto", "openvino", "tensorflow")
PRECISIONS = ("float32", "bf16")
HANDLE_INVALID = ("error", "skip", "keep")
_SCORED = "__scored"


def score(
    model: Any,
    frame: DataFrame,
    *,
    features: Any,
    columns: Sequence[StructField],
    derive: Derive,
    batch_size: int = 1024,
    shapes: Mapping[str, Sequence[int]] | None = None,
    dtypes: Mapping[str, str] | None = None,
    runtime: str = "auto",
    precision: str = "float32",
    handle_invalid: str = "error",
    layers: str | Sequence[str] | None = None,
    spec: SampleSpec | None = None,
    transform: Any = None,
) -> DataFrame:
    """A DataFrame's columns, and further ones that are made of what a model says of its rows.

    Nothing is shuffled: rows, their order and their partitions stay. No job starts here but, where neither model
    nor schema tells the shape of a row and `spec` is not given, one that looks at the first row.

    Args:
        model: a built Keras model, or a quantised one.
        frame: a DataFrame, batch or streaming.
        features: its feature columns, as in `fit`.
        columns: the new columns; whatever they say, they are nullable.
        derive: makes the values of `columns` from the outputs of the model, each an array (rows, ...): for each
            column an array (rows, ...), or a `pyarrow.Array` of its type. It is called on the executors with any
            number of rows from 1, and must be picklable and need no Keras.
        batch_size: rows per call of the model, whatever the partitions and Arrow batches are; the last call of a
            partition has what is left.
        shapes: as in `fit`.
        dtypes: as in `fit`.
        runtime: what computes, see `sparkdl.predict`.
        precision: what it computes in, see `sparkdl.predict`.
        handle_invalid: what becomes of a row with a null, a NaN or an array of the wrong length among its
            features: "error", "skip" (it is left out) or "keep" (null in all new columns).
        layers: inner layers whose outputs are wanted instead of the model's.
        spec: what every row held in training: no row is looked at then, and other features are refused.
        transform: what is done to images before the model sees them, as in `fit`, without chance.

    Raises:
        ArgumentError: an argument has the wrong form, or a new column exists already.
        DataError: the columns do not fit the model.
        ModelError: the model is not built.
    """
    context_of(frame)  # which refuses what is no DataFrame
    check_options(batch_size, runtime, precision, handle_invalid)
    check_new(columns, frame)
    model = ending_at(built(model), layers)
    arguments = DataArguments(features, shapes=shapes or {}, dtypes=dtypes or {}, transform=transform)
    prepared = prepare_features(frame, arguments, shapes_of(model), spec=spec, nulls=handle_invalid != "error")
    fields = [StructField(field.name, field.dataType, True, field.metadata) for field in columns]
    reader = replace(prepared.reader, limits=limits_of(model, prepared.spec))
    prepared = replace(prepared, reader=reader)
    shipped = ship_predictor(frame, model, prepared.spec, runtime=runtime, precision=precision)
    kinds = {field.name: to_arrow_type(field.dataType) for field in fields}
    scorer = Scorer(shipped, reader, len(frame.columns), kinds, derive, batch_size, handle_invalid)
    if columns and has_arrow_functions() and not holds_vectors(frame.schema):
        return by_function(prepared, scorer, fields)
    return prepared.frame.mapInArrow(scorer, StructType([*frame.schema.fields, *fields]))


def holds_vectors(kind: DataType) -> bool:
    """Whether there are ML vectors among columns: Spark 4.3 hands functions whole columns where the rows come from
    Parquet, and fails at those of user-defined types, also where no function asks for them."""
    if isinstance(kind, StructType):
        return any(holds_vectors(field.dataType) for field in kind.fields)
    if isinstance(kind, MapType):
        return holds_vectors(kind.keyType) or holds_vectors(kind.valueType)
    return holds_vectors(kind.elementType) if isinstance(kind, ArrayType) else isinstance(kind, UserDefinedType)


def by_function(prepared: PreparedFeatures, scorer: Scorer, fields: Sequence[StructField]) -> DataFrame:
    """Scores by a function of the feature columns: other columns stay in the JVM, and those that nobody asks for later
    are not even read."""
    names = tuple(dict.fromkeys(name for group in prepared.reader.sources for name in group.names))
    alone = len(fields) == 1 and scorer.handle_invalid != "skip"
    kind = fields[0].dataType if alone else StructType(list(fields))
    mode = "error" if scorer.handle_invalid == "error" else "keep"
    task = ColumnScorer(replace(scorer, kept=0, handle_invalid=mode), names, None if alone else to_arrow_type(kind))
    # Not deterministic, in Spark's words: so that a filter on the new columns does not compute them a second time.
    function = arrow_function(task, kind).asNondeterministic()
    values = function(*[F.col(quoted(name)) for name in names])
    added = set(prepared.frame.columns[prepared.keep :])
    if alone:
        return prepared.frame.select("*", values.alias(fields[0].name, metadata=fields[0].metadata)).drop(*added)
    scored = prepared.frame.select("*", values.alias(_SCORED)).drop(*added)
    if scorer.handle_invalid == "skip":
        scored = scored.where(F.col(_SCORED).isNotNull())
    parts = [F.col(_SCORED).getField(field.name).alias(field.name, metadata=field.metadata) for field in fields]
    return scored.select("*", *parts).drop(_SCORED)


def check_options(batch_size: int, runtime: str, precision: str, handle_invalid: str) -> None:
    """Refuses values that are not among those known.

    Raises:
        ArgumentError: naming argument, value, and what is possible.
    """
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ArgumentError(f"batch_size must be a whole number from 1, received {batch_size!r}.")
    known = {"runtime": RUNTIMES, "precision": PRECISIONS, "handle_invalid": HANDLE_INVALID}
    for name, value in (("runtime", runtime), ("precision", precision), ("handle_invalid", handle_invalid)):
        if value not in known[name]:
            raise ArgumentError(f"{name} must be one of {', '.join(map(repr, known[name]))}; received {value!r}.")


def check_new(columns: Sequence[StructField], frame: DataFrame, advice: str = "") -> None:
    """Refuses output columns that exist (whatever Spark does, without regard to case) or come twice.

    Args:
        columns: the new ones.
        frame: what they are to be added to.
        advice: what to do where not `output=` of predict names them.

    Raises:
        ArgumentError: naming the column.
    """
    there = {name.lower(): name for name in frame.columns}
    made: dict[str, str] = {}
    for field in columns:
        name, key = field.name, field.name.lower()
        if key in there or key in made:
            where = "in the DataFrame" if key in there else "among the outputs"
            other = there.get(key) or made[key]
            spelt = "" if other == name else f" as {other!r}, which differs in case alone"
            raise ArgumentError(
                f"output column {name!r} exists already {where}{spelt}: "
                f"{advice or 'choose another name (output= of predict)'}."
            )
        made[key] = name


def built(model: Any) -> Any:
    """The model, if it has its weights; around a subclassed one a graph that says what its inputs and outputs are.

    Raises:
        ModelError: it has none, or nobody knows what it takes.
    """
    from sparkdl.engine.building import as_graph

    if not getattr(model, "built", False):
        raise ModelError(f"model {model.name!r} is not built: call it once, or give it an Input, before predict.")
    graph = model if isinstance(model, QuantizedModel) else as_graph(model)
    if graph is None:
        raise ModelError(
            f"model {model.name!r} does not say what it takes and gives: wrap it, as in inputs = keras.Input(shape); "
            "model = keras.Model(inputs, model(inputs))."
        )
    return graph


def limits_of(model: Any, spec: SampleSpec) -> tuple[np.ndarray | None, ...]:
    """What the numbers of each feature must stay below, see `index_limits`: OpenVINO does not look for itself."""
    if isinstance(model, QuantizedModel):
        return ()
    from sparkdl.engine.index_limits import index_limits

    return index_limits(model, spec)


def ending_at(model: Any, layers: str | Sequence[str] | None) -> Any:
    """The model, or the part of it that ends at inner layers."""
    if layers is None:
        return model
    if isinstance(model, QuantizedModel):
        raise ArgumentError(
            f"layers= is for Keras models, but {model.name!r} is quantised: quantize sdl.cut(model, layers) instead."
        )
    from sparkdl.importers.transfer import cut

    return cut(model, layers)
