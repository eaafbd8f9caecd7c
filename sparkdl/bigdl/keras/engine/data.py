"""What Keras-style models are trained on, as RDDs of samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pyspark import RDD
from pyspark.sql import DataFrame, Row

from sparkdl.bigdl.dataset.dataset import DataSet
from sparkdl.bigdl.feature.image import ImageMatToTensor, ImageSet, RowToImageFeature
from sparkdl.bigdl.feature.preprocessing import ChainedPreprocessing
from sparkdl.bigdl.feature.text import TextSet
from sparkdl.bigdl.util.common import Sample, get_spark_context
from sparkdl.errors import ArgumentError, DataError

IMAGE = "image"


def is_arrays(x: Any) -> bool:
    """Whether these are arrays: one, or a list of them."""
    return isinstance(x, np.ndarray) or (
        isinstance(x, (list, tuple)) and all(isinstance(part, np.ndarray) for part in x)
    )


def samples(x: Any, y: Any = None) -> RDD:
    """An RDD of samples of arrays, an RDD, an ImageSet, a TextSet or a FeatureSet.

    Raises:
        ArgumentError: it is something else.
        DataError: features and labels have different numbers of rows.
    """
    if is_arrays(x):
        return get_spark_context().parallelize(_of_arrays(x, y))
    if y is not None:
        raise ArgumentError(f"y= goes with arrays, and x= is a {type(x).__name__}, which holds its labels itself.")
    if isinstance(x, RDD):
        return x
    if isinstance(x, DataSet):
        x = x.get_image_frame()
    if isinstance(x, TextSet):
        found = x.get_samples()
    elif isinstance(x, ImageSet):
        found = x.to_image_frame().get_sample()
    elif hasattr(x, "get_sample"):
        found = x.get_sample()
    else:
        raise ArgumentError(
            f"x= is a {type(x).__name__}, expected arrays, an RDD of Sample, an ImageSet, a TextSet, a FeatureSet or a "
            "DataFrame."
        )
    return found if isinstance(found, RDD) else get_spark_context().parallelize(found)


def _of_arrays(x: Any, y: Any) -> list[Sample]:
    features = list(x) if isinstance(x, (list, tuple)) else [x]
    count = len(features[0])
    labels = np.zeros(count) if y is None else np.asarray(y)
    if {len(array) for array in (*features, labels)} != {count}:
        lengths = [len(array) for array in features]
        raise DataError(f"the features have {lengths} rows and the labels {len(labels)}: give one label per row.")
    return [
        Sample.from_ndarray([feature[row] for feature in features] if len(features) > 1 else features[0][row], label)
        for row, label in enumerate(labels)
    ]


def rows(frame: DataFrame, feature_cols: Sequence[str] | None, label_cols: Sequence[str] | None) -> RDD:
    """An RDD of samples of the columns of a DataFrame; several columns are several arrays.

    Raises:
        ArgumentError: a column is not given or not there.
    """
    for what, columns in (("feature_cols", feature_cols), ("label_cols", label_cols)):
        if columns is None:
            raise ArgumentError(f"{what}= is missing: with a DataFrame, name its columns.")
        missing = [column for column in columns if column not in frame.columns]
        if missing:
            raise ArgumentError(f"{what}= names {missing}, and the DataFrame has {frame.columns}.")
    features, labels = list(feature_cols or []), list(label_cols or [])
    return frame.rdd.map(lambda row: _sample_of_row(row, features, labels))


def image_rows(frame: DataFrame, label_cols: Sequence[str] | None, transform: Any, rank: int) -> RDD:
    """An RDD of samples of the column "image" of a DataFrame, after a transform of BigDL's, and of labels.

    Args:
        frame: the DataFrame.
        label_cols: columns of labels.
        transform: of images.
        rank: axes of a row of the model's input; where they are three, gray images get one of one channel.
    """
    missing = [column for column in label_cols or () if column not in frame.columns]
    if missing:
        raise ArgumentError(f"label_cols= names {missing}, and the DataFrame has {frame.columns}.")
    steps = [RowToImageFeature(), *([transform] if transform is not None else []), ImageMatToTensor()]
    chain, labels = ChainedPreprocessing(steps), list(label_cols or ())
    return frame.rdd.map(lambda row: _sample_of_image(chain, row, labels, rank))


def _sample_of_image(chain: Any, row: Row, labels: Sequence[str], rank: int) -> Sample:
    pixels = _array(chain.convert(row[IMAGE])["imageTensor"])
    pixels = pixels[np.newaxis] if pixels.ndim == 2 and rank == 3 else pixels
    wanted = [_array(row[name]) for name in labels] or [np.zeros(1, np.float32)]
    return Sample.from_ndarray(pixels, wanted[0] if len(wanted) == 1 else wanted)


def _sample_of_row(row: Row, features: Sequence[str], labels: Sequence[str]) -> Sample:
    given, wanted = ([_array(row[name]) for name in names] for names in (features, labels))
    wanted = wanted or [np.zeros(1, np.float32)]
    return Sample.from_ndarray(given[0] if len(given) == 1 else given, wanted[0] if len(wanted) == 1 else wanted)


def _array(value: Any) -> Any:
    for name in ("toArray", "to_ndarray"):
        if hasattr(value, name):
            return np.asarray(getattr(value, name)(), np.float32)
    return np.asarray(value, np.float32)


def split(x: Any, y: Any, share: float) -> tuple[Any, Any]:
    """Arrays without their last rows, and those; `share` of all rows are the last ones."""
    if not 0 <= share <= 1:
        raise ArgumentError(f"validation_split is {share}, expected a part of the rows between 0 and 1.")
    end = int(len(y) * (1 - share))
    features = list(x) if isinstance(x, (list, tuple)) else [x]
    before, behind = [part[:end] for part in features], [part[end:] for part in features]
    single = not isinstance(x, (list, tuple))
    return (before[0] if single else before, y[:end]), (behind[0] if single else behind, y[end:])
