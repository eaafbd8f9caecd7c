"""Stages in files: JSON metadata as Spark ML writes it, and models as `.keras` archives; no pickle.

A stage that is saved inherits `Persistent` and, where it is more than its Params, tells the rest by `_more` and
`_files`, and takes it back by `_take`. Pipelines, CrossValidator and TrainValidationSplit then save and load it among
their own stages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pyspark import SparkContext
from pyspark.ml.util import DefaultParamsReader, DefaultParamsWriter, MLReadable, MLReader, MLWritable, MLWriter

from sparkdl import __version__
from sparkdl.errors import ArgumentError, MissingFileError, ModelError, StorageError
from sparkdl.spark.storage import storage_for
from sparkdl.storage.paths import join, without_credentials
from sparkdl.types import Content

FORMAT = 1
# Spark ML reads all files of this folder as text and takes the first line.
METADATA = "metadata/part-00000"
_PACKAGE = "sparkdl.ml"


def located(path: str, session: Any) -> str:
    """A path as a URL, in the file system that Spark would choose for it: that of `fs.defaultFS` for a plain path.

    Spark Connect has no JVM to ask; there a plain path is local.
    """
    context = getattr(session, "_sc", None)
    if not isinstance(context, SparkContext):
        return path
    hadoop = context._jvm.org.apache.hadoop.fs.Path(path)
    return str(hadoop.getFileSystem(context._jsc.hadoopConfiguration()).makeQualified(hadoop).toString())


class StageFolder:
    """The directory of one stage, on any file system that Spark knows.

    Args:
        path: as the user gave it.
        session: the Spark session.
    """

    def __init__(self, path: str, session: Any) -> None:
        if not isinstance(path, str):
            raise TypeError(f"path must be a string, received a {type(path).__name__}.")
        self.shown = without_credentials(path)
        self.url = located(path, session)
        self._storage = storage_for(self.url, session)

    def path_of(self, name: str) -> str:
        """The path of a file in it."""
        return join(self.url, name)

    def write(self, name: str, content: Content) -> None:
        """Makes a file.

        Raises:
            StorageError: it cannot be made, for example because there is a file in the directory's place.
        """
        try:
            self._storage.write(name, content)
        except StorageError as error:
            if "not a directory" not in error.reason.lower():
                raise
            raise StorageError(
                f"{self.shown!r} is a file, or below one, expected a directory or nothing, as a stage is saved in a "
                f"directory: choose another path, or remove the file.",
                error.reason,
            ) from error

    def read(self, name: str) -> bytes:
        """The content of a file."""
        return self._storage.read(name)

    def refuse_if_taken(self) -> None:
        """Raises StorageError where something is there already."""
        if self._storage.list():
            raise StorageError(
                f"{self.shown!r} exists already: save by write().overwrite().save(path) to replace it, or choose "
                f"another path."
            )

    def clear(self) -> None:
        """Removes all that is in it."""
        for name in self._storage.list():
            self._storage.delete(name)

    def metadata(self) -> dict[str, Any]:
        """What the stage that was saved here says of itself.

        Raises:
            StorageError: there is none, or it was not saved to its end.
        """
        try:
            lines = self._metadata().decode().splitlines()
            return dict(json.loads(lines[0]))
        except MissingFileError as error:
            raise MissingFileError(
                f"{self.shown!r} holds no stage of sparkdl (it has no {METADATA}): give the path that a stage was "
                f"saved to, to its end.",
                error.reason,
            ) from None
        except (ValueError, IndexError) as error:
            raise StorageError(f"the metadata in {self.shown!r} is damaged ({error}): save the stage again.") from None

    def _metadata(self) -> bytes:
        """The file of metadata: ours, or that of a stage of Spark's own, which has a random part in its name."""
        try:
            return self._storage.read(METADATA)
        except MissingFileError:
            folder = METADATA.rpartition("/")[0]
            parts = [name for name in self._storage.list(folder) if name.startswith("part-")]
            if not parts:
                raise
            return self._storage.read(join(folder, parts[0]))


