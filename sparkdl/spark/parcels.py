"""Bytes that every executor has once, in a file that its Python processes map into memory.

Spark brings a broadcast variable to each executor once, as a file of pickled bytes, and takes it back when nothing
refers to it any more. A process that loads its value has a copy of its own; here the file is mapped instead, and the
bytes are found behind the few that pickle writes before them.

Over Spark Connect they are a file of the session, or, where they are few or the rows are a stream, part of the
function that needs them.
"""

from __future__ import annotations

import mmap
import os
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyspark import Broadcast

from sparkdl.errors import UnsupportedError
from sparkdl.spark.broadcasts import broadcast
from sparkdl.spark.cluster import context_of
from sparkdl.spark.connect import ConnectContext, file_path
from sparkdl.types import Buffer

_MAGIC = b"sparkdl parcel\r\n"
_ALIGNMENT = 64
_LENGTH = 8
# What pickle writes before bytes of 64 kB and more, up to 4 GB: after it, parts begin at multiples of 64 in the file.
_PICKLED = len(pickle.dumps(bytes(1 << 17), pickle.HIGHEST_PROTOCOL)) - (1 << 17) - 2
# Over Spark Connect so many bytes travel inside the function that needs them, whatever the rows are.
INSIDE = 4 << 20
# Of a stream all do, as its tasks do not see the files of the session: a server takes requests of 128 MB, and a model
# may go along for two runtimes.
INSIDE_STREAM = 32 << 20


@dataclass(frozen=True)
class Parcel:
    """Parts, each some bytes, on their way to the executors.

    Attributes:
        contents: the broadcast variable that holds them, of a classic session.
        file: the name of the file that holds them, of a session of Spark Connect.
        inside: the bytes themselves, which travel with the function that has this parcel.
    """

    contents: Broadcast[bytes] | None = None
    file: str | None = None
    inside: bytes | None = None

    def parts(self) -> list[memoryview]:
        """The parts, on an executor or on the driver; mapped from a file where Spark does not encrypt it.

        Raises:
            UnsupportedError: a stream over Spark Connect, which does not see the file.
        """
        return _unpack(self._view() if self.inside is None else memoryview(self.inside))

    def _view(self) -> memoryview:
        path = file_path(self.file) if self.file else getattr(self.contents, "_path", None)
        if path is None or hasattr(self.contents, "_value") or _encrypted(self.contents):
            return memoryview(self.contents.value) if self.contents else memoryview(b"")
        if self.file and not os.path.exists(path):
            raise UnsupportedError(
                f"this task has no file {self.file!r} of the Spark Connect session, as those of streams have none: "
                f"a function of SQL takes models up to {INSIDE >> 20} MB there, so score the stream by sdl.predict, or "
                "its batches in foreachBatch."
            )
        with open(path, "rb") as file:
            # Shared with the other processes as long as nobody writes, which nobody does.
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))

    def close(self) -> None:
        """Takes them back from all executors: no task will need them. A server of Spark Connect keeps its file."""
        if self.contents is not None:
            self.contents.destroy()


def send(data: Any, parts: Sequence[Buffer]) -> Parcel:
    """Brings parts to the executors behind a DataFrame or an RDD, when the first task there needs them.

    Raises:
        ArgumentError: where `data` is neither.
        UnsupportedError: they are too large for a stream over Spark Connect.
    """
    context, packed = context_of(data), _pack(parts)
    if not isinstance(context, ConnectContext):
        return Parcel(broadcast(context, packed))
    streaming = data.isStreaming
    if len(packed) <= (INSIDE_STREAM if streaming else INSIDE):
        return Parcel(inside=packed)
    if streaming:
        raise UnsupportedError(
            f"a model for a stream over Spark Connect travels inside the query, up to {INSIDE_STREAM >> 20} MB, but "
            f"this one has {len(packed) / (1 << 20):.0f} MB: score the batches in foreachBatch, with a model loaded "
            "there."
        )
    return Parcel(file=context.add_file(bytes(_PICKLED) + packed))


def _encrypted(contents: Broadcast[bytes] | None) -> bool:
    """Whether the driver's file is encrypted, which only the JVM can read."""
    context = getattr(contents, "_sc", None)
    return context is not None and context._encryption_enabled


def _pack(parts: Sequence[Buffer]) -> bytes:
    head = [_MAGIC, len(parts).to_bytes(_LENGTH, "little"), *(len(part).to_bytes(_LENGTH, "little") for part in parts)]
    pieces: list[Buffer] = [*head]
    place = _PICKLED + sum(map(len, head))
    for part in parts:
        gap = -place % _ALIGNMENT
        pieces += [bytes(gap), part]
        place += gap + len(part)
    return b"".join(pieces)


def _unpack(view: memoryview) -> list[memoryview]:
    start = bytes(view[: 2 * _ALIGNMENT]).index(_MAGIC)
    packed, place = view[start:], len(_MAGIC)
    count = int.from_bytes(packed[place : place + _LENGTH], "little")
    lengths = [
        int.from_bytes(packed[place + index * _LENGTH : place + (index + 1) * _LENGTH], "little")
        for index in range(1, count + 1)
    ]
    place += _LENGTH * (count + 1)
    parts = []
    for length in lengths:
        place += -(place + _PICKLED) % _ALIGNMENT
        parts.append(packed[place : place + length])
        place += length
    return parts
