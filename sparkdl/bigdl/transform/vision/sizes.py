"""Transforms of the size of images: resizing, flipping, expanding, filling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sparkdl.bigdl.transform.vision.feature import BOX, LABEL, FeatureTransformer, ImageFeature
from sparkdl.bigdl.transform.vision.regions import Box, place
from sparkdl.data.images import opencv
from sparkdl.errors import ArgumentError

# OpenCV's numbers of interpolations: linear, cubic, area, nearest, Lanczos.
_INTERPOLATIONS = (1, 2, 3, 0, 4)
LINEAR, CUBIC = 1, 2


def resized(mat: np.ndarray, height: int, width: int, mode: int = LINEAR) -> np.ndarray:
    """The image in another size.

    Args:
        mode: OpenCV's number of an interpolation.
    """
    if min(height, width) < 1:
        raise ArgumentError(f"its size would become {height} x {width}")
    result = opencv().resize(mat, (width, height), interpolation=mode)
    return result.reshape(height, width, mat.shape[2])


def half_up(value: float) -> int:
    """Java's rounding."""
    return math.floor(value + 0.5)


class HFlip(FeatureTransformer):
    """Turns left and right around."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)

    def transform_mat(self, mat: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Flipped."""
        return np.ascontiguousarray(mat[:, ::-1])


