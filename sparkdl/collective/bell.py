"""Sleeping until another process rings: one word of shared memory, and Linux's futex.

Polling would burn the core that a slower worker needs, sleeping for a fixed time would cost more than the sums
themselves, and sockets would cost a message per peer.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import sys
import threading
from collections.abc import Sequence

# The number of the system call on the machines that `segment` allows.
SYS_FUTEX = 202
WAIT, WAKE = 0, 1
EVERYBODY = 0x7FFFFFFF
RANK_BITS = 12


class _Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


def available() -> bool:
    """Whether this machine has what a Bell needs, and x86's promise that writes become visible in their order."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False
    word = ctypes.c_uint32(0)
    return _futex(word, WAKE, EVERYBODY, None) == 0


def _futex(word: ctypes.c_uint32, operation: int, value: int, timeout: _Timespec | None) -> int:
    limit = ctypes.byref(timeout) if timeout is not None else None
    return int(_SYSCALL(SYS_FUTEX, ctypes.byref(word), operation, value, limit, None, 0))


_SYSCALL = ctypes.CDLL(None).syscall
_SYSCALL.restype = ctypes.c_long


class Bell:
    """One word that all ranks see; whoever waits for anything waits here, and looks again when it rings.

    How to wait: `lie_down`, read `state`, look once more for what one waits for, `wait` if it is not there, `get_up`.
    """

    def __init__(self, memory: mmap.mmap, offset: int, beds: Sequence[int], rank: int) -> None:
        """Takes words (at multiples of 4) of memory that is shared; they begin as zeros.

        Args:
            memory: mapped by every rank.
            offset: where the word lies, the same for every rank.
            beds: where each rank notes that it is asleep.
            rank: number of this worker, below 4096.
        """
        self._word = ctypes.c_uint32.from_buffer(memory, offset)
        self._bed = ctypes.c_uint32.from_buffer(memory, beds[rank])
        self._others = [ctypes.c_uint32.from_buffer(memory, bed) for bed in beds if bed != beds[rank]]
        self._rank = rank
        self._rings = 0
        self._fence = threading.Lock()

    def release(self) -> None:
        """Lets go of the memory; nothing may be done with the bell any more."""
        self._word = self._bed = ctypes.c_uint32(0)
        self._others = []

    @property
    def state(self) -> int:
        """To be read before looking for what one may wait for; `wait` returns at once if it has changed since."""
        return self._word.value

    def ring(self) -> None:
        """Wakes everybody who sleeps; call it after the change that they wait for was written."""
        self._order()
        for bed in self._others:
            if bed.value:
                break
        else:
            return
        # A value that nobody has written before: of two ranks that ring at once, neither can be overlooked.
        self._rings += 1
        self._word.value = (self._rings << RANK_BITS | self._rank) & 0xFFFFFFFF
        _futex(self._word, WAKE, EVERYBODY, None)

    def lie_down(self) -> None:
        """Tells the others to ring from now on."""
        self._bed.value = 1
        self._order()

    def get_up(self) -> None:
        """Tells the others that ringing is not needed."""
        self._bed.value = 0

    def _order(self) -> None:
        # x86 may read before an earlier write is visible. Without a fence, here the locked instructions of a lock,
        # one rank could overlook who lies down while that one overlooks what it waits for.
        self._fence.acquire()
        self._fence.release()

    def wait(self, state: int, seconds: float) -> None:
        """Sleeps until it rings, for at most so long; other threads of this process go on."""
        _futex(self._word, WAIT, state, _Timespec(int(seconds), int(seconds % 1 * 1e9)))
