"""BigDL 0.x's reader of images."""

import sys  # noqa: F401
from typing import Any

from pyspark.sql import DataFrame, Row, SparkSession

from sparkdl.bigdl.transform.vision.feature import BYTES, URI, ImageFeature
from sparkdl.bigdl.transform.vision.image import ImageFrame
from sparkdl.bigdl.util.bridge import callBigDlFunc  # noqa: F401
from sparkdl.bigdl.util.contexts import get_spark_context

_SCHEMA = "image struct<origin string, height int, width int, nChannels int, mode int, data binary>"
_STEP = 8  # OpenCV's number of a type of bytes is this for each channel behind the first


class DLImageReader:
    """Reads images as a DataFrame."""

    @staticmethod
    def readImages(path: str, sc: Any = None, minParitions: int = 1, bigdl_type: str = "float") -> DataFrame:
        """A DataFrame with the column `image`: origin, height, width, nChannels, mode, and the bytes of the file.

        Files that cannot be decoded are left out.

        Args:
            path: a folder or a pattern; several are separated by commas.
            sc: the Spark context.
            minParitions: the least number of partitions.
        """
        context = sc or get_spark_context()
        frame = ImageFrame.read(path, context, minParitions)
        rows = frame.value.filter(lambda feature: feature.is_valid).map(_row)
        return SparkSession(context).createDataFrame(rows, _SCHEMA)


def _row(feature: ImageFeature) -> Row:
    height, width, channels = feature.size
    mode = _STEP * (channels - 1)
    return Row(image=(feature[URI], height, width, channels, mode, bytearray(feature[BYTES])))
