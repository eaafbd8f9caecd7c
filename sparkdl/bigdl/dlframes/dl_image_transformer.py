"""BigDL 0.x's transforms of images as a stage."""

import sys  # noqa: F401
from typing import Any

import numpy as np
from pyspark.ml import Transformer
from pyspark.ml.param.shared import *  # noqa: F403
from pyspark.ml.param.shared import HasInputCol, HasOutputCol
from pyspark.ml.wrapper import JavaTransformer  # noqa: F401
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import BinaryType, IntegerType, StringType, StructField, StructType

from sparkdl.bigdl.feature.image.imagePreprocessing import RowToImageFeature
from sparkdl.bigdl.transform.vision.feature import FLOATS, TENSOR, FeatureTransformer
from sparkdl.bigdl.util.bridge import JavaValue, callBigDlFunc  # noqa: F401
from sparkdl.errors import ArgumentError

_FLOAT, _BYTE, _STEP = 5, 0, 8  # OpenCV's number of a type: depth + 8 * (channels - 1)
_IMAGE = StructType(
    [
        StructField("origin", StringType()),
        StructField("height", IntegerType()),
        StructField("width", IntegerType()),
        StructField("nChannels", IntegerType()),
        StructField("mode", IntegerType()),
        StructField("data", BinaryType()),
    ]
)


class DLImageTransformer(Transformer, HasInputCol, HasOutputCol):
    """Transforms the images of a column into another one, of the same struct.

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
            mat = feature["mat"]
            if mat is None:
                mat = feature[FLOATS] if feature[FLOATS] is not None else feature[TENSOR].to_ndarray()
            mode = (_BYTE if mat.dtype == np.uint8 else _FLOAT) + _STEP * (mat.shape[2] - 1)
            return (row["origin"], *mat.shape, mode, bytearray(np.ascontiguousarray(mat).tobytes()))

        return dataset.withColumn(
            self.getOutputCol(), F.udf(transformed, _IMAGE, useArrow=False)(F.col(self.getInputCol()))
        )
