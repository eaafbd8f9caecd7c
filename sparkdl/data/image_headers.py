"""How large an image is, from the first bytes of its file: known before memory is taken for its pixels."""

from __future__ import annotations

import struct
from collections.abc import Callable

from sparkdl.errors import DataError

Content = bytes | memoryview

# Start of frame, in all its kinds; the codes between them (C4, C8, CC) mean other things.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_TIFF_NUMBERS = {1: "B", 3: "H", 4: "I"}
_SHOWN = 8


def image_size(content: Content) -> tuple[int, int]:
    """Height and width of an encoded image, as its header has them (before any EXIF rotation).

    Args:
        content: a JPEG, PNG, GIF, BMP, WebP or TIFF file; no other format is known here.

    Raises:
        DataError: it is empty, of another format, or ends within its header; the message is a clause ("it ...").

    Example:
        >>> image_size(b"GIF89a" + bytes([80, 0, 60, 0, 0, 0, 0]))
        (60, 80)
    """
    if not len(content):
        raise DataError("it is empty")
    content = memoryview(content).cast("B")  # Arrow's buffers are signed
    head = bytes(content[:16])
    for name, magic, size_of in _FORMATS:
        if all(head[place : place + len(part)] == part for place, part in magic.items()):
            try:
                height, width = size_of(content)
            except (struct.error, IndexError) as error:
                raise DataError(f"it is a {name} file that ends within its header, after {len(content)} bytes") from (
                    error
                )
            if min(height, width) < 1:
                raise DataError(f"it is a {name} file whose header says {height} x {width} pixels")
            return height, width
    known = ", ".join(dict.fromkeys(name for name, _, _ in _FORMATS))
    raise DataError(f"it begins with {head[:_SHOWN]!r}, as no file of the known formats ({known}) does")


def _jpeg(content: Content) -> tuple[int, int]:
    place = 2
    while True:
        if content[place] != 0xFF:
            place += 1
            continue
        marker = content[place + 1]
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", content, place + 5)
            return height, width
        if marker == 0xFF:
            place += 1
        elif marker in _JPEG_ALONE:
            place += 2
        else:
            place += 2 + max(2, struct.unpack_from(">H", content, place + 2)[0])


def _png(content: Content) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", content, 16)
    return height, width


def _gif(content: Content) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", content, 6)
    return height, width


def _bmp(content: Content) -> tuple[int, int]:
    old = struct.unpack_from("<I", content, 14)[0] == 12
    width, height = struct.unpack_from("<HH" if old else "<ii", content, 18)
    return abs(height), width  # a negative height means that the rows go down


def _webp(content: Content) -> tuple[int, int]:
    kind = bytes(content[12:16])
    if kind == b"VP8X":
        low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", content, 24)
        return 1 + low_height + (high_height << 16), 1 + low_width + (high_width << 16)
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", content, 21)[0]
        return 1 + (bits >> 14 & 0x3FFF), 1 + (bits & 0x3FFF)
    width, height = struct.unpack_from("<HH", content, 26)
    return height & 0x3FFF, width & 0x3FFF


def _tiff(content: Content) -> tuple[int, int]:
    order = "<" if content[0] == ord("I") else ">"
    start = struct.unpack_from(order + "I", content, 4)[0]
    found = {_TIFF_WIDTH: 0, _TIFF_HEIGHT: 0}
    for index in range(struct.unpack_from(order + "H", content, start)[0]):
        place = start + 2 + 12 * index
        tag, kind = struct.unpack_from(order + "HH", content, place)
        if tag in found and kind in _TIFF_NUMBERS:
            found[tag] = struct.unpack_from(order + _TIFF_NUMBERS[kind], content, place + 8)[0]
    return found[_TIFF_HEIGHT], found[_TIFF_WIDTH]


# Name, what the file begins with (by place), and what reads its size.
_FORMATS: tuple[tuple[str, dict[int, bytes], Callable[[Content], tuple[int, int]]], ...] = (
    ("JPEG", {0: b"\xff\xd8\xff"}, _jpeg),
    ("PNG", {0: b"\x89PNG\r\n\x1a\n"}, _png),
    ("GIF", {0: b"GIF87a"}, _gif),
    ("GIF", {0: b"GIF89a"}, _gif),
    ("BMP", {0: b"BM"}, _bmp),
    ("WebP", {0: b"RIFF", 8: b"WEBP"}, _webp),
    ("TIFF", {0: b"II*\0"}, _tiff),
    ("TIFF", {0: b"MM\0*"}, _tiff),
)
