"""Sleeping until another process rings: one word of shared memory, and Linux's futex.

Polling would burn the core that a slower worker needs, sleeping for a fixed time would cost more than the sums
themselves, and sockets would cost a message per peer.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import sys

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
    """One word that all ranks see; whoever waits for anything waits here, and looks again when it rings."""

    def __init__(self, memory: mmap.mmap, offset: int, rank: int) -> None:
        """Takes the word at an offset (a multiple of 4) of memory that is shared.

        Args:
            memory: mapped by every rank.
            offset: where the word lies, the same for every rank.
            rank: number of this worker, below 4096.
        """
        self._word = ctypes.c_uint32.from_buffer(memory, offset)
        self._rank = rank
        self._rings = 0

    def release(self) -> None:
        """Lets go of the memory; nothing may be done with the bell any more."""
        self._word = ctypes.c_uint32(0)

    @property
    def state(self) -> int:
        """To be read before looking for what one may wait for; `wait` returns at once if it has changed since."""
        return self._word.value

    def ring(self) -> None:
        """Wakes everybody who waits; call it after the change that they wait for was written."""
        # A value that nobody has written before: of two ranks that ring at once, neither can be overlooked.
        self._rings += 1
        self._word.value = (self._rings << RANK_BITS | self._rank) & 0xFFFFFFFF
        _futex(self._word, WAKE, EVERYBODY, None)

    def wait(self, state: int, seconds: float) -> None:
        """Sleeps until it rings, for at most so long; other threads of this process go on."""
        _futex(self._word, WAIT, state, _Timespec(int(seconds), int(seconds % 1 * 1e9)))
