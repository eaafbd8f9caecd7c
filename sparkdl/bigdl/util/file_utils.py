"""BigDL 2.x's `utils.file_utils`: files that are here or elsewhere, by this package's storages."""

import functools
import glob
import os
import subprocess  # noqa: F401
import tempfile
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlparse

import numpy as np
from pyspark import SparkContext

from sparkdl.bigdl.util.bridge import JavaCreator, callZooFunc  # noqa: F401
from sparkdl.bigdl.util.contexts import set_core_number  # noqa: F401
from sparkdl.bigdl.util.log4Error import *  # noqa: F403
from sparkdl.bigdl.util.sample import JTensor as BJTensor
from sparkdl.bigdl.util.sample import Sample as BSample
from sparkdl.errors import ArgumentError, DataError, StorageError
from sparkdl.spark.storage import storage_for


class JTensor(BJTensor):
    """A tensor; a number has the shape ()."""

    __slots__ = ()

    def __init__(self, storage: Any, shape: Any, bigdl_type: str = "float", indices: Any = None) -> None:
        super().__init__(storage, shape, bigdl_type, indices)

    @classmethod
    def from_ndarray(cls, a_ndarray: Any, bigdl_type: str = "float") -> Any:
        """Of an array; None of None."""
        return None if a_ndarray is None else cls(a_ndarray, np.shape(a_ndarray) or (1,), bigdl_type)


class Sample(BSample):
    """A sample; a list of numbers as labels means several labels."""

    def __init__(self, features: Any, labels: Any, bigdl_type: str = "float") -> None:
        super().__init__(features, labels, bigdl_type)

    @classmethod
    def from_ndarray(cls, features: Any, labels: Any, bigdl_type: str = "float") -> Any:  # type: ignore[override]
        """Of arrays, numbers, or lists of them."""
        tensors = [[JTensor.from_ndarray(item) for item in to_list_of_numpy(given)] for given in (features, labels)]
        return cls(tensors[0], tensors[1], bigdl_type)


def to_list_of_numpy(elements: Any) -> list[np.ndarray]:
    """One or several arrays or numbers as a list of arrays.

    Raises:
        DataError: something else.

    Example:
        >>> to_list_of_numpy([1, np.ones(2)])
        [array(1), array([1., 1.])]
    """
    listed = elements if isinstance(elements, list) else [elements]
    for element in listed:
        if not isinstance(element, np.ndarray) and not np.isscalar(element):
            raise DataError(f"expected arrays and numbers, received a {type(element).__name__}.")
    return [np.asarray(element) for element in listed]


def is_local_path(path: str) -> bool:
    """Whether a path is of this machine."""
    return not path.startswith("/dbfs") and urlparse(path).scheme.lower() in ("", "file")


def convert_to_safe_path(input_path: str, follow_symlinks: bool = True) -> str:
    """An absolute path without `..`, and without symbolic links if wanted."""
    return os.path.realpath(input_path) if follow_symlinks else os.path.abspath(input_path)


def append_suffix(prefix: str, path: str) -> str:
    """A name with the ending of a path.

    Example:
        >>> append_suffix("copy", "/models/net.bigdl")
        'copy.bigdl'
    """
    return f"{prefix}.{path.split('.')[-1]}"


def _storage(folder: str) -> Any:
    return storage_for(folder, SparkContext._active_spark_context)


def _split(path: str) -> tuple[Any, str]:
    folder, _, name = path.rstrip("/").rpartition("/")
    return _storage(folder or ("/" if path.startswith("/") else ".")), name


def get_file_list(path: str, recursive: bool = False) -> list[str]:
    """The paths of the files and folders in a folder; with `recursive` of all files below it."""
    paths = [f"{path.rstrip('/')}/{name}" for name in _storage(path).list()]
    if not recursive:
        return paths
    return [found for child in paths for found in (get_file_list(child, True) if _children(child) else [child])]


def _children(path: str) -> list[str]:
    try:
        return list(_storage(path).list())
    except StorageError:
        return []


def exists(path: str) -> bool:
    """Whether there is a file or a folder."""
    if is_local_path(path):
        return os.path.exists(_plain(path))
    storage, name = _split(path)
    return bool(storage.exists(name))


def is_file(path: str) -> bool:
    """Whether there is a file."""
    return os.path.isfile(_plain(path)) if is_local_path(path) else _split(path)[0].exists(_split(path)[1])


def mkdirs(path: str) -> None:
    """Makes a folder; elsewhere folders come with their first file."""
    if is_local_path(path):
        os.makedirs(_plain(path), exist_ok=True)


def rmdir(path: str) -> None:
    """Removes a folder with its files."""
    storage, name = _split(path)
    storage.delete(name)


