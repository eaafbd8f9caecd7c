"""`sdl.register_udf`: a model as a function of SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyspark.sql.functions as F
from pyspark.sql.pandas.types import to_arrow_type

from sparkdl.errors import ArgumentError
from sparkdl.spark.expectations import shapes_of
from sparkdl.spark.functions import arrow_function, has_arrow_functions
from sparkdl.spark.predict import output_columns
from sparkdl.spark.scoring import built, check_options, ending_at, limits_of
from sparkdl.spark.shipping import ship_predictor
from sparkdl.spark.sql_scorer import SqlScorer
from sparkdl.types import SampleSpec, TensorSpec


def register_udf(
    spark: Any,
    name: str,
    model: Any,
    *,
    batch_size: int = 1024,
    layers: str | None = None,
    runtime: str = "auto",
    precision: str = "float32",
    handle_invalid: str = "keep",
    shapes: Mapping[str, Sequence[int]] | None = None,
) -> None:
    """Makes a model a function of SQL, for the session: `SELECT score(features) FROM t`.

    The function takes an argument per input of the model: an array, an ML vector, a number, or binary (a raw
    tensor); or, where the model has one input, as many numbers as that has: `score(a, b, c)`. It gives `float` for
    an output of shape (batch,), `array<float>` for (batch, n), and so on.

    Args:
        spark: the session.
        name: of the function: letters, digits and underscores, and none of Spark's own functions.
        model: a built `keras.Model`, or what `quantize` made, with one output.
        batch_size: most rows per call of the model.
        layers: an inner layer whose output is wanted instead of the model's.
        runtime: as in `predict`.
        precision: as in `predict`.
        handle_invalid: what the function gives for a null, a NaN or an array of the wrong length: "keep" (null, as
            functions of SQL do) or "error".
        shapes: shape per row of an input by its name, where the model does not say it.

    Raises:
        ArgumentError: an argument has the wrong form, Spark has a function of that name, or the model has several
            outputs.
        ModelError: the model is not built.
    """
    check_options(batch_size, runtime, precision, handle_invalid)
    check_name(spark, name)
    if handle_invalid == "skip":
        raise ArgumentError(
            "handle_invalid='skip' is not for a function of SQL, which gives a value for each row: "
            "give 'keep', and filter by IS NOT NULL."
        )
    model = ending_at(built(model), layers)
    if len(model.outputs) != 1:
        raise ArgumentError(
            f"a function of SQL gives one value, but the model has {len(model.outputs)} outputs "
            f"({', '.join(map(repr, shapes_of(model).output_names))}): name one of its layers by layers=."
        )
    (field,) = output_columns(model, name, layers)
    spec = input_spec(model, shapes or {})
    shipped = ship_predictor(spark.range(0), model, spec, runtime=runtime, precision=precision)
    kind, limits = to_arrow_type(field.dataType), limits_of(model, spec)
    task = SqlScorer(shipped, spec, name, kind, batch_size, handle_invalid, limits)
    function = arrow_function(task, field.dataType) if has_arrow_functions() else pandas_function(task, field.dataType)
    spark.udf.register(name, function)


def check_name(spark: Any, name: Any) -> None:
    """Refuses what queries could not call, or would take for one of Spark's own functions.

    Raises:
        ArgumentError: naming it.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise ArgumentError(
            f"name must be one that SQL can call, of letters, digits and underscores and with no digit first, received "
            f"{name!r}."
        )
    if spark.sql(f"SHOW SYSTEM FUNCTIONS LIKE '{name}'").collect():
        raise ArgumentError(f"name={name!r} is that of a function of Spark's own, which queries mean: choose another.")


def input_spec(model: Any, shapes: Mapping[str, Sequence[int]]) -> SampleSpec:
    """What the model takes of a row, from its inputs.

    Raises:
        ArgumentError: a size is not known.
    """
    known, tensors = shapes_of(model), []
    for tensor, name, expected in zip(model.inputs, known.input_names, known.input_shapes, strict=True):
        shape = shapes.get(name, expected or ())
        if None in shape:
            raise ArgumentError(
                f"input {name!r} of the model {model.name!r} has the shape {tuple(shape)} per row, and a function of "
                f"SQL sees no rows before it runs: give shapes={{{name!r}: (...)}}."
            )
        tensors.append(TensorSpec(name, tuple(int(size or 0) for size in shape), str(tensor.dtype)))
    return SampleSpec(tuple(tensors), feature_structure="single" if len(tensors) == 1 else "list")


def pandas_function(task: SqlScorer, kind: Any) -> Any:
    """The same function where Spark has none over Arrow columns (before 4.1); arrays are slow there."""

    def function(items: Iterator[pd.Series]) -> Iterator[pd.Series]:
        for values in task(map(_arrow, items)):
            yield values.to_pandas()

    return F.pandas_udf(function, returnType=kind)


def _arrow(item: Any) -> tuple[Any, ...]:
    return tuple(pa.Array.from_pandas(series) for series in (item if isinstance(item, tuple) else (item,)))
