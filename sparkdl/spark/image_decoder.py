"""The task that decodes a column of encoded images."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import types as T

from sparkdl.data.blocks import POSITION_BITS, describe_row
from sparkdl.data.images import calm_opencv, decode_image, resize
from sparkdl.data.output import arrow_offsets
from sparkdl.errors import DataError

logger = logging.getLogger("sparkdl")
Invalid = Literal["error", "skip", "keep"]
REASON = "reason"
_MODES = {1: 0, 3: 16}  # OpenCV's CV_8UC1 and CV_8UC3
_CHUNK_BYTES = 64 << 20  # of pixels in a record batch
_LISTED = 5

# As in pyspark.ml.image.ImageSchema.
IMAGE_TYPE = T.StructType(
    [
        T.StructField("origin", T.StringType()),
        T.StructField("height", T.IntegerType(), False),
        T.StructField("width", T.IntegerType(), False),
        T.StructField("nChannels", T.IntegerType(), False),
        T.StructField("mode", T.IntegerType(), False),
        T.StructField("data", T.BinaryType(), False),
    ]
)


@dataclass(frozen=True)
class ImageDecoder:
    """Record batches in, the same with decoded images out, in pieces of bounded size. Picklable.

    Attributes:
        column: the column of encoded images.
        origin: the column that names them, or None.
        kept: the columns that come.
        made: the new columns: the image, and where they are kept the reason why it cannot be decoded.
        size: height and width to resize to, or None.
        channels: of the images.
        invalid: what to do with the undecodable.
        max_pixels: how many pixels an image may have.
    """

    column: str
    origin: str | None
    kept: tuple[str, ...]
    made: tuple[str, ...]
    size: tuple[int, int] | None
    channels: int | None
    invalid: Invalid
    max_pixels: int

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        calm_opencv()
        skipped: list[str] = []
        seen = 0
        for batch in batches:
            yield from self._decoded(batch, seen, skipped)
            seen += batch.num_rows
        if skipped:
            listed = "; ".join(skipped[:_LISTED]) + ("; ..." if len(skipped) > _LISTED else "")
            logger.warning("%d of %d images cannot be decoded and are skipped: %s.", len(skipped), seen, listed)

    def _decoded(self, batch: pa.RecordBatch, seen: int, skipped: list[str]) -> Iterator[pa.RecordBatch]:
        chunk = _Chunk()
        origins = None if self.origin is None else batch.column(self.origin).to_pylist()
        for row, content in enumerate(batch.column(self.column)):
            name = origins[row] if origins is not None else None
            image, reason = self._image(content)
            if image is None:
                told = f"{name or 'the image in ' + _place(seen + row)} cannot be decoded: {reason}"
                if self.invalid == "error":
                    raise DataError(f"{told}; give invalid='skip' or invalid='keep' to go on without such images.")
                if self.invalid == "skip":
                    skipped.append(told)
                    continue
            chunk.add(row, name, image, reason)
            if chunk.nbytes > _CHUNK_BYTES:
                yield self._batch(batch, chunk)
                chunk = _Chunk()
        if chunk.rows:
            yield self._batch(batch, chunk)

    def _image(self, content: pa.BinaryScalar) -> tuple[np.ndarray | None, str | None]:
        """The pixels, or why there are none."""
        buffer = content.as_buffer()
        if buffer is None:
            return None, "it is null"
        try:
            image = decode_image(memoryview(buffer), self.channels, self.max_pixels)
        except DataError as error:
            return None, str(error)
        return image if self.size is None else resize(image, self.size), None

    def _batch(self, batch: pa.RecordBatch, chunk: _Chunk) -> pa.RecordBatch:
        rows = pa.array(chunk.rows, pa.int64())
        columns = [batch.column(name).take(rows) for name in self.kept]
        columns.append(image_array(chunk.origins, chunk.images))
        if len(self.made) > 1:
            columns.append(pa.array(chunk.reasons, pa.string()))
        return pa.RecordBatch.from_arrays(columns, names=[*self.kept, *self.made])


@dataclass
class _Chunk:
    """Decoded rows that wait to be sent on."""

    rows: list[int] = field(default_factory=list)
    origins: list[str | None] = field(default_factory=list)
    images: list[np.ndarray | None] = field(default_factory=list)
    reasons: list[str | None] = field(default_factory=list)
    nbytes: int = 0

    def add(self, row: int, origin: str | None, image: np.ndarray | None, reason: str | None) -> None:
        """One more row: its number, name, and pixels or why there are none."""
        self.rows.append(row)
        self.origins.append(origin)
        self.images.append(image)
        self.reasons.append(reason)
        self.nbytes += 0 if image is None else image.nbytes


def image_array(origins: Sequence[str | None], images: Sequence[np.ndarray | None]) -> pa.StructArray:
    """Images as a column of Spark's image struct; None becomes a null.

    Args:
        origins: where each comes from.
        images: uint8 (height, width, channels) of 1 or 3 channels each, together below 2 GB.
    """
    shapes = np.array([(0, 0, 0) if image is None else image.shape for image in images], np.int32).reshape(-1, 3)
    missing = np.array([image is None for image in images], np.bool_)
    sizes = shapes.prod(axis=1, dtype=np.int64)
    offsets = arrow_offsets(np.concatenate([[0], np.cumsum(sizes)]))
    pixels = [np.ascontiguousarray(image).reshape(-1) for image in images if image is not None]
    flat = np.concatenate(pixels) if pixels else np.empty(0, np.uint8)
    data = pa.Array.from_buffers(pa.binary(), len(images), [None, pa.py_buffer(offsets), pa.py_buffer(flat)])
    modes = np.array([_MODES.get(channels, 0) for channels in shapes[:, 2].tolist()], np.int32)
    arrays = [
        pa.array(origins, pa.string()),
        *(pa.array(shapes[:, index]) for index in range(3)),
        pa.array(modes),
        data,
    ]
    return pa.StructArray.from_arrays(arrays, names=IMAGE_TYPE.names, mask=pa.array(missing))


def _place(row: int) -> str:
    """A row by its place in the partition of the running task."""
    context = TaskContext.get()
    return describe_row(((context.partitionId() if context is not None else 0) << POSITION_BITS) + row)