class Resize(FeatureTransformer):
    """Resizes; with OpenCV's interpolation of a number, or one drawn at random for -1."""

    def __init__(
        self,
        resize_h: int,
        resize_w: int,
        resize_mode: int = 1,
        use_scale_factor: bool = True,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(bigdl_type)
        self.size = (int(resize_h), int(resize_w))
        # BigDL forgets the interpolation where the factors are not used.
        self.mode = resize_mode if use_scale_factor else LINEAR

    def transform_mat(self, mat: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Resized."""
        mode = _INTERPOLATIONS[random.randint(len(_INTERPOLATIONS))] if self.mode == -1 else self.mode
        return resized(mat, *self.size, mode)


class AspectScale(FeatureTransformer):
    """Resizes so that the shorter side has a length, the longer one at most another; the aspect ratio stays."""

    def __init__(
        self,
        min_size: int,
        scale_multiple_of: int = 1,
        max_size: int = 1000,
        resize_mode: int = 1,
        use_scale_factor: bool = True,
        min_scale: float = -1.0,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(bigdl_type)
        self.min_size = min_size
        self.multiple = scale_multiple_of
        self.max_size = max_size
        self.mode = resize_mode if use_scale_factor else LINEAR
        self.min_scale = min_scale

    def transform_mat(self, mat: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Resized."""
        size = aspect_size(mat.shape[:2], self.min_size, self.max_size, self.multiple, self.min_scale)
        return resized(mat, *size, self.mode)


class RandomAspectScale(FeatureTransformer):
    """`AspectScale` with a length drawn from several."""

    def __init__(
        self, scales: Sequence[int], scale_multiple_of: int = 1, max_size: int = 1000, bigdl_type: str = "float"
    ) -> None:
        super().__init__(bigdl_type)
        self.scales = list(scales)
        self.multiple = scale_multiple_of
        self.max_size = max_size

    def transform_mat(self, mat: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Resized."""
        scale = self.scales[random.randint(len(self.scales))]
        return resized(mat, *aspect_size(mat.shape[:2], scale, self.max_size, self.multiple))


def aspect_size(
    size: Sequence[int], min_size: float, max_size: int, multiple: int = 1, min_scale: float = -1.0
) -> tuple[int, int]:
    """Height and width of an image whose shorter side becomes `min_size`, unless the longer one exceeds `max_size`.

    Example:
        >>> aspect_size((100, 200), 300, 1000), aspect_size((100, 400), 300, 1000)
        ((300, 600), (250, 1000))
        >>> aspect_size((100, 150), 320, 900, multiple=32)
        (320, 480)
    """
    height, width = size
    scale = max(min_size / min(size), min_scale)
    if half_up(scale * max(size)) > max_size:
        scale = max_size / max(size)
    if multiple > 1:
        return multiple * int(height * scale / multiple), multiple * int(width * scale / multiple)
    return half_up(height * scale), half_up(width * scale)


class RandomResize(FeatureTransformer):
    """Resizes so that the shorter side has a length between two; the aspect ratio stays."""

    def __init__(self, min_size: int, max_size: int, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.min_size = min_size
        self.max_size = max_size

    def transform_mat(self, mat: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Resized."""
        shorter = random.randint(self.min_size, self.max_size + 1)
        height, width = mat.shape[:2]
        if height < width:
            return resized(mat, shorter, width * shorter // height, CUBIC)
        return resized(mat, height * shorter // width, shorter, CUBIC)


class RandomAlterAspect(FeatureTransformer):
    """A random part of the image with another aspect ratio, resized to a square."""

    def __init__(
        self,
        min_area_ratio: float,
        max_area_ratio: float,
        min_aspect_ratio_change: float,
        interp_mode: str,
        crop_length: int,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(bigdl_type)
        if min_area_ratio > max_area_ratio:
            raise ArgumentError(
                f"RandomAlterAspect needs min_area_ratio <= max_area_ratio, received {min_area_ratio} and "
                f"{max_area_ratio}."
            )
        self.areas = (min_area_ratio, max_area_ratio)
        self.aspects = (min_aspect_ratio_change, 1 / min_aspect_ratio_change)
        self.length = crop_length

    def transform_mat(self, mat: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Ten attempts at a part that fits; the whole image where none does."""
        height, width = mat.shape[:2]
        for _ in range(10):
            side = (random.uniform(*self.areas) * height * width) ** 0.5
            aspect = random.uniform(*self.aspects)
            size = int(side * aspect), int(side / aspect)
            size = size[::-1] if random.uniform() < 0.5 else size
            if 0 < size[0] <= height and 0 < size[1] <= width:
                top, left = place(mat.shape, size, random)
                mat = mat[top : top + size[0], left : left + size[1]]
                break
        return resized(np.ascontiguousarray(mat), self.length, self.length, CUBIC)


class Expand(FeatureTransformer):
    """Puts the image at a random place of a larger one, whose other pixels have given values."""

    def __init__(
        self,
        means_r: int = 123,
        means_g: int = 117,
        means_b: int = 104,
        min_expand_ratio: float = 1.0,
        max_expand_ratio: float = 4.0,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(bigdl_type)
        self.means = (means_b, means_g, means_r)
        self.ratios = (min_expand_ratio, max_expand_ratio)

    def apply(self, feature: ImageFeature, random: np.random.RandomState) -> None:
        """Expands, and says where the larger image lies, seen from the smaller one."""
        mat = feature.mat
        if abs(self.ratios[1] - 1) < 1e-2:
            return
        if mat.shape[2] != 3:
            raise ArgumentError(f"it has {mat.shape[2]} channels, expected 3")
        height, width = mat.shape[:2]
        ratio = random.uniform(*self.ratios)
        tall, wide = int(height * ratio), int(width * ratio)
        top, left = int(random.uniform(0, tall - height)), int(random.uniform(0, wide - width))
        expanded = np.empty((tall, wide, 3), mat.dtype)
        expanded[:] = np.asarray(self.means, mat.dtype)
        expanded[top : top + height, left : left + width] = mat
        feature.mat = expanded
        if feature[LABEL] is not None:
            feature[BOX] = Box(-left / width, -top / height, (wide - left) / width, (tall - top) / height)


class FixExpand(FeatureTransformer):
    """Puts the image in the middle of a larger one of a size, whose other pixels are 0."""

    def __init__(self, expand_height: int, expand_width: int, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.size = (expand_height, expand_width)

    def apply(self, feature: ImageFeature, random: np.random.RandomState) -> None:
        """Expands."""
        mat = feature.mat
        height, width = mat.shape[:2]
        if height > self.size[0] or width > self.size[1]:
            raise ArgumentError(f"its {height} x {width} pixels do not fit into {self.size[0]} x {self.size[1]}")
        top, left = (self.size[0] - height) // 2, (self.size[1] - width) // 2
        expanded = np.zeros((*self.size, mat.shape[2]), mat.dtype)
        expanded[top : top + height, left : left + width] = mat
        feature.mat = expanded
        feature[BOX] = Box(left, top, left + width, top + height, normalized=False)


class Filler(FeatureTransformer):
    """Fills a part of the image, whose ends are parts of width and height, with a value."""

    def __init__(
        self, start_x: float, start_y: float, end_x: float, end_y: float, value: int = 255, bigdl_type: str = "float"
    ) -> None:
        super().__init__(bigdl_type)
        if not (0 <= start_x < end_x <= 1 and 0 <= start_y < end_y <= 1):
            raise ArgumentError(
                f"Filler's ends must be between 0 and 1, and begin before they end, received x from {start_x} to "
                f"{end_x} and y from {start_y} to {end_y}."
            )
        self.x, self.y, self.fill = (start_x, end_x), (start_y, end_y), value

    def transform_mat(self, mat: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Filled."""
        filled = mat.copy()
        filled[_span(self.y, mat.shape[0]), _span(self.x, mat.shape[1])] = self.fill
        return filled


def _span(parts: Sequence[float], length: int) -> Any:
    return slice(*(math.ceil(part * length) for part in parts))
