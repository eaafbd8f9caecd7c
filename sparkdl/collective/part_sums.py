"""Sums of this worker's part of a vector, made while the others' contributions are still arriving."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sparkdl.collective.codecs import Codec
from sparkdl.collective.sums import add_in_rank_order, byte_view
from sparkdl.collective.wire import CHUNK, Link


class PartSums:
    """One reduce-scatter after the other; the memory is kept, because the same sizes come again in every step.

    Args:
        codec: how numbers travel. All contributions are rounded alike, this worker's own too, so that sums do not
            depend on who makes them.
        size: number of contributions.
    """

    def __init__(self, codec: Codec, size: int) -> None:
        self._codec = codec
        self._size = size
        self._inbox = np.empty((size, 0), codec.dtype)
        self._outbox: list[np.ndarray] = []
        self._memory = np.empty(0, np.float32)

    def begin(self, place: int, mine: np.ndarray, scalars: np.ndarray) -> None:
        """Prepares for contributions, of which this worker brings one.

        Args:
            place: of mine among the contributions.
            mine: float32.
            scalars: float64, mine.
        """
        words = len(mine) + self._codec.header
        if self._inbox.shape[1] < words:
            self._inbox = np.empty((self._size, words), self._codec.dtype)
        self._scalars = np.empty((self._size, len(scalars)), np.float64)
        self._scalars[place] = scalars
        self._extra = byte_view(scalars)
        self._messages = [row[:words] for row in self._inbox]
        self._messages[place] = self._codec.encode(mine, self._messages[place])
        self._total = self._room_for_total(place, len(mine))
        self._sent = self._done = 0

    def _room_for_total(self, place: int, length: int) -> np.ndarray:
        if not self._codec.rounds:  # over the first sum's summand that came from elsewhere, which is in the cache
            return self._messages[1 if place == 0 else 0]
        if len(self._memory) < length:
            self._memory = np.empty(length, np.float32)
        return self._memory[:length]

    def outgoing(self, part: np.ndarray) -> tuple[memoryview, memoryview]:
        """A frame with my contribution to another one's part."""
        words = len(part) + self._codec.header
        if self._sent == len(self._outbox):
            self._outbox.append(np.empty(0, self._codec.dtype))
        if self._codec.rounds and len(self._outbox[self._sent]) < words:
            self._outbox[self._sent] = np.empty(words, self._codec.dtype)
        message = self._codec.encode(part, self._outbox[self._sent][:words])
        self._sent += 1
        return self._extra, byte_view(message)

    def incoming(self, place: int) -> tuple[memoryview, memoryview]:
        """Where the frame with a contribution of another one goes."""
        return byte_view(self._scalars[place]), byte_view(self._messages[place])

    def advance(self, links: Sequence[Link]) -> None:
        """Adds up what has come on all links so far, if it is worth it."""
        length, words = len(self._total), len(self._messages[0])
        ready = min(words - -(-link.missing // self._codec.dtype.itemsize) for link in links) - self._codec.header
        if ready - self._done < min(CHUNK // 8, length - self._done) or ready <= self._done:
            return
        self._codec.add(self._messages, self._done, ready, self._total[self._done : ready])
        self._done = ready

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """The sums of the parts, valid until the next reduce-scatter, and of the scalars."""
        return self._total, add_in_rank_order(list(self._scalars), np.empty(self._scalars.shape[1]))
