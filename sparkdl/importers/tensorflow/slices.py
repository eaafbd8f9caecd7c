"""Slices: parts of tensors, of which checkpoints of partitioned variables consist."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sparkdl.errors import ImporterError

Shape = tuple[int, ...]

_WHOLE = -1  # the length of an extent that is as long as the tensor
_DIMENSIONS = 254  # TensorFlow's own limit


@dataclass(frozen=True, slots=True)
class Slice:
    """Start and length along each axis; a length of -1 means the whole axis.

    Example:
        >>> part = Slice((2, 0), (3, -1))
        >>> part.shape((10, 4)), part.index((10, 4))
        ((3, 4), (slice(2, 5, None), slice(0, 4, None)))
    """

    starts: Shape
    lengths: Shape

    def shape(self, full: Shape) -> Shape:
        """Its shape in a tensor."""
        return tuple(size if length == _WHOLE else length for length, size in zip(self.lengths, full, strict=True))

    def index(self, full: Shape) -> tuple[slice, ...]:
        """What numpy selects it by."""
        return tuple(slice(start, start + length) for start, length in zip(self.starts, self.shape(full), strict=True))

    def fits(self, full: Shape) -> bool:
        """Whether it lies in a tensor of this shape."""
        return len(self.starts) == len(full) and all(
            0 <= start and 0 <= length and start + length <= size
            for start, length, size in zip(self.starts, self.shape(full), full, strict=True)
        )


def whole(rank: int) -> Slice:
    """The slice that is all of a tensor."""
    return Slice((0,) * rank, (_WHOLE,) * rank)


def slice_of(proto: Any) -> Slice:
    """A TensorSliceProto, in which a length that is missing means the whole axis."""
    return Slice(
        tuple(extent.start for extent in proto.extent),
        tuple(extent.length if extent.HasField("length") else _WHOLE for extent in proto.extent),
    )


def parse_slice(text: str, path: str) -> Slice | None:
    """A slice as `shape_and_slices` of restore ops say it, after the shape; None where that is the whole tensor.

    Example:
        >>> parse_slice("10 4 2,3:-", "graph.pb"), parse_slice("", "graph.pb")
        (Slice(starts=(2, 0), lengths=(3, -1)), None)
    """
    if not text:
        return None
    starts, lengths = [], []
    try:
        for extent in text.rpartition(" ")[2].split(":"):
            start, length = ("0", "-1") if extent == "-" else extent.split(",")
            starts.append(int(start))
            lengths.append(int(length))
    except ValueError:
        raise ImporterError(f"{path}: {text[:80]!r} is no slice; expected a text like '10 4 2,3:-'.") from None
    return Slice(tuple(starts), tuple(lengths))


def shape_of(proto: Any, place: str) -> Shape:
    """The shape in a TensorShapeProto, which must be known.

    Raises:
        ImporterError: where it is not, or none.
    """
    shape = tuple(dimension.size for dimension in proto.dim[: _DIMENSIONS + 1])
    if proto.unknown_rank or len(shape) > _DIMENSIONS or min(shape, default=0) < 0:
        raise ImporterError(f"{place} has the shape {list(shape[:8])}; expected a known one. The file is damaged.")
    return shape


def check_pieces(full: Shape, pieces: Sequence[Slice], place: str) -> None:
    """Raises ImporterError unless the pieces lie in the tensor and have as many elements as it."""
    if not all(piece.fits(full) for piece in pieces):
        raise ImporterError(f"{place} of shape {list(full)} has slices that lie outside. The file is damaged.")
    if sum(math.prod(piece.shape(full)) for piece in pieces) != math.prod(full):
        raise ImporterError(
            f"{place} of shape {list(full)} has slices with other numbers of elements in all. Is a file missing?"
        )


def slice_key(name: str, part: Slice) -> bytes:
    """The key of a slice in the index of a checkpoint, made so that keys sort as what they are made of.

    Example:
        >>> slice_key("emb", Slice((0, 64), (-1, 3))).hex()
        '00656d6200010102807fc04083'
    """
    return b"".join(
        (
            _unsigned(0),
            name.encode().replace(b"\0", b"\0\xff") + b"\0\1",
            _unsigned(len(part.starts)),
            *(_signed(number) for pair in zip(part.starts, part.lengths, strict=True) for number in pair),
        )
    )


def _unsigned(number: int) -> bytes:
    digits = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([len(digits)]) + digits


def _signed(number: int) -> bytes:
    """As many leading ones as bytes, over the number in two's complement."""
    bits = (~number if number < 0 else number).bit_length()
    length = bits // 7 + 1
    ones = ((1 << length) - 1) << (7 * length)
    return ((number & ((1 << 8 * length) - 1)) ^ ones).to_bytes(length, "big")
