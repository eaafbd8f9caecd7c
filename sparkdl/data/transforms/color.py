"""Transforms that change values: scale, colours, channels."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from sparkdl.data.images import opencv
from sparkdl.data.transforms.base import ImageType, Transform, check_choice
from sparkdl.errors import ArgumentError, DataError


@dataclass(frozen=True)
class Normalize(Transform):
    """`(image * scale - mean) / std` in float32.

    Attributes:
        mean: a number, or one for each channel in the order that the image has there: blue, green, red, unless
            `Channels("rgb")` came before.
        std: likewise.
        scale: 1/255 makes bytes numbers from 0 to 1 first.

    Example:
        >>> Normalize(mean=0.5, std=0.5)(np.array([[[0], [255]]], "uint8")).tolist()
        [[[-1.0], [1.0]]]
    """

    mean: float | Sequence[float] = 0.0
    std: float | Sequence[float] = 1.0
    scale: float = 1 / 255

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            given = getattr(self, name)
            values = tuple(float(item) for item in np.atleast_1d(np.asarray(given, float)).tolist())
            if len(values) not in (1, 3) or (name == "std" and 0.0 in values):
                raise ArgumentError(f"{name} of Normalize must be 1 or 3 numbers (std not 0), received {given!r}.")
            object.__setattr__(self, name, values)

    def apply(self, image: np.ndarray, generator: Any) -> np.ndarray:
        """The numbers."""
        channels = image.shape[2]
        if max(len(self.mean), len(self.std)) not in (1, channels):  # type: ignore[arg-type]
            raise DataError(f"an image of {channels} channels does not fit Normalize with numbers for 3 channels")
        if image.dtype == np.uint8 and channels in (1, 3):
            table = _table(self, channels)
            return opencv().LUT(image, table).reshape(image.shape)
        return _normalized(image, self)

    def after(self, before: ImageType) -> ImageType:
        """float32, for as many channels as there are numbers."""
        numbers = max(len(self.mean), len(self.std))  # type: ignore[arg-type]
        if numbers > 1 and before.shape[2] not in (None, numbers):
            raise ArgumentError(f"Normalize has numbers for {numbers} channels, but images have {before.shape[2]}.")
        return replace(before, dtype="float32")


def _normalized(values: np.ndarray, by: Normalize) -> np.ndarray:
    wide = (values.astype(np.float64) * by.scale - np.array(by.mean)) / np.array(by.std)
    return wide.astype(np.float32)


@functools.lru_cache(maxsize=32)
def _table(by: Normalize, channels: int) -> np.ndarray:
    """What each byte becomes in each channel: (1, 256, channels)."""
    return _normalized(np.arange(256)[np.newaxis, :, np.newaxis].repeat(channels, axis=2), by)


@dataclass(frozen=True)
class ColorJitter(Transform):
    """Random brightness, contrast, saturation and hue, in this order. Not in validation. Bytes only.

    Attributes:
        brightness: values are multiplied with a number between `max(0, 1 - brightness)` and `1 + brightness`.
        contrast: so is their distance from the mean gray of the image.
        saturation: so is their distance from their own gray.
        hue: colours are moved around the circle by a part of it between `-hue` and `hue` (at most 0.5).
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "saturation", "hue"):
            value, most = getattr(self, name), 0.5 if name == "hue" else np.inf
            if not 0 <= value <= most:
                raise ArgumentError(f"{name} of ColorJitter must lie between 0 and {most}, received {value!r}.")

    @property
    def random(self) -> bool:
        """Always."""
        return True

    @property
    def moves_at_random(self) -> bool:
        """Never: colours change where they are."""
        return False

    def apply(self, image: np.ndarray, generator: Any) -> np.ndarray:
        """The image in other colours."""
        draws = generator.uniform(-1, 1, 4)
        factors = [max(0.0, 1 + draw * amount) for draw, amount in zip(draws, self._amounts, strict=False)]
        if image.dtype != np.uint8:
            raise DataError(f"ColorJitter takes bytes, received {image.dtype}: put it before Normalize")
        _refuse_channels(image)
        for change, amount, factor in zip((brighten, contrasted, saturated), self._amounts, factors, strict=True):
            image = change(image, factor) if amount else image
        return turned_hue(image, draws[3] * self.hue) if self.hue else image

    @property
    def _amounts(self) -> tuple[float, float, float]:
        return self.brightness, self.contrast, self.saturation

    def after(self, before: ImageType) -> ImageType:
        """The same, if it is bytes in blue, green, red."""
        if before.dtype != "uint8":
            raise ArgumentError("ColorJitter takes bytes: put it before Normalize.")
        if before.rgb:
            raise ArgumentError("ColorJitter takes blue, green, red: put it before Channels('rgb').")
        return before


