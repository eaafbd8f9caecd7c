"""BigDL's `util.engine`: where Spark and BigDL's jars are. Here is one Spark, and no jar."""

import glob  # noqa: F401
import importlib.util
import logging
import os  # noqa: F401
import sys  # noqa: F401
import warnings

from sparkdl.bigdl.util.contexts import get_bigdl_conf, prepare_environment  # noqa: F401
from sparkdl.bigdl.util.log4Error import (  # noqa: F401
    invalidInputError,
    invalidOperationError,
    logger,
    outputUserMessage,
)

log = logging.getLogger(__name__)


def exist_pyspark() -> bool:
    """Whether PySpark can be imported."""
    return importlib.util.find_spec("pyspark") is not None


def check_spark_source_conflict(spark_home: str | None, pyspark_path: str) -> None:
    """Warns where SPARK_HOME is set and PySpark comes from another place."""
    if spark_home and not pyspark_path.startswith(spark_home):
        warnings.warn(
            f"SPARK_HOME is {spark_home}, but pyspark is imported from {pyspark_path}: unset SPARK_HOME, or use its "
            f"own pyspark, where their versions differ.",
            stacklevel=2,
        )


def compare_version(version1: str, version2: str) -> int:
    """1 where the first version is the later one, -1 where it is the earlier one, 0 where they are the same.

    Example:
        >>> compare_version("2.2.0", "2.2"), compare_version("1.6", "2.2"), compare_version("10.0", "9.9.9")
        (0, -1, 1)
    """
    first, second = ([int(part) for part in version.split(".")] for version in (version1, version2))
    length = max(len(first), len(second))
    padded = [[*parts, *[0] * (length - len(parts))] for parts in (first, second)]
    return (padded[0] > padded[1]) - (padded[0] < padded[1])


def is_spark_below_2_2() -> bool:
    """No: this package needs Spark 3.5."""
    return False


def is_spark_below_ver(ver: str) -> bool:
    """Whether PySpark is older than that."""
    import pyspark

    return compare_version(".".join(pyspark.__version__.split(".")[:2]), ver) < 0


def get_bigdl_jars() -> list[str]:
    """None: nothing of this package runs in Java."""
    return []


def get_bigdl_classpath() -> str:
    """Empty, as there are no jars."""
    return ""


get_analytics_zoo_classpath = get_bigdl_classpath


def prepare_env() -> None:
    """Sets the variables that Spark needs to start, where nobody has set them."""
    prepare_environment()