def _plain(path: str) -> str:
    return urlparse(path).path if urlparse(path).scheme else path


def get_remote_file_to_local(remote_path: str, local_path: str, over_write: bool = False) -> None:
    """Copies a file from elsewhere."""
    _refuse_existing(local_path, over_write)
    storage, name = _split(remote_path)
    with open(local_path, "wb") as file:
        file.write(storage.read(name))


def put_local_file_to_remote(local_path: str, remote_path: str, over_write: bool = False) -> None:
    """Copies a file to elsewhere."""
    storage, name = _split(remote_path)
    if not over_write and storage.exists(name):
        raise ArgumentError(f"there is a file at {remote_path} already: give over_write=True.")
    with open(local_path, "rb") as file:
        storage.write(name, file.read())


def _refuse_existing(path: str, over_write: bool) -> None:
    if not over_write and os.path.exists(path):
        raise ArgumentError(f"there is a file at {path} already: give over_write=True.")


def get_remote_dir_to_local(remote_dir: str, local_dir: str, over_write: bool = False) -> None:
    """Copies the files in a folder from elsewhere."""
    get_remote_files_with_prefix_to_local(f"{remote_dir.rstrip('/')}/", local_dir, over_write)


def get_remote_files_with_prefix_to_local(remote_path_prefix: str, local_dir: str, over_write: bool = False) -> None:
    """Copies those whose path begins so."""
    for path in get_file_list(os.path.dirname(remote_path_prefix)):
        if path.startswith(remote_path_prefix):
            get_remote_file_to_local(path, os.path.join(local_dir, os.path.basename(path)), over_write)


def get_remote_dir_tree_to_local(remote_dir: str, local_dir: str, over_write: bool = False) -> None:
    """Copies a folder with all below it from elsewhere."""
    for path in get_file_list(remote_dir, recursive=True):
        target = os.path.join(local_dir, path[len(remote_dir.rstrip("/")) + 1 :])
        os.makedirs(os.path.dirname(target), exist_ok=True)
        get_remote_file_to_local(path, target, over_write)


def put_local_files_with_prefix_to_remote(local_path_prefix: str, remote_dir: str, over_write: bool = False) -> None:
    """Copies local files whose path begins so to elsewhere."""
    for path in glob.glob(f"{glob.escape(local_path_prefix)}*"):
        put_local_file_to_remote(path, f"{remote_dir.rstrip('/')}/{os.path.basename(path)}", over_write)


def put_local_dir_tree_to_remote(local_dir: str, remote_dir: str, over_write: bool = False) -> None:
    """Copies a local folder with all below it to elsewhere."""
    for folder, _, names in os.walk(local_dir):
        below = os.path.relpath(folder, local_dir)
        target = remote_dir.rstrip("/") if below == "." else f"{remote_dir.rstrip('/')}/{below}"
        for name in names:
            put_local_file_to_remote(os.path.join(folder, name), f"{target}/{name}", over_write)


def enable_multi_fs_save(save_func: Callable[..., Any]) -> Callable[..., Any]:
    """Lets a method `save(self, path)` that writes local files write everywhere."""

    @functools.wraps(save_func)
    def save(obj: Any, path: str, *args: Any, **kwargs: Any) -> Any:
        if is_local_path(path):
            return save_func(obj, path, *args, **kwargs)
        with tempfile.TemporaryDirectory() as folder:
            copy = os.path.join(folder, append_suffix(str(uuid.uuid1()), path))
            result = save_func(obj, copy, *args, **kwargs)
            put_local_file_to_remote(copy, path, kwargs.get("overwrite", False))
        return result

    return save


def _loading(load: Callable[[str], Any], path: str) -> Any:
    if is_local_path(path):
        return load(path)
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, append_suffix(str(uuid.uuid1()), path))
        get_remote_file_to_local(path, copy)
        return load(copy)


def enable_multi_fs_load_static(load_func: Callable[..., Any]) -> Callable[..., Any]:
    """Lets a function `load(path)` that reads local files read everywhere."""

    @functools.wraps(load_func)
    def load(path: str, *args: Any, **kwargs: Any) -> Any:
        return _loading(lambda local: load_func(local, *args, **kwargs), path)

    return load


def enable_multi_fs_load(load_func: Callable[..., Any]) -> Callable[..., Any]:
    """Lets a method `load(self, path)` that reads local files read everywhere."""

    @functools.wraps(load_func)
    def load(obj: Any, path: str, *args: Any, **kwargs: Any) -> Any:
        return _loading(lambda local: load_func(obj, local, *args, **kwargs), path)

    return load


def enable_hdfs_load(load_func: Callable[..., Any]) -> Callable[..., Any]:
    """The same as `enable_multi_fs_load_static`."""
    return enable_multi_fs_load_static(load_func)
