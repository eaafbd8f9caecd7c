"""How float32 numbers travel between hosts: as they are, or rounded to 16 bits; sums are float32 always."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import ml_dtypes
import numpy as np

from sparkdl.collective.sums import add_in_rank_order
from sparkdl.types import ExchangePrecision

# Numbers converted in one go: they and what is made of them stay in the cache.
CHUNK = 1 << 14


class Codec(Protocol):
    """Makes words of numbers, and sums of words.

    Attributes:
        name: what `fit(exchange_precision=)` calls it.
        dtype: of a word.
        header: words in front of the numbers of a message.
        rounds: whether numbers come out otherwise than they went in.
    """

    name: ExchangePrecision
    dtype: np.dtype
    header: int
    rounds: bool

    def encode(self, values: np.ndarray, room: np.ndarray) -> np.ndarray:
        """The words of a message: `room`, of len(values) + header words, or the values themselves."""

    def add(self, messages: Sequence[np.ndarray], low: int, high: int, out: np.ndarray) -> None:
        """Writes into `out` the sums, in the order of the messages, of their numbers from `low` to `high`."""


class Float32:
    """Numbers as they are.

    Example:
        >>> out = np.empty(2, np.float32)
        >>> Float32().add([np.float32([1, 2, 3]), np.float32([4, 5, 6])], 1, 3, out)
        >>> out.tolist()
        [7.0, 9.0]
    """

    name: ExchangePrecision = "float32"
    dtype = np.dtype(np.float32)
    header = 0
    rounds = False

    def encode(self, values: np.ndarray, room: np.ndarray) -> np.ndarray:
        """See `Codec`."""
        return values

    def add(self, messages: Sequence[np.ndarray], low: int, high: int, out: np.ndarray) -> None:
        """See `Codec`."""
        add_in_rank_order([message[low:high] for message in messages], out)


class Bfloat16:
    """The range of float32, and 8 significant bits: rounded to the nearest, by at most 1/256 of a number.

    Example:
        >>> codec, room, out = Bfloat16(), np.empty(2, np.uint16), np.empty(2, np.float32)
        >>> codec.add([codec.encode(np.float32([1.001, 3e38]), room)], 0, 2, out)
        >>> out.tolist()
        [1.0, 3.00405527047391e+38]
    """

    name: ExchangePrecision = "bf16"
    dtype = np.dtype(np.uint16)
    header = 0
    rounds = True

    def encode(self, values: np.ndarray, room: np.ndarray) -> np.ndarray:
        """See `Codec`."""
        room.view(ml_dtypes.bfloat16)[:] = values
        return room

    def add(self, messages: Sequence[np.ndarray], low: int, high: int, out: np.ndarray) -> None:
        """See `Codec`."""
        first, *others = (message[low:high].view(ml_dtypes.bfloat16) for message in messages)
        np.copyto(out, first)
        for other in others:
            np.add(out, other, out=out)


class Float16:
    """11 significant bits, and a common scale in front, so that the largest number of a message makes use of the range.

    A power of two brings the largest number to 2^14 or above, and below 2^15. What is within 2^29 of it is rounded by
    at most 1/2048 of itself, what is smaller by at most 2^-39 of the largest. Where a number is not finite, all of the
    message come out as NaN.

    Example:
        >>> codec, room, out = Float16(), np.empty(4, np.uint16), np.empty(2, np.float32)
        >>> codec.add([codec.encode(np.float32([1e-30, 1e30]), room)], 0, 2, out)
        >>> out[0].item(), f"{out[1]:.2e}"
        (0.0, '1.00e+30')
    """

    name: ExchangePrecision = "fp16"
    dtype = np.dtype(np.uint16)
    header = 2
    rounds = True

    def encode(self, values: np.ndarray, room: np.ndarray) -> np.ndarray:
        """See `Codec`."""
        scale = _scale(values)
        room[:2].view(np.float32)[0] = 1.0 / scale
        halves = room[2:].view(np.float16)
        if math.isnan(scale):
            halves[:] = scale
        else:
            for start in range(0, len(values), CHUNK):
                part = slice(start, start + CHUNK)
                halves[part] = values[part] * np.float32(scale)
        return room

    def add(self, messages: Sequence[np.ndarray], low: int, high: int, out: np.ndarray) -> None:
        """See `Codec`."""
        for start in range(low, high, CHUNK):
            part = slice(start, min(start + CHUNK, high))
            add_in_rank_order(
                [_singles(message, part) for message in messages], out[part.start - low : part.stop - low]
            )


def _singles(message: np.ndarray, part: slice) -> np.ndarray:
    singles = message[2:].view(np.float16)[part].astype(np.float32)
    singles *= message[:2].view(np.float32)
    return singles


CODECS: Mapping[ExchangePrecision, Codec] = MappingProxyType(
    {codec.name: codec for codec in (Float32(), Bfloat16(), Float16())}
)


def _scale(values: np.ndarray) -> float:
    """The power of two for the numbers of a message; NaN where one is not finite."""
    largest = max(float(values.max()), -float(values.min())) if len(values) else 0.0
    if not math.isfinite(largest):
        return math.nan
    return math.ldexp(1.0, min(15 - math.frexp(largest)[1], 126)) if largest else 1.0
