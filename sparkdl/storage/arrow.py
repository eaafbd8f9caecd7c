"""File systems of pyarrow (`s3://`, `gs://`, `abfss://`) and of fsspec (`memory://`, `sftp://`, ...) as a `Storage`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

import pyarrow as pa
from pyarrow import fs

from sparkdl.errors import ArgumentError, MissingExtraError, StorageError
from sparkdl.storage.base import joined, part_name, reason_of, storage_errors, whole
from sparkdl.storage.paths import cut_query, join, scheme_of, split, without_credentials
from sparkdl.types import Content

# Hadoop's names for what pyarrow calls `s3`.
_ALIASES = {"s3a": "s3", "s3n": "s3"}
# Here a file is there, whole, when its put has ended, folders need not be made, and to rename is to copy.
_OBJECT_STORES = frozenset({"s3", "gs", "gcs"})


class ArrowStorage:
    """A directory of a file system that pyarrow or fsspec opens, with the credentials that these find.

    Args:
        url: pyarrow's query options go with it: `s3://bucket/runs?endpoint_override=host:9000&scheme=http`.

    Raises:
        ArgumentError: nobody knows the scheme, or something in the URL is wrong.
        MissingExtraError: fsspec, or the package with its driver, is not installed.
    """

    def __init__(self, url: str) -> None:
        self.location = without_credentials(url)
        self._files, self._root = open_file_system(url)
        self._in_place = _scheme(url) in _OBJECT_STORES

    def read(self, name: str) -> bytes:
        """See `Storage`."""
        path = join(self._root, name)
        with self._errors("read", name):
            while True:
                with self._files.open_input_file(path) as file:
                    before = _version(file)
                    content: bytes = file.read()
                # pyarrow asks for the size first: of a file that was replaced in between it would read a part.
                with self._files.open_input_file(path) as file:
                    if _version(file) == before and len(content) == before[0]:
                        return content

    def write(self, name: str, content: Content) -> None:
        """See `Storage`."""
        target = join(self._root, name)
        with self._errors("written", name):
            if self._in_place:
                self._put(target, content)
                return
            folder, _ = split(target)
            part = join(folder, part_name())
            self._files.create_dir(folder, recursive=True)
            try:
                self._put(part, content)
                self._files.move(part, target)
            except BaseException:
                with suppress(OSError):
                    self._files.delete_file(part)
                raise

    def list(self, folder: str = "") -> list[str]:
        """See `Storage`."""
        selector = fs.FileSelector(join(self._root, folder), allow_not_found=True)
        with self._errors("listed", folder), suppress(NotADirectoryError):
            return whole(info.base_name for info in self._files.get_file_info(selector))
        return []

    def delete(self, name: str) -> None:
        """See `Storage`."""
        target = join(self._root, name)
        with self._errors("removed", name), suppress(FileNotFoundError):
            kind = self._files.get_file_info(target).type
            if kind == fs.FileType.Directory:
                self._files.delete_dir(target)
            elif kind != fs.FileType.NotFound:
                self._files.delete_file(target)

    def exists(self, name: str) -> bool:
        """See `Storage`."""
        with self._errors("read", name):
            return self._files.get_file_info(join(self._root, name)).type != fs.FileType.NotFound

    def _put(self, path: str, content: Content) -> None:
        """In one call: a stream that is left in the middle is closed too, and would be taken for whole."""
        whole_content = joined(content)
        with self._files.open_output_stream(path, None) as file:
            file.write(whole_content)

    @contextmanager
    def _errors(self, verb: str, name: str) -> Iterator[None]:
        with storage_errors(verb, join(self.location, name)):
            try:
                yield
            except pa.ArrowException as error:
                raise OSError(str(error)) from error


def open_file_system(url: str) -> tuple[fs.FileSystem, str]:
    """pyarrow's file system for a URL, or else fsspec's, and the path in it.

    Raises:
        ArgumentError: nobody knows the scheme, or something in the URL is wrong.
        MissingExtraError: fsspec, or the package with its driver, is not installed.
        StorageError: the file system cannot be reached.
    """
    try:
        return fs.FileSystem.from_uri(_encoded(url))
    except pa.ArrowInvalid as error:
        if "Unrecognized filesystem type" not in str(error):
            raise ArgumentError(f"{without_credentials(url)!r} cannot be used: {reason_of(error)}.") from error
    except (OSError, pa.ArrowException) as error:
        message = f"the file system of {without_credentials(url)!r} cannot be opened: {reason_of(error)}"
        raise StorageError(message, reason_of(error)) from error
    return _open_fsspec(url)


def _open_fsspec(url: str) -> tuple[fs.FileSystem, str]:
    shown = without_credentials(url)
    try:
        fsspec = importlib.import_module("fsspec")
    except ImportError as error:
        raise MissingExtraError(
            f"{shown!r} cannot be opened: neither Hadoop nor pyarrow knows {scheme_of(url)!r}, and fsspec, which may, "
            "is not installed; run `pip install sparkdl[fsspec]`, or give Spark the jar of that file system."
        ) from error
    try:
        files, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise MissingExtraError(f"{shown!r} cannot be opened by fsspec: {reason_of(error)}.") from error
    except ValueError as error:
        raise ArgumentError(
            f"{shown!r} cannot be opened: {reason_of(error)}; expected a local path, or a URL of a file system that "
            "Hadoop (with its jar in spark.jars), pyarrow or fsspec knows."
        ) from error
    return fs.PyFileSystem(fs.FSSpecHandler(files)), path


def _scheme(url: str) -> str:
    scheme = scheme_of(url)
    return _ALIASES.get(scheme, scheme)


def _encoded(url: str) -> str:
    """The URL as pyarrow decodes it: the path is encoded; user and password are so already."""
    base, query = cut_query(url)
    authority, slash, path = base.partition("://")[2].partition("/")
    return f"{_scheme(url)}://{quote(authority, safe='%:@[]')}{slash}{quote(path)}{query}"


def _version(file: Any) -> tuple[int, Any]:
    """The size of a file, and what object stores tell versions by (`ETag`)."""
    return file.size(), file.metadata()
