"""Transforms of the values of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparkdl.bigdl.transform.vision.feature import FeatureTransformer, ImageFeature, RandomTransformer
from sparkdl.data.images import opencv
from sparkdl.errors import ArgumentError


class _Between(FeatureTransformer):
    """Draws a number between two bounds for each image."""

    low_is_positive = False

    def __init__(self, delta_low: float, delta_high: float, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        if delta_low > delta_high or (self.low_is_positive and delta_low < 0):
            rule = "0 <= delta_low <= delta_high" if self.low_is_positive else "delta_low <= delta_high"
            raise ArgumentError(f"{type(self).__name__} needs {rule}, received {delta_low} and {delta_high}.")
        self.bounds = (delta_low, delta_high)

    def draw(self, random: np.random.RandomState) -> float:
        """The number."""
        return random.uniform(*self.bounds)


class Brightness(_Between):
    """Adds a number between the bounds to all values."""

    def __init__(self, delta_low: float, delta_high: float, bigdl_type: str = "float") -> None:
        super().__init__(delta_low, delta_high, bigdl_type)

    def transform_mat(self, mat: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Brighter or darker."""
        return linear(mat, 1.0, self.draw(random))


class Contrast(_Between):
    """Multiplies all values by a number between the bounds."""

    low_is_positive = True

    def __init__(self, delta_low: float, delta_high: float, bigdl_type: str = "float") -> None:
        super().__init__(delta_low, delta_high, bigdl_type)

    def transform_mat(self, mat: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """More or less contrast."""
        return linear(mat, self.draw(random), 0.0)


class Saturation(_Between):
    """Multiplies the saturation by a number between the bounds."""

    low_is_positive = True

    def __init__(self, delta_low: float, delta_high: float, bigdl_type: str = "float") -> None:
        super().__init__(delta_low, delta_high, bigdl_type)

    def transform_mat(self, mat: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Stronger or weaker colours."""
        return _in_hsv(mat, 1, self.draw(random), 0.0)


class Hue(_Between):
    """Adds a number between the bounds to the hue, which has 180 steps in an image of bytes."""

    def __init__(self, delta_low: float, delta_high: float, bigdl_type: str = "float") -> None:
        super().__init__(delta_low, delta_high, bigdl_type)

    def transform_mat(self, mat: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Other colours."""
        return _in_hsv(mat, 0, 1.0, self.draw(random))


def linear(values: np.ndarray, factor: float, offset: float) -> np.ndarray:
    """`values * factor + offset`; bytes are rounded and stay between 0 and 255.

    Example:
        >>> linear(np.array([[10, 200]], "uint8"), 1.5, -20.0).tolist()
        [[0, 255]]
    """
    result = values.astype(np.float32) * np.float32(factor) + np.float32(offset)
    return np.clip(np.rint(result), 0, 255).astype(np.uint8) if values.dtype == np.uint8 else result


def _in_hsv(mat: np.ndarray, channel: int, factor: float, offset: float) -> np.ndarray:
    cv2 = opencv()
    hsv = cv2.cvtColor(mat, cv2.COLOR_BGR2HSV)
    hsv[..., channel] = linear(hsv[..., channel], factor, offset)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


class ChannelOrder(FeatureTransformer):
    """Puts the channels in an order drawn at random."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)

    def transform_mat(self, mat: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Another order."""
        return np.ascontiguousarray(mat[..., random.permutation(mat.shape[2])])


class ColorJitter(FeatureTransformer):
    """Brightness, contrast, saturation, hue and order of channels, each with a probability."""

    def __init__(
        self,
        brightness_prob: float = 0.5,
        brightness_delta: float = 32.0,
        contrast_prob: float = 0.5,
        contrast_lower: float = 0.5,
        contrast_upper: float = 1.5,
        hue_prob: float = 0.5,
        hue_delta: float = 18.0,
        saturation_prob: float = 0.5,
        saturation_lower: float = 0.5,
        saturation_upper: float = 1.5,
        random_order_prob: float = 0.0,
        shuffle: bool = False,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(bigdl_type)
        self.brightness = RandomTransformer(Brightness(-brightness_delta, brightness_delta), brightness_prob)
        self.contrast = RandomTransformer(Contrast(contrast_lower, contrast_upper), contrast_prob)
        self.hue = RandomTransformer(Hue(-hue_delta, hue_delta), hue_prob)
        self.saturation = RandomTransformer(Saturation(saturation_lower, saturation_upper), saturation_prob)
        self.channels = RandomTransformer(ChannelOrder(), random_order_prob)
        self.shuffle = shuffle

    def run(self, feature: ImageFeature, random: np.random.RandomState) -> ImageFeature:
        """In one of two orders, or in any."""
        order = [self.brightness, self.contrast, self.saturation, self.hue, self.channels]
        if self.shuffle:
            order = [order[place] for place in random.permutation(len(order))]
        elif random.uniform() <= 0.5:
            order = [self.brightness, self.saturation, self.hue, self.contrast, self.channels]
        for transformer in order:
            feature = transformer.run(feature, random)
        return feature


class ChannelNormalize(FeatureTransformer):
    """Subtracts a mean from each channel and divides by a deviation."""

    def __init__(
        self,
        mean_r: float,
        mean_g: float,
        mean_b: float,
        std_r: float = 1.0,
        std_g: float = 1.0,
        std_b: float = 1.0,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(bigdl_type)
        self.means = np.array([mean_b, mean_g, mean_r], np.float32)
        self.deviations = np.array([std_b, std_g, std_r], np.float32)

    def transform_mat(self, mat: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Float32; of a gray image by the values for blue."""
        channels = slice(0, mat.shape[2])
        return (mat.astype(np.float32) - self.means[channels]) / self.deviations[channels]


class ChannelScaledNormalizer(FeatureTransformer):
    """Subtracts a mean from each channel and multiplies by a scale."""

    def __init__(self, mean_r: int, mean_g: int, mean_b: int, scale: float, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.means = np.array([mean_b, mean_g, mean_r], np.float32)
        self.scale = np.float32(scale)

    def transform_mat(self, mat: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Float32."""
        return (mat.astype(np.float32) - self.means[: mat.shape[2]]) * self.scale


class PixelNormalize(FeatureTransformer):
    """Subtracts a mean from each value; means lie as the values do: rows, columns, channels."""

    def __init__(self, means: Sequence[float] | Any, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.means = np.asarray(means, np.float32).reshape(-1)

    def transform_mat(self, mat: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Float32."""
        if self.means.size != mat.size:
            raise ArgumentError(f"there are {self.means.size} means for its {mat.size} values of the shape {mat.shape}")
        return mat.astype(np.float32) - self.means.reshape(mat.shape)
