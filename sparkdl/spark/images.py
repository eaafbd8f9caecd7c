"""`sdl.images`: folders of images, and columns of encoded images, as DataFrames of Spark's image struct.

Images are blue, green, red (BGR) in every column, as Spark's own image source and OpenCV have them. The transforms are
those of `sparkdl.data.transforms`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from sparkdl.data.images import MAX_PIXELS, opencv
from sparkdl.data.transforms.base import Compose, Transform, from_config
from sparkdl.data.transforms.color import Channels, ColorJitter, Normalize
from sparkdl.data.transforms.crops import CenterCrop, RandomCrop, RandomResizedCrop
from sparkdl.data.transforms.geometry import Flip, Pad, Resize, Rotate
from sparkdl.errors import ArgumentError, DataError, MissingFileError
from sparkdl.spark.columns import find_column
from sparkdl.spark.image_decoder import IMAGE_TYPE, REASON, ImageDecoder, Invalid
from sparkdl.spark.image_labels import labels_of
from sparkdl.storage.paths import local_path, without_credentials

EXTENSIONS = ("jpg", "jpeg", "png", "gif", "bmp", "webp", "tif", "tiff")
_EMPTY = re.compile(r"path=(.*?); isDirectory=false; length=0;")  # in what Hadoop says of a file


def read(
    spark: SparkSession,
    path: str,
    *,
    labels: Literal["folder"] | str | DataFrame | None = None,
    size: int | tuple[int, int] | None = None,
    channels: int | None = 3,
    invalid: Invalid = "error",
    recursive: bool = True,
    pattern: str | None = None,
    max_pixels: int = MAX_PIXELS,
) -> DataFrame:
    """A folder of images as a DataFrame; they are read and decoded on the executors, when rows are asked for.

    Args:
        spark: the session.
        path: a folder (wildcards allowed), local or of any file system that Spark reads. Without a scheme it is
            local, as everywhere in sparkdl, and must then be there on every executor.
        labels: "folder" takes the name of the folder that a file lies in; else a table with the columns `path`
            (relative to the folder) and `label`: a DataFrame, or the path of a CSV file with a header, whose labels
            are strings. Files that the table does not name have a null label.
        size: height and width to which images are resized (one number for a square); None leaves their own.
        channels: 3 (blue, green, red) or 1 (gray); None for 1 of gray images and 3 of all others.
        invalid: what to do with files that cannot be decoded: "error" fails naming the file, "skip" leaves them
            out and counts them in a warning of each task, "keep" lists them with a null image and a `reason`.
        recursive: whether folders within the folder are read too.
        pattern: which file names are read, e.g. "*.jpg"; None for those of images (see `EXTENSIONS`).
        max_pixels: images of more are undecodable, before memory is taken for them.

    Returns:
        columns `path` (string), `image` (Spark's image struct: origin, height, width, nChannels, mode, data), with
        `labels` also `label`, and with invalid="keep" also `reason` (null where the image is good).

    Raises:
        ArgumentError: an argument has another form.
        DataError: the table of labels has other columns.
        MissingFileError: there is no such folder, or, where the session has a JVM that tells, no image in it.
        MissingExtraError: OpenCV is not installed.
    """
    _check(size, channels, invalid, max_pixels)
    root = _root(path)
    by_table = labels is not None and not (isinstance(labels, str) and labels == "folder")
    if by_table and any(letter in root for letter in "*?[{"):
        raise ArgumentError(f"labels= of a table belong to one folder, received wildcards: {path!r}.")
    table = labels_of(spark, labels) if by_table else None
    reader = spark.read.format("binaryFile").option("pathGlobFilter", pattern or _any_case(EXTENSIONS))
    try:
        found = reader.option("recursiveFileLookup", str(recursive).lower()).load(root)
        _ = found.columns  # Spark Connect looks only now
        listed = _listed(found)
        _check_found(listed, path, pattern)
        files = _with_empty_files(spark, found, listed)
    except AnalysisException as error:
        if "PATH_NOT_FOUND" in str(error) or "does not exist" in str(error):
            raise MissingFileError(f"there is no folder {without_credentials(path)!r} of images.") from None
        raise
    if table is not None:
        # The table is small and goes to the images; they never move.
        named = files.withColumn("__relative", _relative(root))
        files = named.join(F.broadcast(table), named["__relative"] == table["__path"], "left").select(
            "path", "content", "label"
        )
    elif labels == "folder":
        files = files.withColumn("label", F.regexp_extract("path", "([^/]+)/[^/]+$", 1))
    kept = [name for name in files.columns if name != "content"]  # the files do not come back to Spark
    return _decoded(files, "content", kept, "image", "path", size, channels, invalid, max_pixels)


def decode(
    frame: DataFrame,
    column: str,
    *,
    output: str = "image",
    origin: str | None = None,
    size: int | tuple[int, int] | None = None,
    channels: int = 3,
    invalid: Invalid = "error",
    max_pixels: int = MAX_PIXELS,
) -> DataFrame:
    """Decodes a `binary` column of JPEG, PNG, GIF, BMP, WebP or TIFF files on the executors, without a shuffle.

    Args:
        frame: the DataFrame.
        column: the column of encoded images; a null is an image that cannot be decoded.
        output: the new column of image structs.
        origin: a string column that says where an image comes from: it becomes the struct's `origin`, and names the
            image in errors.
        size: as in `read`.
        channels: as in `read`.
        invalid: as in `read`; the column that "keep" adds is `reason`.
        max_pixels: as in `read`.

    Returns:
        the frame with the new column, or columns.

    Raises:
        ArgumentError: an argument has another form, or a new column exists already.
        DataError: there is no such column, or it is not binary.
        MissingExtraError: OpenCV is not installed.
    """
    _check(size, channels, invalid, max_pixels)
    column = find_column(column, frame.schema, "column")
    if not isinstance(frame.schema[column].dataType, T.BinaryType):
        kind = frame.schema[column].dataType.simpleString()
        raise DataError(f"column {column!r} has the type {kind}, expected binary: the bytes of encoded images.")
    origin = None if origin is None else find_column(origin, frame.schema, "origin")
    for name in (output, *([REASON] if invalid == "keep" else [])):
        if name.lower() in [other.lower() for other in frame.columns]:
            raise ArgumentError(
                f"column {name!r} exists already in the DataFrame: rename it, or choose another output."
            )
    return _decoded(frame, column, frame.columns, output, origin, size, channels, invalid, max_pixels)


def _decoded(
    frame: DataFrame,
    column: str,
    kept: Sequence[str],
    output: str,
    origin: str | None,
    size: int | tuple[int, int] | None,
    channels: int | None,
    invalid: Invalid,
    max_pixels: int,
) -> DataFrame:
    """The columns to keep, and the new ones."""
    opencv()  # what is missing on the driver is best said here
    new = [T.StructField(output, IMAGE_TYPE)]
    if invalid == "keep":
        new.append(T.StructField(REASON, T.StringType()))
    target = (size, size) if isinstance(size, int) else None if size is None else (size[0], size[1])
    names = tuple(field.name for field in new)
    task = ImageDecoder(column, origin, tuple(kept), names, target, channels, invalid, max_pixels)
    return frame.mapInArrow(task, T.StructType([*[frame.schema[name] for name in kept], *new]))


def to_array(image: Any) -> np.ndarray:
    """The pixels of an image struct: of a row that was collected.

    Args:
        image: a Row or dict with height, width, nChannels and data.

    Returns:
        uint8 (height, width, channels); three channels are blue, green, red.

    Example:
        >>> to_array({"height": 1, "width": 2, "nChannels": 1, "mode": 0, "data": bytearray([5, 6])}).tolist()
        [[[5], [6]]]
    """
    shape = (image["height"], image["width"], image["nChannels"])
    return np.frombuffer(bytes(image["data"]), np.uint8).reshape(shape)


def _check(size: Any, channels: int | None, invalid: str, max_pixels: int) -> None:
    sizes = (size, size) if isinstance(size, int) else size
    whole = sizes is None or len(sizes) == 2 and all(isinstance(item, int) and item > 0 for item in sizes)
    if not whole:
        raise ArgumentError(
            f"size must be a positive whole number or a pair (height, width) of them, received {size!r}."
        )
    if channels not in (1, 3, None):
        raise ArgumentError(f"channels must be 3 (blue, green, red), 1 (gray) or None, received {channels!r}.")
    if invalid not in ("error", "skip", "keep"):
        raise ArgumentError(f"invalid must be 'error', 'skip' or 'keep', received {invalid!r}.")
    if not isinstance(max_pixels, int) or max_pixels < 1:
        raise ArgumentError(f"max_pixels must be a positive whole number, received {max_pixels!r}.")


def _root(path: str) -> str:
    if not isinstance(path, str) or not path:
        raise ArgumentError(f"path must be the path or URL of a folder of images, received {path!r}.")
    local = local_path(path)
    return path.rstrip("/") if local is None else "file:" + os.path.abspath(local)


def _listed(found: DataFrame) -> str | None:
    """What Hadoop says of all files, in lines; None where Spark Connect does not tell."""
    classic = getattr(found, "_jdf", None)
    if classic is None:
        return None
    # In one piece: a call for each of a million files would take minutes.
    return str(classic.queryExecution().analyzed().relation().location().allFiles().mkString("\n"))


def _check_found(listed: str | None, path: str, pattern: str | None) -> None:
    if listed == "":
        names = pattern or ", ".join(f"*.{name}" for name in EXTENSIONS)
        raise MissingFileError(
            f"the folder {without_credentials(path)!r} has no images: no file of it is named {names}; correct path=, "
            "pattern= or recursive=."
        )


def _with_empty_files(spark: SparkSession, found: DataFrame, listed: str | None) -> DataFrame:
    """The columns `path` and `content` of all files: Spark's sources pass over those without a byte.

    Where nobody tells what was listed they stay unseen.
    """
    files = found.select("path", "content")
    if not listed:
        return files
    empty = [(path, bytearray()) for path in _EMPTY.findall(listed)]
    return files.unionByName(spark.createDataFrame(empty, files.schema)) if empty else files


def _any_case(extensions: tuple[str, ...]) -> str:
    """A Hadoop glob of these extensions in capitals and small letters."""
    return "*.{" + ",".join("".join(f"[{c}{c.upper()}]" for c in name) for name in extensions) + "}"


def _relative(root: str) -> Column:
    """The path of a file relative to the root, whatever authority Spark has filled in."""
    bare = F.regexp_replace("path", "^[A-Za-z][A-Za-z0-9+.-]*:(//[^/]*)?", "")
    folder = root.split(":", 1)[1]
    if folder.startswith("//"):
        folder = "/" + folder[2:].partition("/")[2]
    return F.substring(bare, len(folder.rstrip("/")) + 2, 1 << 20)


__all__ = [
    "EXTENSIONS",
    "CenterCrop",
    "Channels",
    "ColorJitter",
    "Compose",
    "Flip",
    "Normalize",
    "Pad",
    "RandomCrop",
    "RandomResizedCrop",
    "Resize",
    "Rotate",
    "Transform",
    "decode",
    "from_config",
    "read",
    "to_array",
]
