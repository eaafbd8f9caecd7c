"""Labels of images from a table: a CSV file, or a DataFrame."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.csv
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from sparkdl.errors import ArgumentError, DataError
from sparkdl.spark.columns import did_you_mean, find_column, quoted
from sparkdl.spark.storage import read_file

PATH, LABEL = "path", "label"


def labels_of(spark: SparkSession, table: str | DataFrame) -> DataFrame:
    """The columns `__path` and `label` of a table with `path` and `label`, one row for each path.

    A path that the table names twice with different labels is an error when rows are asked for.

    Args:
        spark: the session.
        table: a DataFrame, or the path of a CSV file with a header, which is read on the driver.

    Raises:
        ArgumentError: it is neither.
        DataError: it has other columns, or is no CSV file.
        MissingFileError: there is no such file.
    """
    if isinstance(table, str):
        table = _read_csv(spark, table)
    if not (isinstance(table, DataFrame) or hasattr(table, "mapInArrow")):
        raise ArgumentError(
            f"labels must be 'folder', the path of a CSV file, or a DataFrame with the columns 'path' and 'label', "
            f"received {type(table).__name__}."
        )
    path, label = (F.col(quoted(find_column(name, table.schema, "labels"))) for name in (PATH, LABEL))
    rows = table.select(F.regexp_replace(path, "^(\\./|/)+", "").alias("__path"), label.alias(LABEL))
    grouped = rows.groupBy("__path").agg(F.min(LABEL).alias("least"), F.max(LABEL).alias("most"))
    message = F.concat(F.lit("the table of labels gives several labels to the image "), F.col("__path"))
    several = F.when(F.col("least") != F.col("most"), F.raise_error(message).cast(table.schema[LABEL].dataType))
    return grouped.select("__path", several.otherwise(F.col("least")).alias(LABEL))


def _read_csv(spark: SparkSession, path: str) -> DataFrame:
    types = pa.csv.ConvertOptions(column_types={PATH: pa.string(), LABEL: pa.string()})
    try:
        table = pa.csv.read_csv(io.BytesIO(read_file(path, spark)), convert_options=types)
    except pa.ArrowInvalid as error:
        raise DataError(f"the labels in {path!r} are no CSV file with a header: {error}.") from None
    for name in (PATH, LABEL):
        if name not in table.column_names:
            raise DataError(
                f"the CSV file {path!r} of labels has no column {name!r}: {did_you_mean(name, table.column_names)}."
            )
    pairs = table.select([PATH, LABEL]).to_pandas()
    return spark.createDataFrame(pairs, f"{PATH} string, {LABEL} string")
