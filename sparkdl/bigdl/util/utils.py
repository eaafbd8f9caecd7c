"""BigDL 2.x's `utils.utils`: shapes, rows, and where Python is."""

import glob  # noqa: F401
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from pyspark.ml.linalg import DenseVector, SparseVector, VectorUDT  # noqa: F401
from pyspark.sql import types as T

from sparkdl.bigdl.util.engine import get_bigdl_classpath
from sparkdl.bigdl.util.log4Error import *  # noqa: F403
from sparkdl.bigdl.util.sample import Sample
from sparkdl.collective.reach import own_address
from sparkdl.errors import DataError, UnsupportedError


def to_sample_rdd(x: Any, y: Any, sc: Any, num_slices: int | None = None) -> Any:
    """An RDD of samples of features and labels, with a row per sample."""
    return sc.parallelize(list(zip(x, y, strict=True)), num_slices).map(_sample_of_pair)


def _sample_of_pair(pair: tuple[Any, Any]) -> Sample:
    return Sample.from_ndarray(*pair)


def get_node_ip() -> str:
    """The address of this machine towards others; nothing is sent."""
    try:
        return own_address("192.0.2.1")  # an address of nobody: which way would it go?
    except OSError:
        return "127.0.0.1"


def is_valid_ip_address(ip: str) -> bool:
    """Whether a text has the form of an address.

    Example:
        >>> is_valid_ip_address("10.0.0.1"), is_valid_ip_address("host")
        (True, False)
    """
    return re.match(r"^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$", ip) is not None


def detect_python_location() -> str:
    """The Python that runs this."""
    return sys.executable


def detect_conda_env_name() -> str:
    """The name of conda's environment that is active; "" where there is none."""
    return os.environ.get("CONDA_DEFAULT_ENV", "")


def get_conda_python_path() -> str:
    """The folder of this Python's library."""
    return os.path.dirname(os.__file__)


def set_python_home() -> None:
    """Nothing: Spark finds the executors' Python by `spark.pyspark.python`."""


def pack_conda_main(conda_name: str, tmp_path: str) -> None:
    """Packs an environment of conda.

    Raises:
        UnsupportedError: there is no conda, or it cannot.
    """
    if shutil.which("conda") is None:
        raise UnsupportedError(
            f"the environment {conda_name!r} cannot be packed: there is no conda here; pack it yourself (venv-pack, "
            f"conda-pack) and give penv_archive=."
        )
    command = ["conda", "pack", "--format", "tar.gz", "--n-threads", "8", "-f", "-n", conda_name, "-o", tmp_path]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        raise UnsupportedError(f"conda pack failed: {run.stderr.strip()[-500:]}")


def pack_penv(conda_name: str, output_name: str) -> str:
    """Packs an environment of conda into a new temporary folder, and returns the path."""
    path = os.path.join(tempfile.mkdtemp(), f"{output_name}.tar.gz")
    pack_conda_main(conda_name, path)
    return path


def get_executor_conda_zoo_classpath(conda_path: str) -> list[str]:
    """Empty: there are no jars."""
    return []


def get_zoo_bigdl_classpath_on_driver() -> str:
    """Empty: there are no jars."""
    return get_bigdl_classpath()


def get_bigdl_class_version() -> str:
    """The version of BigDL whose names these are."""
    from sparkdl.bigdl.version import __version__

    return __version__


def get_bigdl_image_workdir() -> str:
    """Where Spark's container images work."""
    return "/opt/spark/work-dir"


def toMultiShape(shape: Any) -> list[Any]:
    """A shape, or several, as a list of lists.

    Example:
        >>> toMultiShape((2, 3)), toMultiShape([(2,), (3,)]), toMultiShape([2, 3])
        ([[2, 3]], [[2], [3]], [[2, 3]])
    """
    if any(isinstance(part, (list, tuple)) for part in shape):
        return [list(part) for part in shape]
    return [list(shape)]


def remove_batch(shape: Any) -> list[Any]:
    """A shape, or several, without the first axis.

    Example:
        >>> remove_batch([None, 2, 3]), remove_batch([(None, 2), (None, 3)])
        ([2, 3], [[2], [3]])
    """
    if any(isinstance(part, (list, tuple)) for part in shape):
        return [remove_batch(part) for part in shape]
    return list(shape[1:])


_DTYPES = {
    T.FloatType: "float32",
    T.DoubleType: "float64",
    T.IntegerType: "int32",
    T.LongType: "int64",
    T.DecimalType: "float64",
    T.TimestampType: "datetime64[ns]",
}


def convert_row_to_numpy(
    row: Any, schema: Any, feature_cols: Sequence[str], label_cols: Any, accept_str_col: bool = False
) -> tuple[Any, ...]:
    """The columns of a row as arrays: (features,) or (features, labels), each an array or a list of them.

    Raises:
        DataError: a column has another type.
    """
    found = [_columns(row, schema, feature_cols, accept_str_col)]
    if label_cols:
        found.append(_columns(row, schema, label_cols, accept_str_col))
    return tuple(found)


def _columns(row: Any, schema: Any, names: Sequence[str], text: bool) -> Any:
    arrays = [_array(row[name], schema[name].dataType, name, text) for name in names]
    return arrays[0] if len(arrays) == 1 else arrays


def _array(value: Any, kind: Any, name: str, text: bool) -> np.ndarray:
    if isinstance(value, (DenseVector, SparseVector)):
        return value.toArray().astype("float32" if isinstance(value, DenseVector) else "float64")
    element = kind.elementType if isinstance(kind, T.ArrayType) else kind
    dtype = str if text and isinstance(element, T.StringType) else _DTYPES.get(type(element))
    if dtype is None:
        raise DataError(f"the column {name!r} is of {kind.simpleString()}, expected numbers, arrays or vectors.")
    return np.array(value).astype(dtype)