class StageWriter(MLWriter):
    """Writes a stage. Its metadata comes last, so a folder that has them is complete."""

    def __init__(self, stage: Persistent) -> None:
        super().__init__()
        self.stage = stage

    def save(self, path: str) -> None:
        """Saves the stage; what was there stays until all of the new is at hand."""
        self._content = self.stage._values(), self.stage._more(), self.stage._files()
        super().save(path)

    def _handleOverwrite(self, path: str) -> None:
        # Spark ML's own asks the JVM, which Spark Connect has not.
        StageFolder(path, self.sparkSession).clear()

    def saveImpl(self, path: str) -> None:
        """Writes files, then metadata."""
        params, more, files = self._content
        folder = StageFolder(path, self.sparkSession)
        folder.refuse_if_taken()
        for name, content in files.items():
            folder.write(name, content)
        extra = {"class": class_path(type(self.stage)), "sparkdlVersion": __version__, "sparkdlFormat": FORMAT, **more}
        text = DefaultParamsWriter._get_metadata_to_save(self.stage, self.sparkSession, extra, params)
        folder.write(METADATA, (text + "\n").encode())


class StageReader(MLReader):
    """Reads a stage of one class."""

    def __init__(self, cls: type[Persistent]) -> None:
        super().__init__()
        self.cls = cls

    def load(self, path: str) -> Any:
        """The stage that was saved at a path.

        Raises:
            StorageError: there is none, or a part of it is missing.
            ArgumentError: it is of another class.
            ModelError: a newer sparkdl wrote it.
        """
        folder = StageFolder(path, self.sparkSession)
        metadata = folder.metadata()
        check_readable(metadata, self.cls, folder.shown)
        stage = self.cls._empty()
        stage._resetUid(metadata["uid"])
        unknown = {*metadata["paramMap"], *metadata["defaultParamMap"]} - {item.name for item in stage.params}
        if unknown:
            raise ModelError(
                f"the {self.cls.__name__} in {folder.shown!r} has the Params {', '.join(sorted(unknown))}, which "
                f"sparkdl {__version__} does not know: load it with sparkdl {metadata['sparkdlVersion']} or newer."
            )
        DefaultParamsReader.getAndSetParams(stage, metadata)
        stage._take(metadata, folder)
        return stage


class Persistent(MLReadable, MLWritable):
    """A stage that can be saved and loaded."""

    def write(self) -> StageWriter:
        """A writer: `stage.write().overwrite().save(path)`."""
        return StageWriter(self)

    @classmethod
    def read(cls) -> StageReader:
        """A reader: `DLModel.read().load(path)`."""
        return StageReader(cls)

    @classmethod
    def _empty(cls) -> Any:
        """A stage that is filled from files."""
        return cls()

    def _values(self) -> dict[str, Any]:
        """The values that were set, by name, as JSON has them."""
        return {item.name: value for item, value in self._paramMap.items()}

    def _more(self) -> dict[str, Any]:
        """What else belongs into the metadata, as JSON has it."""
        return {}

    def _files(self) -> Mapping[str, Content]:
        """What belongs into files of its own, by name."""
        return {}

    def _take(self, metadata: Mapping[str, Any], folder: StageFolder) -> None:
        """Takes back what `_more` and `_files` gave; Params are set already."""


def class_path(cls: type) -> str:
    """The name by which a class of stages is found again: of ours it is that of the package, wherever it lives in it.

    Example:
        >>> class_path(dict)
        'builtins.dict'
    """
    own = cls.__module__.startswith(_PACKAGE + ".")
    return f"{_PACKAGE if own else cls.__module__}.{cls.__name__}"


def check_readable(metadata: Mapping[str, Any], cls: type, path: str) -> None:
    """Whether metadata are of a class, in a format that is known.

    Raises:
        ArgumentError: they are of another class.
        ModelError: they are of a newer format.

    Example:
        >>> check_readable({"class": "builtins.dict", "sparkdlFormat": 1}, dict, "/models/a")
    """
    found, expected = str(metadata.get("class")), class_path(cls)
    if found != expected:
        raise ArgumentError(
            f"{path!r} holds a {found}, expected a {expected}: load it by the class that was saved "
            f"({found.rpartition('.')[2]}.load)."
        )
    version = metadata.get("sparkdlFormat")
    if not isinstance(version, int) or not 1 <= version <= FORMAT:
        raise ModelError(
            f"the {cls.__name__} in {path!r} was saved by sparkdl {metadata.get('sparkdlVersion')} in the format "
            f"{version}, and sparkdl {__version__} reads the formats 1 to {FORMAT}: install a newer sparkdl."
        )
