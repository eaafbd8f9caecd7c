"""Predictions beside the data that they are for."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np
from pyspark import RDD
from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, FloatType, StructField, StructType

from sparkdl.bigdl.util.common import get_spark_context
from sparkdl.errors import ArgumentError

Predict = Callable[[RDD], RDD]
_KEY = "predict"


def predict_frame(predict: Predict, frame: DataFrame, samples: RDD, name: str | None) -> DataFrame:
    """A DataFrame with a column more: the outputs for its rows as array<float>.

    Args:
        predict: an RDD of arrays of an RDD of samples, row by row.
        frame: the DataFrame.
        samples: of its rows.
        name: of the new column.
    """
    if not name:
        raise ArgumentError("prediction_col= is missing: with a DataFrame, name the new column.")
    if name in frame.columns:
        raise ArgumentError(f"prediction_col={name!r} is already a column of the DataFrame.")
    schema = StructType([*frame.schema.fields, StructField(name, ArrayType(FloatType()))])
    pairs = frame.rdd.zip(predict(samples))
    return frame.sparkSession.createDataFrame(pairs.map(lambda pair: (*pair[0], _numbers(pair[1]))), schema)


def _numbers(output: Any) -> list[float]:
    return [float(value) for value in np.asarray(output).reshape(-1)]


def predict_set(predict: Predict, features: Any) -> Any:
    """An ImageSet or TextSet of the same features, which also hold the outputs for their samples."""
    local = features.is_local()
    given = get_spark_context().parallelize(features.value) if local else features.value
    outputs = predict(given.map(lambda feature: feature["sample"]))
    predicted = given.zip(outputs).map(_with_prediction)
    found = copy(features)
    found.value = predicted.collect() if local else predicted
    return found


def _with_prediction(pair: tuple[Any, Any]) -> Any:
    feature = pair[0].copy()
    feature[_KEY] = pair[1]
    return feature
