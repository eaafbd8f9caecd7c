"""`sdl.predict`: the same rows, one more column for each output of the model."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyspark import RDD
from pyspark.sql.types import ArrayType, DataType, FloatType, StructField

from sparkdl.errors import ArgumentError
from sparkdl.spark.argument_values import check_values
from sparkdl.spark.arguments import no_data, refuse
from sparkdl.spark.expectations import shapes_of
from sparkdl.spark.frames import check_samples_suffice
from sparkdl.spark.samples import first_item, spec_of
from sparkdl.spark.scorer import as_sample, predict_samples
from sparkdl.spark.scoring import built, check_options, ending_at, limits_of, score
from sparkdl.spark.shipping import ship_predictor
from sparkdl.spark.stopped import needs_session


@needs_session
def predict(
    model: Any,
    data: Any,
    *,
    features: Any = "features",
    output: str | Sequence[str] = "prediction",
    batch_size: int = 1024,
    layers: str | Sequence[str] | None = None,
    runtime: str = "auto",
    precision: str = "float32",
    handle_invalid: str = "error",
    shapes: Mapping[str, Sequence[int]] | None = None,
    dtypes: Mapping[str, str] | None = None,
    transform: Any = None,
    **keras_arguments: Any,
) -> Any:
    """Applies a model to every row, without a shuffle: order, partitions and all columns are kept.

    Args:
        model: a built `keras.Model`, which need not be compiled, or what `quantize` made.
        data: a DataFrame (batch or streaming), or an RDD of `sparkdl.Sample` or ndarrays.
        features: as in `fit`.
        output: name of the new column; a name per output where the model has several.
        batch_size: rows per call of the model.
        layers: the name of an inner layer whose output is wanted instead of the model's (embeddings), or several.
        runtime: what computes: "openvino" (executors then need no TensorFlow), "tensorflow", or "auto": OpenVINO where
            it is installed and gives what TensorFlow gives; where not, the log says why.
        precision: "float32", or "bf16": products in bfloat16, about three digits, by OpenVINO only.
        handle_invalid: what becomes of a row with a null, a NaN or an array of the wrong length among its features:
            "error", "skip" (it is left out) or "keep" (it gets null predictions). Rows of an RDD must be valid.
        shapes: shape per row of a column, where neither the model nor the column says it.
        dtypes: numpy dtype of a `binary` column of raw tensors.
        transform: as in `fit`; without chance (`transform.inference()`).
        **keras_arguments: other arguments of `keras.Model.predict`, refused by name with the reason.

    Returns:
        for a DataFrame, the DataFrame with a column more per output: `float` for an output of shape
        (batch,), `array<float>` for (batch, n), nested arrays for more axes; for an RDD, an RDD with one
        ndarray (or a tuple of them) per row.

    Raises:
        ArgumentError: where an argument has the wrong form.
        DataError: where the columns do not fit the model.
        MissingExtraError: where `runtime` is "openvino", which is not installed.
        ModelError: where the model has no weights yet.
        UnsupportedError: where OpenVINO cannot compute the model, and `runtime` or `precision` demand it.
    """
    refuse("predict", **keras_arguments)
    check_values("predict", shapes=shapes, dtypes=dtypes)
    check_options(batch_size, runtime, precision, handle_invalid)
    model = ending_at(built(model), layers)
    if isinstance(data, RDD):
        check_samples_suffice(shapes=shapes, dtypes=dtypes, transform=transform)
        first = as_sample(first_item(data))
        spec = replace(spec_of(first, shapes_of(model).input_names, ()), labels=(), weighted=False)
        shipped = ship_predictor(data, model, spec, runtime=runtime, precision=precision)
        task = functools.partial(predict_samples, shipped, spec, limits_of(model, spec), batch_size)
        return data.map(as_sample).mapPartitions(task)
    if not hasattr(data, "mapInArrow"):
        raise no_data("data", data)
    return score(
        model,
        data,
        features=features,
        columns=output_columns(model, output, layers),
        derive=list,
        batch_size=batch_size,
        shapes=shapes,
        dtypes=dtypes,
        runtime=runtime,
        precision=precision,
        handle_invalid=handle_invalid,
        transform=transform,
    )


def output_columns(
    model: Any, output: str | Sequence[str], layers: str | Sequence[str] | None = None
) -> list[StructField]:
    """A column per output of the model.

    Args:
        model: ends where `layers` says.
        output: the names, or for several outputs what comes before the name of each.
        layers: the names of the outputs, where they are inner layers.

    Raises:
        ArgumentError: where `output` has another number of names.
    """
    names = [layers] if isinstance(layers, str) else list(layers or shapes_of(model).output_names)
    if not isinstance(output, str):
        if len(output) != len(model.outputs):
            raise ArgumentError(f"output= names {len(output)} columns, but the model has {len(model.outputs)} outputs.")
        names = list(output)
    else:
        names = [output] if len(model.outputs) == 1 else [f"{output}_{name}" for name in names]
    shapes = [tuple(tensor.shape[1:]) for tensor in model.outputs]
    return [StructField(name, column_type(shape)) for name, shape in zip(names, shapes, strict=True)]


def column_type(shape: tuple[int | None, ...]) -> DataType:
    """The Spark type of one row of an output of this shape."""
    return ArrayType(column_type(shape[1:]), False) if shape else FloatType()
