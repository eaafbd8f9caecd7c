"""Where a path leads to: this machine, one of Hadoop's file systems, or one that pyarrow or fsspec opens."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from pyspark import SparkContext
from pyspark.sql import SparkSession

from sparkdl.errors import MissingFileError
from sparkdl.importers import files
from sparkdl.spark.hadoop import HadoopStorage, hadoop_knows
from sparkdl.storage.base import check_writable
from sparkdl.storage.local import LocalStorage
from sparkdl.storage.paths import local_path, scheme_of, split
from sparkdl.types import Content, Storage


def storage_for(directory: str, spark: Any = None) -> Storage:
    """The storage that a path of a directory means.

    A path without a scheme, or with `file:`, is local on the driver, whatever `fs.defaultFS` says. Other schemes
    are Hadoop's where the session has a JVM and Hadoop knows them; the rest goes to pyarrow, then to fsspec.

    Args:
        directory: a path or a URL.
        spark: the session or context; None, or a session of Spark Connect, has no Hadoop.

    Raises:
        ArgumentError: nobody knows the scheme.
        MissingExtraError: a package that may know it is not installed.

    Example:
        >>> storage_for("file:///tmp/runs").location
        '/tmp/runs'
    """
    local = local_path(directory)
    if local is not None:
        return LocalStorage(local)
    context = (
        spark.sparkContext if isinstance(spark, SparkSession) else spark if isinstance(spark, SparkContext) else None
    )
    if context is not None and hadoop_knows(scheme_of(directory), context):
        return HadoopStorage(directory, context)
    # Imported where it is needed: it brings the clients of three clouds with it.
    arrow = importlib.import_module("sparkdl.storage.arrow")
    return arrow.ArrowStorage(directory)


def read_file(path: str, spark: Any = None) -> bytes:
    """The content of a file at a path or URL.

    Raises:
        MissingFileError: it is not there.
        StorageError: it cannot be read.
    """
    directory, name = split(path)
    return storage_for(directory, spark).read(name)


def read_if_present(path: str, spark: Any = None) -> bytes | None:
    """The content of a file, or None where there is none."""
    try:
        return read_file(path, spark)
    except MissingFileError:
        return None


def write_file(path: str, content: Content, spark: Any = None) -> None:
    """Makes or replaces a file at a path or URL, as a whole.

    Raises:
        StorageError: it cannot be written.
    """
    directory, name = split(path)
    storage_for(directory, spark).write(name, content)


def check_folders(folders: Mapping[str, str], spark: Any = None) -> None:
    """Tries to write to the folders of callbacks, before anything starts.

    Args:
        folders: path, and the class of the callback that writes there.
        spark: the session or context.

    Raises:
        ArgumentError: for the first that cannot be written to.
    """
    for folder, name in folders.items():
        check_writable(storage_for(folder, spark), f"the folder of callback {name}")


# Importers know nothing of Spark; their models may lie where only Hadoop reads, with the credentials of the session.
files.open_remote_with(lambda directory: storage_for(directory, SparkContext._active_spark_context))
