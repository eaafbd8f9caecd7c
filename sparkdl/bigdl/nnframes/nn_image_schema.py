"""Where images come from, as a column of its own."""

import sys  # noqa: F401

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sparkdl.bigdl.util.bridge import callZooFunc  # noqa: F401


def with_origin_column(
    dataset: DataFrame, imageColumn: str = "image", originColumn: str = "origin", bigdl_type: str = "float"
) -> DataFrame:
    """The rows with the origin of the image in a further column."""
    return dataset.withColumn(originColumn, F.col(f"{imageColumn}.origin"))
