"""What workers tell the driver, as rows of their job: for Spark Connect where executors cannot reach the client.

Rows arrive when the training is over, so nobody hears a worker before. Each message is one or more rows, with its
payload in pieces, since one row of Arrow must not be large.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from sparkdl.collective.channel import Channel
from sparkdl.collective.messages import Message
from sparkdl.errors import CollectiveError, NonFiniteLossError
from sparkdl.spark.connect import file_path

PIECE_BYTES = 2 << 20
GRACE_SECONDS = 2.0
SCHEMA = "rank int, kind string, header string, payload binary, whole boolean"
_NAMES = ("rank", "kind", "header", "payload", "whole")
# Of these the driver hears nothing while it could still matter.
_LIVE = frozenset({"alive", "hello", "step", "want_start"})


class RowChannel:
    """Takes the place of `collective.channel.Channel` in a worker whose driver gets rows.

    Args:
        rank: number of this worker.
        start: name of the file with the state to begin with.

    Attributes:
        lost: always false: that the driver is gone is for Spark to see.
    """

    lost = False

    def __init__(self, rank: int, start: str) -> None:
        self._rank = rank
        self._start = start
        self._messages: dict[tuple[Any, ...], tuple[str, str, bytes]] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def close(self) -> None:
        """There is nothing to hang up."""

    def send(self, kind: str, header: Mapping[str, Any], payload: bytes = b"") -> None:
        """Keeps a message for `batches`; of states, and of files of one name, the newest."""
        if kind in _LIVE:
            return
        with self._lock:
            names = {"state": (kind,), "file": (kind, header.get("callback"), header.get("path"))}
            key = names.get(kind, (kind, next(self._numbers)))
            self._messages.pop(key, None)
            self._messages[key] = (kind, json.dumps(header), payload)

    def suffices(self, error: BaseException) -> bool:
        """Whether a message is enough. Else Spark must end the stage, for other workers may wait for this one.

        Spark tells the first error alone, which shall not be that of a worker which only lost another one.
        """
        if isinstance(error, CollectiveError):
            time.sleep(GRACE_SECONDS)
        return isinstance(error, NonFiniteLossError)  # all workers meet it, and the last good weights are to come back

    def receive(self, deadline: float) -> Message:
        """The one message to a worker: the state to begin with."""
        return Message("start", {}, Path(file_path(self._start)).read_bytes())

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All messages, as record batches of `SCHEMA`."""
        for kind, header, payload in self._messages.values():
            starts = range(0, max(len(payload), 1), PIECE_BYTES)
            for start in starts:
                piece = payload[start : start + PIECE_BYTES]
                row = [self._rank], [kind], [header], [piece], [start == starts[-1]]
                types = pa.int32(), pa.string(), pa.string(), pa.binary(), pa.bool_()
                columns = [pa.array(values, kind) for values, kind in zip(row, types, strict=True)]
                yield pa.RecordBatch.from_arrays(columns, names=list(_NAMES))


ToDriver = Channel | RowChannel


def deliver(rows: Iterable[Any], receive: Callable[[int, str, dict[str, Any], bytes], None]) -> None:
    """Gives the messages in rows, of which those of one worker are in order, to whom hears them (see `Hub`)."""
    pieces: list[bytes] = []
    for row in rows:
        pieces.append(row.payload)
        if row.whole:
            payload, pieces = b"".join(pieces), []
            receive(row.rank, row.kind, json.loads(row.header), payload)
