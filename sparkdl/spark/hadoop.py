"""Hadoop's file systems (`hdfs://`, `s3a://`, `abfss://`, `viewfs://`, ...) as a `Storage`, through the session's JVM.

So they are the ones that Spark itself reads and writes, with its jars, settings and credentials. Content does not go
through py4j, which would send it as text: it passes through a local temporary file that Hadoop copies. The file has no
name, so that nothing is left of it: the JVM finds it as a descriptor of this process, which runs on the same host.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark import SparkContext

from sparkdl.errors import MissingFileError, StorageError
from sparkdl.spark.failures import java_reason
from sparkdl.storage.base import buffers, part_name, whole
from sparkdl.storage.paths import join, scheme_of, split, with_root, without_credentials
from sparkdl.types import Content

# Here a file is there, whole, when its put has ended, and to rename is to copy: files are written in place.
_OBJECT_STORES = frozenset({"s3", "s3a", "s3n", "gs", "oss", "cosn", "obs"})


class HadoopStorage:
    """A directory of a file system that Hadoop knows.

    Args:
        directory: a URL with its scheme.
        context: the Spark context, whose JVM and Hadoop settings are used.
    """

    def __init__(self, directory: str, context: SparkContext) -> None:
        self.location = without_credentials(directory)
        self._root = with_root(directory)
        self._scheme = scheme_of(directory)
        self._settings = context._jsc.hadoopConfiguration()
        self._gateway = context._gateway
        self._hadoop = context._jvm.org.apache.hadoop.fs
        self._opened: Any = None

    def read(self, name: str) -> bytes:
        """See `Storage`."""
        with self._errors("read", name), _unnamed_file() as (file, place):
            # The last argument: straight to the file, without Hadoop's .crc beside it.
            self._files().copyToLocalFile(False, self._path(name), self._hadoop.Path(place), True)
            return file.read()

    def write(self, name: str, content: Content) -> None:
        """See `Storage`."""
        target, part = self._path(name), self._path(join(split(name)[0], part_name()))
        with self._errors("written", name), _unnamed_file(content) as (_, place):
            files, local = self._files(), self._hadoop.Path(place)
            if self._scheme in _OBJECT_STORES:
                files.copyFromLocalFile(False, True, local, target)
                return
            try:
                files.copyFromLocalFile(False, True, local, part)
                self._replace(files, part, target)
            except BaseException:
                with suppress(Py4JError):
                    files.delete(part, False)
                raise

    def list(self, folder: str = "") -> list[str]:
        """See `Storage`."""
        with suppress(MissingFileError), self._errors("listed", folder):
            files, path = self._files(), self._path(folder)
            if files.getFileStatus(path).isDirectory():
                return whole(str(status.getPath().getName()) for status in files.listStatus(path))
        return []

    def delete(self, name: str) -> None:
        """See `Storage`."""
        with self._errors("removed", name):
            self._files().delete(self._path(name), True)

    def exists(self, name: str) -> bool:
        """See `Storage`."""
        with self._errors("read", name):
            return bool(self._files().exists(self._path(name)))

    def _path(self, name: str) -> Any:
        return self._hadoop.Path(join(self._root, name))

    def _files(self) -> Any:
        """Hadoop keeps one per host and user, and opens it at the first call."""
        files = self._hadoop.Path(self._root).getFileSystem(self._settings)
        # The local one would put a .crc file beside each file.
        return files.getRawFileSystem() if self._scheme == "file" else files

    def _replace(self, files: Any, part: Any, target: Any) -> None:
        """Renames over what may be there. HDFS does it in one step, for which Hadoop has a second interface."""
        if self._scheme != "file" and self._has_contexts():
            overwrite = self._gateway.new_array(self._hadoop.Options.Rename, 1)
            overwrite[0] = self._hadoop.Options.Rename.OVERWRITE
            self._context(files.getUri()).rename(part, target, overwrite)
        elif not files.rename(part, target):
            files.delete(target, False)
            if not files.rename(part, target):
                raise OSError("it cannot be renamed to that name")

    def _context(self, address: Any) -> Any:
        if self._opened is None:
            self._opened = self._hadoop.FileContext.getFileContext(address, self._settings)
        return self._opened

    def _has_contexts(self) -> bool:
        return self._settings.get(f"fs.AbstractFileSystem.{self._scheme}.impl") is not None

    @contextmanager
    def _errors(self, verb: str, name: str) -> Iterator[None]:
        """Turns what the JVM or the local disk says into a StorageError with one sentence."""
        shown = without_credentials(join(self._root, name))
        try:
            yield
        except Py4JJavaError as error:
            reason = without_credentials(java_reason(error))
            kind = MissingFileError if reason.startswith("FileNotFoundException") else StorageError
            raise kind(f"{shown!r} cannot be {verb}: {reason}", reason) from None
        except StorageError:
            raise
        except OSError as error:
            reason = str(error)
            raise StorageError(f"{shown!r} cannot be {verb}: {reason}", reason) from error


def hadoop_knows(scheme: str, context: SparkContext) -> bool:
    """Whether Hadoop has a file system for a scheme, and its jar is there."""
    try:
        files = context._jvm.org.apache.hadoop.fs.FileSystem
        files.getFileSystemClass(scheme, context._jsc.hadoopConfiguration())
    except Py4JJavaError:
        return False
    return True


@contextmanager
def _unnamed_file(content: Content = b"") -> Iterator[tuple[IO[bytes], str]]:
    """A temporary file, unlinked already, and the path by which other processes of this host open it."""
    with tempfile.TemporaryFile(prefix="sparkdl-storage-") as file:
        file.writelines(buffers(content))
        file.seek(0)
        yield file, Path(f"/proc/{os.getpid()}/fd/{file.fileno()}").as_uri()
