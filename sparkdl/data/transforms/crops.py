"""Transforms that keep a part of the image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparkdl.data.images import Interpolation, resize
from sparkdl.data.transforms.base import ImageType, Size, Transform, check_choice, pair
from sparkdl.data.transforms.geometry import INTERPOLATIONS, Resize
from sparkdl.errors import ArgumentError, DataError

_TRIES = 10


@dataclass(frozen=True)
class CenterCrop(Transform):
    """The middle of the image.

    Attributes:
        size: height and width, or one number for a square. Smaller images are an error: put `Resize` or `Pad` before.

    Example:
        >>> CenterCrop(1)(np.arange(9, dtype="uint8").reshape(3, 3, 1)).tolist()
        [[[4]]]
    """

    size: Size

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", pair(self.size, "size"))

    def apply(self, image: np.ndarray, generator: Any) -> np.ndarray:
        """The middle."""
        rows, columns = _room(image, self.size)
        return _window(image, rows // 2, columns // 2, self.size)

    def after(self, before: ImageType) -> ImageType:
        """The size."""
        return _cropped(before, self.size)


@dataclass(frozen=True)
class RandomCrop(Transform):
    """Any part of the image; in validation the middle.

    Attributes:
        size: as in `CenterCrop`.
    """

    size: Size

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", pair(self.size, "size"))

    @property
    def random(self) -> bool:
        """Always."""
        return True

    def apply(self, image: np.ndarray, generator: Any) -> np.ndarray:
        """A part."""
        rows, columns = _room(image, self.size)
        top, left = generator.integers(rows + 1), generator.integers(columns + 1)
        return _window(image, int(top), int(left), self.size)

    def inference(self) -> Transform:
        """The middle."""
        return CenterCrop(self.size)

    def after(self, before: ImageType) -> ImageType:
        """The size."""
        return _cropped(before, self.size)


@dataclass(frozen=True)
class RandomResizedCrop(Transform):
    """A part of random area and proportions, resized; in validation the whole, as `Resize(size, mode="cover")` has it.

    Where ten draws give no part that lies in the image, its middle is taken, of the nearest proportions allowed.

    Attributes:
        size: height and width of the result, or one number for a square.
        scale: least and most part of the area.
        ratio: least and most width divided by height; drawn evenly on a logarithmic scale.
        interpolation: as in `Resize`.
    """

    size: Size
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    interpolation: Interpolation = "auto"

    def __post_init__(self) -> None:
        check_choice(self.interpolation, "interpolation", INTERPOLATIONS)
        object.__setattr__(self, "size", pair(self.size, "size"))
        for name, most in (("scale", 1.0), ("ratio", math.inf)):
            low, high = getattr(self, name)
            if not 0 < low <= high <= most:
                raise ArgumentError(f"{name} must be (least, most) above 0 and up to {most}, received {(low, high)}.")

    @property
    def random(self) -> bool:
        """Always."""
        return True

    def apply(self, image: np.ndarray, generator: Any) -> np.ndarray:
        """A part, resized."""
        top, left, height, width = self._part(image.shape[0], image.shape[1], generator)
        part = image[top : top + height, left : left + width]
        return resize(np.ascontiguousarray(part), pair(self.size, "size"), self.interpolation)

    def _part(self, height: int, width: int, generator: Any) -> tuple[int, int, int, int]:
        """Above, left, height and width of the part."""
        for _ in range(_TRIES):
            area = height * width * generator.uniform(*self.scale)
            ratio = math.exp(generator.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            rows, columns = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
            if 0 < rows <= height and 0 < columns <= width:
                top, left = generator.integers(height - rows + 1), generator.integers(width - columns + 1)
                return int(top), int(left), rows, columns
        ratio = min(max(width / height, self.ratio[0]), self.ratio[1])
        rows = min(height, max(1, round(width / ratio)))
        columns = min(width, max(1, round(height * ratio)))
        return (height - rows) // 2, (width - columns) // 2, rows, columns

    def inference(self) -> Transform:
        """The whole image."""
        return Resize(self.size, "cover", self.interpolation)

    def after(self, before: ImageType) -> ImageType:
        """The size."""
        return before.of(pair(self.size, "size"))


def _room(image: np.ndarray, size: Size) -> tuple[int, int]:
    """How many rows and columns are cut off."""
    height, width = pair(size, "size")
    if image.shape[0] < height or image.shape[1] < width:
        raise DataError(
            f"an image of {image.shape[0]} x {image.shape[1]} pixels is smaller than the crop of {height} x {width}: "
            "put Resize or Pad before the crop"
        )
    return image.shape[0] - height, image.shape[1] - width


def _window(image: np.ndarray, top: int, left: int, size: Size) -> np.ndarray:
    height, width = pair(size, "size")
    return np.ascontiguousarray(image[top : top + height, left : left + width])


def _cropped(before: ImageType, size: Size) -> ImageType:
    height, width = pair(size, "size")
    if (before.shape[0] or height) < height or (before.shape[1] or width) < width:
        raise ArgumentError(
            f"images of {before.shape[0]} x {before.shape[1]} pixels are smaller than the crop of {height} x {width}: "
            "put Resize or Pad before it."
        )
    return before.of((height, width))
