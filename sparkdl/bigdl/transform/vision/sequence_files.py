"""Hadoop's sequence files of pixels, as BigDL's tools wrote ImageNet."""

from __future__ import annotations

from typing import Any

import numpy as np
from pyspark import SparkContext

from sparkdl.bigdl.transform.vision.feature import BYTES, ORIGINAL_SIZE, URI, ImageFeature
from sparkdl.bigdl.transform.vision.frames import DistributedImageFrame, ImageFrame
from sparkdl.bigdl.util.bridge import JavaValue
from sparkdl.errors import DataError

# Reads records as bytes. They are written as text, of which Python would get what UTF-8 leaves of pixels.
_FORMAT = "org.apache.hadoop.mapred.SequenceFileAsBinaryInputFormat"
_WRITABLE = "org.apache.hadoop.io.BytesWritable"
_SPLIT_BYTES = "mapreduce.input.fileinputformat.split.minsize"


class SeqFileFolder(JavaValue):
    """A folder of sequence files."""

    @classmethod
    def files_to_image_frame(
        cls, url: str, sc: SparkContext, class_num: int, partition_num: int = -1, bigdl_type: str = "float"
    ) -> ImageFrame:
        """The images as an ImageFrame of pixels; `PixelBytesToMat` makes mats of them.

        Args:
            url: the folder.
            class_num: images of classes beyond this one are left out; classes count from 1.
            partition_num: partitions of the RDD; -1 for as many as Spark makes.
        """
        records = sc.hadoopFile(url, _FORMAT, _WRITABLE, _WRITABLE, conf={_SPLIT_BYTES: "1"})
        features = records.map(_feature).filter(lambda feature: feature.get_label()[0] <= class_num)
        return DistributedImageFrame(jvalue=features if partition_num < 0 else features.repartition(partition_num))


def _feature(record: Any) -> ImageFeature:
    """The image of one record: key "name\\nlabel" or "label", value width, height (int32, big-endian) and BGR bytes."""
    key, value = (_text(bytes(part)) for part in record)
    *name, label = key.decode("utf-8", "replace").split("\n")
    width, height = np.frombuffer(value[:8], ">i4").tolist() if len(value) >= 8 else (0, 0)
    if not label.strip().isdigit() or len(value) != 8 + 3 * width * height:
        raise DataError(
            f"a record with the key {key[:80]!r} and {len(value)} bytes is no image: expected a class number as key, "
            f"and width, height and 3 bytes per pixel as value."
        )
    feature = ImageFeature(label=float(label))
    feature[BYTES], feature[ORIGINAL_SIZE] = value[8:], (height, width, 3)
    if name:
        feature[URI] = name[0]
    return feature


def _text(content: bytes) -> bytes:
    """The bytes of one of Hadoop's `Text`s, which begins with their number: one byte, or a sign and its bytes.

    Example:
        >>> _text(b"\\x02ab"), len(_text(b"\\x8f\\xc8" + 200 * b"x"))
        (b'ab', 200)
    """
    first = content[0]
    size = 256 - first - 112 if first >= 128 and first < 0x90 else 0
    return content[1 + size :]