def brighten(image: np.ndarray, factor: float) -> np.ndarray:
    """Bytes times a factor."""
    return _by_table(image, np.arange(256) * factor)


def contrasted(image: np.ndarray, factor: float) -> np.ndarray:
    """The distance of bytes from the image's mean gray, times a factor."""
    mean = round(float(_gray(image).mean()))
    return _by_table(image, mean + (np.arange(256) - mean) * factor)


def saturated(image: np.ndarray, factor: float) -> np.ndarray:
    """The distance of colours from their own gray, times a factor; gray stays."""
    if image.shape[2] == 1:
        return image
    cv2 = opencv()
    gray = cv2.cvtColor(_gray(image), cv2.COLOR_GRAY2BGR)
    return cv2.addWeighted(image, factor, gray, 1 - factor, 0)


def turned_hue(image: np.ndarray, part: float) -> np.ndarray:
    """Colours moved around the circle by a part of it; gray stays."""
    if image.shape[2] == 1:
        return image
    cv2 = opencv()
    colors = cv2.cvtColor(image, cv2.COLOR_BGR2HSV_FULL)
    colors[:, :, 0] += np.uint8(round(part * 256) % 256)  # bytes go round by themselves
    return cv2.cvtColor(colors, cv2.COLOR_HSV2BGR_FULL)


def _by_table(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    table = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return opencv().LUT(image, table).reshape(image.shape)


def _refuse_channels(image: np.ndarray) -> None:
    if image.shape[2] not in (1, 3):
        raise DataError(f"an image of {image.shape[2]} channels is neither gray nor blue, green, red")


def _gray(image: np.ndarray) -> np.ndarray:
    _refuse_channels(image)
    return image[:, :, 0] if image.shape[2] == 1 else opencv().cvtColor(image, opencv().COLOR_BGR2GRAY)


@dataclass(frozen=True)
class Channels(Transform):
    """Images as "rgb", "bgr" or "gray".

    Images come as blue, green, red (and alpha, which is dropped), or gray. Gray ones become three equal channels, and
    colours gray by 0.299 red + 0.587 green + 0.114 blue.

    Attributes:
        order: what the model was or is to be trained on.

    Example:
        >>> Channels("rgb")(np.array([[[1, 2, 3]]], "uint8")).tolist()
        [[[3, 2, 1]]]
        >>> Channels("gray")(np.array([[[255, 0, 0]]], "uint8")).tolist()
        [[[29]]]
    """

    order: Literal["rgb", "bgr", "gray"]

    def __post_init__(self) -> None:
        check_choice(self.order, "order", ("rgb", "bgr", "gray"))

    def apply(self, image: np.ndarray, generator: Any) -> np.ndarray:
        """The channels."""
        if image.shape[2] == 4:
            image = np.ascontiguousarray(image[:, :, :3])
        if self.order == "gray":
            return np.ascontiguousarray(_gray(image)[:, :, np.newaxis])
        if image.shape[2] == 1:
            return np.repeat(image, 3, axis=2)
        _refuse_channels(image)
        return opencv().cvtColor(image, opencv().COLOR_BGR2RGB) if self.order == "rgb" else image

    def after(self, before: ImageType) -> ImageType:
        """One channel or three."""
        if before.rgb:
            raise ArgumentError(f"Channels({self.order!r}) takes blue, green, red: leave out the Channels before it.")
        shape = (*before.shape[:2], 1 if self.order == "gray" else 3)
        return replace(before, shape=shape, rgb=self.order == "rgb")
