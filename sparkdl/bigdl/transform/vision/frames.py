"""Many images: on the driver, or in an RDD."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyspark import RDD, SparkContext

from sparkdl.bigdl.transform.vision.feature import (
    BYTES,
    FLOATS,
    PREDICT,
    SAMPLE,
    URI,
    BytesToMat,
    FeatureTransformer,
    ImageFeature,
)
from sparkdl.bigdl.util.bridge import JavaValue
from sparkdl.bigdl.util.contexts import get_spark_context
from sparkdl.bigdl.util.sample import JTensor
from sparkdl.data.images import calm_opencv
from sparkdl.errors import ArgumentError, DataError, UnsupportedError
from sparkdl.nn.torch.initial import generator


class ImageFrame(JavaValue):
    """Images with what transforms make of them.

    Attributes:
        value: a list of ImageFeatures, or an RDD of them.
        image_frame: the LocalImageFrame or DistributedImageFrame.
    """

    def __init__(self, jvalue: Any, bigdl_type: str = "float") -> None:
        super().__init__(getattr(jvalue, "value", jvalue), bigdl_type)

    @property
    def image_frame(self) -> ImageFrame:
        """The frame of its kind."""
        return (LocalImageFrame if self.is_local() else DistributedImageFrame)(jvalue=self.value)

    @classmethod
    def read(
        cls, path: str, sc: SparkContext | None = None, min_partitions: int = 1, bigdl_type: str = "float"
    ) -> ImageFrame:
        """The images of a file, a folder or a pattern; those that cannot be decoded are not valid.

        Args:
            path: local, or of any storage that Spark reads where `sc` is given.
            sc: None for images on the driver.
            min_partitions: of the RDD.

        Raises:
            DataError: there is no file.
        """
        return cls.read_encoded(path, sc, min_partitions).transform(BytesToMat())

    @staticmethod
    def read_encoded(path: str, sc: SparkContext | None, min_partitions: int) -> ImageFrame:
        """The same files, not decoded."""
        if sc is not None:
            return DistributedImageFrame(jvalue=sc.binaryFiles(path, min_partitions).map(_encoded))
        features = []
        for name in _local_files(path):
            with open(name, "rb") as file:
                features.append(_encoded((os.path.abspath(name), file.read())))
        return LocalImageFrame(jvalue=features)

    @classmethod
    def read_parquet(cls, path: str, sc: Any, bigdl_type: str = "float") -> ImageFrame:
        """The images that `write_parquet` has written.

        Args:
            sc: a SparkContext, SQLContext or SparkSession.
        """
        rows = _session(sc).read.parquet(path).select(URI, BYTES).rdd
        return DistributedImageFrame(jvalue=rows.map(_encoded)).transform(BytesToMat())

    @classmethod
    def write_parquet(cls, path: str, output: str, sc: Any, partition_num: int = 1, bigdl_type: str = "float") -> None:
        """Writes the files of images under a path as Parquet, with their names."""
        session = _session(sc)
        files = session.sparkContext.binaryFiles(path, partition_num).map(lambda pair: (pair[0], bytearray(pair[1])))
        session.createDataFrame(files, f"{URI} string, {BYTES} binary").write.parquet(output)

    def is_local(self) -> bool:
        """Whether the images are on the driver."""
        return not isinstance(self.value, RDD)

    def is_distributed(self) -> bool:
        """Whether they are in an RDD."""
        return not self.is_local()

    def transform(self, transformer: FeatureTransformer, bigdl_type: str = "float") -> ImageFrame:
        """Transforms all images: this frame is changed, and returned.

        Of an RDD chance is drawn once per image, by a seed: computing it again gives the same images.
        """
        if not isinstance(transformer, FeatureTransformer):
            raise ArgumentError(f"an ImageFrame is transformed by transforms, received a {type(transformer).__name__}.")
        if self.is_local():
            self.value = [transformer.transform(feature) for feature in self.value]
        else:
            task = _Task(transformer, int(generator().randint(1 << 31)))
            self.value = self.value.mapPartitionsWithIndex(task, preservesPartitioning=True)
        return self

    def get_image(self, float_key: str = FLOATS, to_chw: bool = True) -> Any:
        """The pixels of each image as float32."""
        return self._each(lambda feature: feature.get_image(float_key, to_chw))

    def get_label(self) -> Any:
        """The label of each image, or None."""
        return self._each(lambda feature: feature.get_label())

    def get_predict(self, key: str = PREDICT) -> Any:
        """Pairs of where each image comes from, and what a model has said of it, or None."""
        return self._each(lambda feature: (feature[URI], _array(feature[key])))

    def get_sample(self) -> Any:
        """The sample that `ImageFrameToSample` has made of each image."""
        return self._each(lambda feature: feature[SAMPLE])

    def get_uri(self) -> Any:
        """Where each image comes from."""
        return self._each(lambda feature: feature[URI])

    def set_label(self, label: Mapping[str, float], bigdl_type: str = "float") -> None:
        """Gives images their labels, by where they come from."""
        labels = dict(label)
        self._replace(lambda feature: _labelled(feature, labels))

    def random_split(self, weights: Sequence[float]) -> list[ImageFrame]:
        """Several frames, of sizes in proportion to the weights.

        Raises:
            UnsupportedError: the images are on the driver.
        """
        if self.is_local():
            raise UnsupportedError("a LocalImageFrame cannot be split at random: read the images with sc=.")
        return [DistributedImageFrame(jvalue=part) for part in self.value.randomSplit([float(w) for w in weights])]

    def _each(self, function: Callable[[ImageFeature], Any]) -> Any:
        return [function(feature) for feature in self.value] if self.is_local() else self.value.map(function)

    def _replace(self, function: Callable[[ImageFeature], ImageFeature]) -> None:
        self.value = self._each(function)


class _Keyed(ImageFrame):
    """Where samples and names may have other names too."""

    def get_sample(self, key: str = SAMPLE) -> Any:
        """The sample under a name of each image."""
        return self._each(lambda feature: feature[key])

    def get_uri(self, key: str = URI) -> Any:
        """Where each image comes from."""
        return self._each(lambda feature: feature[key])


class LocalImageFrame(_Keyed):
    """Images on the driver: of arrays (height, width, channels), and their labels."""

    def __init__(
        self, image_list: Any = None, label_list: Any = None, jvalue: Any = None, bigdl_type: str = "float"
    ) -> None:
        if jvalue is None and image_list is None:
            raise ArgumentError("a LocalImageFrame is made of image_list or of jvalue, and received neither.")
        if jvalue is None:
            images = list(image_list)
            labels = [None] * len(images) if label_list is None else list(label_list)
            if len(images) != len(labels):
                raise DataError(f"a LocalImageFrame was given {len(images)} images and {len(labels)} labels.")
            jvalue = [ImageFeature(image, label) for image, label in zip(images, labels, strict=True)]
        super().__init__(jvalue, bigdl_type)


class DistributedImageFrame(_Keyed):
    """Images in an RDD: of an RDD of arrays (height, width, channels), and one of their labels."""

    def __init__(
        self, image_rdd: Any = None, label_rdd: Any = None, jvalue: Any = None, bigdl_type: str = "float"
    ) -> None:
        if jvalue is None and image_rdd is None:
            raise ArgumentError("a DistributedImageFrame is made of image_rdd or of jvalue, and received neither.")
        if jvalue is None and label_rdd is None:
            jvalue = image_rdd.map(ImageFeature)
        elif jvalue is None:
            jvalue = image_rdd.zip(label_rdd).map(lambda pair: ImageFeature(*pair))
        super().__init__(jvalue, bigdl_type)


@dataclass(frozen=True)
class _Task:
    """Transforms the images of a partition, each with chance of its own."""

    transformer: FeatureTransformer
    seed: int

    def __call__(self, partition: int, features: Iterator[ImageFeature]) -> Iterator[ImageFeature]:
        calm_opencv()
        for position, feature in enumerate(features):
            random = np.random.RandomState([self.seed, partition, position])
            # Images that Spark keeps in memory stay as they are.
            yield self.transformer.run(feature.copy(), random)


def _encoded(pair: Any) -> ImageFeature:
    uri, content = pair
    feature = ImageFeature(path=uri)
    feature[BYTES] = bytes(content)
    return feature


def _labelled(feature: ImageFeature, labels: Mapping[str, float]) -> ImageFeature:
    feature = feature.copy()
    if feature[URI] in labels:
        feature.set_label(labels[feature[URI]])
    return feature


def _array(value: Any) -> Any:
    return value.to_ndarray() if isinstance(value, JTensor) else value


def _local_files(path: str) -> list[str]:
    path = path.removeprefix("file://")
    found = []
    for name in [path] if os.path.exists(path) else sorted(glob.glob(path)):
        folders = sorted(os.walk(name)) if os.path.isdir(name) else [("", [], [name])]
        found += [os.path.join(folder, file) for folder, _, files in folders for file in sorted(files)]
    if not found:
        raise DataError(f"there is no file of an image at {path}: give a file, a folder, or a pattern with *.")
    return found


def _session(sc: Any) -> Any:
    from pyspark.sql import SparkSession

    session = getattr(sc, "sparkSession", sc)
    return session if isinstance(session, SparkSession) else SparkSession(sc or get_spark_context())
