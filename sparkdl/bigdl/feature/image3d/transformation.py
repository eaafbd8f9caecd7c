"""Transforms of volumes: (depth, height, width, 1), or without the last axis, under "imageTensor" or as pixels."""

import sys  # noqa: F401
from collections.abc import Sequence
from typing import Any

import numpy as np

from sparkdl.bigdl.feature.image.imagePreprocessing import *  # noqa: F403
from sparkdl.bigdl.feature.image.imagePreprocessing import ImagePreprocessing
from sparkdl.bigdl.feature.image.imageset import *  # noqa: F403
from sparkdl.bigdl.transform.vision.feature import SIZE, TENSOR, ImageFeature, current_random
from sparkdl.bigdl.util.sample import JTensor
from sparkdl.errors import ArgumentError, DataError


class ImagePreprocessing3D(ImagePreprocessing):
    """A transform of a volume; subclasses override `volume`."""

    def __init__(self, bigdl_type: str = "float", *args: Any) -> None:
        super().__init__(bigdl_type)

    def volume(self, array: np.ndarray) -> np.ndarray:
        """A new volume of an old one, both (depth, height, width)."""
        raise NotImplementedError

    def convert(self, value: ImageFeature) -> ImageFeature:
        """Transforms the volume that the image holds."""
        tensor = value[TENSOR]
        array = tensor.to_ndarray() if tensor is not None else value["mat"]
        if array is None or array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] != 1):
            raise DataError(
                f"{type(self).__name__} takes a volume (depth, height, width, 1), received "
                f"{None if array is None else array.shape}."
            )
        made = self.volume(array.reshape(array.shape[:3]).astype(np.float32))
        value[TENSOR], value[SIZE] = JTensor.from_ndarray(made[..., None] if array.ndim == 4 else made), made.shape
        value.state.pop("mat", None)
        return value


def _part(array: np.ndarray, start: Sequence[int], size: Sequence[int]) -> np.ndarray:
    ends = [first + length for first, length in zip(start, size, strict=True)]
    if min(start) < 0 or any(end > whole for end, whole in zip(ends, array.shape, strict=True)):
        raise DataError(f"a part of {list(size)} from {list(start)} on is not inside a volume of {array.shape}.")
    return np.ascontiguousarray(array[tuple(slice(*bounds) for bounds in zip(start, ends, strict=True))])


class Crop3D(ImagePreprocessing3D):
    """A given part; `start` counts from 1."""

    def __init__(self, start: Sequence[int], patch_size: Sequence[int], bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        if len(start) != 3 or len(patch_size) != 3 or min(*start, *patch_size) < 0:
            raise ArgumentError(f"Crop3D takes three numbers from 0 for each, received {start} and {patch_size}.")
        self.start, self.size = [max(0, number - 1) for number in start], list(patch_size)

    def volume(self, array: np.ndarray) -> np.ndarray:
        """The part."""
        return _part(array, self.start, self.size)


class RandomCrop3D(ImagePreprocessing3D):
    """A part of a size, anywhere."""

    def __init__(self, crop_depth: int, crop_height: int, crop_width: int, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.size = [crop_depth, crop_height, crop_width]

    def volume(self, array: np.ndarray) -> np.ndarray:
        """The part."""
        room = [whole - part for whole, part in zip(array.shape, self.size, strict=True)]
        return _part(array, [current_random().randint(max(free, 0) + 1) for free in room], self.size)


class CenterCrop3D(ImagePreprocessing3D):
    """The middle."""

    def __init__(self, crop_depth: int, crop_height: int, crop_width: int, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.size = [crop_depth, crop_height, crop_width]

    def volume(self, array: np.ndarray) -> np.ndarray:
        """The part."""
        return _part(
            array, [(whole - part) // 2 for whole, part in zip(array.shape, self.size, strict=True)], self.size
        )


class AffineTransform3D(ImagePreprocessing3D):
    """Takes each value from where a matrix (seen from the middle) and a translation put it, linearly between values.

    Args:
        affine_mat: (3, 3).
        translation: 3 numbers, subtracted.
        clamp_mode: "clamp" repeats the border outside of the volume, "padding" puts `pad_val` there.
        pad_val: see `clamp_mode`.
    """

    def __init__(
        self,
        affine_mat: Any,
        translation: Any = np.zeros(3),  # noqa: B008
        clamp_mode: str = "clamp",
        pad_val: float = 0.0,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(bigdl_type)
        if clamp_mode not in ("clamp", "padding"):
            raise ArgumentError(f'clamp_mode is "clamp" or "padding", received {clamp_mode!r}.')
        self.matrix = np.asarray(affine_mat, np.float64).reshape(3, 3)
        self.translation = np.asarray(translation, np.float64).reshape(3)
        self.fill = None if clamp_mode == "clamp" else float(pad_val)

    def volume(self, array: np.ndarray) -> np.ndarray:
        """The volume."""
        center = (np.array(array.shape) - 1) / 2
        grid = np.stack(np.meshgrid(*map(np.arange, array.shape), indexing="ij"), -1)
        places = center + (grid - center) @ self.matrix.T - self.translation
        return _between(array, places, self.fill)


class Rotate3D(ImagePreprocessing3D):
    """Turns by yaw, pitch and roll (radians) around the middle; what comes from outside is 0."""

    def __init__(self, rotation_angles: Sequence[float], bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        yaw, pitch, roll = rotation_angles
        (cy, sy), (cp, sp), (cr, sr) = ((np.cos(angle), np.sin(angle)) for angle in (yaw, pitch, roll))
        rolled = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
        pitched = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
        turned = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
        self.matrix = turned @ pitched @ rolled

    def volume(self, array: np.ndarray) -> np.ndarray:
        """The volume. The matrix is about depth, width, height."""
        order = [0, 2, 1]
        turned = array.transpose(order)
        center = (np.array(turned.shape) - 1) / 2
        grid = np.stack(np.meshgrid(*map(np.arange, turned.shape), indexing="ij"), -1)
        places = center + (grid - center) @ self.matrix.T
        # Half a step beyond the border still counts as the border.
        inside = np.all((places >= -0.5) & (places < np.array(turned.shape) - 0.5), axis=-1)
        return np.where(inside, _between(turned, places, None), 0).transpose(order).astype(np.float32)


def _between(array: np.ndarray, places: np.ndarray, fill: float | None) -> np.ndarray:
    """The values at fractional places, linear between the eight around; outside the border's, or `fill`."""
    last = np.array(array.shape) - 1
    held = np.clip(places, 0, last)
    low = np.floor(held).astype(int)
    high, part = np.minimum(low + 1, last), held - low
    result = np.zeros(places.shape[:-1])
    for corner in range(8):
        bits = [(corner >> axis) & 1 for axis in range(3)]
        index = tuple((high if bit else low)[..., axis] for axis, bit in enumerate(bits))
        weight = np.prod([part[..., axis] if bit else 1 - part[..., axis] for axis, bit in enumerate(bits)], axis=0)
        result += weight * array[index]
    if fill is not None:
        result = np.where(np.all((places >= 0) & (places <= last), axis=-1), result, fill)
    return result.astype(np.float32)
