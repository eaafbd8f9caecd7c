"""Decoding, against Pillow: every format and kind of pixel, and everything that is no image."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sparkdl.data.image_headers import image_size
from sparkdl.data.images import decode_image, opencv, resize
from sparkdl.errors import DataError, MissingExtraError

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")
HEIGHT, WIDTH = 23, 31
RANDOM = np.random.default_rng(0)
SMOOTH = np.asarray(
    Image.fromarray(RANDOM.integers(0, 256, (4, 5, 3)).astype("uint8")).resize((WIDTH, HEIGHT), Image.BILINEAR)
)
PICTURE = Image.fromarray(SMOOTH)


def encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def rgb(image: np.ndarray) -> np.ndarray:
    return image[:, :, ::-1].astype(int)


@pytest.mark.parametrize("format", FORMATS)
def test_pixels_are_those_of_pillow_in_blue_green_red(format: str) -> None:
    content = encoded(PICTURE, format)
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    image = decode_image(content)
    assert (image.dtype, image.shape) == ("uint8", (HEIGHT, WIDTH, 3))
    # Both use libjpeg and libwebp, with other ways to spread the colours.
    np.testing.assert_allclose(rgb(image), expected, atol=0 if format in ("PNG", "BMP", "TIFF", "GIF") else 8)
    assert image_size(content) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK", "I;16"])
def test_every_kind_of_pixel_becomes_three_bytes_or_one(mode: str) -> None:
    if mode == "I;16":
        deep = np.asarray(PICTURE.convert("L")).astype("uint16") * 257
        content, expected = encoded(Image.fromarray(deep)), np.asarray(PICTURE.convert("L").convert("RGB"))
    else:
        content = encoded(PICTURE.convert(mode), "TIFF" if mode == "CMYK" else "PNG")
        expected = np.asarray(PICTURE.convert(mode).convert("RGB"))
    np.testing.assert_allclose(rgb(decode_image(content)), expected.astype(int), atol=1)
    gray = decode_image(content, channels=1)
    weighed = expected @ np.array([0.299, 0.587, 0.114])
    assert gray.shape == (HEIGHT, WIDTH, 1)
    np.testing.assert_allclose(gray[:, :, 0], weighed, atol=2)
    own = decode_image(content, channels=None)
    np.testing.assert_array_equal(own, gray if mode in ("L", "1", "I;16") else decode_image(content))


def test_a_cmyk_jpeg_is_in_colour() -> None:
    content = encoded(PICTURE.convert("CMYK"), "JPEG", quality=100)
    assert np.abs(rgb(decode_image(content)) - SMOOTH).mean() < 6


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_images_are_turned_as_exif_says(orientation: int, format: str) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x112] = orientation
    content = encoded(PICTURE, format, exif=exif, **({"quality": 100, "subsampling": 0} if format == "JPEG" else {}))
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    np.testing.assert_allclose(rgb(decode_image(content)), expected.astype(int), atol=4)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.7, 0.95])
def test_truncated_files_cannot_be_decoded(format: str, part: float) -> None:
    content = encoded(PICTURE, format)
    with pytest.raises(DataError, match=r"^it (is|ends|begins|has|cannot)"):
        decode_image(content[: int(len(content) * part)])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"this is a text, whatever its name says\n", r"begins with b'this is ', as no file of the known formats"),
        (b"\x89PNG\r\n\x1a\n", "PNG file that ends within its header, after 8 bytes"),
        (b"GIF89a" + bytes(20), "GIF file whose header says 0 x 0 pixels"),
    ],
)
def test_what_is_no_image_is_told(content: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        decode_image(content)


def test_a_bomb_is_refused_before_memory_is_taken() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 1 << 15, 1 << 15, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
    with pytest.raises(DataError, match=r"it has 32768 x 32768 pixels, more than max_pixels=67108864"):
        decode_image(bomb)
    with pytest.raises(DataError, match="max_pixels=712"):
        decode_image(encoded(PICTURE), max_pixels=HEIGHT * WIDTH - 1)
    assert decode_image(encoded(PICTURE), max_pixels=HEIGHT * WIDTH).size


@settings(max_examples=150, deadline=None)
@given(format=st.sampled_from(FORMATS), places=st.lists(st.integers(0, 399), max_size=8), value=st.integers(0, 255))
def test_altered_files_are_decoded_or_refused_and_nothing_else(format: str, places: list[int], value: int) -> None:
    content = bytearray(encoded(PICTURE, format))
    for place in places:
        content[place % len(content)] = value
    try:
        image = decode_image(bytes(content), max_pixels=1 << 20)
    except DataError as error:
        assert str(error).startswith("it ")
    else:
        assert image.dtype == "uint8" and image.shape[2] == 3


@given(height=st.integers(1, 300), width=st.integers(1, 300), format=st.sampled_from(FORMATS))
@settings(max_examples=40, deadline=None)
def test_sizes_are_read_from_headers(height: int, width: int, format: str) -> None:
    content = encoded(Image.new("RGB", (width, height)), format)
    assert image_size(content) == image_size(memoryview(content).cast("b")) == (height, width)


def test_progressive_lossless_and_animated_files_have_sizes_too() -> None:
    assert image_size(encoded(PICTURE, "JPEG", progressive=True)) == (HEIGHT, WIDTH)
    assert image_size(encoded(PICTURE, "WEBP", lossless=True)) == (HEIGHT, WIDTH)
    frames = encoded(PICTURE, "WEBP", save_all=True, append_images=[Image.new("RGB", PICTURE.size)])
    assert image_size(frames) == (HEIGHT, WIDTH)


def test_resizing_averages_areas_where_it_shrinks() -> None:
    image = RANDOM.integers(0, 256, (8, 12, 3)).astype("uint8")
    means = image.reshape(4, 2, 4, 3, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(resize(image, (4, 4)).astype(float), means, atol=0.51)
    assert resize(image[:, :, :1], (16, 12)).shape == (16, 12, 1)
    assert resize(image, (8, 12)) is image


def test_without_opencv_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    opencv.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(MissingExtraError, match=r"pip install sparkdl\[images\]"):
        decode_image(b"")
    opencv.cache_clear()
