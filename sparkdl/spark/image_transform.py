"""A column of images to a column of transformed ones, row by row, where the rows lie."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from sparkdl.data.arrow import BlockReader, ColumnSource, read_columns
from sparkdl.data.blocks import POSITION_BITS, describe_row
from sparkdl.data.images import calm_opencv, decode_image, opencv
from sparkdl.data.output import arrow_offsets, with_nulls
from sparkdl.data.pictures import PICTURE
from sparkdl.data.transforms.base import ImageType, Transform, row_generator
from sparkdl.data.validity import valid_rows
from sparkdl.errors import DataError
from sparkdl.spark.columns import find_column, image_kind
from sparkdl.spark.image_decoder import IMAGE_TYPE, Invalid, image_array
from sparkdl.types import SampleSpec, TensorSpec

_PORTION_BYTES = 64 << 20
_UNKNOWN_BYTES = 16 << 20  # what is reckoned for an image whose size is not known


def transform_images(
    frame: DataFrame,
    column: str,
    output: str,
    transform: Transform,
    *,
    seed: int | None = None,
    invalid: Invalid = "error",
) -> DataFrame:
    """The frame with one more column; no job starts here, and nothing is shuffled.

    Args:
        frame: the DataFrame.
        column: image structs, or encoded images (binary), of any sizes.
        output: the new column, which must not exist: image structs where the transform makes bytes, and
            `array<float>` where it makes numbers, by height, width and channel.
        transform: what is done.
        seed: draws at random, for each image by the seed and its content, so that the result does not depend on
            partitions; None takes `transform.inference()`.
        invalid: "error", "skip" (rows without a usable image are left out) or "keep" (they get null).

    Raises:
        DataError: the column is missing or holds no images.
        MissingExtraError: OpenCV is not installed.
    """
    opencv()
    column = find_column(column, frame.schema, "inputCol")
    kind = image_kind(frame.schema[column].dataType)
    if kind is None:
        found = frame.schema[column].dataType.simpleString()
        raise DataError(f"column {column!r} has the type {found}, expected image structs, or encoded images (binary).")
    applied = transform.inference() if seed is None else transform
    after = applied.after(ImageType())
    made = IMAGE_TYPE if after.dtype == "uint8" else T.ArrayType(T.FloatType(), False)
    source = ColumnSource("picture" if kind == "image" else "encoded", (column,), f"column {column!r}")
    reader = BlockReader(SampleSpec((TensorSpec(column, (), PICTURE),)), (source,))
    task = ImageTransformTask(reader, tuple(frame.columns), output, applied, seed or 0, invalid)
    return frame.mapInArrow(task, T.StructType([*frame.schema.fields, T.StructField(output, made)]))


@dataclass(frozen=True)
class ImageTransformTask:
    """Record batches in, the same with transformed images out. Picklable.

    Attributes:
        reader: reads the column of images.
        kept: the columns that come.
        output: the new column.
        transform: what is done.
        seed: of its chance.
        invalid: what becomes of rows without a usable image.
    """

    reader: BlockReader
    kept: tuple[str, ...]
    output: str
    transform: Transform
    seed: int
    invalid: Invalid

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        calm_opencv()
        after = self.transform.after(ImageType())
        known = None not in after.shape
        size = math.prod(int(side or 0) for side in after.shape) * np.dtype(after.dtype).itemsize
        rows = max(1, _PORTION_BYTES // (size if known and size else _UNKNOWN_BYTES))
        seen = 0
        for batch in batches:
            for start in range(0, batch.num_rows, rows):
                yield self.portion(batch.slice(start, rows), seen + start)
            seen += batch.num_rows

    def portion(self, batch: pa.RecordBatch, seen: int) -> pa.RecordBatch:
        """A few rows with their new column; `seen` rows of the partition came before."""
        valid = np.ones(batch.num_rows, bool) if self.invalid == "error" else valid_rows(batch, self.reader)
        places = np.flatnonzero(valid)

        def where(row: int) -> str:
            context = TaskContext.get()
            partition = context.partitionId() if context is not None else 0
            return describe_row((partition << POSITION_BITS) + seen + int(places[row]))

        (pictures,), _ = read_columns(batch.filter(pa.array(valid)), self.reader, where)
        images: list[np.ndarray] = []
        for row, picture in enumerate(pictures):
            try:
                images.append(self.made(picture))
            except (DataError, opencv().error) as error:
                if self.invalid == "error":
                    title = self.reader.sources[0].title
                    raise DataError(f"{title} cannot be used in {where(row)}: {str(error).rstrip('.')}.") from None
                valid[places[row]] = False
        column = self.column(images, batch, valid)
        if self.invalid == "skip":
            batch = batch.filter(pa.array(valid))
        elif not valid.all():
            column = with_nulls(column, valid)
        return pa.RecordBatch.from_arrays([*batch.select(self.kept).columns, column], names=[*self.kept, self.output])

    def made(self, picture: np.ndarray) -> np.ndarray:
        """One image."""
        generator = None
        if self.transform.random:
            digest = hashlib.blake2b(np.ascontiguousarray(picture).tobytes(), digest_size=8).digest()
            generator = row_generator(self.seed, 0, int.from_bytes(digest, "little"))
        return self.transform(picture if picture.ndim == 3 else decode_image(picture.data), generator)

    def column(self, images: list[np.ndarray], batch: pa.RecordBatch, valid: np.ndarray) -> pa.Array:
        """The images of the valid rows."""
        if self.transform.after(ImageType()).dtype == "uint8":
            given = batch.column(self.reader.sources[0].names[0]).filter(pa.array(valid))
            named = pa.types.is_struct(given.type) and given.type.get_field_index("origin") >= 0
            origins = given.field("origin").to_pylist() if named else [None] * len(images)
            return image_array(origins, images)
        ends = arrow_offsets(np.cumsum([0, *(image.size for image in images)], dtype=np.int64))
        flat = np.concatenate([image.reshape(-1) for image in images]) if images else np.empty(0, np.float32)
        return pa.ListArray.from_arrays(pa.array(ends), pa.array(flat, pa.float32()))
