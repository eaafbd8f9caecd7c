"""Encoded images to arrays, by OpenCV. Pure functions: no Spark, no files."""

from __future__ import annotations

import functools
import importlib
from typing import Any, Literal

import numpy as np

from sparkdl.data.image_headers import Content, image_size
from sparkdl.errors import DataError, MissingExtraError

MAX_PIXELS = 1 << 26  # 67 million: 200 MB as colour
Interpolation = Literal["auto", "nearest", "linear", "cubic", "area", "lanczos"]


@functools.cache
def opencv() -> Any:
    """The module `cv2`.

    Raises:
        MissingExtraError: OpenCV is not installed.
    """
    try:
        return importlib.import_module("cv2")
    except ImportError as error:
        raise MissingExtraError(
            "images need OpenCV, which is not installed here: pip install sparkdl[images], on the driver and the "
            "executors."
        ) from error


def calm_opencv() -> None:
    """One thread, and nothing on stderr: for a task, beside which others run and which reports errors itself."""
    cv2 = opencv()
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def decode_image(content: Content, channels: int | None = 3, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """The pixels of a JPEG, PNG, GIF, BMP, WebP or TIFF file.

    Turned upright as EXIF says. Alpha is dropped, 16 bits become 8 (the upper ones), palettes and CMYK become
    colours, gray becomes three equal channels (or colours gray, with one channel). Of several frames, the first.

    Args:
        content: the file.
        channels: 3 (blue, green, red: the order of OpenCV and of Spark's image struct) or 1 (gray); None for 1 of
            gray images and 3 of all others.
        max_pixels: more are refused, before memory is taken for them.

    Returns:
        uint8 (height, width, channels).

    Raises:
        DataError: it cannot be decoded; the message is a clause that says why ("it ...").
        MissingExtraError: OpenCV is not installed.

    Example:
        >>> import numpy as np
        >>> _, png = opencv().imencode(".png", np.full((2, 4), 7, "uint8"))
        >>> decode_image(png.tobytes()).shape, decode_image(png.tobytes(), channels=1).shape
        ((2, 4, 3), (2, 4, 1))
    """
    cv2 = opencv()
    height, width = image_size(content)
    if height * width > max_pixels:
        raise DataError(f"it has {height} x {width} pixels, more than max_pixels={max_pixels}")
    flag = {1: cv2.IMREAD_GRAYSCALE, 3: cv2.IMREAD_COLOR, None: cv2.IMREAD_ANYCOLOR}[channels]
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flag)
    except cv2.error as error:
        raise DataError(f"it cannot be read by OpenCV: {error.err}") from error
    if image is None:
        raise DataError("it is truncated, damaged, or of a kind that OpenCV does not read")
    return image.reshape(*image.shape[:2], -1)


def resize(image: np.ndarray, size: tuple[int, int], interpolation: Interpolation = "auto") -> np.ndarray:
    """An image of another size.

    Args:
        image: (height, width, channels), uint8 or float32.
        size: the new height and width.
        interpolation: "auto" averages areas where both sides shrink (no aliasing), and is linear elsewhere.

    Example:
        >>> resize(np.array([[[0], [10]], [[20], [30]]], "uint8"), (1, 1)).tolist()
        [[[15]]]
    """
    if image.shape[:2] == size:
        return image
    if interpolation == "auto":
        shrinks = size[0] <= image.shape[0] and size[1] <= image.shape[1]
        interpolation = "area" if shrinks else "linear"
    resized = opencv().resize(image, (size[1], size[0]), interpolation=interpolation_flag(interpolation))
    return resized.reshape(*size, image.shape[2])


def interpolation_flag(name: str) -> int:
    """OpenCV's number of an interpolation."""
    cv2 = opencv()
    return {
        "nearest": cv2.INTER_NEAREST,
        "linear": cv2.INTER_LINEAR,
        "cubic": cv2.INTER_CUBIC,
        "area": cv2.INTER_AREA,
        "lanczos": cv2.INTER_LANCZOS4,
    }[name]
