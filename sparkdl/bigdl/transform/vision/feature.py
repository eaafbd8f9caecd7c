"""One image with all that is known of it, and what every transform of it is."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparkdl.bigdl.util.bridge import JavaValue
from sparkdl.bigdl.util.sample import JTensor, Sample
from sparkdl.data.images import decode_image, opencv
from sparkdl.errors import ArgumentError, DataError
from sparkdl.nn.torch.initial import generator

logger = logging.getLogger("sparkdl")

# The names under which an ImageFeature holds what it holds.
BYTES, MAT, FLOATS, SIZE, ORIGINAL_SIZE = "bytes", "mat", "floats", "size", "originalSize"
LABEL, URI, PREDICT, SAMPLE, TENSOR, BOX = "label", "uri", "predict", "sample", "imageTensor", "boundingBox"
UNKNOWN_SIZE = (-1, -1, -1)

_random: ContextVar[np.random.RandomState | None] = ContextVar("random", default=None)


def current_random() -> np.random.RandomState:
    """Where chance comes from: in tasks of Spark from a seed for each item, so that running them again is the same."""
    return _random.get() or generator()


@contextmanager
def drawing_from(random: np.random.RandomState) -> Iterator[None]:
    """Lets chance come from somewhere else meanwhile."""
    token = _random.set(random)
    try:
        yield
    finally:
        _random.reset(token)


@dataclass
class RoiLabel:
    """The objects in an image.

    Attributes:
        classes: (2, objects): the class of each, and whether it is difficult.
        bboxes: (objects, 4): x1, y1, x2, y2, in pixels or as parts of the image.
    """

    classes: np.ndarray
    bboxes: np.ndarray


class ImageFeature(JavaValue):
    """An image, its label, where it comes from, and whatever transforms add, under names.

    Args:
        image: (height, width, channels), blue before green before red.
        label: an array or a number, or a `RoiLabel`.
        path: where it comes from.

    Attributes:
        state: what is known, by name.
        is_valid: whether all transforms went well so far; others pass over an image that is not valid.
    """

    def __init__(
        self, image: Any = None, label: Any = None, path: str | None = None, bigdl_type: str = "float"
    ) -> None:
        super().__init__(None, bigdl_type)
        self.state: dict[str, Any] = {}
        self.is_valid = True
        if image is not None:
            self.mat = np.asarray(image, np.float32)
            self.state[ORIGINAL_SIZE] = self.mat.shape
        if label is not None:
            self.set_label(label)
        if path is not None:
            self.state[URI] = path

    def __getitem__(self, name: str) -> Any:
        return self.state.get(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self.state[name] = value

    @property
    def mat(self) -> np.ndarray:
        """The pixels: (height, width, channels), uint8 or float32.

        Raises:
            DataError: there are none.
        """
        mat = self.state.get(MAT)
        if mat is None:
            raise DataError(f"the image {self[URI] or ''} has no pixels, only {sorted(self.state)}: decode it first.")
        return mat

    @mat.setter
    def mat(self, pixels: np.ndarray) -> None:
        self.state[MAT] = pixels[..., None] if pixels.ndim == 2 else pixels  # volumes have more axes

    @property
    def size(self) -> tuple[int, int, int]:
        """Height, width and channels; -1 where nothing is known."""
        mat = self.state.get(MAT)
        return mat.shape if mat is not None else self.state.get(SIZE) or self.state.get(ORIGINAL_SIZE) or UNKNOWN_SIZE

    def set_label(self, label: Any) -> None:
        """Gives the image a label."""
        self.state[LABEL] = label if isinstance(label, RoiLabel) else JTensor.from_ndarray(np.asarray(label))

    def get_image(self, float_key: str = FLOATS, to_chw: bool = True) -> np.ndarray:
        """The pixels as float32, channels first if wanted; those under `float_key` if there are any.

        A volume comes as it is: (depth, height, width, 1).
        """
        volume = self._volume()
        if volume is not None:
            return volume
        floats = self.state.get(FLOATS if float_key == TENSOR else float_key)
        image = self.mat.astype(np.float32) if floats is None else np.asarray(floats).reshape(self.size)
        return np.ascontiguousarray(image.transpose(2, 0, 1)) if to_chw else image

    def _volume(self) -> np.ndarray | None:
        mat, tensor = self.state.get(MAT), self.state.get(TENSOR)
        if mat is not None:
            return mat.astype(np.float32) if mat.ndim == 4 else None
        return tensor.to_ndarray() if isinstance(tensor, JTensor) and FLOATS not in self.state else None

    def get_label(self) -> np.ndarray | None:
        """The label as an array; None where there is none."""
        label = self.state.get(LABEL)
        return label.to_ndarray() if isinstance(label, JTensor) else label

    def get_sample(self, key: str = SAMPLE) -> Sample | None:
        """The sample that `ImageFrameToSample` has made."""
        return self.state.get(key)

    def keys(self) -> list[str]:
        """The names of what it holds."""
        return list(self.state)

    def copy(self) -> ImageFeature:
        """One with a state of its own, whose arrays are the same."""
        other = ImageFeature(bigdl_type=self.bigdl_type)
        other.state, other.is_valid = dict(self.state), self.is_valid
        return other

    def __str__(self) -> str:
        return f"ImageFeature({self[URI] or ''}: {', '.join(self.state)})"


class FeatureTransformer(JavaValue):
    """A transform of an ImageFeature, or of an ImageFrame of them. Picklable.

    A subclass overrides `transform_mat` (pixels to pixels), or `apply` (what else the image holds, too).
    """

    def __init__(self, bigdl_type: str = "float", *args: Any) -> None:
        super().__init__(None, bigdl_type)

    def transform(self, image_feature: ImageFeature, bigdl_type: str = "float") -> ImageFeature:
        """Transforms an image.

        Raises:
            DataError: it cannot be transformed.
        """
        return self.run(image_feature, current_random())

    def run(self, feature: ImageFeature, random: np.random.RandomState) -> ImageFeature:
        """The same with chance from `random`; an image that is not valid stays as it is."""
        if feature.is_valid:
            try:
                self.apply(feature, random)
            except (ValueError, opencv().error) as error:
                text = str(error).rstrip(".")
                raise DataError(
                    f"{type(self).__name__} cannot transform the image {feature[URI] or ''}: {text}."
                ) from (error)
        return feature

    def apply(self, feature: ImageFeature, random: np.random.RandomState) -> None:
        """Changes what the image holds."""
        feature.mat = self.transform_mat(feature.mat, random)

    def transform_mat(self, mat: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """New pixels of old ones."""
        return mat

    def __call__(self, image_frame: Any, bigdl_type: str = "float") -> Any:
        """An ImageFrame, transformed."""
        return image_frame.transform(self)


class Pipeline(FeatureTransformer):
    """Transforms one after the other."""

    def __init__(self, transformers: Sequence[FeatureTransformer], bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        for transformer in transformers:
            if not isinstance(transformer, FeatureTransformer):
                raise ArgumentError(f"a Pipeline is made of transforms, received a {type(transformer).__name__}.")
        self.transformers = list(transformers)

    def run(self, feature: ImageFeature, random: np.random.RandomState) -> ImageFeature:
        """All of them."""
        for transformer in self.transformers:
            feature = transformer.run(feature, random)
        return feature


def channels_of(image_codec: int) -> int | None:
    """The channels that OpenCV's flag for decoding asks for; None for those of the file.

    Example:
        >>> channels_of(0), channels_of(1), channels_of(-1)
        (1, 3, None)
    """
    return None if image_codec < 0 else 3 if image_codec else 1


class BytesToMat(FeatureTransformer):
    """Decodes the file of an image; one made of an array keeps its pixels.

    What cannot be decoded is not valid from then on, and said in the log.

    Attributes:
        channels: of the pixels: 3, 1, or None for one of gray images and three of others.
    """

    channels: int | None = 3

    def __init__(self, byte_key: str = BYTES, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.byte_key = byte_key

    def apply(self, feature: ImageFeature, random: np.random.RandomState) -> None:
        """Decodes."""
        if feature[MAT] is not None and not feature[self.byte_key]:
            return
        try:
            feature.mat = decode_image(feature[self.byte_key] or b"", self.channels)
            feature[ORIGINAL_SIZE] = feature.mat.shape
        except DataError as error:
            logger.warning("the image %s is left out: %s", feature[URI], error)
            feature[ORIGINAL_SIZE] = UNKNOWN_SIZE
            feature.is_valid = False


class PixelBytesToMat(FeatureTransformer):
    """Takes bytes as pixels of the image's original size; decodes them where they are a file after all."""

    def __init__(self, byte_key: str = BYTES, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.byte_key = byte_key

    def apply(self, feature: ImageFeature, random: np.random.RandomState) -> None:
        """Takes them."""
        content, size = feature[self.byte_key] or b"", feature[ORIGINAL_SIZE] or UNKNOWN_SIZE
        if len(content) == np.prod(size):
            feature.mat = np.frombuffer(content, np.uint8).reshape(size)
        else:
            BytesToMat(self.byte_key).apply(feature, random)


class MatToFloats(FeatureTransformer):
    """Keeps the pixels as floats under a name; of an image that is not valid, zeros of the valid size."""

    def __init__(
        self,
        valid_height: int = 300,
        valid_width: int = 300,
        valid_channel: int = 300,
        out_key: str = FLOATS,
        share_buffer: bool = True,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(bigdl_type)
        self.valid_size = (valid_height, valid_width, valid_channel)
        self.out_key = out_key

    def run(self, feature: ImageFeature, random: np.random.RandomState) -> ImageFeature:
        """Keeps them."""
        mat = feature.mat if feature.is_valid else np.zeros(self.valid_size)
        feature[self.out_key], feature[SIZE] = mat.astype(np.float32), mat.shape
        feature.state.pop(MAT, None)
        return feature


class MatToTensor(FeatureTransformer):
    """Makes a tensor of the pixels: channels first; of one channel, (height, width)."""

    def __init__(self, to_rgb: bool = False, tensor_key: str = TENSOR, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.to_rgb = to_rgb
        self.tensor_key = tensor_key

    def apply(self, feature: ImageFeature, random: np.random.RandomState) -> None:
        """Makes it."""
        mat = feature.mat.astype(np.float32)
        feature[FLOATS], feature[SIZE] = mat, mat.shape
        feature.state.pop(MAT, None)
        if mat.shape[2] == 1:
            feature[self.tensor_key] = JTensor.from_ndarray(mat[..., 0])
        else:
            ordered = mat[..., ::-1] if self.to_rgb and mat.shape[2] == 3 else mat
            feature[self.tensor_key] = JTensor.from_ndarray(np.ascontiguousarray(ordered.transpose(2, 0, 1)))


class ImageFrameToSample(FeatureTransformer):
    """Makes a sample of tensors that the image holds."""

    def __init__(
        self,
        input_keys: Sequence[str] = ["imageTensor"],  # noqa: B006
        target_keys: Sequence[str] | None = None,
        sample_key: str = SAMPLE,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(bigdl_type)
        self.input_keys = list(input_keys)
        self.target_keys = [] if target_keys is None else list(target_keys)
        self.sample_key = sample_key

    def apply(self, feature: ImageFeature, random: np.random.RandomState) -> None:
        """Makes it."""
        for key in (*self.input_keys, *self.target_keys):
            if feature[key] is None:
                raise DataError(f"it has nothing under {key!r}, only {', '.join(feature.keys())}")
        tensors = [[feature[key] for key in keys] for keys in (self.input_keys, self.target_keys)]
        feature[self.sample_key] = Sample(tensors[0], tensors[1], self.bigdl_type)


class RandomTransformer(FeatureTransformer):
    """Transforms with a probability."""

    def __init__(self, transformer: FeatureTransformer, prob: float, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.transformer = transformer
        self.prob = prob

    def run(self, feature: ImageFeature, random: np.random.RandomState) -> ImageFeature:
        """Transforms, or does not."""
        return self.transformer.run(feature, random) if random.uniform() < self.prob else feature
