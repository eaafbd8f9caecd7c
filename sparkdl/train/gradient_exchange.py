"""Exchanges gradients and weights between workers, beside the backward pass where there are several buckets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np

from sparkdl.collective.buckets import spans
from sparkdl.collective.codecs import CHUNK, CODECS
from sparkdl.collective.runs import joined
from sparkdl.memory import aligned_rows
from sparkdl.types import Collective, FlatVector

# Elements, 4 MiB: at 1 Gbit/s what leaves last takes 34 ms.
BUCKET_SIZE = 2**20
NO_SCALARS = np.zeros(0)


class GradientExchange:
    """Reduce-scatter and all-gather of a step.

    A backward pass reaches the last layers first, so buckets leave from the last to the first: each as soon as it and
    those behind it are complete, in a thread that works while the backward pass goes on. Sums are the same bytes as
    those of one message, since each element is summed in the same order of workers.

    Args:
        collective: of all workers; nobody else may use it between `arrived` and the end of `reduce`.
        buckets: who owns what, see `sparkdl.types.Updater`.
    """

    def __init__(self, collective: Collective, buckets: Sequence[Sequence[int]]) -> None:
        self._collective = collective
        self._buckets = [tuple(bounds) for bounds in buckets]
        self._codec = CODECS[collective.precision]
        self._rooms: dict[str, np.ndarray] = {}
        self._thread = ThreadPoolExecutor(1, "sparkdl-exchange")  # it starts with the first bucket that is sent ahead
        mine = sum(high - low for low, high in spans(buckets, collective.rank))
        self._mine = aligned_rows(mine, (), np.dtype(np.float32))
        self._begin_step()

    def arrived(self, gradient: np.ndarray, number: int) -> None:
        """Tells that a bucket of the gradient is complete, and sends it unless one behind it is still missing.

        Args:
            gradient: float32, the flat vector; its bucket stays as it is until `reduce` returns.
            number: of the bucket.
        """
        self._complete.add(number)
        while self._next > 0 and self._next in self._complete:
            self._send(gradient)

    def reduce(self, gradient: FlatVector, scalars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sends what is still here, and waits for the sums.

        Args:
            gradient: float32, the whole flat vector; an array may be overwritten.
            scalars: float64, to be summed too.

        Returns:
            this worker's part of the summed gradient, bucket behind bucket (valid until the next step), and the
            summed scalars.

        Raises:
            CollectiveError: another worker was lost.
        """
        if len(self._buckets) == 1:
            return self._collective.reduce_scatter(gradient, self._buckets[0], scalars)
        whole = joined(gradient)
        while self._next > 0:
            self._send(whole)
        last = self._thread.submit(self._reduce, whole, 0, scalars)
        try:
            for sent in self._sent:
                sent.result()
            return self._mine, last.result()
        finally:
            self._begin_step()

    def gather(self, weights: np.ndarray) -> None:
        """Fills the flat vector of weights with the parts of all workers.

        Raises:
            CollectiveError: another worker was lost.
        """
        for bounds in self._buckets:
            low, high = bounds[0], bounds[-1]
            self._collective.all_gather(weights[low:high], [bound - low for bound in bounds])

    @contextmanager
    def sharing(self, weights: np.ndarray, exact: bool = False) -> Iterator[None]:
        """In this block a worker changes its own part of the weights; after it, all have the new ones.

        Where the collective rounds, it is the changes that travel, rounded, and that everybody adds, the owner too:
        the weights themselves have more digits than that, and are the same bytes everywhere.

        Args:
            weights: float32, the flat vector.
            exact: whether to round nothing.

        Raises:
            CollectiveError: another worker was lost.
        """
        if exact or not self._codec.rounds:
            yield
            self.gather(weights)
            return
        rank = self._collective.rank
        mine = [weights[bounds[rank] : bounds[rank + 1]] for bounds in self._buckets]
        before = np.split(self._room_for("before", np.float32, sum(map(len, mine))), np.cumsum([*map(len, mine)])[:-1])
        for part, old in zip(mine, before, strict=True):
            old[:] = part
        yield
        for bounds, old in zip(self._buckets, before, strict=True):
            self._share_changes(weights, bounds, old)

    def _share_changes(self, weights: np.ndarray, bounds: Sequence[int], old: np.ndarray) -> None:
        """Adds the rounded changes of a bucket to the old weights, of which `old` is my part."""
        codec, rank = self._codec, self._collective.rank
        places = [bound - bounds[0] + codec.header * number for number, bound in enumerate(bounds)]
        words = self._room_for("words", codec.dtype, places[-1])
        messages = np.split(words, places[1:-1])
        mine = weights[bounds[rank] : bounds[rank + 1]]
        mine -= old
        codec.encode(mine, messages[rank])
        mine[:] = old
        self._collective.all_gather(words, places)
        for message, low, high in zip(messages, bounds[:-1], bounds[1:], strict=True):
            for start in range(low, high, CHUNK):
                stop = min(start + CHUNK, high)
                change = self._room_for("change", np.float32, stop - start)
                codec.add([message], start - low, stop - low, change)
                weights[start:stop] += change

    def _room_for(self, what: str, dtype: Any, length: int) -> np.ndarray:
        """Memory that is kept: fresh pages would cost more than what is done in them."""
        if len(self._rooms.get(what, ())) < length:
            self._rooms[what] = np.empty(length, dtype)
        return self._rooms[what][:length]

    def close(self) -> None:
        """Ends the thread: at once, or when the collective, which is to be closed next, lets it go."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _begin_step(self) -> None:
        self._complete: set[int] = set()
        self._next = len(self._buckets) - 1
        self._sent: list[Future[np.ndarray]] = []

    def _send(self, gradient: np.ndarray) -> None:
        self._sent.append(self._thread.submit(self._reduce, gradient, self._next, NO_SCALARS))
        self._next -= 1

    def _reduce(self, gradient: np.ndarray, number: int, scalars: np.ndarray) -> np.ndarray:
        bounds = self._buckets[number]
        low, high = bounds[0], bounds[-1]
        piece, totals = self._collective.reduce_scatter(gradient[low:high], [bound - low for bound in bounds], scalars)
        start = sum(stop - begin for begin, stop in spans(self._buckets[:number], self._collective.rank))
        self._mine[start : start + len(piece)] = piece
        return totals
