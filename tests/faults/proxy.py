"""A TCP proxy between processes that misbehaves on command: latency, throttling, partition, cuts, half-closed ends.

    with Proxy(("127.0.0.1", port)) as proxy:
        connect(proxy.address)       # instead of the port itself
        proxy.delay = 0.05           # seconds of latency, each way
        proxy.rate = 1e6             # bytes per second, each way and connection
        proxy.stall(0.05, 0.2)       # lost packets, as TCP shows them: 5 % of the pieces arrive 0.2 s late
        proxy.partition()            # nothing passes any more, and nobody is told; `heal` lets it go on
        proxy.cut(after=1000)        # hangs up on both ends, when so many more bytes have passed
        proxy.half_close(ANSWERS)    # the caller sees the end of the stream; the other direction goes on

All of it may be called while connections are open, from any thread. Needs neither pytest nor sparkdl.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

CALLS, ANSWERS = "calls", "answers"
DIRECTIONS = (CALLS, ANSWERS)
PIECE = 1 << 16


@dataclass(eq=False)
class _Pipe:
    """One direction of one connection."""

    direction: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    # What has arrived and when it may go on; nothing at the end of the stream.
    waiting: asyncio.Queue[tuple[float, bytes]] = field(default_factory=lambda: asyncio.Queue(256))
    ended: bool = False

    def end(self) -> None:
        """Tells the receiver that no more is to come."""
        if not self.ended and not self.writer.transport.is_closing():
            self.writer.write_eof()
        self.ended = True


class Proxy:
    """Listens on a free port of `host` and passes everything on to `target`; one thread, whatever the connections."""

    def __init__(self, target: tuple[str, int], host: str = "127.0.0.1", record: bool = False, seed: int = 0) -> None:
        """Starts to listen.

        Args:
            target: address to connect to, once for each caller.
            host: address to listen on.
            record: whether to keep all bytes that pass, in `recorded`.
            seed: of the stalls.
        """
        self.target = target
        self.delay = 0.0
        self.rate: float | None = None
        self.passed = {direction: 0 for direction in DIRECTIONS}
        self.accepted = 0
        self._record = record
        self._tape: list[tuple[str, bytes]] = []
        self._stalls = (0.0, 0.0)
        self._random = random.Random(seed)
        self._budget: int | None = None
        self._pipes: set[_Pipe] = set()
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._flows.set()
        self._listener = socket.create_server((host, 0))
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def connections(self) -> int:
        """How many connections are complete; commands are for these, and partition and heal for all."""
        return len(self._pipes) // 2

    def recorded(self, direction: str | None = None) -> bytes:
        """What has passed in a direction, or in both in the order of its passing."""
        return b"".join(piece for way, piece in list(self._tape) if direction in (None, way))

    def stall(self, probability: float, seconds: float) -> None:
        """From now on such a share of the pieces (and what is behind them) arrives so much later."""
        self._stalls = (probability, seconds)

    def partition(self) -> None:
        """Holds back everything, in both directions and of new connections too, without a word to anybody."""
        self._soon(self._flows.clear)

    def heal(self) -> None:
        """Ends a partition: what was held back goes on its way."""
        self._soon(self._flows.set)

    def cut(self, after: int = 0) -> None:
        """Resets all connections when so many more bytes have passed, in the middle of a message where it hits one."""
        if after:
            self._budget = after
        else:
            self._soon(self._reset)

    def half_close(self, direction: str) -> None:
        """Ends one direction of every connection: the receiver sees the end of the stream, the sender nothing."""
        self._soon(lambda: self._end(direction))

    def close(self) -> None:
        """Resets all connections and listens no more; safe to call twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _soon(self, action: Callable[[], Any]) -> None:
        """Runs an action on the loop's thread, and returns when it is done."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (action(), done.set()))
        if not done.wait(10):
            raise TimeoutError("the proxy does not answer")

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._accept, sock=self._listener))
        self._loop.run_forever()
        self._reset()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._listener.close()
        self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        pipes: list[_Pipe] = []
        try:
            await self._flows.wait()
            onward = await asyncio.open_connection(*self.target)
            pipes = [_Pipe(CALLS, reader, onward[1]), _Pipe(ANSWERS, onward[0], writer)]
            self._pipes.update(pipes)
            async with asyncio.TaskGroup() as group:
                for pipe in pipes:
                    group.create_task(self._take(pipe))
                    group.create_task(self._give(pipe))
            for pipe in pipes:
                pipe.writer.close()
        except* (OSError, asyncio.CancelledError):
            for lost in [writer, *(pipe.writer for pipe in pipes)]:
                _reset(lost)
        finally:
            self._pipes.difference_update(pipes)

    async def _take(self, pipe: _Pipe) -> None:
        while piece := await pipe.reader.read(PIECE):
            late = self._stalls[1] if self._random.random() < self._stalls[0] else 0.0
            await pipe.waiting.put((self._loop.time() + self.delay + late, piece))
        await pipe.waiting.put((self._loop.time() + self.delay, b""))

    async def _give(self, pipe: _Pipe) -> None:
        while True:
            due, piece = await pipe.waiting.get()
            await asyncio.sleep(max(due - self._loop.time(), 0))
            await self._flows.wait()
            if not piece:
                return pipe.end()
            await self._pass(pipe, piece)

    async def _pass(self, pipe: _Pipe, piece: bytes) -> None:
        last = self._budget is not None and len(piece) >= self._budget
        if self._budget is not None:
            piece = piece[: self._budget]
            self._budget = None if last else self._budget - len(piece)
        self.passed[pipe.direction] += len(piece)
        if self._record:
            self._tape.append((pipe.direction, piece))
        if not pipe.ended:
            pipe.writer.write(piece)
            await pipe.writer.drain()
        if last:
            await asyncio.sleep(0.02)  # The receiver shall have these bytes before it hears of the reset.
            self._reset()
        if self.rate:
            await asyncio.sleep(len(piece) / self.rate)

    def _end(self, direction: str) -> None:
        for pipe in list(self._pipes):
            if pipe.direction == direction:
                pipe.end()

    def _reset(self) -> None:
        for pipe in list(self._pipes):
            _reset(pipe.writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Hangs up as a machine does that has lost its power and comes back: with a reset."""
    with contextlib.suppress(OSError):  # It is closed already.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
