"""BigDL 0.x's reader of images."""

import sys  # noqa: F401
from typing import Any

from pyspark.sql import DataFrame

from sparkdl.bigdl.nnframes.nn_image_reader import NNImageReader
from sparkdl.bigdl.util.bridge import callBigDlFunc  # noqa: F401


class DLImageReader:
    """Reads images as a DataFrame."""

    @staticmethod
    def readImages(path: str, sc: Any = None, minParitions: int = 1, bigdl_type: str = "float") -> DataFrame:
        """A DataFrame with the column `image`; see `NNImageReader.readImages`."""
        return NNImageReader.readImages(path, sc, minParitions)
