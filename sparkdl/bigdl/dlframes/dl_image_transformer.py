"""BigDL 0.x's transforms of images as a stage."""

import sys  # noqa: F401
from typing import Any

from pyspark.ml import Transformer
from pyspark.ml.param.shared import *  # noqa: F403
from pyspark.ml.param.shared import HasInputCol, HasOutputCol
from pyspark.ml.wrapper import JavaTransformer  # noqa: F401
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from sparkdl.bigdl.feature.image.imagePreprocessing import RowToImageFeature
from sparkdl.bigdl.transform.vision.feature import TENSOR, FeatureTransformer, MatToTensor
from sparkdl.bigdl.util.bridge import JavaValue, callBigDlFunc  # noqa: F401
from sparkdl.errors import ArgumentError

_FLOATS, _STEP = 5, 8  # OpenCV's number of a type of floats, and what each channel behind the first adds
_IMAGE = "origin string, height int, width int, nChannels int, mode int, data array<float>"
_ROW = Row("origin", "height", "width", "nChannels", "mode", "data")


class DLImageTransformer(Transformer, HasInputCol, HasOutputCol):
    """Transforms the images of a column into those of another one, whose `data` are the floats of a tensor.

    Channels come first in it, as `MatToTensor` has them; it is added where the transform makes no tensor.

    Args:
        transformer: a transform of `transform.vision.image`.
    """

    def __init__(self, transformer: Any, jvalue: Any = None, bigdl_type: str = "float") -> None:
        super().__init__()
        if not isinstance(transformer, FeatureTransformer):
            raise ArgumentError(
                f"DLImageTransformer takes a transform of images, received a {type(transformer).__name__}."
            )
        self.transformer, self.value, self.bigdl_type = transformer, None, bigdl_type
        self._setDefault(inputCol="image", outputCol="output")

    def setInputCol(self, value: str) -> Any:
        """Sets the value of `inputCol`."""
        return self._set(inputCol=value)

    def setOutputCol(self, value: str) -> Any:
        """Sets the value of `outputCol`."""
        return self._set(outputCol=value)

    def transform(self, dataset: DataFrame) -> DataFrame:
        """The rows with the transformed images in a further column."""
        return super().transform(dataset)

    def _transform(self, dataset: DataFrame) -> DataFrame:
        transformer = self.transformer

        def transformed(row: Any) -> Any:
            feature = transformer.transform(RowToImageFeature().convert(row))
            if feature[TENSOR] is None:
                feature = MatToTensor().transform(feature)
            height, width, channels = feature.size
            values = feature[TENSOR].to_ndarray().ravel().tolist()
            # Spark hands this to the next function as it is, so it needs its names.
            return _ROW(row["origin"], height, width, channels, _FLOATS + _STEP * (channels - 1), values)

        return dataset.withColumn(
            self.getOutputCol(), F.udf(transformed, _IMAGE, useArrow=False)(F.col(self.getInputCol()))
        )
