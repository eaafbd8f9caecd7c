"""`NNImageReader`: images as a DataFrame."""

import functools
import sys  # noqa: F401
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from sparkdl.bigdl.transform.vision.feature import channels_of
from sparkdl.bigdl.util.bridge import callZooFunc  # noqa: F401
from sparkdl.bigdl.util.contexts import get_spark_context
from sparkdl.spark.images import read


class NNImageReader:
    """Reads images."""

    @staticmethod
    def readImages(
        path: str,
        sc: Any = None,
        minPartitions: int = 1,
        resizeH: int = -1,
        resizeW: int = -1,
        image_codec: int = -1,
        bigdl_type: str = "float",
    ) -> DataFrame:
        """A DataFrame with the column `image`, Spark's struct of an image: blue first, a byte for each value.

        Args:
            path: a folder or a pattern; several are separated by commas.
            sc: the Spark context.
            minPartitions: the least number of partitions.
            resizeH: the height that all images get, with `resizeW`; -1 for their own sizes.
            resizeW: see `resizeH`.
            image_codec: OpenCV's flag: 0 for gray images, below 0 for gray or colours as in the file, else colours.
        """
        spark = SparkSession(sc or get_spark_context())
        size = (resizeH, resizeW) if resizeH > 0 and resizeW > 0 else None
        channels = channels_of(image_codec)
        parts = [read(spark, place, size=size, channels=channels, invalid="skip") for place in path.split(",")]
        images = functools.reduce(DataFrame.union, parts).select("image")
        return images if minPartitions <= 1 else images.repartition(minPartitions)
