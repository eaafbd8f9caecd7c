"""A piece of memory that several processes of one host see, and that has no name.

Others open it through the descriptor of the process that made it, so that nothing is left behind however and whenever
a process ends, and a container's small /dev/shm does not matter.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import re
from dataclasses import dataclass
from pathlib import Path

from sparkdl.collective import bell

LINE = 64
PAGE = 4096
SLOTS = 4
# Four megabytes for each worker, which is nothing beside its TensorFlow.
SLOT_BYTES = 1 << 20
NAME = "sparkdl"
_PLACE = re.compile(r"/proc/[0-9]{1,10}/fd/[0-9]{1,10}")


@dataclass(frozen=True)
class Layout:
    """Where everything lies in a segment: a line with the token, lines of flags for each rank, outboxes of slots.

    Example:
        >>> layout = Layout(workers=2, slot_bytes=65536)
        >>> layout.posted(1), layout.taken(1), layout.slot(1, 0), layout.size
        (192, 256, 266240, 528384)
    """

    workers: int
    slot_bytes: int

    @property
    def bell(self) -> int:
        """Offset of the word on which those sleep who wait: behind the token, in a line that is seldom written."""
        return LINE // 2

    def posted(self, rank: int) -> int:
        """Offset of the count of rounds that a rank has put into its outbox."""
        return LINE * (1 + 2 * rank)

    def taken(self, rank: int) -> int:
        """Offset of the count of rounds that a rank has taken from all others."""
        return LINE * (2 + 2 * rank)

    def answer(self, rank: int) -> int:
        """Offset of what a rank writes to show that it sees the same memory: behind its count, in the same line."""
        return self.posted(rank) + 8

    def bed(self, rank: int) -> int:
        """Offset of the word in which a rank notes that it sleeps, in the same line too."""
        return self.posted(rank) + 48

    def slot(self, rank: int, number: int) -> int:
        """Offset of one slot of a rank's outbox."""
        return self._control + (rank * SLOTS + number) * self.slot_bytes

    @property
    def _control(self) -> int:
        return -(-self.taken(self.workers) // PAGE) * PAGE

    @property
    def size(self) -> int:
        """Bytes of the segment."""
        return self.slot(self.workers, 0)


def boot_id() -> str:
    """What tells this host (its kernel, rather) from others; empty where unknown."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


@dataclass(frozen=True)
class Segment:
    """A segment that this process made.

    Attributes:
        descriptor: by which others find it; to be closed when they have, the memory stays.
        layout: where everything lies.
        memory: all of it, mapped.
    """

    descriptor: int
    layout: Layout
    memory: mmap.mmap

    @property
    def place(self) -> str:
        """Where other processes of this host, of this user and with the same process numbers open it."""
        return f"/proc/{os.getpid()}/fd/{self.descriptor}"

    def close_descriptor(self) -> None:
        """Ends the place; the memory stays with those who have it."""
        os.close(self.descriptor)


def create(workers: int) -> Segment | None:
    """Makes a segment that really has its memory; None where this machine has no room, or no Bell."""
    if not bell.available() or not boot_id():
        return None
    layout = Layout(workers, SLOT_BYTES)
    try:
        descriptor = os.memfd_create(NAME, os.MFD_CLOEXEC)
    except OSError:
        return None
    try:
        # Without this, a lack of memory would kill the process with SIGBUS at its first write.
        os.posix_fallocate(descriptor, 0, layout.size)
        return Segment(descriptor, layout, mmap.mmap(descriptor, layout.size))
    except OSError:
        os.close(descriptor)
        return None


def attach(place: str, layout: Layout) -> mmap.mmap | None:
    """Maps a segment that another process made; None where this process does not see it.

    Where processes are numbered differently, as in another container, the place may be any file of anybody: it is
    opened only if it is a segment by its name.
    """
    try:
        if not _PLACE.fullmatch(place) or os.readlink(place) != f"/memfd:{NAME} (deleted)":
            return None
        descriptor = os.open(place, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return None
    try:
        if os.fstat(descriptor).st_size != layout.size:
            return None
        return mmap.mmap(descriptor, layout.size)
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)


def answer(token: bytes, rank: int) -> bytes:
    """What a rank that sees the token writes beside its flags."""
    return hashlib.sha256(token + rank.to_bytes(4, "big")).digest()
