"""Transforms that move pixels: sizes, margins, mirrors, turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sparkdl.data.images import Interpolation, interpolation_flag, opencv, resize
from sparkdl.data.transforms.base import ImageType, Size, Transform, check_choice, pair, whole
from sparkdl.errors import ArgumentError

INTERPOLATIONS = ("auto", "nearest", "linear", "cubic", "area", "lanczos")


@dataclass(frozen=True)
class Resize(Transform):
    """Another size.

    Attributes:
        size: height and width, or one number for a square; with mode "shorter" the length of the shorter side.
        mode: "stretch" changes the proportions; "cover" keeps them, covers the size and cuts the rest off evenly;
            "fit" keeps them, fits into the size and fills the rest; "shorter" keeps them and all of the image, so that
            the other side may have any length.
        interpolation: "auto" averages areas where both sides shrink and is linear elsewhere; else OpenCV's.
        fill: the value of the margins of "fit".

    Example:
        >>> Resize(2, mode="fit")(np.full((2, 4, 1), 9, "uint8"))[:, :, 0].tolist()
        [[9, 9], [0, 0]]
    """

    size: Size
    mode: Literal["stretch", "cover", "fit", "shorter"] = "stretch"
    interpolation: Interpolation = "auto"
    fill: float = 0

    def __post_init__(self) -> None:
        check_choice(self.mode, "mode", ("stretch", "cover", "fit", "shorter"))
        check_choice(self.interpolation, "interpolation", INTERPOLATIONS)
        if self.mode == "shorter" and not whole(self.size):
            raise ArgumentError(f"Resize to the shorter side takes one whole number as size, received {self.size!r}.")
        size = pair(self.size, "size")
        if self.mode != "shorter":
            object.__setattr__(self, "size", size)

    def apply(self, image: np.ndarray, generator: Any) -> np.ndarray:
        """The resized image."""
        height, width = pair(self.size, "size")
        if self.mode == "stretch":
            return resize(image, (height, width), self.interpolation)
        ratios = (height / image.shape[0], width / image.shape[1])
        ratio = min(ratios) if self.mode == "fit" else max(ratios)
        scaled = (max(1, round(image.shape[0] * ratio)), max(1, round(image.shape[1] * ratio)))
        image = resize(image, scaled, self.interpolation)
        if self.mode == "shorter":
            return image
        rows, columns = abs(height - scaled[0]), abs(width - scaled[1])
        top, left = rows // 2, columns // 2
        if self.mode == "cover":
            return np.ascontiguousarray(image[top : top + height, left : left + width])
        return with_margins(image, (top, rows - top, left, columns - left), self.fill)

    def after(self, before: ImageType) -> ImageType:
        """The size, unless only the shorter side is known."""
        if self.mode != "shorter":
            return before.of(pair(self.size, "size"))
        square = before.shape[0] is not None and before.shape[0] == before.shape[1]
        return before.of(pair(self.size, "size") if square else (None, None))


@dataclass(frozen=True)
class Pad(Transform):
    """Margins around the image.

    Attributes:
        amount: pixels on every side; or (above and below, left and right); or (above, below, left, right).
        fill: their value with mode "constant".
        mode: "constant", "edge" repeats the outermost pixels, "reflect" mirrors the image without them.

    Example:
        >>> Pad(1, fill=7)(np.zeros((1, 1, 1), "uint8"))[:, :, 0].tolist()
        [[7, 7, 7], [7, 0, 7], [7, 7, 7]]
    """

    amount: int | tuple[int, ...]
    fill: float = 0
    mode: Literal["constant", "edge", "reflect"] = "constant"

    def __post_init__(self) -> None:
        check_choice(self.mode, "mode", ("constant", "edge", "reflect"))
        amount: Any = (self.amount,) if whole(self.amount) else self.amount
        good = isinstance(amount, (tuple, list)) and all(whole(item) and item >= 0 for item in amount)
        if not good or len(amount) not in (1, 2, 4):
            raise ArgumentError(f"Pad takes 1, 2 or 4 whole numbers of at least 0, received {self.amount!r}.")

    @property
    def margins(self) -> tuple[int, int, int, int]:
        """Above, below, left, right."""
        amount = (self.amount,) if isinstance(self.amount, int) else tuple(self.amount)
        if len(amount) == 4:
            return amount[0], amount[1], amount[2], amount[3]
        return amount[0], amount[0], amount[-1], amount[-1]

    def apply(self, image: np.ndarray, generator: Any) -> np.ndarray:
        """The image with its margins."""
        return with_margins(image, self.margins, self.fill, self.mode)

    def after(self, before: ImageType) -> ImageType:
        """The size with the margins."""
        height, width, _ = before.shape
        above, below, left, right = self.margins
        return before.of(
            (None if height is None else height + above + below, None if width is None else width + left + right)
        )


@dataclass(frozen=True)
class Flip(Transform):
    """Mirrors the image: each direction by its own chance. Not in validation, unless the probability is 1.

    Attributes:
        horizontal: whether left and right are exchanged.
        vertical: whether above and below are.
        probability: how often.

    Example:
        >>> Flip(probability=1)(np.array([[[1], [2]]], "uint8"))[:, :, 0].tolist()
        [[2, 1]]
    """

    horizontal: bool = True
    vertical: bool = False
    probability: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ArgumentError(f"probability must lie between 0 and 1, received {self.probability!r}.")

    @property
    def random(self) -> bool:
        """Whether it is not always done."""
        return self.probability < 1

    def apply(self, image: np.ndarray, generator: Any) -> np.ndarray:
        """The image, mirrored or not."""
        draws = generator.random(2) if self.random else (0, 0)
        sideways = self.horizontal and draws[0] < self.probability
        over = self.vertical and draws[1] < self.probability
        if not (sideways or over):
            return image
        # OpenCV's numbers of the axes.
        return opencv().flip(image, -1 if sideways and over else int(sideways)).reshape(image.shape)


@dataclass(frozen=True)
class Rotate(Transform):
    """Turns the image around its middle, against the clock; its size stays. Not in validation, unless always the same.

    Attributes:
        degrees: the least and the most; one number d means from -d to d.
        interpolation: "linear", "nearest" or "cubic".
        fill: the value of the corners that come in.

    Example:
        >>> Rotate((90, 90))(np.array([[[1], [2]], [[3], [4]]], "uint8"))[:, :, 0].tolist()
        [[2, 4], [1, 3]]
    """

    degrees: float | tuple[float, float]
    interpolation: Literal["linear", "nearest", "cubic"] = "linear"
    fill: float = 0

    def __post_init__(self) -> None:
        check_choice(self.interpolation, "interpolation", ("linear", "nearest", "cubic"))
        degrees = (-self.degrees, self.degrees) if isinstance(self.degrees, (int, float)) else self.degrees
        if len(degrees) != 2 or degrees[0] > degrees[1]:
            raise ArgumentError(f"degrees must be a number of at least 0 or (least, most), received {self.degrees!r}.")
        object.__setattr__(self, "degrees", (degrees[0], degrees[1]))

    @property
    def _range(self) -> tuple[float, float]:
        degrees: Any = self.degrees
        return degrees

    @property
    def random(self) -> bool:
        """Whether the angle is drawn."""
        return self._range[0] < self._range[1]

    def apply(self, image: np.ndarray, generator: Any) -> np.ndarray:
        """The turned image."""
        cv2 = opencv()
        height, width, channels = image.shape
        angle = generator.uniform(*self._range) if self.random else self._range[0]
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), float(angle), 1.0)
        flag = interpolation_flag(self.interpolation)
        turned = cv2.warpAffine(image, matrix, (width, height), flags=flag, borderValue=(self.fill,) * 4)
        return turned.reshape(height, width, channels)


_BORDERS = {"constant": "BORDER_CONSTANT", "edge": "BORDER_REPLICATE", "reflect": "BORDER_REFLECT_101"}


def with_margins(
    image: np.ndarray, margins: tuple[int, int, int, int], fill: float = 0, mode: str = "constant"
) -> np.ndarray:
    """The image with margins (above, below, left, right)."""
    cv2 = opencv()
    border = getattr(cv2, _BORDERS[mode])
    padded = cv2.copyMakeBorder(image, *margins, border, value=(fill,) * 4)
    return padded.reshape(*padded.shape[:2], image.shape[2])
