"""BigDL's `util.common`: every name of it, and what a star import of it gives. Imports no TensorFlow."""

import os
import re  # noqa: F401
import sys  # noqa: F401
import tempfile
import threading  # noqa: F401
import traceback  # noqa: F401
from typing import Any

import numpy as np  # noqa: F401
import six  # noqa: F401
from py4j.java_collections import JavaArray, JavaList, JavaMap, ListConverter, MapConverter  # noqa: F401
from py4j.java_gateway import GatewayClient, JavaGateway, JavaObject  # noqa: F401
from py4j.protocol import Py4JJavaError  # noqa: F401
from pyspark import RDD, SparkConf, SparkContext  # noqa: F401
from pyspark.files import SparkFiles  # noqa: F401
from pyspark.serializers import AutoBatchedSerializer, PickleSerializer  # noqa: F401
from pyspark.sql import DataFrame, SQLContext  # noqa: F401

from sparkdl.bigdl.util.bridge import (  # noqa: F401
    GatewayWrapper,
    JActivity,
    JavaCreator,
    JavaValue,
    SingletonMixin,
    _java2py,
    _py2java,
    callBigDlFunc,
)
from sparkdl.bigdl.util.contexts import (  # noqa: F401
    create_spark_conf,
    extend_spark_driver_cp,
    get_bigdl_conf,
    get_bigdl_engine_type,
    get_node_and_core_number,
    get_optimizer_version,
    get_spark_context,
    init_engine,
    init_executor_gateway,
    redire_spark_logs,
    set_optimizer_version,
    show_bigdl_info_logs,
)
from sparkdl.bigdl.util.engine import get_bigdl_classpath, is_spark_below_2_2  # noqa: F401
from sparkdl.bigdl.util.generator import RNG  # noqa: F401
from sparkdl.bigdl.util.limits import DOUBLEMAX, INTMAX, INTMIN  # noqa: F401
from sparkdl.bigdl.util.log4Error import (  # noqa: F401
    invalidInputError,
    invalidOperationError,
    logger,
    logging,
    outputUserMessage,
)
from sparkdl.bigdl.util.results import EvaluatedResult  # noqa: F401
from sparkdl.bigdl.util.sample import DTYPE, JTensor, Sample  # noqa: F401

# Python 2's names, which BigDL gives to Python 3.
long = int
unicode = str

_picklable_classes = ["Sample", "EvaluatedResult", "JTensor", "JActivity"]


def callJavaFunc(func: Any, *args: Any) -> Any:
    """Calls a function of Java's, for example of `sc._jvm`."""
    return func(*args)


def get_dtype(bigdl_type: str) -> str:
    """The dtype of tensors: always float32."""
    return DTYPE


def to_list(a: Any) -> list[Any]:
    """What is no list yet becomes one of itself.

    Example:
        >>> to_list([1]), to_list((1, 2))
        ([1], [(1, 2)])
    """
    return a if type(a) is list else [a]


def to_sample_rdd(x: Any, y: Any, numSlices: int | None = None) -> RDD:
    """An RDD of samples.

    Args:
        x: features, with a row per sample.
        y: labels, with a row per sample.
        numSlices: number of partitions.
    """
    context = get_spark_context()
    rows = context.parallelize(list(zip(x, y, strict=True)), numSlices)
    return rows.map(_sample_of_pair)


def _sample_of_pair(pair: tuple[Any, Any]) -> Sample:
    return Sample.from_ndarray(*pair)


def get_spark_sql_context(sc: SparkContext) -> SQLContext:
    """What SQL ran in before Spark had sessions."""
    return SQLContext.getOrCreate(sc)


def create_tmp_path() -> str:
    """A path in the folder of temporary files at which there is no file yet."""
    with tempfile.NamedTemporaryFile(prefix="bigdl") as file:
        return file.name


def text_from_path(path: str) -> str:
    """The first line of a text file, wherever Spark can read it."""
    return get_spark_context().textFile(path).first()


def is_distributed(path: str) -> bool:
    """Whether a path is a URL.

    Example:
        >>> is_distributed("hdfs://host/file"), is_distributed("/tmp/file")
        (True, False)
    """
    return "://" in path


def get_local_file(a_path: str) -> str:
    """A local file with the content of one that may be elsewhere."""
    if not is_distributed(a_path):
        return a_path
    _, content = get_spark_context().binaryFiles(a_path).first()
    path = create_tmp_path()
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    return path


def get_activation_by_name(activation_name: str, activation_id: str | None = None) -> Any:
    """A layer by Keras's name of an activation.

    Raises:
        UnsupportedError: BigDL has none of this name.
    """
    from sparkdl.bigdl.nn.layers.activations import by_name  # it imports TensorFlow

    activation = by_name(activation_name)
    if activation_id:
        activation.set_name(activation_id)
    return activation
